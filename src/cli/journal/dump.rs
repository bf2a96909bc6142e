//! `tradewind journal dump`.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use serde_json::json;

use super::open;
use crate::cli::Exit;
use crate::cli::keyring::KeysArgs;
use crate::domain::{
    ConversationId, EventKind, Outward, Pair, Said, SeatState, Sender, Timestamp, Translated,
    Webhook,
};
use crate::flow::{Entry, Fact, JoinedTo, Record, Seal, SeatRecord};
use crate::journal::{JournalError, Position};
use crate::understand::{mask, pii};

/// What stands for a text whose key is not here.
const SEALED_TEXT: &str = "[sealed]";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind journal dump data
  tradewind journal dump data --conversation 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1 --show-texts
  tradewind journal dump /backup/today --keys /backup-keys --show-texts
  tradewind journal dump data --from 2026-11-26 --to 2026-11-26T12:00:00Z --json

DIR is a data folder, a backup, or a folder that holds the journal itself. Nothing in it is changed.
Personal data in texts is masked and ids of customers are cut short, unless --show-texts is given.
Texts are sealed on disk: they are shown with the keys of the data folder, as [erased] where the key is
destroyed, and as [sealed] where it is not at hand, as in a backup without --keys.
With --json each line is one record: {position, at, conversation, facts}, with `seal` where it did not
open (erased, locked), or {position, at, shop, seat,
state} of a seat, with the state null when it left. A record without a time of
its own, such as a new owner, counts as of the time of the record before it.
Exit codes: 0 all read, 1 not readable or of a later version, 3 damage or records that this program
does not understand; what can be read is printed, the rest is named on standard error.")]
pub(super) struct Args {
    /// Data folder, backup or journal folder.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only this conversation.
    #[arg(long, value_name = "ID")]
    conversation: Option<ConversationId>,
    /// Only records of this instant and later: a date, or a date with time and zone.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Timestamp>,
    /// Only records before this instant.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<Timestamp>,
    /// Prints texts and ids as they are: they are personal data.
    #[arg(long)]
    show_texts: bool,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeysArgs,
}

