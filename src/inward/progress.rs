//! How far a mailbox is read. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// Letters that wait; of more the one that has waited longest is given up.
const WAITING_MAX: usize = 256;
/// How long a letter waits.
const WAITS_MAX: Duration = Duration::from_secs(2 * 24 * 3_600);
/// A letter that waits is left alone as long again as it has waited, within these.
const AGAIN: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(15 * 60)];
/// How often the process may end while it reads one letter.
const ENDS_MAX: u8 = 2;
/// Looks that one letter may make fail.
const FAILURES_MAX: u8 = 3;

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
    /// Those that could not be taken now.
    #[serde(default)]
    waiting: BTreeMap<u32, Waiting>,
    /// Those that were begun.
    #[serde(default)]
    tried: BTreeMap<u32, Tried>,
}

/// A letter that is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    since: Timestamp,
    again_at: Timestamp,
}

/// What came of trying a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    /// How often it began to be read, with no end that is known.
    begun: u8,
    /// How often it made a look fail.
    failed: u8,
}

impl Progress {
    /// Nothing of `mailbox` was read.
    pub fn none_of(mailbox: String) -> Self {
        Self { mailbox, validity: 0, settled: 0, waiting: BTreeMap::new(), tried: BTreeMap::new() }
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
            *self = Self { validity, ..Self::none_of(std::mem::take(&mut self.mailbox)) };
        }
        is_anew
    }

    /// The first letter that was not looked at.
    pub fn next(&self) -> u32 {
        self.settled.saturating_add(1)
    }

    /// A letter begins to be read. Whether it may: not one that the process has ended with twice.
    pub fn begin(&mut self, letter: u32) -> bool {
        let tried = self.tried.entry(letter).or_default();
        let may = tried.begun < ENDS_MAX;
        tried.begun = tried.begun.saturating_add(1);
        may
    }

    /// Reading a letter has ended, and the process goes on.
    pub fn ended(&mut self, letter: u32) {
        if let Some(tried) = self.tried.get_mut(&letter) {
            tried.begun = 0;
        }
    }

    /// Reading was broken off from outside, which says nothing against the letter.
    pub fn broken_off(&mut self) {
        for tried in self.tried.values_mut() {
            tried.begun = tried.begun.saturating_sub(1);
        }
    }

    /// A letter made a look fail. Whether it may be tried again.
    pub fn failed(&mut self, letter: u32, now: Timestamp) -> bool {
        let tried = self.tried.entry(letter).or_default();
        tried.failed = tried.failed.saturating_add(1);
        let may = tried.failed < FAILURES_MAX;
        if let Some(waiting) = self.waiting.get_mut(&letter) {
            waiting.put_off(now);
        }
        may
    }

    /// Nothing more is done about a letter.
    pub fn settle(&mut self, letter: u32) {
        self.waiting.remove(&letter);
        self.tried.remove(&letter);
        self.settle_up_to(letter);
    }

    /// No further letters are up to this one.
    pub fn settle_up_to(&mut self, letter: u32) {
        self.settled = self.settled.max(letter);
    }

    /// A letter cannot be taken now and is tried again. The one that is given up for it, if any: itself when it
    /// has waited long enough, or the one that has waited longest when there are too many.
    pub fn wait(&mut self, letter: u32, now: Timestamp) -> Option<u32> {
        let new = Waiting { since: now, again_at: now };
        let waiting = self.waiting.entry(letter).or_insert(new);
        waiting.put_off(now);
        let is_over = now > waiting.since + WAITS_MAX;
        self.tried.remove(&letter);
        self.settle_up_to(letter);
        let oldest =
            || self.waiting.iter().min_by_key(|(_, it)| it.since).map(|(oldest, _)| *oldest);
        let given_up = match is_over {
            true => Some(letter),
            false if self.waiting.len() > WAITING_MAX => oldest(),
            false => None,
        };
        if let Some(given_up) = given_up {
            self.settle(given_up);
        }
        given_up
    }

    /// Letters that wait and are to be tried now, oldest first.
    pub fn due(&self, now: Timestamp) -> Vec<u32> {
        let due = self.waiting.iter().filter(|(_, it)| it.again_at <= now);
        due.map(|(letter, _)| *letter).collect()
    }
}

