//! A customer who says it again while he waits.

use std::hash::Hash;
use std::time::Duration;

use ahash::RandomState;
use smallvec::SmallVec;

use crate::domain::Timestamp;

use super::normalise::normalise;

/// Unanswered messages that are compared with a new one.
pub const RECENT_MAX: usize = 6;

/// Longest text that is compared by likeness; a longer one only as a whole.
pub const TEXT_BYTES_MAX: usize = 512;

/// Whether a message says something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It does.
    Fresh,
    /// It says again what message `of` said.
    Repeat {
        /// Number of the earlier message.
        of: u64,
    },
}

/// When two texts say the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How long an unanswered message is remembered.
    pub window: Duration,
    /// Share of common three-letter pieces from which texts are alike, 0 to 1.
    pub likeness_min: f32,
    /// Texts shorter than this, in bytes of their normal form, must be equal: `thank you` and
    /// `thank god` share most of their letters.
    pub like_bytes_min: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { window: Duration::from_secs(10 * 60), likeness_min: 0.8, like_bytes_min: 16 }
    }
}

/// A customer's last messages that nobody has answered.
#[derive(Clone, Debug, Default)]
pub struct Recent(Vec<Said>);

#[derive(Clone, Debug)]
struct Said {
    seq: u64,
    at: Timestamp,
    /// Hash of the whole normal form.
    hash: u64,
    /// Hash of its codes. Texts with other codes are never alike, and most texts have others.
    codes_hash: u64,
    /// The normal form; empty when it is longer than [`TEXT_BYTES_MAX`].
    text: Box<str>,
}

impl Recent {
    /// Whether message `seq` says something new; remembers it when it does.
    pub fn check(
        &mut self,
        now: Timestamp,
        seq: u64,
        text: &str,
        settings: &Settings,
    ) -> Freshness {
        self.0.retain(|said| now.since(said.at) < settings.window);
        let text = normalise(text);
        let hash = hash_of(text.as_str());
        let codes_hash = hash_of(codes(&text).collect::<SmallVec<[&str; 4]>>());
        let like =
            |said: &Said| said.codes_hash == codes_hash && is_like(&said.text, &text, settings);
        let same = self.0.iter().rev().find(|said| said.hash == hash || like(said));
        if let Some(said) = same {
            return Freshness::Repeat { of: said.seq };
        }
        if self.0.len() == RECENT_MAX {
            self.0.remove(0);
        }
        let text = if text.len() <= TEXT_BYTES_MAX { text.into() } else { Box::default() };
        // Most customers wait with one message: grow by one, not by doubling.
        self.0.reserve_exact(1);
        self.0.push(Said { seq, at: now, hash, codes_hash, text });
        Freshness::Fresh
    }

    /// Forgets everything, since a person or a machine has answered.
    pub fn answered(&mut self) {
        self.0 = Vec::new();
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let texts: usize = self.0.iter().map(|said| said.text.len()).sum();
        self.0.capacity() * size_of::<Said>() + texts
    }
}

fn hash_of(value: impl Hash) -> u64 {
    // Compared within this process only, with what the same customer wrote.
    static HASHER: RandomState = RandomState::with_seeds(1, 2, 3, 4);
    HASHER.hash_one(value)
}

/// Whether two normal forms say the same though they are not equal.
fn is_like(a: &str, b: &str, settings: &Settings) -> bool {
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    // Likeness is at most the ratio of the lengths, up to the few bytes by which letters differ.
    let too_far = (shorter as f32) < settings.likeness_min * 0.9 * longer as f32;
    if shorter < settings.like_bytes_min || longer > TEXT_BYTES_MAX || too_far {
        return false;
    }
    codes(a).eq(codes(b)) && likeness(a, b) >= settings.likeness_min
}

/// Order numbers, amounts, sizes: runs of ASCII letters and digits with a digit in them.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|run| run.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Jaccard index of the three-letter pieces of both texts: works without spaces between words.
fn likeness(a: &str, b: &str) -> f32 {
    let (a, b) = (pieces(a), pieces(b));
    let common = a.iter().filter(|piece| b.binary_search(piece).is_ok()).count();
    let all = a.len() + b.len() - common;
    if all == 0 { 0.0 } else { common as f32 / all as f32 }
}

