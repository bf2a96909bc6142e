#![no_main]

#[path = "../../tests/fuzz/entries.rs"]
#[allow(dead_code, reason = "each target has one entry")]
mod entries;
#[path = "../../tests/router/mod.rs"]
mod router;

use std::net::SocketAddr;
use std::sync::OnceLock;

use router::{Router, config, write_shop};

/// A router that runs as long as the target does.
fn address() -> SocketAddr {
    static ROUTER: OnceLock<(Router, tempfile::TempDir)> = OnceLock::new();
    let start = || {
        let folder = tempfile::tempdir().expect("a folder");
        write_shop(folder.path(), "demo", str::to_owned);
        let router = Router::start(config(folder.path(), "")).expect("a router");
        (router, folder)
    };
    ROUTER.get_or_init(start).0.address
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entries::http_head(address(), bytes));
