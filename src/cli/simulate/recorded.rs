//! A recorded journal under these or other rules.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::{Args, Run, one, report, shown, table, verdict, write};
use crate::app;
use crate::cli::settings::SettingsArgs;
use crate::cli::{Exit, print, print_json};
use crate::domain::{ShopId, Timestamp};
use crate::flow::{Entry, Kept, Keyring};
use crate::journal::{self, Snapshots};
use crate::sim::{self, Figures, PolicyName, Recorded, Recording, Span};

/// Reads of a journal beside a running router, which may recycle a file under one of them.
const READS_MAX: u32 = 3;

/// What goes with a journal.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "With --journal")]
pub(super) struct Choices {
    /// The shop, where the journal holds several.
    #[arg(long, value_name = "ID", requires = "journal")]
    shop: Option<String>,
    /// Only contacts from this instant on, such as 2026-11-25T00:00Z.
    #[arg(long, value_name = "INSTANT", requires = "journal", value_parser = instant)]
    from: Option<Timestamp>,
    /// Only contacts before this instant.
    #[arg(long, value_name = "INSTANT", requires = "journal", value_parser = instant)]
    to: Option<Timestamp>,
    /// Writes contacts and seats as a scenario.
    #[arg(long, value_name = "FILE.json", requires = "journal")]
    write_scenario: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let instant: Option<jiff::Timestamp> = text.parse().ok();
    let millis = instant.and_then(|instant| u64::try_from(instant.as_millisecond()).ok());
    millis
        .map(Timestamp::from_millis)
        .ok_or_else(|| "expected such as 2026-11-25T00:00Z".to_owned())
}

/// Simulates what a journal has recorded and prints it beside how it was.
///
/// # Errors
/// When the journal, the rules or a file cannot be read, or there is nothing to simulate.
pub(super) fn run(args: &Args, folder: &Path) -> anyhow::Result<Exit> {
    let asked = &args.recorded;
    let recording = read(folder)?;
    let shop = choose(&recording, asked.shop.as_deref())?;
    let config = asked.settings.load()?.config;
    let (roster, settings) = app::rules_of(&config, &shop)?
        .with_context(|| format!("no shop `{shop}` is configured: see --shops and --config"))?;
    let span = Span {
        from: asked.from.unwrap_or(Span::default().from),
        to: asked.to.unwrap_or(Span::default().to),
    };
    let recorded = recording
        .centre(roster, settings, span, args.seed)
        .with_context(|| format!("no contact of `{shop}` needed a seat in that time"))?;
    let Recorded { scenario, as_it_was, notes } = recorded;
    if let Some(path) = &asked.write_scenario {
        write(path, &format!("{:#}\n", scenario.to_json()))?;
    }
    let mut runs: Vec<Run> =
        args.policies().into_iter().map(|policy| one(&scenario, policy, args.checks())).collect();
    if let Some(path) = &args.assignments {
        write(path, &sim::assignments(&scenario, &runs[0].outcome))?;
    }
    let (figures, samples) = sim::measure(&scenario, PolicyName::AsItWas, &as_it_was);
    runs.push(Run { figures, samples, outcome: as_it_was });
    if let Some(path) = &args.report {
        write(path, &report::html(&scenario, &runs, &notes))?;
    }
    if args.json {
        let (was, simulated) = runs.split_last().context("one run at least")?;
        let policies: Vec<&Figures> = simulated.iter().map(|run| &run.figures).collect();
        print_json(&json!({
            "shop": shop,
            "starts_at": scenario.starts_at.to_rfc3339(),
            "notes": notes,
            "as_it_was": was.figures,
            "policies": policies,
        }))?;
    } else {
        print(&table::of(&scenario, &runs))?;
        print(&notes.iter().map(|note| format!("- {note}\n")).collect::<String>())?;
    }
    Ok(verdict(&runs))
}

/// Reads a journal and changes nothing. `folder` is its own, or the data folder that holds it.
fn read(folder: &Path) -> anyhow::Result<Recording> {
    let inner = folder.join("journal");
    let folder = if inner.is_dir() { &inner } else { folder };
    for again in 1..=READS_MAX {
        let (mut recording, mut damage, mut not_understood) = (Recording::default(), None, 0u64);
        let found = journal::look(folder).with_context(|| shown(folder))?;
        // Nothing of it is about what was said.
        let mut no_keys = Keyring::locked();
        for item in found.replay {
            match item.map(|(_, payload)| Entry::read(&payload, &mut no_keys)) {
                Ok(Ok((entry, _))) => recording.take(entry),
                Ok(Err(_)) => not_understood += 1,
                Err(error) => damage = Some(error),
            }
        }
        take_kept(&mut recording, &found.snapshots);
        if let Some(error) = &damage {
            if again < READS_MAX {
                continue;
            }
            eprintln!("{}: {error}; what is behind it is taken", shown(folder));
        }
        if not_understood > 0 {
            eprintln!("{}: {not_understood} records are not understood", shown(folder));
        }
        return Ok(recording);
    }
    bail!("{}: cannot be read", shown(folder))
}

/// Takes who was there when the journal begins: its files from before may have been used again. What
/// cannot be read of a snapshot is left out, as another may say it.
fn take_kept(recording: &mut Recording, snapshots: &Snapshots) {
    // The newest first, as each is asked for what was before the one after it.
    for id in snapshots.list().unwrap_or_default() {
        for (_, payload) in snapshots.open(id).into_iter().flatten().flatten() {
            if let Ok((Kept::Seat(seat), _)) = Kept::read(&payload, &mut Keyring::locked()) {
                recording.take_kept(seat);
            }
        }
    }
}

/// The shop that is asked for, or the only one.
fn choose(recording: &Recording, asked: Option<&str>) -> anyhow::Result<ShopId> {
    let shops = recording.shops();
    let named = |shops: &mut dyn Iterator<Item = &ShopId>| {
        shops.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut with_contacts = shops.iter().filter(|(_, contacts)| **contacts > 0);
    match (asked, with_contacts.next(), with_contacts.next()) {
        (Some(asked), ..) => {
            let shop = ShopId::from(asked);
            if !shops.contains_key(&shop) {
                bail!(
                    "the journal holds nothing of `{asked}`, but of: {}",
                    named(&mut shops.keys())
                );
            }
            Ok(shop)
        }
        (None, None, _) => bail!("no contact in the journal needed a seat"),
        (None, Some((only, _)), None) => Ok(only.clone()),
        (None, Some(_), Some(_)) => {
            bail!("--shop is needed, one of: {}", named(&mut shops.keys()))
        }
    }
}