/// `2026-11-26` (midnight in UTC) or `2026-11-26T12:00:00+08:00`.
fn instant(text: &str) -> Result<Timestamp, String> {
    let parsed = text.parse::<jiff::Timestamp>().or_else(|error| {
        let midnight = text.parse::<jiff::civil::Date>().map_err(|_| error)?;
        Ok::<_, jiff::Error>(midnight.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
    });
    let millis = parsed.map_err(|_| {
        format!(
            "`{text}` is no date such as 2026-11-26 and no instant such as 2026-11-26T12:00:00Z"
        )
    })?;
    Ok(Timestamp::from_millis(u64::try_from(millis.as_millisecond()).unwrap_or(0)))
}

impl Args {
    fn wants(&self, entry: &Entry, at: Timestamp) -> bool {
        let conversation = match entry {
            Entry::Conversation(record) => Some(record.conversation),
            Entry::Seat(_) => None,
        };
        self.conversation.is_none_or(|wanted| conversation == Some(wanted))
            && self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let found = open(&args.dir)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut exit = Exit::Success;
    let mut at = Timestamp::default();
    let mut keys = args.keys.open(&args.dir)?;
    let mut locked = 0u64;
    for entry in found.replay {
        let (position, payload) = match entry {
            Ok(found) => found,
            Err(JournalError::Damaged(damage)) => {
                eprintln!("damaged: {damage}");
                exit = Exit::CheckFailed;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let (entry, seal) = match Entry::read(&payload, &mut keys) {
            Ok(read) => read,
            Err(error) => {
                eprintln!("not understood: record at {position}: {error}");
                exit = Exit::CheckFailed;
                continue;
            }
        };
        at = entry.at().unwrap_or(at);
        if !args.wants(&entry, at) {
            continue;
        }
        let lines = match entry {
            Entry::Conversation(record) => {
                let record = match (&seal, args.show_texts) {
                    (Seal::Locked, _) => {
                        locked += 1;
                        record.masked(|_| SEALED_TEXT.to_owned())
                    }
                    (_, true) => record,
                    (_, false) => record.masked(|text| mask(text, &pii::find(text))),
                };
                if args.json {
                    to_json(position, at, &record, &seal)?
                } else {
                    to_text(position, at, &record)
                }
            }
            Entry::Seat(seat) => {
                if args.json {
                    seat_to_json(position, &seat)
                } else {
                    seat_to_text(position, &seat)
                }
            }
        };
        match out.write_all(lines.as_bytes()) {
            // The reader, such as `head`, has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(exit),
            written => written?,
        }
    }
    if locked > 0 {
        eprintln!(
            "note: {locked} records are sealed with keys that are not here; name them with --keys"
        );
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit),
    }
}

fn to_json(
    position: Position,
    at: Timestamp,
    record: &Record,
    seal: &Seal,
) -> anyhow::Result<String> {
    let mut line = json!({
        "position": position,
        "at": at.to_rfc3339(),
        "conversation": record.conversation,
        "facts": serde_json::to_value(&record.facts)?,
    });
    match seal {
        Seal::None | Seal::Opened(_) => {}
        Seal::Erased => line["seal"] = json!("erased"),
        Seal::Locked => line["seal"] = json!("locked"),
    }
    Ok(format!("{line}\n"))
}

fn to_text(position: Position, at: Timestamp, record: &Record) -> String {
    let conversation = record.conversation;
    let line = |fact| format!("{:<12} {at} {conversation} {}\n", position.to_string(), words(fact));
    record.facts.iter().map(line).collect()
}

fn seat_to_json(position: Position, record: &SeatRecord) -> String {
    let SeatRecord { shop, seat, at, state } = record;
    let line = json!({
        "position": position, "at": at.to_rfc3339(), "shop": shop, "seat": seat, "state": state,
    });
    format!("{line}\n")
}

fn seat_to_text(position: Position, record: &SeatRecord) -> String {
    let SeatRecord { shop, seat, at, state } = record;
    let state = match state {
        Some(SeatState::Ready) => "is ready",
        Some(SeatState::Away) => "is away",
        Some(SeatState::WrapUp) => "wraps up",
        None => "left",
    };
    format!("{:<12} {at} seat {seat} of {shop} {state}\n", position.to_string())
}

/// A fact in one line.
fn words(fact: &Fact) -> String {
    match fact {
        Fact::Opened(opened) => {
            let locale = opened.locale.map_or("-".to_owned(), |locale| locale.to_string());
            let customer = match opened.is_erased() {
                true => "somebody",
                false => opened.customer.as_str(),
            };
            format!("opened by {customer} of {}, locale {locale}", opened.shop)
        }
        Fact::Event(event) => format!("#{} {}", event.seq, event_words(&event.kind)),
        Fact::Understood { seq, understanding: None } => format!("#{seq} not understood"),
        Fact::Understood { seq, understanding: Some(read) } => format!(
            "#{seq} understood: {} {} {} ({:.2})",
            read.language.label, read.intent.label, read.sentiment.label, read.intent.confidence
        ),
        Fact::Epoch(epoch) => format!("epoch {epoch}"),
        Fact::AskedForPerson => "asked for a person".to_owned(),
        Fact::Waits(contact) => format!("waits for {} {}", contact.language, contact.skill),
        Fact::Aside(contact) => {
            format!("answered for many, stood for {} {}", contact.language, contact.skill)
        }
        Fact::Owned { seat, fence } => format!("owned by {seat}, fence {fence}"),
        // The wire's own words, as in an explanation.
        Fact::Decided(decision) => format!("decided: {}", wire_words(&decision.step)),
        Fact::Erased(_) => "erased: what was said, and by whom".to_owned(),
        Fact::TicketDue(at) => format!("its ticket is worked off at {at}"),
        Fact::ReachableAt(address) => format!("can be reached at {address}"),
        Fact::Wanted(effect) => match &effect.what {
            Outward::Email(_) => format!("wants e-mail {}", effect.key),
            Outward::Webhook(it) => {
                let Webhook { hook, event, seq } = it;
                format!("wants webhook {} to {hook}: {event} #{seq}", effect.key)
            }
        },
        Fact::Progressed(it) => format!("effect {} {}", it.key, it.progress.as_str()),
        Fact::MayGoOn(seq) => format!("#{seq} may go on"),
        Fact::SaidAll => "the question is complete".to_owned(),
        Fact::OfItsOwn => "a matter of its own, part of no incident".to_owned(),
        Fact::Joined(joined) => {
            let order = if joined.same_order { ", same order" } else { "" };
            match joined.to {
                JoinedTo::Open => format!("#{} joined it, verified{order}", joined.seq),
                JoinedTo::Named => format!("#{} names it, and another order", joined.seq),
                JoinedTo::Ended { conversation, ms_ago } => {
                    format!("goes on from {conversation}, ended {ms_ago} ms ago, verified{order}")
                }
            }
        }
        Fact::Parted(parted) => format!("#{} was taken apart by {}", parted.seq, parted.by),
        Fact::Delivered(_) => "a channel delivered it".to_owned(),
        Fact::Translating { seq, pair: Pair { from, to } } => {
            format!("#{seq} is being translated from {from} to {to}")
        }
        Fact::Translated { seq, translated: Translated { pair: Pair { from, to }, said } } => {
            match said {
                Said::Anew { text, by } => {
                    format!("#{seq} translated from {from} to {to} by {by}: {text:?}")
                }
                Said::AsWritten(why) => {
                    format!("#{seq} not translated from {from} to {to}: {}", why.as_str())
                }
            }
        }
        Fact::Noted(note) => format!("noted by {}: {:?}", note.seat, note.text),
    }
}

fn event_words(kind: &EventKind) -> String {
    match kind {
        EventKind::Message { from, text, .. } => {
            let who = match from {
                Sender::Customer => "customer",
                Sender::Seat => "seat",
                Sender::Machine => "machine",
            };
            // Quoted: a text of several lines stays one line.
            format!("{who}: {text:?}")
        }
        // The wire's own words, as there is no text in them.
        other => wire_words(other),
    }
}

fn wire_words(what: &impl serde::Serialize) -> String {
    serde_json::to_string(what).unwrap_or_else(|error| error.to_string())
}
