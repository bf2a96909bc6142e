//! The layout that `docs/ARCHITECTURE.md` describes, held by a test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[path = "architecture/scan.rs"]
mod scan;

use scan::{NamedPath, paths, test_modules};

/// Modules from the bottom to the top. A module may use those of lower layers.
const LAYERS: &[&[&str]] = &[
    &["domain"],
    &["runtime", "vault"],
    &["config", "protocol"],
    &["metrics"],
    &["locale"],
    STAGES,
    EDGES,
    &["app"],
    &["cli"],
    &["main", "lib"],
];

/// The stages that a message passes. One never uses another.
const STAGES: &[&str] = &[
    "channels",
    "admission",
    "understand",
    "dedup",
    "incidents",
    "knowledge",
    "automate",
    "schedule",
    "translate",
    "deliver",
    "learn",
];

/// What touches the world outside, and `flow`, which owns conversations and calls the stages.
const EDGES: &[&str] = &[
    "flow",
    "gateway",
    "openid",
    "integrations",
    "journal",
    "outward",
    "inward",
    "backup",
    "admin",
    "sim",
    "doctor",
];

/// Arrows inside a layer, each with its reason.
const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("flow", "journal", "an owner writes down what it decided before it tells anybody"),
    ("gateway", "flow", "sockets hand messages to the owner of their conversation"),
    ("gateway", "journal", "a message is refused at the door while nothing can be kept"),
    ("gateway", "openid", "seats come in on the word of their shop's provider"),
    ("outward", "flow", "what was done outside is a fact that its owner keeps"),
    ("inward", "flow", "what customers write by e-mail is kept by the owner of its conversation"),
    ("admin", "inward", "a letter that is brought goes the way of one that is fetched"),
    ("doctor", "inward", "mailboxes are tried in the way in which they are read"),
    ("doctor", "outward", "the mail server and hooks are tried in the way in which they are used"),
    ("admin", "flow", "supervisors ask the owners of conversations"),
    ("admin", "gateway", "readiness and figures of the sockets"),
    ("backup", "journal", "a backup is a journal up to a stated position"),
    ("backup", "flow", "after a restore every conversation begins a new epoch"),
    ("backup", "inward", "how far mailboxes are read stays out of a backup"),
    ("sim", "flow", "the simulator drives the owners of conversations"),
    ("sim", "journal", "the simulator replays what was written"),
    ("doctor", "journal", "the disk is measured by the way the journal writes"),
];

/// Modules whose files may wait, spawn, read clocks and touch the system. `flow` and `sim` are not
/// among them: what they do has to come out the same from the same input.
const IMPURE: &[&str] = &[
    "runtime",
    "vault",
    "gateway",
    "openid",
    "integrations",
    "journal",
    "outward",
    "inward",
    "backup",
    "admin",
    "doctor",
    "app",
    "cli",
    "main",
];

/// Single files that may as well, each with its reason.
const IMPURE_FILES: &[(&str, &str)] = &[
    ("config/load.rs", "reads the file and the environment"),
    ("config/kinds.rs", "counts the cores for `auto`"),
    ("config/shop/secret.rs", "secrets that a shop's file points to"),
    ("config/shop/load.rs", "reads the folder of shop files"),
    ("config/shop/store.rs", "writes a shop that was changed by a command"),
    ("config/shop/store/articles.rs", "writes articles, and reads their versions"),
    ("flow/sweep.rs", "hands a shard's conversations over beside flow/task.rs"),
    ("flow/incidents/store.rs", "writes and reads what outlives the process of incidents"),
    ("flow/translated/store.rs", "writes and reads the phrases that outlive the process"),
    ("flow/translated/keeping.rs", "has them written beside flow/translated/task.rs"),
    ("flow/erase.rs", "waits for files that know of a customer, beside flow/task.rs"),
    ("flow/dispatch.rs", "drives the scheduler, as flow/task.rs drives the owners"),
];

/// What only those may name.
const WORLD: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "crate::runtime::sync::thread",
    "std::env",
    "tokio",
    "std::time::SystemTime",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::new_v4",
    "Uuid::now_v7",
    "rand::rng",
    "rand::random",
];

/// Values that live in those places but touch nothing.
const VALUES: &[&str] = &[
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::net::AddrParseError",
    // A slot for an answer that travels with its question; filling it never waits.
    "tokio::sync::oneshot",
];

/// What opens a connection to somewhere else.
const WAYS_OUT: &[&str] = &[
    "TcpStream::connect",
    "TcpStream::connect_timeout",
    "TcpSocket::connect",
    "std::net::UdpSocket",
    "tokio::net::UdpSocket",
    "UnixStream::connect",
    "hyper::client",
    "reqwest",
    "tokio_rustls::TlsConnector",
    "crate::runtime::Web",
    "crate::runtime::AskWeb",
];

