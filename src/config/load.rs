//! Reads the sources from the machine: the environment and the file.

use std::path::{Path, PathBuf};

use super::limits::Config;
use super::mistakes::{Mistake, Mistakes};
use super::reader::Loaded;
use super::sources::{Flag, Sources};

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "config/tradewind.toml";

impl Config {
    /// Loads the configuration: `flags` over the environment over the file over the defaults.
    /// Without `file`, [`DEFAULT_FILE`] in the current folder is read if it exists.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(file: Option<&Path>, flags: Vec<Flag>) -> Result<Loaded, Mistakes> {
        // A value that is not UTF-8 keeps a mark that no setting but a path accepts.
        let env = std::env::vars_os()
            .map(|(name, text)| (name.to_string_lossy().into(), text.to_string_lossy().into()))
            .collect();
        let mut sources = Sources { flags, env, file: None };
        let path = match file {
            Some(path) => Some(path.to_owned()),
            None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()),
        };
        let Some(path) = path else {
            return Self::resolve(&sources);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                sources.file = Some((path, text));
                Self::resolve(&sources)
            }
            Err(error) => {
                let unreadable = Mistake::Unreadable { path, reason: error.to_string() };
                Err(Mistakes::after(unreadable, Self::resolve(&sources).err()))
            }
        }
    }
}
