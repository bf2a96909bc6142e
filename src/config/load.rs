//! Reads the sources from the machine: the environment and the file.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::limits::Config;
use super::mistakes::{Mistake, Mistakes};
use super::reader::Loaded;
use super::sources::{Flag, Sources};

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "config/tradewind.toml";

/// The commented file of every setting has some 20 KiB; what is larger than this is something else.
const FILE_BYTES_MAX: u64 = 1 << 20;

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
        match read(&path) {
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

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    let bytes = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if bytes as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}
