//! `tradewind restore`: a data folder out of a backup.

use std::path::PathBuf;

use serde_json::json;

use super::keyring::master_source;
use super::{Exit, print, print_json};
use crate::backup::{self, Keys, Restored};
use crate::journal::Options;
use crate::vault::MasterSource;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind restore /backup/tradewind-2026-11-26 /var/lib/tradewind --keys /backup-keys
  tradewind restore /backup/today data --keys data.old/keys --json && tradewind serve --data data

DATA must be empty or missing. Every file is compared with the checksum that the backup has of it, and
the whole journal is read. What was acknowledged after the backup's position is missing; each
conversation therefore begins a new epoch, and clients that held more load it anew instead of trusting
what they hold. A backup holds no keys: what customers said in it is opened with the last copy of the
keys (`tradewind keys copy`), or those of the data folder it was made of. Who was erased since then stays
erased, and only the keys that the backup needs are taken over, or all of them where a snapshot is damaged
or something is not understood. Give the folder to the user that the router runs as before you start it.
Exit codes: 0 restored, 1 not restored, 3 restored, but the journal or a snapshot was damaged when the
backup was made, or has records that this program does not understand.")]
pub(super) struct Args {
    /// Folder of the backup.
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// Data folder to make.
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// Folder of the last copy of the keys; may come several times, the newest first: what is destroyed in
    /// one of them stays so
    #[arg(long, value_name = "DIR")]
    keys: Vec<PathBuf>,
    /// Where the master key is, as `keys.master` in the settings
    #[arg(long, value_name = "SOURCE", default_value = "file", value_parser = master_source)]
    master: MasterSource,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let keys = Keys { copies: args.keys.clone(), master: args.master.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let restored =
        runtime.block_on(backup::restore(&args.backup, &args.data, &keys, Options::default()))?;
    tell(args, &restored)?;
    let is_whole = restored.damages == 0 && restored.not_understood == 0;
    Ok(if is_whole { Exit::Success } else { Exit::CheckFailed })
}

fn tell(args: &Args, restored: &Restored) -> anyhow::Result<()> {
    let Restored { manifest, records, conversations, erased, damages, not_understood } = restored;
    if args.json {
        return print_json(&json!({
            "data": args.data,
            "made_at": manifest.made_at.to_rfc3339(),
            "position": manifest.position,
            "records": records,
            "conversations": conversations,
            "erased": erased,
            "damage_total": damages,
            "not_understood_total": not_understood,
        }));
    }
    let position = manifest.position.map_or("the start".to_owned(), |at| at.to_string());
    print(&format!(
        "restored   {} from {}\nmade at    {}\nrecords    {records} of {conversations} \
         conversations\nerased     {erased} entries, by keys that were destroyed since\n\
         damages    {damages}, records not understood {not_understood}\n\
         What was acknowledged up to {position} is there. What was acknowledged after it is missing; \
         every conversation\nbegins a new epoch, so clients load it anew.\n",
        args.data.display(),
        args.backup.display(),
        manifest.made_at,
    ))
}
