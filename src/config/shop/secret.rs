//! Secrets that a shop's file only points to, so that the file may be shown.

use std::fmt;
use std::path::{Path, PathBuf};

use super::load::read_outside;
use super::section::Section;

/// Longest secret.
const SECRET_BYTES_MAX: usize = 512;

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SecretFrom {
    /// In a file; a relative path begins at the folder of the shop.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
}

impl SecretFrom {
    /// Reads which of the two keys of `section` is there.
    pub fn section(
        section: &mut Section<'_>,
        file: &'static str,
        env: &'static str,
    ) -> Option<Self> {
        let from_file = section.text(file).map(|path| Self::File(path.into()));
        let from_env = section.text(env).map(Self::Env);
        if from_file.is_some() && from_env.is_some() {
            section.note(env, format!("stands beside {file}"), "one of the two");
        }
        from_file.or(from_env)
    }

    /// How the key that points to it ends.
    pub const fn suffix(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Env(_) => "env",
        }
    }

    /// The secret, which shows in no error.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(&self, folder: &Path) -> Result<OutsideSecret, String> {
        OutsideSecret::new(&self.read_text(folder)?).ok_or_else(|| "holds no secret".to_owned())
    }

    /// The same where there may be several, each a word.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read_words(&self, folder: &Path) -> Result<Vec<OutsideSecret>, String> {
        Ok(self.read_text(folder)?.split_whitespace().filter_map(OutsideSecret::new).collect())
    }

    fn read_text(&self, folder: &Path) -> Result<String, String> {
        let text = match self {
            Self::File(path) => read_outside(&folder.join(path)).map_err(|error| error.to_string()),
            Self::Env(name) => std::env::var(name).map_err(|_| format!("there is no `{name}`")),
        };
        text.map_err(|problem| format!("cannot be read: {problem}"))
    }
}

/// A secret of the shop at somebody else's.
#[derive(Clone, PartialEq, Eq)]
pub struct OutsideSecret(String);

impl OutsideSecret {
    /// The secret in `text`, without the end of its line; `None` when there is none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_end_matches(['\r', '\n']);
        let fits =
            (1..=SECRET_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OutsideSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutsideSecret(…)")
    }
}
