//! `tradewind backup`: a copy of the data folder, beside a running router or at rest.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::json;

use super::router::Router;
use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::backup::{self, JOURNAL, Made};
use crate::domain::Timestamp;
use crate::journal::{CopyPlan, DiskFolder, Folder, Position, SegmentId};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind backup /backup/tradewind-2026-11-26
  tradewind backup /backup/today --config /etc/tradewind/tradewind.toml --json
  tradewind backup /backup/today --data /var/lib/tradewind --admin-listen 127.0.0.1:8081

Copies the data folder into TARGET, which must be empty or missing. While a router has the folder, it
is asked at its management address to keep its files until they are copied, and goes on working; else
the folder is locked meanwhile. The backup holds everything that was acknowledged up to `position`.
It also holds the key that tokens are signed with: keep it safe. What customers said is sealed, with keys
that are not in it: make `tradewind keys copy` after it. Settings and shop files are not in it.
Exit codes: 0 made, 1 not made, 2 wrong flags or settings, 3 made, of a journal that is damaged.")]
pub(super) struct Args {
    /// Folder for the backup.
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = args.settings.load()?.config;
    let data = &config.paths.data;
    let journal = data.join(JOURNAL);
    ensure!(journal.is_dir(), "{} is no data folder: it has no journal", data.display());
    let folder = DiskFolder::create(&journal)?;
    let made = match folder.lock()? {
        Some(_lock) => {
            let plan = CopyPlan::at_rest(&journal)?;
            backup::make(data, &args.target, plan, now(), false, || true)?
        }
        None => beside_the_router(&Router::with_key(&config), data, &args.target)?,
    };
    for damage in &made.damaged {
        eprintln!("damaged: {damage}");
    }
    let exit = if made.damaged.is_empty() { Exit::Success } else { Exit::CheckFailed };
    tell(args, &made)?;
    Ok(exit)
}

fn tell(args: &Args, Made { manifest, damaged }: &Made) -> anyhow::Result<()> {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    if args.json {
        return print_json(&json!({
            "target": args.target,
            "made_at": manifest.made_at.to_rfc3339(),
            "online": manifest.online,
            "position": manifest.position,
            "files": manifest.files.len(),
            "bytes": bytes,
            "damage_total": damaged.len(),
        }));
    }
    let position = manifest.position.map_or("-".to_owned(), |position| position.to_string());
    print(&format!(
        "backup     {}\nmade at    {}\nposition   {position}\nfiles      {}\nbytes      {bytes}\n",
        args.target.display(),
        manifest.made_at,
        manifest.files.len(),
    ))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// What the router answers.
#[derive(Deserialize)]
struct Hold {
    hold: u64,
    folder: PathBuf,
    from: SegmentId,
    position: Option<Position>,
    lease_s: u64,
}

fn beside_the_router(router: &Router, data: &Path, target: &Path) -> anyhow::Result<Made> {
    let address = router.address;
    let asked = router.ask("POST", "/v1/backup/holds", "application/json");
    let (status, body) = asked.with_context(|| format!("{} is in use", data.display()))?;
    ensure!(
        status != 401,
        "the router at {address} does not know the key in {}: it has another data folder, or the key \
         cannot be read by this user",
        data.display()
    );
    ensure!(status == 201, "the router at {address} answers with status {status}: {}", body.trim());
    let hold: Hold =
        serde_json::from_str(&body).context("the router's answer is not understood")?;
    let lease = Lease { router, id: hold.hold };
    if hold.folder.canonicalize()? != data.join(JOURNAL).canonicalize()? {
        bail!("the router at {address} has another data folder, {}", hold.folder.display());
    }
    let plan = match hold.position {
        Some(end) => CopyPlan::beside_the_writer(&data.join(JOURNAL), hold.from, end)?,
        None => CopyPlan { pieces: Vec::new(), end: None, damaged: Vec::new() },
    };
    // A quarter of the lease: a mebibyte and one extension may be slow.
    let pause = Duration::from_secs(hold.lease_s) / 4;
    let mut extended = Instant::now();
    let goes_on = || {
        if extended.elapsed() < pause {
            return true;
        }
        extended = Instant::now();
        lease.extend()
    };
    Ok(backup::make(data, target, plan, now(), true, goes_on)?)
}

/// The router keeps its files until this is dropped.
struct Lease<'a> {
    router: &'a Router,
    id: u64,
}

impl Lease<'_> {
    fn path(&self) -> String {
        format!("/v1/backup/holds/{}", self.id)
    }

    fn extend(&self) -> bool {
        matches!(self.router.ask("POST", &self.path(), "*/*"), Ok((204, _)))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Else it ends by itself.
        let _ = self.router.ask("DELETE", &self.path(), "*/*");
    }
}
