//! How far a mailbox is read. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// Letters that wait for room in their conversation; while there are as many, no new ones are taken.
const WAITING_MAX: usize = 256;
/// How long a letter waits.
const WAITS_MAX: Duration = Duration::from_secs(2 * 24 * 3_600);

/// How far a folder is read. Its letters are numbered upwards, and no number is given twice while the
/// folder's validity stays the same (RFC 9051, 2.3.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which folder of which account.
    mailbox: String,
    /// Of what the numbers are good for.
    validity: u32,
    /// Nothing more is done about letters up to this one, but for those that wait.
    settled: u32,
    /// Those that found no room, and since when.
    #[serde(default)]
    waiting: BTreeMap<u32, Timestamp>,
}

impl Progress {
    /// Nothing of `mailbox` was read.
    pub fn none_of(mailbox: String) -> Self {
        Self { mailbox, validity: 0, settled: 0, waiting: BTreeMap::new() }
    }

    /// Whether it is about `mailbox`.
    pub fn is_of(&self, mailbox: &str) -> bool {
        self.mailbox == mailbox
    }

    /// Goes on with a folder of this validity: from its beginning when it has another than before. Whether it
    /// has; what was taken already is known again then by its Message-ID.
    pub fn go_on(&mut self, validity: u32) -> bool {
        let is_anew = self.validity != validity;
        if is_anew {
            (self.validity, self.settled) = (validity, 0);
            self.waiting.clear();
        }
        is_anew
    }

    /// The first letter that was not looked at.
    pub fn next(&self) -> u32 {
        self.settled.saturating_add(1)
    }

    /// Nothing more is done about a letter.
    pub fn settle(&mut self, letter: u32) {
        self.waiting.remove(&letter);
        self.settle_up_to(letter);
    }

    /// No further letters are up to this one.
    pub fn settle_up_to(&mut self, letter: u32) {
        self.settled = self.settled.max(letter);
    }

    /// A letter found no room and is tried again. Whether it may wait any longer.
    pub fn wait(&mut self, letter: u32, now: Timestamp) -> bool {
        let since = *self.waiting.entry(letter).or_insert(now);
        self.settle_up_to(letter);
        let may_wait = now <= since + WAITS_MAX;
        if !may_wait {
            self.waiting.remove(&letter);
        }
        may_wait
    }

    /// Letters that wait, oldest first.
    pub fn waiting(&self) -> Vec<u32> {
        self.waiting.keys().copied().collect()
    }

    /// Whether one more letter could wait.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn progress() -> Progress {
        let mut progress = Progress::none_of("a".to_owned());
        assert!(progress.go_on(7));
        progress
    }

    #[test]
    fn letters_are_gone_through_once_and_a_folder_of_another_validity_from_the_beginning() {
        let mut progress = progress();
        assert_eq!(progress.next(), 1);

        progress.settle(4);
        assert!(!progress.go_on(7));
        assert_eq!(progress.next(), 5);
        assert!(progress.go_on(8), "its numbers are others now");
        assert_eq!(progress.next(), 1);
        progress.settle(u32::MAX);
        assert_eq!(progress.next(), u32::MAX);
    }

    #[test]
    fn a_letter_without_room_waits_for_two_days_and_holds_nobody_up() {
        let mut progress = progress();

        assert!(progress.wait(3, NOW));
        assert_eq!((progress.next(), progress.waiting()), (4, vec![3]));
        progress.settle(5);
        assert!(progress.wait(3, NOW + WAITS_MAX));
        progress.settle(3);
        assert_eq!((progress.next(), progress.waiting()), (6, Vec::new()));
        assert!(progress.wait(6, NOW));
        assert!(!progress.wait(6, NOW + WAITS_MAX + Duration::from_millis(1)), "it is given up");
        assert!(progress.waiting().is_empty());
    }

    #[test]
    fn so_many_letters_wait_and_no_more() {
        let mut progress = progress();

        let taken = (1..=u32::MAX).take_while(|letter| {
            let has_room = progress.has_room();
            progress.wait(*letter, NOW);
            has_room
        });

        assert_eq!(taken.count(), WAITING_MAX);
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let mut progress = progress();
        progress.wait(3, NOW);

        let text = serde_json::to_string(&progress).expect("JSON");

        assert_eq!(serde_json::from_str::<Progress>(&text).expect("the same"), progress);
    }
}