impl Waiting {
    fn put_off(&mut self, now: Timestamp) {
        let [shortest, longest] = AGAIN;
        self.again_at = now + now.since(self.since).clamp(shortest, longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

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
        assert!(progress.is_of("a"));
        progress.settle(u32::MAX);
        assert_eq!(progress.next(), u32::MAX);
    }

    #[test]
    fn a_letter_without_room_waits_for_two_days_and_holds_nobody_up() {
        let mut progress = progress();

        assert_eq!(progress.wait(3, NOW), None);
        assert_eq!((progress.next(), progress.due(NOW + MINUTE)), (4, vec![3]));
        progress.settle(5);
        assert_eq!(progress.wait(3, NOW + WAITS_MAX), None);
        progress.settle(3);
        assert_eq!((progress.next(), progress.due(NOW + 2 * WAITS_MAX)), (6, Vec::new()));
        assert_eq!(progress.wait(6, NOW), None);
        assert_eq!(progress.wait(6, NOW + WAITS_MAX + Duration::from_millis(1)), Some(6));
        assert!(progress.due(NOW + 2 * WAITS_MAX).is_empty(), "it is given up");
    }

    #[test]
    fn one_that_waits_is_tried_after_a_minute_and_then_less_often_down_to_every_15_minutes() {
        let mut progress = progress();
        let (mut now, mut pauses) = (NOW, Vec::new());
        for _ in 0..8 {
            progress.wait(3, now);
            let pause = (1..).find(|minutes| !progress.due(now + *minutes * MINUTE).is_empty());
            let pause = pause.expect("it is tried again");
            pauses.push(pause);
            now = now + pause * MINUTE;
        }

        assert_eq!(pauses, [1, 1, 2, 4, 8, 15, 15, 15]);
    }

    #[test]
    fn so_many_letters_wait_and_of_more_the_oldest_is_given_up() {
        let mut progress = progress();
        let most = u32::try_from(WAITING_MAX).expect("a small number");
        for letter in 1..=most {
            let now = NOW + Duration::from_millis(u64::from(most - letter));
            assert_eq!(progress.wait(letter, now), None);
        }

        assert_eq!(progress.wait(most + 1, NOW + MINUTE), Some(most), "it came first");
        assert_eq!(progress.due(NOW + 9 * MINUTE).len(), WAITING_MAX);
        assert_eq!(progress.next(), most + 2, "it goes on");
    }

    #[test]
    fn a_letter_that_the_process_ended_with_twice_is_not_read_a_third_time() {
        let mut progress = progress();

        assert!(progress.begin(1));
        assert!(progress.begin(1), "once may have been something else");
        assert!(!progress.begin(1));
        for _ in 0..9 {
            assert!(progress.begin(2));
            progress.ended(2);
            assert!(progress.begin(3));
            progress.broken_off();
        }
        progress.begin(4);
        progress.begin(4);
        progress.settle(4);
        assert!(progress.tried.keys().all(|letter| *letter < 4), "nothing is kept of it");
    }

    #[test]
    fn a_letter_makes_three_looks_fail_and_no_more_and_one_that_waits_is_put_off() {
        let mut progress = progress();
        progress.wait(2, NOW);
        let due = NOW + MINUTE;

        assert!(progress.failed(1, NOW) && progress.failed(2, due) && progress.failed(1, NOW));
        assert!(progress.due(due).is_empty(), "the others come first");
        assert!(!progress.failed(1, NOW));
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let mut progress = progress();
        progress.wait(3, NOW);
        progress.begin(4);

        let text = serde_json::to_string(&progress).expect("JSON");

        assert_eq!(serde_json::from_str::<Progress>(&text).expect("the same"), progress);
    }
}
