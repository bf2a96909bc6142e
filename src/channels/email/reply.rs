//! Addresses that name a conversation: `reply+ID.SIGNATURE@shop.example`. The signature says that the
//! address was made here, whichever mailbox it is of; nothing else of an answer is believed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::ConversationId;

/// Digits of the id: 128 bits at five a digit.
const ID_DIGITS: usize = 26;
/// Digits of the signature: 80 bits, more than anybody can try by mail.
const SIGNATURE_DIGITS: usize = 16;
/// Most bytes in front of the `+`: 64 are allowed in front of the `@`.
const MAILBOX_BYTES_MAX: usize = 64 - 2 - ID_DIGITS - SIGNATURE_DIGITS;
/// Lower case alone, because some mail servers change the case; without letters that look alike.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Makes such addresses and knows them again.
#[derive(Clone)]
pub struct ReplyAddresses {
    key: [u8; 32],
}

impl ReplyAddresses {
    /// Those that are signed with `key`.
    pub fn signed_with(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The address of `mailbox` that answers to a conversation go to; `None` when that is no mailbox,
    /// or its first part is longer than 20 bytes.
    pub fn of(&self, mailbox: &str, conversation: ConversationId) -> Option<String> {
        let (name, domain) = mailbox.rsplit_once('@')?;
        if !super::is_address(mailbox) || name.len() > MAILBOX_BYTES_MAX {
            return None;
        }
        let id = digits(conversation.as_uuid().as_u128(), ID_DIGITS);
        let signature = self.signature(&id);
        Some(format!("{name}+{id}.{signature}@{domain}"))
    }

    /// Whether an address has the form of these, whoever signed it and whichever mailbox it is of: no
    /// person has one.
    pub fn are_like(address: &str) -> bool {
        let address = address.trim().to_ascii_lowercase();
        let is_tag = |(id, signature): (&str, &str)| {
            value(id).is_some()
                && signature.len() == SIGNATURE_DIGITS
                && signature.bytes().all(|byte| DIGITS.contains(&byte))
        };
        tag_of(&address).is_some_and(is_tag)
    }

    /// The conversation that an address names; `None` when it was not made here.
    pub fn conversation(&self, address: &str) -> Option<ConversationId> {
        let address = address.trim().to_ascii_lowercase();
        let (id, signature) = tag_of(&address)?;
        let signed = bool::from(self.signature(id).as_bytes().ct_eq(signature.as_bytes()));
        let id = value(id).filter(|_| signed)?;
        Some(ConversationId::from_uuid(Uuid::from_u128(id)))
    }

    fn signature(&self, id: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        mac.update(b"reply address ");
        mac.update(id.as_bytes());
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        digits(u128::from_be_bytes(std::array::from_fn(|at| tag[at])), SIGNATURE_DIGITS)
    }
}

impl std::fmt::Debug for ReplyAddresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplyAddresses(…)")
    }
}

/// What may be the id and the signature in an address.
fn tag_of(address: &str) -> Option<(&str, &str)> {
    let (mailbox, _) = address.rsplit_once('@')?;
    // The mailbox may have a `+` of its own.
    let (_, tag) = mailbox.rsplit_once('+')?;
    tag.split_once('.')
}

/// The last `count` digits of a number.
fn digits(number: u128, count: usize) -> String {
    let digit = |at: usize| char::from(DIGITS[(number >> (5 * at)) as usize % 32]);
    (0..count).rev().map(digit).collect()
}

fn value(text: &str) -> Option<u128> {
    if text.len() != ID_DIGITS {
        return None;
    }
    text.bytes().try_fold(0u128, |number, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        Some(number << 5 | digit as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(key: u8) -> ReplyAddresses {
        ReplyAddresses::signed_with([key; 32])
    }

    fn address(key: u8, id: u128) -> String {
        addresses(key).of("reply@shop.example", conversation(id)).expect("an address")
    }

    fn conversation(id: u128) -> ConversationId {
        ConversationId::from_uuid(Uuid::from_u128(id))
    }

    #[test]
    fn an_address_names_its_conversation_whatever_its_case_and_mailbox() {
        for id in [0, 7, u128::MAX, 0x019a_d239_e180_7000_8020_d300_0000_0007] {
            let address = address(1, id);

            assert!(address.split('@').next().is_some_and(|local| local.len() <= 64), "{address}");
            assert_eq!(addresses(1).conversation(&address), Some(conversation(id)), "{address}");
            let upper = address.to_uppercase();
            assert_eq!(addresses(1).conversation(&upper), Some(conversation(id)), "{upper}");
            let elsewhere = address.replace("shop.example", "other.example");
            assert_eq!(addresses(1).conversation(&elsewhere), Some(conversation(id)));
        }
    }

    #[test]
    fn an_address_of_a_mailbox_that_has_a_plus_of_its_own_names_its_conversation() {
        let address = addresses(1).of("help+chat@shop.example", conversation(7));
        let address = address.expect("an address");

        assert!(address.starts_with("help+chat+"), "{address}");
        assert_eq!(addresses(1).conversation(&address), Some(conversation(7)));
    }

    #[test]
    fn an_address_that_was_not_made_here_names_nothing() {
        let real = address(1, 7);
        let other = address(1, 8);
        let (id, _) = real.split_once('.').expect("a signature");
        let (_, signature) = other.split_once('.').expect("a signature");

        assert_eq!(addresses(2).conversation(&real), None, "signed with another key");
        let swapped = format!("{id}.{signature}");
        assert_eq!(addresses(1).conversation(&swapped), None, "the signature of another id");
        for text in ["", "reply@shop.example", "reply+@shop.example", "reply+a.b@shop.example"] {
            assert_eq!(addresses(1).conversation(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_of_this_form_is_no_persons_whoever_signed_it() {
        let real = address(1, 7);

        assert!(ReplyAddresses::are_like(&real) && ReplyAddresses::are_like(&real.to_uppercase()));
        assert!(ReplyAddresses::are_like(&address(2, 8)));
        for text in ["", "ana@example.org", "ana+shop.one@example.org", &real[..real.len() - 20]] {
            assert!(!ReplyAddresses::are_like(text), "{text}");
        }
    }

    #[test]
    fn a_mailbox_that_leaves_no_room_has_no_address() {
        let of = |mailbox: &str| addresses(0).of(mailbox, conversation(1));

        assert!(of("customer-service-abc@a.example").is_some());
        assert!(of("customer-service-abcd@a.example").is_none());
        assert!(of("no address").is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
            proptest::prop_assert_eq!(addresses(1).conversation(&text), None);
        }
    }
}
