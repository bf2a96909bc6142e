//! Whether the mail server, and the servers of the shops' mailboxes, take us as they are set up. No letter is
//! sent, and none is read.

use std::time::Duration;

use super::{Finding, Verdict};
use crate::config::shop::{ImapMailbox, Shop};
use crate::config::{Config, EmailTls};
use crate::inward::try_mailbox;
use crate::outward::{MailServer, NotSent, Session};

const CHECK: &str = "e-mail";
const MAILBOXES: &str = "mailboxes";
/// Longest wait, whatever the settings say.
const LONGEST: Duration = Duration::from_secs(20);

pub(super) fn examine(config: &Config) -> Finding {
    let server = match MailServer::of(&config.email) {
        Ok(None) => {
            return Finding::new(CHECK, Verdict::Good, "none is sent: email.server is empty");
        }
        Ok(Some(server)) => server,
        Err(error) => return Finding::new(CHECK, Verdict::Wrong, error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tried = runtime.map_err(NotSent::from).and_then(|runtime| {
        runtime.block_on(async {
            let opened = tokio::time::timeout(LONGEST, Session::open(&server)).await;
            opened.map_err(|_| NotSent::TooLong)??.quit().await;
            Ok(())
        })
    });
    let email = &config.email;
    let place = &email.server;
    match tried {
        Err(error) => Finding::new(CHECK, Verdict::Wrong, format!("{place}: {error}")),
        Ok(()) if email.tls == EmailTls::None => {
            let text = format!("{place} takes us, in clear: fine on this machine only");
            Finding::new(CHECK, Verdict::Odd, text)
        }
        Ok(()) => Finding::new(CHECK, Verdict::Good, format!("{place} takes us")),
    }
}

/// Opens the mailbox of each shop that has one.
pub(super) fn mailboxes(config: &Config) -> Finding {
    // What is wrong with the shops is told by another check.
    let shops = config.paths.shops.as_deref().map(Shop::load_dir);
    let shops = shops.and_then(Result::ok).unwrap_or_default();
    let found: Vec<(bool, String)> = shops
        .iter()
        .filter_map(|shop| Some((shop, shop.email.imap.as_ref()?)))
        .map(|(shop, mailbox)| {
            let is_asked_for = shop.email.reply_to.is_some() || !config.email.reply_to.is_empty();
            let (is_good, text) = examine_mailbox(mailbox, is_asked_for);
            (is_good, format!("{}: {}:{} {text}", shop.id, mailbox.host, mailbox.port))
        })
        .collect();
    let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
    match found.iter().all(|(is_good, _)| *is_good) {
        true if found.is_empty() => Finding::new(MAILBOXES, Verdict::Good, "no shop has one"),
        true => Finding::new(MAILBOXES, Verdict::Good, texts.join("; ")),
        false => Finding::new(MAILBOXES, Verdict::Wrong, texts.join("; ")),
    }
}

fn examine_mailbox(mailbox: &ImapMailbox, is_asked_for: bool) -> (bool, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tried = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        let tried =
            runtime.block_on(async { tokio::time::timeout(LONGEST, try_mailbox(mailbox)).await });
        tried.map_err(|_| "takes too long".to_owned())?.map_err(|error| error.to_string())
    });
    match tried {
        Err(error) => (false, error),
        Ok(()) if !is_asked_for => {
            (false, "takes us, but no e-mail asks for answers: email.reply_to is empty".to_owned())
        }
        Ok(()) => (true, format!("takes us and opens {}", mailbox.folder)),
    }
}
