//! The flags by which commands that read a journal find the keys of what is sealed in it.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::flow::Keyring;
use crate::vault::{self, MasterSource, Vault};

/// Where the keys are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Keys")]
pub(super) struct KeysArgs {
    /// Folder of the keys, instead of `keys` in the data folder
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Where the master key is, as `keys.master` in the settings: file, file:PATH, env:NAME or
    /// command:PROGRAM ARGUMENTS
    #[arg(long, value_name = "SOURCE", default_value = "file", value_parser = master_source)]
    master: MasterSource,
}

/// Reads where the master key is.
pub(super) fn master_source(text: &str) -> Result<MasterSource, String> {
    MasterSource::parse(text)
        .ok_or_else(|| "expected file, file:PATH, env:NAME or command:PROGRAM ARGUMENTS".to_owned())
}

impl KeysArgs {
    /// The keys that belong to `dir`, a data folder or something else that holds a journal. Without keys
    /// what is sealed stays so, which is said on standard error.
    pub(super) fn open(&self, dir: &Path) -> anyhow::Result<Keyring> {
        let folder = self.keys.clone().unwrap_or_else(|| dir.join(vault::FOLDER));
        if !folder.is_dir() {
            ensure!(self.keys.is_none(), "{} is no folder", folder.display());
            return Ok(Keyring::locked());
        }
        match Vault::open(&folder, &self.master) {
            Ok(vault) => Ok(Keyring::new(vault)),
            Err(error) if self.keys.is_some() => Err(error.into()),
            Err(error) => {
                eprintln!("note: {error}; what is sealed stays so");
                Ok(Keyring::locked())
            }
        }
    }
}
