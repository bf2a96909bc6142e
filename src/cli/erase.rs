//! `tradewind erase`: everything that a customer said, and that it was him.

use std::sync::Arc;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::json;

use super::erase_at_rest::{Whose, at_rest};
use super::router::Router;
use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::admin::customers_called;
use crate::backup::JOURNAL;
use crate::domain::{ConversationId, ShopId};
use crate::journal::{DiskFolder, Folder};
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
What was written before there were keys is not sealed. Without a router it is taken out of the files of the
journal; a running one is rid of it after two snapshots: to be rid of it at once, stop the router and run
the command again. Backups of that time hold it in plain text: delete them.
Exit codes: 0 erased, also when there was nothing, 1 not erased, 2 wrong flags or settings, 3 erased, but
something that is not sealed is left in files of the journal; what to do is printed.")]
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
pub(super) struct Erased {
    pub conversations: u64,
    pub keys: u64,
    /// Conversations of which something lies on disk that is not sealed.
    pub unsealed: u64,
    /// Records and entries of snapshots that were not sealed and were emptied; by a router none.
    #[serde(default)]
    pub emptied: u64,
    /// Files of the journal that were set aside as damaged: nobody looks into them.
    #[serde(default)]
    pub set_aside: u64,
    /// Whether a router did it.
    #[serde(skip)]
    pub by_router: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = args.settings.load()?.config;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ensure!(args.shop.bytes().all(is_name), "no shop can be called `{}`", args.shop);
    let data = &config.paths.data;
    let journal = data.join(JOURNAL);
    ensure!(journal.is_dir(), "{} is no data folder: it has no journal", data.display());
    let folder: Arc<dyn Folder> = Arc::new(DiskFolder::create(&journal)?);
    let erased = match folder.lock()? {
        Some(_lock) => {
            let vault = Vault::open(&data.join(vault::FOLDER), &config.keys.master)?;
            let whose = Whose {
                shop: ShopId::from(args.shop.as_str()),
                customers: args.customer.as_deref().map(customers_called).unwrap_or_default(),
                conversation: args.conversation,
            };
            at_rest(whose, &folder, &vault)?
        }
        None => {
            let erased = by_the_router(args, &Router::with_key(&config))?;
            Erased { by_router: true, ..erased }
        }
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

fn tell(args: &Args, erased: Erased) -> anyhow::Result<()> {
    let Erased { conversations, keys, unsealed, emptied, set_aside, by_router } = erased;
    if args.json {
        return print_json(&json!({
            "shop": args.shop,
            "conversations": conversations,
            "keys": keys,
            "unsealed": unsealed,
            "emptied": emptied,
            "set_aside": set_aside,
        }));
    }
    let mut text = match (conversations, keys) {
        (0, 0) => "nothing of this customer was here\n".to_owned(),
        _ => format!("erased: {conversations} conversations, {keys} keys destroyed\n"),
    };
    text.push_str(
        "copies of the keys hold them still: make them anew with `tradewind keys copy`\n",
    );
    if emptied > 0 {
        text.push_str(&format!(
            "{emptied} records of before there were keys were emptied; backups of that time hold them in \
             plain text: delete them\n"
        ));
    }
    if unsealed > 0 && by_router {
        text.push_str(&format!(
            "{unsealed} conversations have records of before there were keys: these go when the router \
             has made two snapshots, or at once when you stop it and run this again; backups of that \
             time hold them in plain text: delete them\n"
        ));
    } else if unsealed > 0 {
        text.push_str(&format!(
            "{unsealed} conversations have records of before there were keys that could not be emptied \
             where they lie: start the router and let it make two snapshots, which takes their place\n"
        ));
    }
    if set_aside > 0 {
        text.push_str(&format!(
            "{set_aside} files of the journal were set aside as damaged and are not looked into: remove \
             the files that end in .damaged\n"
        ));
    }
    print(&text)
}
