//! `tradewind knowledge gaps`: what customers asked that no article answered.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use crate::cli::keyring::KeysArgs;
use crate::cli::{Exit, journal, print, print_json};
use crate::config::shop::ARTICLE_INTENTS;
use crate::domain::{
    ConversationId, EventKind, Language, Sender, ShopId, Timestamp, Understanding,
};
use crate::flow::{Entry, Fact, Record, Seal, shown_question};
use crate::knowledge::gaps::{Unanswered, gaps};
use crate::understand::{Model, Scratch};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge gaps data --shop cafe
  tradewind knowledge gaps /backup/today --keys /backup-keys --shop cafe --json

DIR is a data folder, a backup, or a folder that holds the journal itself; nothing in it is changed. Only
questions count that an article could answer: complaints, money and changes to an order do not. Texts are
those of customers, with personal data masked: they are shown with the keys of the data folder, erased ones
not at all.")]
pub(super) struct GapsArgs {
    /// Data folder, backup or journal folder.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only this shop.
    #[arg(long, value_name = "ID")]
    shop: Option<ShopId>,
    /// Gaps that are shown.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    top: usize,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeysArgs,
}

/// Reads the journal and prints what to write next.
///
/// # Errors
/// When there is no journal, or it is damaged.
pub(super) fn run(args: &GapsArgs) -> anyhow::Result<Exit> {
    let found = journal::open(&args.dir)?;
    let mut keys = args.keys.open(&args.dir)?;
    let mut asked = Asked { shop: args.shop.clone(), ..Asked::default() };
    for entry in found.replay {
        let (_, payload) = entry?;
        // What is erased, sealed or of a later version tells nothing here.
        if let Ok((Entry::Conversation(record), seal)) = Entry::read(&payload, &mut keys)
            && matches!(seal, Seal::None | Seal::Opened(_))
        {
            asked.hear(&record);
        }
    }
    let model = Model::embedded()?;
    let mut scratch = Scratch::default();
    let with_vector = |it: Question| Unanswered {
        at: it.at,
        vector: model.meaning(&it.text, &mut scratch).vector,
        text: it.text,
        language: it.language,
        intent: it.read.intent.label,
    };
    let questions: Vec<Unanswered> = asked.unanswered.into_iter().map(with_vector).collect();
    let mut gaps = gaps(&questions);
    gaps.truncate(args.top);
    if args.json {
        print_json(&json!({ "questions": questions.len(), "gaps": gaps }))?;
        return Ok(Exit::Success);
    }
    let mut text = format!("{} questions that a person had to answer\n", questions.len());
    for gap in &gaps {
        let languages = gap.languages.iter().map(|(language, n)| format!("{language} {n}"));
        let languages: Vec<String> = languages.collect();
        let (intent, spoken) = (gap.intent, languages.join(", "));
        let (since, last) = (day(gap.since), day(gap.last));
        let _ = writeln!(text, "\n{:>5}  {intent} ({spoken}), {since} to {last}", gap.questions);
        for example in &gap.examples {
            let _ = writeln!(text, "       {example:?}");
        }
    }
    print(&text)?;
    Ok(Exit::Success)
}

/// The day of an instant, in UTC.
fn day(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(10).collect()
}

/// What was asked so far, conversation by conversation.
#[derive(Default)]
struct Asked {
    shop: Option<ShopId>,
    open: BTreeMap<ConversationId, Heard>,
    unanswered: Vec<Question>,
}

/// The latest of a conversation that nobody has answered yet.
#[derive(Default)]
struct Heard {
    text: String,
    at: Timestamp,
    read: Option<Understanding>,
    wants_person: bool,
    /// Whether it has waited for a person: what was said since was said to one.
    has_waited: bool,
}

struct Question {
    /// Without personal data.
    text: String,
    at: Timestamp,
    language: Language,
    read: Understanding,
}

impl Asked {
    fn hear(&mut self, record: &Record) {
        let heard = self.open.entry(record.conversation).or_default();
        for fact in &record.facts {
            match fact {
                Fact::Event(event) => match &event.kind {
                    EventKind::Message { from: Sender::Customer, text, .. } => {
                        heard.text = text.to_string();
                        heard.at = event.at;
                    }
                    EventKind::AnsweredByMachine { .. } => {
                        let Heard { wants_person, has_waited, .. } = *heard;
                        *heard = Heard { wants_person, has_waited, ..Heard::default() };
                    }
                    EventKind::Closed { .. } => {
                        self.open.remove(&record.conversation);
                        return;
                    }
                    _ => {}
                },
                Fact::Understood { understanding, .. } => heard.read.clone_from(understanding),
                Fact::AskedForPerson => heard.wants_person = true,
                Fact::Waits(contact) => {
                    let is_shop = self.shop.as_ref().is_none_or(|shop| *shop == contact.shop);
                    let now = Heard { has_waited: true, ..Heard::default() };
                    let Heard { text, at, read, wants_person, has_waited } =
                        std::mem::replace(heard, now);
                    let counts = is_shop && !wants_person && !has_waited;
                    let Some(read) = read.filter(|_| counts) else { continue };
                    if ARTICLE_INTENTS.contains(&read.intent.label) && !text.is_empty() {
                        let (text, language) = (shown_question(&text), contact.language);
                        self.unanswered.push(Question { text, at, language, read });
                    }
                }
                _ => {}
            }
        }
    }
}
