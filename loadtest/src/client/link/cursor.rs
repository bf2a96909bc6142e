//! How far a client has followed a conversation.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// The last number taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// None until the first frame.
    epoch: Option<u64>,
    pub last: u64,
}

/// What a number means for a client that holds a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Next,
    Known,
    Gap,
    NewEpoch,
}

impl Cursor {
    /// Where a number stands; the next one is taken.
    pub fn place(&mut self, epoch: u64, seq: u64) -> Place {
        match self.epoch {
            Some(held) if held != epoch => Place::NewEpoch,
            _ if seq == self.last + 1 => {
                *self = Self { epoch: Some(epoch), last: seq };
                Place::Next
            }
            _ if seq <= self.last => Place::Known,
            _ => Place::Gap,
        }
    }
}

/// The cursor of a conversation that an acknowledgement names. One that has ended is not followed
/// again, however late the acknowledgement: the server would be asked for what was seen before.
pub fn to_follow<'a>(
    cursors: &'a mut BTreeMap<Uuid, Cursor>,
    past: &BTreeSet<Uuid>,
    conversation: Uuid,
) -> Option<&'a mut Cursor> {
    (!past.contains(&conversation)).then(|| cursors.entry(conversation).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_after_the_end_does_not_follow_the_conversation_again() {
        let (ended, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (mut cursors, past) = (BTreeMap::new(), BTreeSet::from([ended]));

        assert!(to_follow(&mut cursors, &past, ended).is_none());
        assert!(to_follow(&mut cursors, &past, new).is_some());
        assert_eq!(cursors.keys().collect::<Vec<_>>(), [&new]);
    }

    #[test]
    fn only_the_next_number_moves_the_cursor() {
        let mut cursor = Cursor::default();

        assert_eq!(cursor.place(1, 1), Place::Next);
        assert_eq!(cursor.place(1, 3), Place::Gap);
        assert_eq!(cursor.place(1, 2), Place::Next);
        assert_eq!(cursor.place(1, 1), Place::Known);
        assert_eq!(cursor.place(2, 3), Place::NewEpoch);
        assert_eq!(cursor.last, 2);
    }
}
