//! `tradewind journal verify`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use super::{folder, open};
use crate::cli::keyring::KeysArgs;
use crate::cli::{Exit, print, print_json};
use crate::domain::{ConversationId, SeatId, ShopId, Timestamp};
use crate::flow::{Entry, Kept, Keyring, Seal};
use crate::journal::{JournalError, Position, ReplaySummary, Snapshots};

/// Records that cannot be understood are named up to this number; more are only counted.
const UNREADABLE_NAMED_MAX: usize = 64;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind journal verify data
  tradewind journal verify /backup/tradewind --json

DIR is a data folder, a backup, or a folder that holds the journal itself. Nothing in it is changed.
What is sealed is opened where its keys are at hand: in the data folder, or named by --keys.
An interrupted commit at the end is no damage: it was never acknowledged, and the next start cuts it.
Exit codes: 0 whole, 1 not readable or of a later version, 3 damaged or with records that this
program does not understand.")]
pub(super) struct Args {
    /// Data folder, backup or journal folder.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeysArgs,
}

/// What the records say, beside what the journal says of itself.
#[derive(Default)]
struct Content {
    conversations: BTreeSet<ConversationId>,
    /// Those that came or went.
    seats: BTreeSet<(ShopId, SeatId)>,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    unreadable: Vec<Position>,
    unreadable_total: u64,
    snapshots: u64,
    /// In words.
    damaged_snapshots: Vec<String>,
    sealed: Sealed,
}

/// How many entries were sealed, by what became of the seal.
#[derive(Default)]
struct Sealed {
    opened: u64,
    erased: u64,
    locked: u64,
}

impl Sealed {
    fn count(&mut self, seal: &Seal) {
        match seal {
            Seal::None => {}
            Seal::Opened(_) => self.opened += 1,
            Seal::Erased => self.erased += 1,
            Seal::Locked => self.locked += 1,
        }
    }
}

impl Content {
    /// Reads every snapshot as a start would.
    fn take_snapshots(&mut self, snapshots: &Snapshots, keys: &mut Keyring) -> anyhow::Result<()> {
        for id in snapshots.list()? {
            let read = snapshots.open(id).map_err(anyhow::Error::from).and_then(|entries| {
                entries.into_iter().try_for_each(|entry| {
                    let (_, seal) = Kept::read(&entry?.1, keys)?;
                    self.sealed.count(&seal);
                    Ok(())
                })
            });
            match read {
                Ok(()) => self.snapshots += 1,
                Err(error) => self.damaged_snapshots.push(format!("{id}: {error}")),
            }
        }
        Ok(())
    }

    fn take(&mut self, position: Position, payload: &[u8], keys: &mut Keyring) {
        let Ok((entry, seal)) = Entry::read(payload, keys) else {
            self.unreadable_total += 1;
            if self.unreadable.len() < UNREADABLE_NAMED_MAX {
                self.unreadable.push(position);
            }
            return;
        };
        self.sealed.count(&seal);
        if let Some(at) = entry.at() {
            self.first_at.get_or_insert(at);
            self.last_at = Some(at);
        }
        match entry {
            Entry::Conversation(record) => drop(self.conversations.insert(record.conversation)),
            Entry::Seat(seat) => drop(self.seats.insert((seat.shop, seat.seat))),
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut found = open(&args.dir)?;
    let mut content = Content::default();
    let mut keys = args.keys.open(&args.dir)?;
    for entry in found.replay.by_ref() {
        match entry {
            Ok((position, payload)) => content.take(position, &payload, &mut keys),
            // Counted by the summary.
            Err(JournalError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    content.take_snapshots(&found.snapshots, &mut keys)?;
    let summary = found.replay.summary();
    let is_whole = is_whole(summary, &content);
    if args.json {
        print_json(&to_json(args, found.is_taken, found.end, summary, &content))?;
    } else {
        print(&to_text(args, found.end, summary, &content))?;
    }
    Ok(if is_whole { Exit::Success } else { Exit::CheckFailed })
}

fn is_whole(summary: &ReplaySummary, content: &Content) -> bool {
    summary.damaged_total == 0
        && content.unreadable_total == 0
        && content.damaged_snapshots.is_empty()
}

fn to_json(
    args: &Args,
    is_taken: bool,
    end: Option<Position>,
    summary: &ReplaySummary,
    content: &Content,
) -> serde_json::Value {
    let damage: Vec<_> = summary
        .damaged
        .iter()
        .map(|it| json!({"kind": it.kind.words(), "position": it.position, "bytes": it.bytes}))
        .collect();
    let torn = summary.torn_tail.map(|it| json!({"position": it.position, "bytes": it.bytes}));
    json!({
        "folder": folder(&args.dir).display().to_string(),
        "in_use": is_taken,
        "whole": is_whole(summary, content),
        "segments": summary.segments,
        "records": summary.records,
        "bytes": summary.bytes,
        "conversations": content.conversations.len(),
        "seats": content.seats.len(),
        "first_at": content.first_at.map(Timestamp::to_rfc3339),
        "last_at": content.last_at.map(Timestamp::to_rfc3339),
        "end": end,
        "torn_tail": torn,
        "damage": damage,
        "damage_total": summary.damaged_total,
        "snapshots": content.snapshots,
        "snapshots_damaged": content.damaged_snapshots,
        "sealed": {
            "opened": content.sealed.opened,
            "erased": content.sealed.erased,
            "locked": content.sealed.locked,
        },
        "not_understood": content.unreadable,
        "not_understood_total": content.unreadable_total,
    })
}

fn to_text(
    args: &Args,
    end: Option<Position>,
    summary: &ReplaySummary,
    content: &Content,
) -> String {
    let when = |at: Option<Timestamp>| at.map_or("-".to_owned(), Timestamp::to_rfc3339);
    let torn = summary.torn_tail.map_or("none".to_owned(), |torn| {
        format!(
            "{} bytes at {}, never acknowledged: the next start cuts them",
            torn.bytes, torn.position
        )
    });
    let mut text = format!(
        "journal        {}\nsegments       {}\nrecords        {}\nbytes          {}\n\
         conversations  {}\nseats          {}\nfirst          {}\nlast           {}\nend            {}\n\
         interrupted    {torn}\nsnapshots      {}\n\
         sealed         {} opened, {} erased, {} without their key here\n",
        folder(&args.dir).display(),
        summary.segments,
        summary.records,
        summary.bytes,
        content.conversations.len(),
        content.seats.len(),
        when(content.first_at),
        when(content.last_at),
        end.map_or("-".to_owned(), |end| end.to_string()),
        content.snapshots,
        content.sealed.opened,
        content.sealed.erased,
        content.sealed.locked,
    );
    let named = summary.damaged.iter().map(|damage| format!("DAMAGED        {damage}\n"));
    let unreadable = content.unreadable.iter().map(|at| format!("NOT UNDERSTOOD record at {at}\n"));
    let snapshots = content.damaged_snapshots.iter().map(|it| format!("DAMAGED        {it}\n"));
    text.extend(named.chain(unreadable).chain(snapshots));
    let damaged = summary.damaged_total + content.damaged_snapshots.len() as u64;
    text.push_str(&match is_whole(summary, content) {
        true => "whole\n".to_owned(),
        false => {
            format!("{damaged} damages, {} records not understood\n", content.unreadable_total)
        }
    });
    text
}