/// The files that may, each with where it leads.
const OUTWARD: &[(&str, &str)] = &[
    ("runtime/web.rs", "wherever those below that speak HTTP send it"),
    (
        "openid/fetch.rs",
        "the provider of identities that a shop names; no text of a customer goes there",
    ),
    (
        "translate/task.rs",
        "the translation services that a shop names; texts of its customers go there",
    ),
    (
        "outward/webhooks/task.rs",
        "the hooks that a shop names; texts of its customers go there where it wants that",
    ),
    ("outward/webhooks/signed.rs", "the same; what goes there is made here"),
    ("outward/webhooks/trial.rs", "the same, asked by a command; a test event goes there"),
    ("runtime/reach.rs", "the hooks that a shop names, which doctor looks at; nothing is sent"),
    ("outward/server.rs", "the mail server of the operator; letters to customers go there"),
    ("inward/server.rs", "the mailbox that a shop names; nothing of a customer goes there"),
    ("inward/session.rs", "the same"),
    ("cli/router.rs", "the management of a router, asked by a command"),
];

/// Near 500 lines a file is due to be split; past this it has to be.
const LINES_MAX: usize = 600;

struct Source {
    /// Path below `src/`, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The module below the crate: the first folder, or the file without its ending.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn may_touch_the_world(&self) -> bool {
        IMPURE.contains(&self.module())
            || self.path.ends_with("/task.rs")
            || IMPURE_FILES.iter().any(|(path, _)| *path == self.path)
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Why `from` must not use `to`; `None` when it may.
fn refusal(from: &str, to: &str) -> Option<String> {
    if from == to || SIDEWAYS.iter().any(|(a, b, _)| (*a, *b) == (from, to)) {
        return None;
    }
    match (layer(from), layer(to)) {
        (Some(from_layer), Some(to_layer)) if to_layer < from_layer => None,
        (Some(_), Some(_)) if STAGES.contains(&from) && STAGES.contains(&to) => {
            Some("a stage never uses another stage".to_owned())
        }
        (Some(_), Some(_)) => Some("the arrow points upwards or sideways".to_owned()),
        (None, _) => Some(format!("`{from}` has no layer")),
        (_, None) => Some(format!("`{to}` has no layer")),
    }
}

fn root() -> PathBuf {
    // Asked when the test runs, so that a build can look at another working tree.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    folder.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Every file below `folder` that belongs to the repository's own text.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    const LEFT_OUT: &[&str] = &[".git", "target", "node_modules", "dist", "__pycache__"];
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // What a server left behind when it ran here is not the repository's.
        let run_data = path == root().join("data");
        let hidden = path.is_dir() && name.starts_with('.') && name != ".ci" && name != ".cargo";
        match path.is_dir() {
            _ if run_data || hidden || LEFT_OUT.contains(&name) => {}
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// The sources of the crate, without files that exist in tests only.
fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let sources: Vec<_> = found
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| {
            let below = path.strip_prefix(&src).expect("below src");
            let path_text = below.to_str().expect("names in UTF-8").replace('\\', "/");
            let text = std::fs::read_to_string(path).expect("sources are UTF-8");
            Source { path: path_text, text }
        })
        .collect();
    let mut tests_only = BTreeSet::new();
    for source in &sources {
        // Modules of `a/mod.rs` lie beside it, those of `a/b.rs` in `a/b/`.
        let folder = match source.path.strip_suffix("mod.rs") {
            Some(folder) => folder.to_owned(),
            None if source.folder().is_empty() => String::new(),
            None => format!("{}/", source.path.trim_end_matches(".rs")),
        };
        for module in test_modules(&source.text) {
            tests_only.insert(format!("{folder}{module}.rs"));
            tests_only.insert(format!("{folder}{module}/"));
        }
    }
    let is_test = |source: &Source| {
        tests_only.iter().any(|path| {
            source.path == *path || path.ends_with('/') && source.path.starts_with(path)
        })
    };
    sources.into_iter().filter(|source| !is_test(source)).collect()
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn arrows_between_modules_point_down() {
    let mut broken = Vec::new();
    for source in sources() {
        let from = source.module();
        for NamedPath { line, parts } in paths(&source.text) {
            let to = match parts.first().map(String::as_str) {
                Some("crate") => &parts[1],
                Some("tradewind") if from == "main" => &parts[1],
                _ => continue,
            };
            // Macros and items at the root of the crate belong to no module.
            let is_module = layer(to).is_some() || root().join("src").join(to).is_dir();
            if let Some(why) = refusal(from, to).filter(|_| is_module) {
                broken.push(format!("src/{}:{line}: uses `{to}`: {why}", source.path));
            }
        }
    }

    assert_none(&broken);
}

#[test]
fn every_module_has_a_layer() {
    let modules: BTreeSet<_> = sources().iter().map(|source| source.module().to_owned()).collect();
    let unknown: Vec<_> = modules
        .iter()
        .filter(|module| layer(module).is_none())
        .map(|module| format!("`{module}`: give it a layer in tests/architecture.rs"))
        .collect();

    assert_none(&unknown);
}

#[test]
fn only_the_outer_modules_and_tasks_touch_the_world_and_read_clocks() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.may_touch_the_world()) {
        for path in paths(&source.text) {
            let is_value = VALUES.iter().any(|value| path.names(value));
            if !is_value && let Some(named) = WORLD.iter().find(|world| path.names(world)) {
                broken.push(format!(
                    "src/{}:{}: names `{named}`; take it as a value, or do it in task.rs",
                    source.path, path.line
                ));
            }
        }
    }

