//! Checks the licences of all dependencies against `deny.toml`, with nothing but cargo.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::root;

#[derive(Deserialize)]
struct Deny {
    licenses: Allowed,
}

#[derive(Deserialize)]
struct Allowed {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// Checks every package of the lock file.
///
/// # Errors
/// When a licence is not allowed, or cannot be read.
pub fn check() -> anyhow::Result<()> {
    let deny = std::fs::read_to_string(root().join("deny.toml")).context("deny.toml")?;
    let Deny { licenses: Allowed { allow } } = toml::from_str(&deny).context("deny.toml")?;
    let output = Command::new("cargo")
        .args(["metadata", "--locked", "--all-features", "--format-version", "1"])
        .current_dir(root())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let refused: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| !is_allowed(package.license.as_deref().unwrap_or(""), &allow))
        .map(|it| {
            format!("  {} {}: {}", it.name, it.version, it.license.as_deref().unwrap_or("none"))
        })
        .collect();
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow:\n{}", refused.join("\n"));
    }
    println!("{} packages, each under a licence that deny.toml allows", metadata.packages.len());
    Ok(())
}

/// Whether the SPDX expression can be met with allowed licences only. `/` is the old way to write
/// `OR`. What cannot be read is not allowed.
fn is_allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    any_of(&mut words, allow) == Some(true) && words.is_empty()
}

fn any_of(words: &mut &[&str], allow: &BTreeSet<String>) -> Option<bool> {
    let mut allowed = all_of(words, allow)?;
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        allowed |= all_of(words, allow)?;
    }
    Some(allowed)
}

fn all_of(words: &mut &[&str], allow: &BTreeSet<String>) -> Option<bool> {
    let mut allowed = one(words, allow)?;
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        allowed &= one(words, allow)?;
    }
    Some(allowed)
}

fn one(words: &mut &[&str], allow: &BTreeSet<String>) -> Option<bool> {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let allowed = any_of(words, allow)?;
            let [")", rest @ ..] = *words else { return None };
            *words = rest;
            Some(allowed)
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            Some(allow.contains(&format!("{licence} WITH {exception}")))
        }
        [licence, rest @ ..] if !["OR", "AND", "WITH", ")"].contains(licence) => {
            *words = rest;
            Some(allow.contains(*licence))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_when_allowed_licences_can_meet_it() {
        let allow = ["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned).into();

        for expression in [
            "MIT",
            "Unlicense OR MIT",
            "Unlicense/MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0",
        ] {
            assert!(is_allowed(expression, &allow), "{expression}");
        }
        for expression in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-3.0 OR MIT AND GPL-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "MIT OR",
            "(MIT",
            "MIT MIT",
        ] {
            assert!(!is_allowed(expression, &allow), "{expression}");
        }
    }
}
