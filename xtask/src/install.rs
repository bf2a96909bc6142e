//! Tools of the machine that steps need: are they there, and how Debian names them.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// A tool that is not part of the repository.
pub struct Tool {
    /// For people.
    pub name: &'static str,
    /// Whether it is there.
    pub is_there: fn() -> bool,
    /// Debian packages that bring it.
    pub debian: &'static [&'static str],
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Node with npm.
pub const NODE: Tool = Tool {
    name: "Node 20 or newer with npm",
    is_there: || node_major().is_some_and(|major| major >= 20) && succeeds("npm --version"),
    debian: &["nodejs", "npm"],
};

/// Python that can make virtual environments.
pub const PYTHON: Tool = Tool {
    name: "Python 3 with venv",
    is_there: || succeeds("python3 -m venv --help") && succeeds("python3 -m ensurepip --version"),
    debian: &["python3", "python3-venv"],
};

/// A browser that needs no download of its own.
pub const BROWSER: Tool =
    Tool { name: "chromium", is_there: || succeeds("chromium --version"), debian: &["chromium"] };

/// Letters of the languages that the pages show; without them screenshots are full of boxes.
pub const FONTS: Tool = Tool {
    name: "fonts for Arabic, Thai and Chinese",
    is_there: || {
        ["ar", "th", "zh-cn"].iter().all(|language| {
            let fonts = quiet(&format!("fc-list :lang={language}")).output();
            fonts.is_ok_and(|output| !output.stdout.is_empty())
        })
    },
    debian: &["fontconfig", "fonts-noto-core", "fonts-noto-cjk"],
};

/// A real IMAP server.
pub const DOVECOT: Tool = Tool {
    name: "Dovecot with IMAP",
    is_there: || std::path::Path::new("/usr/lib/dovecot/imap").exists(),
    debian: &["dovecot-imapd"],
};

/// Installs what is missing of `tools` with Debian's package manager.
///
/// # Errors
/// When the machine is not Debian's, or the packages do not come.
pub fn install(tools: &[&Tool]) -> anyhow::Result<()> {
    let missing: Vec<_> = tools.iter().filter(|tool| !(tool.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(succeeds("apt-get --version"), "{missing:?} missing, and no apt-get to install it");
    let packages = missing.iter().flat_map(|tool| tool.debian.iter().copied());
    apt_get(&["update", "-qq"])?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    apt_get(&install.into_iter().chain(packages).collect::<Vec<_>>())?;
    let still: Vec<_> = missing.iter().filter(|tool| !(tool.is_there)()).collect();
    ensure!(still.is_empty(), "{still:?} still missing after the installation");
    Ok(())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    println!("    $ apt-get {}", arguments.join(" "));
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot start apt-get")?;
    ensure!(status.success(), "apt-get {} ended with {status}", arguments.join(" "));
    Ok(())
}

/// Whether the command can be started and ends well.
pub fn succeeds(command: &str) -> bool {
    quiet(command).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The 20 of `v20.11.1`.
fn node_major() -> Option<u32> {
    let output = quiet("node --version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn quiet(command: &str) -> Command {
    let mut words = command.split_whitespace();
    let mut started = Command::new(words.next().unwrap_or_default());
    started.args(words).stdin(Stdio::null()).stderr(Stdio::null());
    started
}