    assert_none(&broken);
}

#[test]
fn every_exception_is_still_needed() {
    let sources = sources();
    let unneeded = IMPURE_FILES.iter().filter(|(path, _)| {
        !sources.iter().any(|source| {
            source.path == *path
                && paths(&source.text).iter().any(|it| WORLD.iter().any(|world| it.names(world)))
        })
    });
    let unneeded: Vec<_> = unneeded
        .map(|(path, reason)| format!("src/{path} ({reason}): take it off the list"))
        .collect();

    assert_none(&unneeded);
}

#[test]
fn only_what_a_shop_names_and_commands_are_connected_to() {
    let mut found = BTreeSet::new();
    let mut broken = Vec::new();
    for source in sources() {
        for path in paths(&source.text).iter().filter(|it| WAYS_OUT.iter().any(|out| it.names(out)))
        {
            match OUTWARD.iter().find(|(allowed, _)| *allowed == source.path) {
                Some((allowed, _)) => drop(found.insert(*allowed)),
                None => {
                    broken.push(format!("src/{}:{}: opens a connection", source.path, path.line))
                }
            }
        }
    }

    assert_none(&broken);
    assert_eq!(found.len(), OUTWARD.len(), "an exception is not needed any more");
}

#[test]
fn every_stage_and_edge_says_what_goes_in_and_out_what_holds_and_what_bounds_it() {
    let mut broken = Vec::new();
    for source in sources() {
        let is_door = source.path == format!("{}/mod.rs", source.module());
        if !is_door || !(STAGES.contains(&source.module()) || EDGES.contains(&source.module())) {
            continue;
        }
        let doc: String = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
        for word in ["In", "Out", "Invariants", "Bounds"] {
            if !doc.contains(&format!("**{word}**")) && !doc.contains(&format!("**{word}:**")) {
                broken.push(format!("src/{}: its first comment has no **{word}**", source.path));
            }
        }
    }

    assert_none(&broken);
}

#[test]
fn every_setting_is_read_by_the_program() {
    let sources = sources();
    let unread = tradewind::config::all_settings().filter(|setting| {
        // The keys at the top of the file are the section `paths` of the typed tree.
        let key = setting.key;
        let field = if key.contains('.') { key.to_owned() } else { format!("paths.{key}") };
        !sources.iter().any(|source| source.module() != "config" && source.text.contains(&field))
    });
    let unread: Vec<_> =
        unread.map(|setting| format!("{}: set by users, read by nobody", setting.key)).collect();

    assert_none(&unread);
}

#[test]
fn no_source_file_outgrows_a_reader() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "loadtest", "xtask"] {
        let folder = root().join(folder);
        if folder.is_dir() {
            files(&folder, &mut found);
        }
    }
    let long = found.iter().filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let long: Vec<_> = long
        .filter_map(|path| {
            let lines = std::fs::read_to_string(path).expect("sources are UTF-8").lines().count();
            let shown = path.strip_prefix(root()).unwrap_or(path).display();
            (lines > LINES_MAX).then(|| format!("{shown} has {lines} lines, more than {LINES_MAX}"))
        })
        .collect();

    assert_none(&long);
}

#[test]
fn no_file_names_a_place_that_only_one_machine_has() {
    // In two halves, so that this file does not name them itself.
    let places = [["/wo", "rk/"], ["../sha", "red"], ["shared/da", "ta"], ["shared/refer", "ence"]]
        .map(|halves| halves.concat());
    let mut found = Vec::new();
    files(&root(), &mut found);

    let mut broken = BTreeMap::new();
    for path in found {
        // Models and pictures are not text.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for place in places.iter().filter(|place| text.contains(place.as_str())) {
            broken.insert(path.clone(), place.clone());
        }
    }
    let broken: Vec<_> =
        broken.iter().map(|(path, place)| format!("{}: names {place}", path.display())).collect();

    assert_none(&broken);
}
