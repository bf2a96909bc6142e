//! Conversations as snapshots keep them: MessagePack with field names, as records are.

use crate::domain::ConversationId;

use super::conversation::Conversation;
use super::fact::RecordError;
use super::shard::Shard;

/// Room for a usual conversation; a longer one grows.
const USUAL_BYTES: usize = 2048;

impl Shard {
    /// A conversation as a snapshot keeps it; `None` when it is not here any more.
    pub fn keep(&self, id: ConversationId) -> Option<Vec<u8>> {
        let conversation = self.conversations.get(&id)?;
        let mut out = Vec::with_capacity(USUAL_BYTES);
        rmp_serde::encode::write_named(&mut out, conversation)
            .expect("conversations hold only types that MessagePack has");
        Some(out)
    }

    /// Takes in a conversation of a snapshot. What happened to it afterwards follows by
    /// [`Self::restore`].
    pub fn restore_kept(&mut self, conversation: Conversation) {
        self.insert(conversation);
    }
}

impl Conversation {
    /// Reads what [`Shard::keep`] wrote.
    ///
    /// # Errors
    /// When the bytes are no conversation.
    pub fn decode_kept(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut conversation: Self = rmp_serde::from_slice(bytes)?;
        conversation.remember_seen();
        Ok(conversation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = Conversation::decode_kept(&bytes);
        }
    }
}
