//! `tradewind keys`: looks after the keys that personal data is sealed with.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::keyring::master_source;
use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::backup::JOURNAL;
use crate::config::Config;
use crate::journal::{DiskFolder, Folder};
use crate::vault::{self, MASTER_FILE, MasterSource, Vault};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind keys check --data /var/lib/tradewind
  tradewind keys copy /backup-keys --data /var/lib/tradewind
  tradewind keys rotate --data /var/lib/tradewind

What customers say, and who they are, is sealed on disk: each conversation with a key of its own, these
with the key of the shop, and that with the master key (`keys.master` in the settings).")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Tells whether the master key opens the key of every shop.
    #[command(after_help = "\
Examples:
  tradewind keys check
  tradewind keys check --set keys.master=env:TW_KEY --json")]
    Check {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Copies the keys, beside a running router or at rest, over the copy of before.
    #[command(after_help = "\
Examples:
  tradewind keys copy /backup-keys
  tradewind keys copy /backup-keys --data /var/lib/tradewind --json

Make it after each backup and each erasure, and keep only the last one, apart from the backups: a backup
cannot be read without it, and an older copy holds keys that are destroyed here. The master key is in it
when it lies beside the keys.")]
    Copy {
        /// Folder for the copy.
        #[arg(value_name = "TARGET")]
        target: PathBuf,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Puts another master key in the place of the one in use. The router must be stopped.
    #[command(after_help = "\
Examples:
  tradewind keys rotate --data /var/lib/tradewind
  tradewind keys rotate --to file:/mnt/secret/tradewind.key
  TW_KEY=$(openssl rand -base64 32) tradewind keys rotate --to env:TW_KEY

Only the keys of the shops are wrapped anew: what is sealed stays as it is, however much that is. Without
--to a fresh key takes the place of the old one in its file. With --to the settings have to name the new
place afterwards. An interrupted change is finished by the same command. Copies of the keys that were made
before are opened by the old master key.")]
    Rotate {
        /// Where the new master key is: file:PATH, env:NAME or command:PROGRAM ARGUMENTS.
        #[arg(long, value_name = "SOURCE", value_parser = master_source)]
        to: Option<MasterSource>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Check { json, settings } => check(&settings.load()?.config, *json),
        Verb::Copy { target, json, settings } => copy(&settings.load()?.config, target, *json),
        Verb::Rotate { to, json, settings } => rotate(&settings.load()?.config, to.as_ref(), *json),
    }
}

fn folder(config: &Config) -> PathBuf {
    config.paths.data.join(vault::FOLDER)
}

fn check(config: &Config, json: bool) -> anyhow::Result<Exit> {
    let (folder, source) = (folder(config), &config.keys.master);
    let shops = Vault::open(&folder, source)?.shops();
    if json {
        print_json(&json!({ "folder": folder, "master": source.to_string(), "shops": shops }))?;
    } else {
        print(&format!(
            "the master key ({source}) opens the keys of {} shops in {}\n",
            shops.len(),
            folder.display()
        ))?;
    }
    Ok(Exit::Success)
}

fn copy(config: &Config, target: &Path, json: bool) -> anyhow::Result<Exit> {
    let folder = folder(config);
    let data = &config.paths.data;
    if !folder.is_dir() {
        bail!("{} has no keys", data.display());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(target);
    made.with_context(|| format!("cannot make {}", target.display()))?;
    if target.canonicalize()?.starts_with(data.canonicalize()?) {
        bail!("{} lies in the data folder; a copy belongs elsewhere", target.display());
    }
    let shops = vault::copy(&folder, target)?;
    if json {
        print_json(&json!({ "target": target, "shops": shops }))?;
    } else {
        let with_master = match folder.join(MASTER_FILE).exists() {
            true => "the master key is in it: keep it apart from the backups",
            false => "the master key is not in it",
        };
        let target = target.display();
        print(&format!("keys of {shops} shops copied to {target}; {with_master}\n"))?;
    }
    Ok(Exit::Success)
}

fn rotate(config: &Config, to: Option<&MasterSource>, json: bool) -> anyhow::Result<Exit> {
    let journal = DiskFolder::create(&config.paths.data.join(JOURNAL))?;
    let Some(_lock) = journal.lock()? else {
        bail!("{} is in use: stop the router first", config.paths.data.display());
    };
    let rotated = vault::rotate(&folder(config), &config.keys.master, to)?;
    if json {
        return print_json(&json!({ "shops": rotated.shops })).map(|()| Exit::Success);
    }
    let next = to.map(|to| {
        format!("set keys.master = \"{to}\", and delete the old key, which opens nothing here any more\n")
    });
    print(&format!(
        "the keys of {} shops are wrapped with the new master key\n{}\
         make the copy of the keys anew: `tradewind keys copy`\n",
        rotated.shops,
        next.unwrap_or_default()
    ))?;
    Ok(Exit::Success)
}
