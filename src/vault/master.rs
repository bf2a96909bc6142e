//! The master key: where it comes from and how it is written.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::key::Secret;
use super::{VaultError, make_folder, write_whole};

/// The file of the master key in the folder of the keys, unless it is kept elsewhere.
pub const MASTER_FILE: &str = "master.key";

/// How long a command may take to print the key.
const COMMAND_WAIT_MAX: Duration = Duration::from_secs(30);
const COMMAND_LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where the master key is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MasterSource {
    /// In `keys/master.key` of the data folder; it is made there at the first start.
    #[default]
    Beside,
    /// In another file.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
    /// What a command prints: program and arguments, without a shell.
    Command(String),
}

impl MasterSource {
    /// Reads the text form: `file`, `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENTS`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "file").then_some(Self::Beside),
            Some((_, "")) => None,
            Some(("file", path)) => Some(Self::File(path.into())),
            Some(("env", name)) => Some(Self::Env(name.to_owned())),
            Some(("command", line)) if !line.trim().is_empty() => {
                Some(Self::Command(line.trim().to_owned()))
            }
            Some(_) => None,
        }
    }

    /// The key; `None` when there is none yet.
    ///
    /// # Errors
    /// When something is there that is no key, or a file or command refuses.
    pub fn load(&self, folder: &Path) -> Result<Option<MasterKey>, VaultError> {
        let text = match self {
            Self::Beside => read(&folder.join(MASTER_FILE))?,
            Self::File(path) => read(path)?,
            Self::Env(name) => std::env::var(name).ok().map(Zeroizing::new),
            Self::Command(line) => Some(self.printed_by(line)?),
        };
        text.map(|text| MasterKey::parse(&text).map_err(|why| self.bad(why))).transpose()
    }

    /// A fresh key, kept where this says.
    ///
    /// # Errors
    /// When the place is not ours to write, or the file refuses.
    pub(super) fn create(&self, folder: &Path) -> Result<MasterKey, VaultError> {
        let path = match self {
            Self::Beside => folder.join(MASTER_FILE),
            Self::File(path) => path.clone(),
            Self::Env(_) | Self::Command(_) => {
                return Err(self.bad("it is empty; put 32 random bytes there, as `openssl rand -base64 32` prints them"));
            }
        };
        let key = MasterKey(Secret::random());
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            make_folder(parent)?;
        }
        write_whole(&path, key.text().as_bytes())?;
        tracing::info!(
            path = %path.display(),
            "master key made: without it nothing of customers can be read; keep a copy, apart from the backups"
        );
        Ok(key)
    }

    fn bad(&self, why: impl ToString) -> VaultError {
        VaultError::BadMaster { what: self.to_string(), why: why.to_string() }
    }

    fn printed_by(&self, line: &str) -> Result<Zeroizing<String>, VaultError> {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or_default();
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| self.bad(format!("{program}: {error}")))?;
        // What it prints fits into the pipe, so it can be waited for first.
        let began = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if began.elapsed() < COMMAND_WAIT_MAX => {
                    std::thread::sleep(COMMAND_LOOK_EVERY);
                }
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(self.bad(format!("{program} did not end in {COMMAND_WAIT_MAX:?}")));
                }
            }
        };
        let output = child.wait_with_output().map_err(|error| self.bad(error))?;
        if !status.success() {
            return Err(self.bad(format!("{program} ended with {status}")));
        }
        String::from_utf8(output.stdout).map(Zeroizing::new).map_err(|_| self.bad("it is no text"))
    }
}

impl fmt::Display for MasterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beside => f.write_str("file"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Command(line) => write!(f, "command:{line}"),
        }
    }
}

fn read(path: &Path) -> Result<Option<Zeroizing<String>>, VaultError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VaultError::file("read", path)(error)),
    }
}

/// The key that opens the keys of the shops.
#[derive(Clone, Debug)]
pub struct MasterKey(pub(super) Secret);

impl MasterKey {
    /// 32 bytes in base64, with either alphabet, or in hexadecimal.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => hex(text),
            43 => URL_SAFE_NO_PAD.decode(text).ok(),
            44 => STANDARD.decode(text).ok(),
            _ => None,
        };
        let bytes =
            bytes.map(Zeroizing::new).ok_or("it is not 32 bytes in base64 or hexadecimal")?;
        let bytes = bytes[..].try_into().map_err(|_| "it is not 32 bytes")?;
        Ok(Self(Secret::from_bytes(bytes)))
    }

    /// The key as it stands in a file.
    pub(super) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(self.0.bytes())))
    }

    /// A name for it by which nobody finds it.
    pub(super) fn fingerprint(&self) -> String {
        let digest =
            Sha256::new().chain_update(b"tradewind master key").chain_update(self.0.bytes());
        digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_place_is_read_back() {
        for text in ["file", "file:/etc/tradewind/master.key", "env:TW_KEY", "command:pass show tw"]
        {
            assert_eq!(MasterSource::parse(text).expect(text).to_string(), text);
        }
        for text in ["", "env:", "command: ", "vault:x", "/etc/key"] {
            assert_eq!(MasterSource::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_read_in_base64_and_in_hexadecimal_and_nothing_else_is_one() {
        let key = MasterKey(Secret::from_bytes([0xfb; 32]));
        let standard = STANDARD.encode([0xfb; 32]);

        for text in [key.text().as_str(), &standard, &"fb".repeat(32)] {
            let read = MasterKey::parse(text).expect(text);
            assert_eq!(read.fingerprint(), key.fingerprint());
        }
        for text in ["", "short", &"zz".repeat(32), &"fb".repeat(31)] {
            assert!(MasterKey::parse(text).is_err(), "{text}");
        }
        assert!(!format!("{key:?}").contains("251"));
    }

    #[test]
    fn a_command_prints_the_key_or_says_why_not() {
        let folder = Path::new("/nowhere");
        let echo = MasterSource::Command(format!("echo {}", "ab".repeat(32)));

        assert!(echo.load(folder).expect("a key").is_some());
        for line in ["false", "echo no-key", "/no/such/program"] {
            assert!(MasterSource::Command(line.to_owned()).load(folder).is_err(), "{line}");
        }
    }
}
