//! `tradewind erase`: everything that a customer said, and that it was him.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::json;

use super::router::Router;
use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::admin::customers_called;
use crate::backup::JOURNAL;
use crate::domain::{ConversationId, CustomerId, ShopId};
use crate::flow::{Entry, Fact, Kept, Keyring, Opened, Seal};
use crate::journal::{DiskFolder, Folder, look};
use crate::vault::{self, Vault};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind erase --shop cafe --customer 4711
  tradewind erase --shop cafe --conversation 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1 --json
  tradewind erase --shop cafe --customer 4711 --data /var/lib/tradewind --admin-listen 127.0.0.1:8081

Destroys the keys that what a customer said is sealed with, and what is in memory of it. Nobody can read
it any more: not in the journal, not in snapshots, not in any backup, since backups hold no keys. Copies of
the keys (`tradewind keys copy`) have to be made anew. Conversations end and keep their ids and the order of
what happened; `[erased]` stands where texts were. It cannot be undone.
Examples that a shop has trained its own intents with, and what the shop's own systems hold, are not reached.
A router that has the data folder is asked at its management address; else the folder is changed itself.
Exit codes: 0 erased, also when there was nothing, 1 not erased, 2 wrong flags or settings, 3 erased, but
files of before there were keys hold something of the customer: it goes with them, after two snapshots.")]
pub(super) struct Args {
    /// The shop.
    #[arg(long, value_name = "SHOP")]
    shop: String,
    /// The customer, by the id that the shop has signed, or by the router's own.
    #[arg(long, value_name = "ID", required_unless_present = "conversation")]
    customer: Option<String>,
    /// The customer who began this conversation.
    #[arg(long, value_name = "ID", conflicts_with = "customer")]
    conversation: Option<ConversationId>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What was erased, as the router tells it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Erased {
    conversations: u64,
    keys: u64,
    /// Conversations of which something lies on disk that is not sealed.
    unsealed: u64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = args.settings.load()?.config;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ensure!(args.shop.bytes().all(is_name), "no shop can be called `{}`", args.shop);
    let data = &config.paths.data;
    let journal = data.join(JOURNAL);
    ensure!(journal.is_dir(), "{} is no data folder: it has no journal", data.display());
    let folder = DiskFolder::create(&journal)?;
    let erased = match folder.lock()? {
        Some(_lock) => {
            let vault = Vault::open(&data.join(vault::FOLDER), &config.keys.master)?;
            at_rest(args, &journal, &vault)?
        }
        None => by_the_router(args, &Router::with_key(&config))?,
    };
    tell(args, erased)?;
    Ok(if erased.unsealed == 0 { Exit::Success } else { Exit::CheckFailed })
}

fn by_the_router(args: &Args, router: &Router) -> anyhow::Result<Erased> {
    let body = match &args.conversation {
        Some(conversation) => json!({ "conversation": conversation }),
        None => json!({ "customer": args.customer }),
    };
    let path = format!("/v1/shops/{}/erasures", args.shop);
    let (status, answer) = router.tell("POST", &path, &body)?;
    let address = router.address;
    ensure!(
        status == 200,
        "the router at {address} answers with status {status}: {}",
        answer.trim()
    );
    serde_json::from_str(&answer).context("the router's answer is not understood")
}

/// Without a router: the next start finds the keys destroyed and ends the conversations.
fn at_rest(args: &Args, journal: &Path, vault: &Vault) -> anyhow::Result<Erased> {
    let shop = ShopId::from(args.shop.as_str());
    let mut search = Search {
        shop: &shop,
        customers: args.customer.as_deref().map(customers_called).unwrap_or_default(),
        conversation: args.conversation,
        conversations: BTreeSet::new(),
        unsealed: BTreeSet::new(),
    };
    let mut keys = Keyring::new(vault.clone());
    let found = look(journal)?;
    for id in found.snapshots.list()? {
        for entry in found.snapshots.open(id)? {
            let (_, payload) = entry?;
            if let Ok((Kept::Conversation(kept), seal)) = Kept::read(&payload, &mut keys) {
                search.take(kept.conversation.id, &kept.conversation.opened, &seal);
            }
        }
    }
    for (_, payload) in found.replay.flatten() {
        if let Ok((Entry::Conversation(record), seal)) = Entry::read(&payload, &mut keys)
            && let Some(Fact::Opened(opened)) = record.facts.first()
        {
            search.take(record.conversation, opened, &seal);
        }
    }
    let Search { customers, conversations, unsealed, .. } = search;
    ensure!(
        !customers.is_empty(),
        "no conversation of that id is here, or its customer is erased already"
    );
    let mut keys = 0;
    for customer in &customers {
        keys += vault.erase_at_rest(&shop, customer)?.keys;
    }
    Ok(Erased { conversations: conversations.len() as u64, keys, unsealed: unsealed.len() as u64 })
}

/// Looks through a journal for a customer.
struct Search<'a> {
    shop: &'a ShopId,
    customers: Vec<CustomerId>,
    conversation: Option<ConversationId>,
    /// Theirs.
    conversations: BTreeSet<ConversationId>,
    /// Those of them that something is not sealed of.
    unsealed: BTreeSet<ConversationId>,
}

impl Search<'_> {
    fn take(&mut self, id: ConversationId, opened: &Opened, seal: &Seal) {
        if opened.shop != *self.shop || opened.is_erased() {
            return;
        }
        if self.conversation == Some(id) && !self.customers.contains(&opened.customer) {
            self.customers.push(opened.customer.clone());
        }
        if self.customers.contains(&opened.customer) {
            self.conversations.insert(id);
            if let Seal::None = seal {
                self.unsealed.insert(id);
            }
        }
    }
}

fn tell(args: &Args, erased: Erased) -> anyhow::Result<()> {
    let Erased { conversations, keys, unsealed } = erased;
    if args.json {
        return print_json(&json!({
            "shop": args.shop,
            "conversations": conversations,
            "keys": keys,
            "unsealed": unsealed,
        }));
    }
    let mut text = match (conversations, keys) {
        (0, 0) => "nothing of this customer was here\n".to_owned(),
        _ => format!("erased: {conversations} conversations, {keys} keys destroyed\n"),
    };
    text.push_str(
        "copies of the keys hold them still: make them anew with `tradewind keys copy`\n",
    );
    if unsealed > 0 {
        text.push_str(&format!(
            "{unsealed} conversations have records of before there were keys: these go when the router \
             has made two snapshots; backups of that time hold them in plain text\n"
        ));
    }
    print(&text)
}
