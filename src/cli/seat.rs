//! `tradewind seat`: accounts of seats.

use std::io::{BufRead, IsTerminal};

use anyhow::Context;
use serde_json::{Value, json};

use super::folder::{FolderArgs, new_secret};
use super::{Exit, print};
use crate::config::shop::Password;
use crate::config::shop::edit::{NewSeat, Role};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind seat add cafe ann --language en --language fr:2 --shops shops --reload < password.txt
  tradewind seat revoke cafe ann --shops shops --reload
  tradewind seat hash-password < password.txt")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Adds a seat to a shop; its password is the first line of standard input.
    #[command(after_help = "\
Examples:
  tradewind seat add cafe ann --language en --language fr:2 --shops shops < password.txt
  tradewind seat add cafe eve --language en --role supervisor --generate --shops shops --json
  tradewind seat add cafe kim --language ko --email kim@cafe.example --no-password --shops shops")]
    Add {
        /// The shop.
        shop: String,
        /// Sign-in name: 1 to 64 of a-z, 0-9, `-` and `_`.
        user: String,
        /// A language, with its level from 1 to 5 behind a colon; may come several times.
        #[arg(long = "language", value_name = "CODE[:LEVEL]", required = true)]
        languages: Vec<String>,
        /// A skill of the shop; may come several times. None: all of them.
        #[arg(long = "skill", value_name = "SKILL")]
        skills: Vec<String>,
        /// Conversations at a time.
        #[arg(long)]
        slots: Option<u8>,
        /// seat, supervisor or admin.
        #[arg(long, default_value = "seat")]
        role: Role,
        /// The address by which the shop's provider knows the seat, once it has verified it.
        #[arg(long)]
        email: Option<String>,
        /// The `sub` by which the shop's provider knows the seat; goes before an address.
        #[arg(long)]
        subject: Option<String>,
        /// No password: the seat signs in at the shop's provider only.
        #[arg(long, conflicts_with = "generate")]
        no_password: bool,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Lists the seats of a shop.
    #[command(after_help = "\
Examples:
  tradewind seat list cafe --shops shops --json")]
    List {
        /// The shop.
        shop: String,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Takes a seat away; its open sockets are closed.
    #[command(after_help = "\
Examples:
  tradewind seat revoke cafe ann --shops shops --reload")]
    Revoke {
        /// The shop.
        shop: String,
        /// Sign-in name.
        user: String,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Gives a seat another password, the first line of standard input; its open sockets are closed.
    #[command(after_help = "\
Examples:
  tradewind seat password cafe ann --shops shops --reload < password.txt
  tradewind seat password cafe ann --generate --shops shops --reload")]
    Password {
        /// The shop.
        shop: String,
        /// Sign-in name.
        user: String,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Reads a password from standard input and prints what a shop file keeps of it (Argon2id).
    #[command(after_help = "\
Examples:
  tradewind seat hash-password < password.txt
  read -rs P && printf %s \"$P\" | tradewind seat hash-password")]
    HashPassword,
}

#[derive(Debug, clap::Args)]
struct PasswordArgs {
    /// Makes a password and prints it once, in place of reading one.
    #[arg(long)]
    generate: bool,
}

impl PasswordArgs {
    /// The hash, and the password where it was made here.
    fn hash(&self) -> anyhow::Result<(String, Option<String>)> {
        if self.generate {
            let password = new_secret();
            return Ok((Password::hash(&password)?, Some(password)));
        }
        Ok((hash_line(terminal_hint())?, None))
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Add {
            shop,
            user,
            languages,
            skills,
            slots,
            role,
            email,
            subject,
            no_password,
            password,
            folder,
        } => {
            let (password_hash, made) = match no_password {
                true => (None, None),
                false => password.hash().map(|(hash, made)| (Some(hash), made))?,
            };
            let seat = NewSeat {
                id: user.clone(),
                password_hash,
                subject: subject.clone(),
                email: email.clone(),
                languages: languages.clone(),
                skills: skills.clone(),
                slots: *slots,
                role: *role,
            };
            folder.change(|shops| shops.change(shop, |text| text.add_seat(&seat)))?;
            folder.done(seat_json(shop, user, made.as_ref()), &seat_text(user, made.as_ref()))
        }
        Verb::List { shop, folder } => {
            let seats = folder.open()?.shop(shop)?.seats;
            let rows: Vec<Value> = seats.values().map(|account| json!(account.summary())).collect();
            let lines = seats.values().map(|account| {
                let seat = account.summary();
                format!(
                    "{:<20} {:<10} {}\n",
                    seat.seat,
                    seat.role.as_str(),
                    seat.languages.join(" ")
                )
            });
            folder.tell(json!({ "shop": shop, "seats": rows }), &lines.collect::<String>())
        }
        Verb::Revoke { shop, user, folder } => {
            folder.change(|shops| shops.change(shop, |text| text.remove_seat(user)))?;
            folder.done(json!({ "shop": shop, "seat": user }), &format!("{user} is removed\n"))
        }
        Verb::Password { shop, user, password, folder } => {
            let (hash, made) = password.hash()?;
            folder.change(|shops| shops.change(shop, |text| text.set_password(user, &hash)))?;
            folder.done(seat_json(shop, user, made.as_ref()), &seat_text(user, made.as_ref()))
        }
        Verb::HashPassword => {
            print(&format!("{}\n", hash_line(terminal_hint())?))?;
            Ok(Exit::Success)
        }
    }
}

fn seat_json(shop: &str, user: &str, made: Option<&String>) -> Value {
    json!({ "shop": shop, "seat": user, "password": made })
}

fn seat_text(user: &str, made: Option<&String>) -> String {
    let password = made.map(|password| format!("password {password}\n")).unwrap_or_default();
    format!("seat     {user}\n{password}")
}

fn terminal_hint() -> std::io::StdinLock<'static> {
    let stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!("the password is shown while you type; end it with Enter");
    }
    stdin
}

/// The PHC string of the first line of `input`.
fn hash_line(input: impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    // One byte more than the longest, and the end of the line.
    let limit = u64::try_from(Password::BYTES_MAX).context("a small number")? + 3;
    input.take(limit).read_line(&mut line).context("cannot read the password")?;
    Ok(Password::hash(line.trim_end_matches(['\r', '\n']))?)
}

#[cfg(test)]
mod tests {
    use argon2::Argon2;
    use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};

    use super::*;

    #[test]
    fn what_is_printed_verifies_the_line_without_its_end() {
        let text = hash_line("Grüße 海洋\r\nnext line".as_bytes()).expect("a hash");

        let hash = PasswordHash::new(&text).expect("a PHC string");
        assert!(text.starts_with("$argon2id$"), "{text}");
        assert!(Argon2::default().verify_password("Grüße 海洋".as_bytes(), &hash).is_ok());
        assert!(Argon2::default().verify_password(b"another", &hash).is_err());
    }

    #[test]
    fn an_empty_short_or_endless_password_is_refused() {
        for password in ["\n", "seven77\n", &"x".repeat(Password::BYTES_MAX + 1)] {
            assert!(hash_line(password.as_bytes()).is_err(), "{password}");
        }
    }
}
