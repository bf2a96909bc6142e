//! What the router brings about outside of itself, once.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ConversationId, Timestamp, Webhook};

/// Names an effect: the same for every try, in every run, so that it happens once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EffectKey(u128);

/// What an effect is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirms a ticket.
    TicketConfirmed,
    /// Brings a seat's answer.
    Answer,
}

/// Something outside that has to happen once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect<W = Outward> {
    /// Which.
    pub key: EffectKey,
    /// Since when it is wanted.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: W,
}

/// The kinds of [`Effect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outward {
    /// An e-mail to a customer.
    Email(Email),
    /// A call of a shop's own system.
    Webhook(Webhook),
}

/// An e-mail to a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The name that it comes from: the shop's.
    pub from_name: Arc<str>,
    /// The customer's address.
    pub to: Arc<str>,
    /// Its subject.
    pub subject: Arc<str>,
    /// Its text, lines ended by `\n`.
    pub text: Arc<str>,
    /// Whether a machine wrote it.
    pub automatic: bool,
    /// The shop's own mailbox of answers; `None`: the one for all shops, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Arc<str>>,
}

impl Effect {
    /// Whether a shop's own system is called.
    pub const fn is_webhook(&self) -> bool {
        matches!(self.what, Outward::Webhook(_))
    }
}

/// How far an effect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// The next thing that is done makes it happen.
    Ending,
    /// It has not happened, and is tried again.
    Failed {
        /// When.
        again_at: Timestamp,
    },
    /// It has happened.
    Done,
    /// It will not happen: the receiver does not want it.
    Refused,
    /// It will not happen: it was tried for as long as it may be.
    GivenUp,
    /// Whether it has happened cannot be known.
    Uncertain,
}

impl Progress {
    /// Whether nothing more is done for it.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Ending | Self::Failed { .. })
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ending => "ending",
            Self::Failed { .. } => "failed",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
            Self::Uncertain => "uncertain",
        }
    }
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TicketConfirmed => "ticket-confirmed",
            Self::Answer => "answer",
        }
    }
}

impl EffectKey {
    /// The key of what a conversation brings about: `version` tells one of a purpose from the next. After
    /// a loss, and in a backup that was restored, an epoch begins in which versions come again.
    pub fn of(conversation: ConversationId, epoch: u32, purpose: Purpose, version: u64) -> Self {
        let parts = [purpose.as_str().as_bytes(), &epoch.to_be_bytes(), &version.to_be_bytes()];
        Self::from_parts(conversation, &parts)
    }

    /// The key of telling a hook, of an epoch as well.
    pub fn of_webhook(conversation: ConversationId, epoch: u32, webhook: &Webhook) -> Self {
        let Webhook { hook, event, seq } = webhook;
        let parts = [
            b"webhook".as_slice(),
            &epoch.to_be_bytes(),
            &seq.to_be_bytes(),
            event.as_str().as_bytes(),
            b"\0",
            hook.as_bytes(),
        ];
        Self::from_parts(conversation, &parts)
    }

    fn from_parts(conversation: ConversationId, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(conversation.as_uuid().as_bytes());
        parts.iter().for_each(|part| hash.update(part));
        let hash: [u8; 32] = hash.finalize().into();
        Self(u128::from_be_bytes(std::array::from_fn(|at| hash[at])))
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EffectKey({self})")
    }
}

impl From<EffectKey> for String {
    fn from(key: EffectKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for EffectKey {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::HookEvent;
    use super::*;

    #[test]
    fn a_key_is_the_same_for_every_try_and_another_for_everything_else() {
        let one = ConversationId::from_uuid(uuid::Uuid::from_u128(1));
        let other = ConversationId::from_uuid(uuid::Uuid::from_u128(2));
        let key = EffectKey::of(one, 1, Purpose::Answer, 3);

        assert_eq!(key, EffectKey::of(one, 1, Purpose::Answer, 3));
        assert_ne!(key, EffectKey::of(other, 1, Purpose::Answer, 3));
        assert_ne!(key, EffectKey::of(one, 1, Purpose::TicketConfirmed, 3));
        assert_ne!(key, EffectKey::of(one, 1, Purpose::Answer, 4));
        assert_ne!(key, EffectKey::of(one, 2, Purpose::Answer, 3), "numbers come again");
        assert_eq!(EffectKey::try_from(key.to_string()), Ok(key));
    }

    #[test]
    fn each_hook_is_told_each_event_under_a_key_of_its_own() {
        let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(1));
        let hooks = ["crm", "erp"].into_iter().flat_map(|hook| {
            HookEvent::ALL
                .into_iter()
                .flat_map(move |event| [0, 1].map(|seq| Webhook { hook: hook.into(), event, seq }))
        });
        let hooks: Vec<Webhook> = hooks.collect();

        let keys: std::collections::BTreeSet<EffectKey> = hooks
            .iter()
            .flat_map(|it| [1, 2].map(|epoch| EffectKey::of_webhook(conversation, epoch, it)))
            .collect();

        assert_eq!(keys.len(), 2 * hooks.len());
    }

    /// Journals hold e-mails under the name `email` since before there was anything else.
    #[test]
    fn an_effect_stands_in_the_journal_under_the_name_of_its_kind() {
        let key = EffectKey(1);
        let webhook = Webhook { hook: "crm".into(), event: HookEvent::Closed, seq: 3 };
        let what = Outward::Webhook(webhook);
        let effect = Effect { key, at: Timestamp::from_millis(5), what };

        let written = rmp_serde::to_vec_named(&effect).expect("written");

        let json: serde_json::Value = rmp_serde::from_slice(&written).expect("a map");
        assert_eq!(json["webhook"]["event"], "conversation.closed");
        assert_eq!(rmp_serde::from_slice::<Effect>(&written).expect("an effect"), effect);
    }

    #[test]
    fn an_email_of_before_there_were_webhooks_is_read() {
        let older = serde_json::json!({
            "key": "000000000000000000000000000000ff",
            "at": 5,
            "email": {
                "from_name": "Shop", "to": "ana@example.org", "subject": "Hi", "text": "there",
                "automatic": true,
            },
        });
        let older = rmp_serde::to_vec_named(&older).expect("written");

        let effect: Effect = rmp_serde::from_slice(&older).expect("an effect");

        let Outward::Email(email) = effect.what else { panic!("{effect:?}") };
        assert_eq!((effect.key, effect.at), (EffectKey(255), Timestamp::from_millis(5)));
        assert_eq!((&*email.to, email.automatic, email.reply_to), ("ana@example.org", true, None));
    }
}
