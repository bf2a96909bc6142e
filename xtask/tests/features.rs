//! Building the chores builds what the tests need, so that a check of everything builds it once.

use std::collections::BTreeSet;
use std::process::Command;

/// Each package of a build with its features; one may be built with several sets.
fn packages(of: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--no-dedupe"])
        .args(["--format", "{p}: {f}"])
        .args(of)
        .output()
        .expect("cargo tells the tree");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).expect("text");
    lines.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_chores_have_every_package_with_the_features_that_the_tests_have() {
    let tests = packages(&["--workspace", "--edges", "normal,build,dev"]);
    let chores = packages(&["--package", "xtask", "--edges", "normal,build"]);

    let others: Vec<&String> = chores.difference(&tests).collect();

    assert!(chores.len() > 100, "this is no tree: {chores:?}");
    assert!(
        others.is_empty(),
        "built twice: {others:?}; xtask/Cargo.toml says why they should not be"
    );
}
