//! `tradewind seat`: accounts of seats.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;

use super::{Exit, print};

/// Longer is a mistake, such as a file that was piped in.
const PASSWORD_BYTES_MAX: usize = 1024;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind seat hash-password < password.txt")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Reads a password from standard input and prints what a shop file keeps of it (Argon2id).
    #[command(after_help = "\
Examples:
  tradewind seat hash-password < password.txt
  read -rs P && printf %s \"$P\" | tradewind seat hash-password")]
    HashPassword,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::HashPassword => {
            let stdin = std::io::stdin().lock();
            if stdin.is_terminal() {
                eprintln!("the password is shown while you type; end it with Enter");
            }
            print(&format!("{}\n", hash_password(stdin)?))?;
            Ok(Exit::Success)
        }
    }
}

/// The PHC string of the first line of `input`.
fn hash_password(input: impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    let limit = u64::try_from(PASSWORD_BYTES_MAX).context("a small number")? + 2;
    input.take(limit).read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is empty");
    }
    if password.len() > PASSWORD_BYTES_MAX {
        bail!("the password is longer than {PASSWORD_BYTES_MAX} bytes");
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|error| anyhow::anyhow!("cannot hash the password: {error}"))?.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};

    use super::*;

    #[test]
    fn what_is_printed_verifies_the_line_without_its_end() {
        let text = hash_password("Grüße 海\r\nnext line".as_bytes()).expect("a hash");

        let hash = PasswordHash::new(&text).expect("a PHC string");
        assert!(text.starts_with("$argon2id$"), "{text}");
        assert!(Argon2::default().verify_password("Grüße 海".as_bytes(), &hash).is_ok());
        assert!(Argon2::default().verify_password(b"another", &hash).is_err());
    }

    #[test]
    fn an_empty_or_endless_password_is_refused() {
        assert!(hash_password("\n".as_bytes()).is_err());
        assert!(hash_password("x".repeat(PASSWORD_BYTES_MAX + 1).as_bytes()).is_err());
    }
}
