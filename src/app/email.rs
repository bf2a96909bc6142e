//! What e-mail needs of the configuration.

use std::sync::Arc;

use super::StartError;
use crate::channels::email::{Letterhead, ReplyAddresses};
use crate::config::{Config, UncertainEmail};
use crate::flow::{Effects, EmailRules, Owners};
use crate::gateway::Secret;
use crate::outward::{Begun, Courier, MailServer, Retry};
use crate::runtime::Clock;

/// How customers are written to; `None` when they are not.
pub(super) fn rules(config: &Config) -> Option<EmailRules> {
    let can_reply = !config.email.reply_to.is_empty();
    (!config.email.server.is_empty()).then_some(EmailRules { can_reply })
}

/// The addresses that answers come back to; `None` where they do not.
pub(super) fn reply_addresses(config: &Config, secret: &Secret) -> Option<ReplyAddresses> {
    ReplyAddresses::new(&config.email.reply_to, secret.derived(b"reply addresses"))
}

/// Who carries out what conversations bring about outside; `None` without a mail server.
pub(super) fn courier(
    config: &Config,
    secret: &Secret,
    (effects, owners, clock): (Effects, Owners, Clock),
) -> Result<Option<Courier>, StartError> {
    let Some(server) = MailServer::of(&config.email)? else { return Ok(None) };
    let email = &config.email;
    let begun = Begun::open(&config.paths.data, clock.now());
    let unusable = |error| StartError::Data { folder: config.paths.data.clone(), error };
    let letterhead = Letterhead::new(&email.from, reply_addresses(config, secret));
    Ok(Some(Courier {
        effects,
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
