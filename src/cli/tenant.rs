//! `tradewind tenant`: shops, their pages and the keys that prove who their customers are.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use super::Exit;
use super::folder::{FolderArgs, new_secret};
use crate::config::shop::edit::{KeyLine, NewKey};
use crate::config::shop::store::NewShop;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind tenant add cafe --name \"Café Mañana\" --origin https://cafe.example --shops shops
  tradewind tenant list --shops shops --json
  tradewind tenant key add cafe --shops shops --reload")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Makes the folder of a new shop.
    #[command(after_help = "\
Examples:
  tradewind tenant add cafe --name \"Café Mañana\" --origin https://cafe.example --shops shops

The machine of a new shop says only what every shop's machine has to say; its seats come by
`tradewind seat add`, its answers stand in the folder answers.")]
    Add {
        /// The id: 1 to 64 of a-z, 0-9, `-` and `_`.
        id: String,
        /// The name that people read.
        #[arg(long)]
        name: String,
        /// A page that may connect, such as `https://cafe.example`; may come several times.
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Lists the shops with their pages, seats and keys.
    #[command(after_help = "\
Examples:
  tradewind tenant list --shops shops
  tradewind tenant list --shops shops --json")]
    List {
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Takes a shop out of service; its files stay, with shop.toml named shop.removed.toml.
    #[command(after_help = "\
Examples:
  tradewind tenant remove cafe --shops shops --reload")]
    Remove {
        /// The id.
        id: String,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Names the pages that may connect, in place of those before.
    #[command(after_help = "\
Examples:
  tradewind tenant origins cafe --origin https://cafe.example --origin https://m.cafe.example --shops shops")]
    Origins {
        /// The id of the shop.
        id: String,
        /// A page that may connect; may come several times. None: no page.
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Looks after the keys that prove who a customer is.
    #[command(after_help = "\
Examples:
  tradewind tenant key add cafe --shops shops --reload
  tradewind tenant key list cafe --shops shops
  tradewind tenant key remove cafe 2026-05 --shops shops --reload")]
    Key {
        #[command(subcommand)]
        verb: KeyVerb,
    },
}

#[derive(Debug, clap::Subcommand)]
enum KeyVerb {
    /// Adds a key; the others stay good until they are removed, so that keys can rotate.
    #[command(after_help = "\
Examples:
  tradewind tenant key add cafe --shops shops                        makes a secret for HS256 and prints it once
  tradewind tenant key add cafe --kid 2026-11 --public-key ed25519.pem --shops shops")]
    Add {
        /// The id of the shop.
        id: String,
        /// The name of the key; left out: one is made.
        #[arg(long)]
        kid: Option<String>,
        /// A file with your Ed25519 public key (PEM), for EdDSA.
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Lists names and algorithms.
    #[command(after_help = "\
Examples:
  tradewind tenant key list cafe --shops shops --json")]
    List {
        /// The id of the shop.
        id: String,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Removes a key; sockets that it opened are closed.
    #[command(after_help = "\
Examples:
  tradewind tenant key remove cafe 2026-05 --shops shops --reload")]
    Remove {
        /// The id of the shop.
        id: String,
        /// The name of the key.
        kid: String,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Add { id, name, origins, folder } => {
            let new = NewShop { id: id.clone(), name: name.clone(), origins: origins.clone() };
            folder.change(|shops| shops.add(&new))?;
            folder.done(json!({ "shop": id }), &format!("{id} is made\n"))
        }
        Verb::List { folder } => list(folder),
        Verb::Remove { id, folder } => {
            folder.change(|shops| shops.remove(id))?;
            folder.done(json!({ "shop": id }), &format!("{id} is out of service\n"))
        }
        Verb::Origins { id, origins, folder } => {
            folder.change(|shops| {
                shops.change(id, |shop| {
                    shop.set_origins(origins);
                    Ok(())
                })
            })?;
            let text = format!("{id} is open to {} pages\n", origins.len());
            folder.done(json!({ "shop": id, "origins": origins }), &text)
        }
        Verb::Key { verb } => key(verb),
    }
}

fn list(folder: &FolderArgs) -> anyhow::Result<Exit> {
    let shops = folder.open()?.shops()?;
    let rows: Vec<Value> = shops
        .iter()
        .map(|shop| {
            let keys: Vec<&String> = shop.customer_proof.keys.keys().collect();
            json!({ "shop": shop.id, "name": shop.name, "origins": shop.origins.list(),
                    "seats": shop.seats.len(), "keys": keys })
        })
        .collect();
    let lines = shops.iter().map(|shop| {
        let (seats, keys) = (shop.seats.len(), shop.customer_proof.keys.len());
        format!("{:<20} {:>4} seats {keys:>2} keys  {}\n", shop.id, seats, shop.name)
    });
    folder.tell(json!({ "shops": rows }), &lines.collect::<String>())
}

fn key(verb: &KeyVerb) -> anyhow::Result<Exit> {
    match verb {
        KeyVerb::Add { id, kid, public_key, folder } => {
            let kid = kid.clone().unwrap_or_else(|| format!("key-{}", &new_secret()[..8]));
            let (key, secret) = match public_key {
                Some(file) => {
                    let text = std::fs::read_to_string(file);
                    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
                    (NewKey::EdDsa(text.trim().to_owned()), None)
                }
                None => {
                    let secret = new_secret();
                    (NewKey::Hs256(secret.clone()), Some(secret))
                }
            };
            folder.change(|shops| shops.change(id, |shop| shop.add_key(&kid, &key)))?;
            let shown = secret.as_ref().map(|secret| format!("secret {secret}\n"));
            let text = format!("kid    {kid}\n{}", shown.unwrap_or_default());
            folder.done(json!({ "shop": id, "kid": kid, "secret": secret }), &text)
        }
        KeyVerb::List { id, folder } => {
            let shop = folder.open()?.shop(id)?;
            let keys = shop.customer_proof.keys.iter().map(|(kid, key)| KeyLine::new(kid, key));
            let keys: Vec<KeyLine> = keys.collect();
            let lines = keys.iter().map(|key| format!("{:<6} {}\n", key.alg, key.kid));
            folder.tell(json!({ "shop": id, "keys": keys }), &lines.collect::<String>())
        }
        KeyVerb::Remove { id, kid, folder } => {
            folder.change(|shops| shops.change(id, |shop| shop.remove_key(kid)))?;
            folder.done(json!({ "shop": id, "kid": kid }), &format!("{kid} is removed\n"))
        }
    }
}
