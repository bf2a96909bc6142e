//! What e-mail needs of the configuration.

use std::sync::Arc;

use super::StartError;
use crate::channels::email::{Letterhead, ReplyAddresses};
use crate::config::{Config, UncertainEmail};
use crate::domain::Email;
use crate::flow::{EmailRules, Errands, Owners};
use crate::gateway::{Gateway, Secret};
use crate::inward::{Letters, Mailboxes};
use crate::outward::{Begun, Courier, MailServer, Retry};
use crate::runtime::Clock;

/// How customers are written to; `None` when they are not.
pub(super) fn rules(config: &Config) -> Option<EmailRules> {
    let can_reply = answers_come(config);
    let ours = [&config.email.from, &config.email.reply_to].into_iter().cloned().collect();
    (!config.email.server.is_empty()).then_some(EmailRules { can_reply, ours })
}

fn reply_addresses(secret: &Secret) -> ReplyAddresses {
    ReplyAddresses::signed_with(secret.derived(b"reply addresses"))
}

/// Whether answers to shops without a mailbox of their own come back.
pub(super) fn answers_come(config: &Config) -> bool {
    !config.email.reply_to.is_empty()
}

/// Who takes in what customers write by e-mail.
pub(super) fn letters(config: &Config, gateway: &Gateway) -> Letters {
    let (owners, metrics) = (gateway.owners.clone(), gateway.metrics.clone());
    let text_bytes_max = config.gateway.text_bytes_max;
    Letters::new(owners, reply_addresses(&gateway.secret), metrics, text_bytes_max)
}

/// Who reads the mailboxes of shops.
pub(super) fn mailboxes(config: &Config, gateway: &Gateway, letters: Letters) -> Mailboxes {
    let (data, metrics) = (config.paths.data.clone(), gateway.metrics.clone());
    Mailboxes { letters, data, clock: gateway.clock, metrics }
}

/// Who sends letters to customers; `None` without a mail server.
///
/// # Errors
/// When the server cannot be used as it is set up, or the data folder.
pub fn courier(
    config: &Config,
    secret: &Secret,
    (errands, owners, clock): (Errands<Email>, Owners, Clock),
) -> Result<Option<Courier>, StartError> {
    let Some(server) = MailServer::of(&config.email)? else { return Ok(None) };
    let email = &config.email;
    let begun = Begun::open(&config.paths.data, clock.now());
    let unusable = |error| StartError::Data { folder: config.paths.data.clone(), error };
    let reply_to = answers_come(config).then(|| email.reply_to.clone());
    let letterhead = Letterhead::new(&email.from, reply_addresses(secret), reply_to);
    Ok(Some(Courier {
        errands,
        owners,
        clock,
        server: Arc::new(server),
        letterhead: Arc::new(letterhead.ok_or(StartError::EmailFrom)?),
        begun: Arc::new(begun.map_err(unusable)?),
        retry: Retry {
            first: email.retry_first,
            longest: email.retry_longest,
            up_to: email.retry_for,
        },
        sessions_max: email.sessions_max.get(),
        sends_uncertain_again: email.uncertain == UncertainEmail::SendAgain,
    }))
}