/// The different pieces of a text, sorted.
fn pieces(text: &str) -> Vec<[char; 3]> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces: Vec<[char; 3]> =
        chars.windows(3).map(|window| [window[0], window[1], window[2]]).collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    /// What becomes of `second`, ten seconds after `first`.
    fn after(first: &str, second: &str) -> Freshness {
        let mut recent = Recent::default();
        let settings = Settings::default();
        assert_eq!(recent.check(START, 1, first, &settings), Freshness::Fresh);
        recent.check(START + Duration::from_secs(10), 2, second, &settings)
    }

    #[test]
    fn the_same_question_typed_again_is_a_repeat_in_any_script() {
        for (first, second) in [
            ("where is my parcel", "WHERE IS MY PARCEL?????"),
            ("Where is my order TW-10482", "where is my order tw 10482!!"),
            ("I still have not received my refund", "i stil have not received my refun"),
            ("我的订单什么时候可以发货啊", "我的订单什么时候可以发货呀"),
            ("พัสดุของฉันอยู่ที่ไหนแล้วคะ", "พัสดุของฉันอยู่ที่ไหนแล้ว"),
            ("أين طلبي الذي اشتريته الأسبوع الماضي", "أين طلبي الذي اشتريته الاسبوع الماضي؟؟"),
            ("hello", "Hello!"),
            ("😡😡", "😡😡😡"),
        ] {
            assert_eq!(after(first, second), Freshness::Repeat { of: 1 }, "{first} | {second}");
        }
    }

    #[test]
    fn something_else_is_not_a_repeat() {
        for (first, second) in [
            ("where is my order TW-10482", "where is my order TW-10483"),
            ("where is my order", "where is my order TW-10483"),
            ("请问订单TW-10482到哪里了", "请问订单TW-10483到哪里了"),
            ("طلبي رقم ١٠٤٨٢ لم يصل بعد", "طلبي رقم ١٠٤٨٣ لم يصل بعد"),
            ("thank you", "thank you so"),
            ("thanks", "thx"),
            ("hi", "hey"),
            ("谢谢", "谢谢你"),
            ("I want to return the red shoes", "I want to exchange the red shoes for blue ones"),
            ("👍", "😡"),
            ("?", "!"),
        ] {
            assert_eq!(after(first, second), Freshness::Fresh, "{first} | {second}");
        }
    }

    #[test]
    fn a_message_that_was_answered_or_is_long_ago_may_come_again() {
        let settings = Settings::default();
        let mut recent = Recent::default();
        recent.check(START, 1, "where is my parcel", &settings);

        recent.answered();
        assert_eq!(recent.heap_bytes(), 0);
        let again = recent.check(START, 2, "where is my parcel", &settings);
        assert_eq!(again, Freshness::Fresh);

        let later = START + settings.window;
        assert_eq!(recent.check(later, 3, "where is my parcel", &settings), Freshness::Fresh);
    }

    #[test]
    fn a_repeat_points_to_the_message_that_was_fresh() {
        let settings = Settings::default();
        let mut recent = Recent::default();
        recent.check(START, 1, "where is my parcel", &settings);
        recent.check(START, 2, "where is my parcel?", &settings);

        let third = recent.check(START, 3, "Where is my parcel??", &settings);

        assert_eq!(third, Freshness::Repeat { of: 1 });
    }

    #[test]
    fn a_flood_of_long_texts_fills_a_bounded_memory() {
        let settings = Settings::default();
        let mut recent = Recent::default();
        for n in 0..1_000u64 {
            recent.check(START, n, &format!("{n} {}", "много букв ".repeat(n as usize)), &settings);
        }

        assert!(recent.heap_bytes() <= RECENT_MAX * (size_of::<Said>() + TEXT_BYTES_MAX));
    }

    #[test]
    fn a_customer_who_waits_with_one_question_takes_little_room() {
        let mut recent = Recent::default();
        recent.check(START, 1, "where is my parcel, I ordered last week", &Settings::default());

        assert!(size_of::<Recent>() + recent.heap_bytes() <= 120);
    }

    #[test]
    fn two_long_texts_with_another_end_are_not_repeats() {
        let long = "the parcel came with a torn box and the lamp inside is bent ".repeat(12);

        assert_eq!(after(&format!("{long} refund"), &format!("{long} exchange")), Freshness::Fresh);
        assert_eq!(after(&long, &long.to_uppercase()), Freshness::Repeat { of: 1 });
    }
}
