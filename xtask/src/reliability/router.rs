//! The process that is stormed and killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::{program, root};

/// The router to start: `given`, or the release build.
pub fn binary(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return given.canonicalize().with_context(|| given.display().to_string());
    }
    // As a user builds it: with other packages beside it, what it uses has more
    // features and is compiled once more.
    let built = program("cargo")
        .args(["build", "--locked", "--release", "--quiet"])
        .current_dir(root())
        .stdin(Stdio::null())
        .status()
        .context("cargo cannot be started")?;
    ensure!(built.success(), "the router cannot be built");
    Ok(root().join("target/release/tradewind"))
}

/// A running router with the demo shop.
pub struct Router {
    child: Child,
    pub address: SocketAddr,
}

impl Router {
    /// On a free address.
    pub fn start(binary: &Path, data: &Path, flags: &[&str]) -> Result<Self> {
        Self::start_at(binary, data, SocketAddr::from(([127, 0, 0, 1], 0)), flags)
    }

    /// Returns once it listens.
    pub fn start_at(
        binary: &Path,
        data: &Path,
        address: SocketAddr,
        flags: &[&str],
    ) -> Result<Self> {
        let mut child = Command::new(binary)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"])
            .args(["--set", "log.level=error"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| binary.display().to_string())?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let Some(Ok(first)) = lines.next() else {
            let status = child.wait()?;
            bail!("the router did not start: {status}");
        };
        let address = first.strip_prefix("listening on http://").context("an address")?.parse()?;
        Ok(Self { child, address })
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        // A router that has ended by itself is found out by its next start, or by its clients.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.kill();
    }
}
