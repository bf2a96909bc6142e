//! What commands that change the folder of shops have in common.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::router::Router;
use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::config::shop::store::{ShopFolder, StoreError};

/// Flags of such a command.
#[derive(Debug, clap::Args)]
pub(super) struct FolderArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Lets the router that runs on this machine take the change over at once.
    #[arg(long)]
    reload: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl FolderArgs {
    /// The folder that is served.
    pub(super) fn open(&self) -> anyhow::Result<ShopFolder> {
        let folder = self.settings.load()?.config.paths.shops;
        let folder = folder.context(
            "name the folder of shops: --shops DIR, or `shops` in the settings; \
             the built-in demo shop cannot be changed",
        )?;
        Ok(ShopFolder::new(folder))
    }

    /// Changes the folder. What is missing may be gone already by a change that the router has not
    /// taken over: with `--reload` it is asked in that case too.
    pub(super) fn change(
        &self,
        work: impl FnOnce(&ShopFolder) -> Result<(), StoreError>,
    ) -> anyhow::Result<()> {
        let changed = work(&self.open()?);
        if let Err(error) = &changed
            && error.is_missing()
            && self.reload
        {
            let reloaded = Router::of(&self.settings.load()?.config).reload_shops();
            reloaded.with_context(|| error.to_string())?;
        }
        Ok(changed?)
    }

    /// Ends a command that has changed something.
    pub(super) fn done(&self, result: Value, text: &str) -> anyhow::Result<Exit> {
        self.tell(result, text)?;
        if self.reload {
            Router::of(&self.settings.load()?.config).reload_shops()?;
        } else if !self.json {
            eprintln!("a router that runs takes it over with --reload, or when it gets SIGHUP");
        }
        Ok(Exit::Success)
    }

    /// Prints `result`, or `text` for people.
    pub(super) fn tell(&self, result: Value, text: &str) -> anyhow::Result<Exit> {
        if self.json {
            print_json(&result)?
        } else {
            print(text)?
        }
        Ok(Exit::Success)
    }
}

/// 32 random bytes as text: a secret for HS256, or a password that nobody has to remember.
pub(super) fn new_secret() -> String {
    let bytes: [u8; 32] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes)
}
