//! Turns a normalised message into hashed features: words, word pairs, character n-grams, and the
//! concepts behind its words.

use super::lexicon::{Concepts, Lexicon};
use super::text::{Class, class_of};

/// Most features of one message; a bound on the time that one message can take.
pub const FEATURES_MAX: usize = 4_096;

/// Longest word that is cut into character n-grams; what is longer is a link or noise.
const WORD_CHARS_MAX: usize = 40;

/// Longest piece of a word, in characters.
const PIECE_CHARS_MAX: usize = 5;

/// Kinds of features, kept apart by the lowest bits of their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that every message has, so that an empty one gets the commonest labels.
    Always = 0,
    /// How long the message is.
    Length,
    /// A word or a number.
    Word,
    /// Two words that follow each other.
    Pair,
    /// Two to five letters of a word.
    Piece,
    /// One to four characters of a script without spaces.
    Run,
    /// Punctuation, a symbol, an emoji.
    Mark,
    /// A concept that the message names, or two of them.
    Concept,
}

impl Kind {
    /// The kind of a feature that [`extract`] wrote.
    pub fn of(feature: u64) -> Self {
        match feature & KIND_BITS {
            0 => Self::Always,
            1 => Self::Length,
            2 => Self::Word,
            3 => Self::Pair,
            4 => Self::Piece,
            5 => Self::Run,
            6 => Self::Mark,
            _ => Self::Concept,
        }
    }
}

const KIND_BITS: u64 = 7;

/// Writes the hashes of the features of `chars` (see [`super::text::normalise`]) over `out`, with the
/// concepts that `lexicon` finds in it.
pub fn extract(chars: &[char], lexicon: &Lexicon, out: &mut Vec<u64>) {
    out.clear();
    out.push(finish(Kind::Always, seed(Kind::Always)));
    out.push(finish(Kind::Length, add(seed(Kind::Length), length_bucket(chars.len()))));
    let mut walk = Walk {
        out,
        lexicon,
        concepts: Concepts::default(),
        previous: seed(Kind::Word),
        said: [None; FORM_WORDS_MAX],
    };
    let mut start = 0;
    while start < chars.len() && walk.out.len() < FEATURES_MAX {
        let class = class_of(chars[start]);
        let end = start + token_len(class, &chars[start..]);
        walk.token(class, &chars[start..end]);
        start = end;
    }
    let last = walk.previous;
    walk.pair(last, seed(Kind::Word));
    walk.concepts();
    out.truncate(FEATURES_MAX);
}

/// Length of the token that starts `chars`. Marks stand alone, except that one repeated is one
/// token; Hangul and Latin in one word stay together so that `A/S접수` is not torn further.
fn token_len(class: Class, chars: &[char]) -> usize {
    let same = |c: &&char| match (class, class_of(**c)) {
        (Class::Letter | Class::Hangul, Class::Letter | Class::Hangul) => true,
        (Class::Mark, Class::Mark) => **c == chars[0],
        (a, b) => a == b,
    };
    chars.iter().take_while(same).count().max(1)
}

struct Walk<'a> {
    out: &'a mut Vec<u64>,
    lexicon: &'a Lexicon,
    concepts: Concepts,
    /// Hash of the word before, for pairs.
    previous: u64,
    /// The words before, as forms.
    said: Said,
}

/// Words, or a stretch of characters, as the lexicon knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form(u64);

/// Most words of a form.
const FORM_WORDS_MAX: usize = 3;
/// Most characters of a form in a script without spaces.
const FORM_CHARS_MAX: usize = 14;
/// Letters of the shortest beginning of a word that may stand for the whole: endings differ.
const STEM_CHARS: usize = 5;
/// Concepts that each concept is paired with.
const NEIGHBOURS: usize = 3;
/// Characters of a stretch from which it is known whether a form starts so.
const START_CHARS: usize = 2;

/// The forms of one, two and three words that end with a word.
type Said = [Option<Form>; FORM_WORDS_MAX];

impl Form {
    /// The form that `chars` are as a whole; `None` when no message can be found to have it.
    pub fn of(chars: &[char]) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut start = 0;
        while start < chars.len() {
            let class = class_of(chars[start]);
            let end = start + token_len(class, &chars[start..]);
            if !matches!(class, Class::Space | Class::Apostrophe | Class::Mark) {
                tokens.push((class, &chars[start..end]));
            }
            start = end;
        }
        match tokens.as_slice() {
            [] => None,
            [(Class::Dense | Class::Hangul, run)] => {
                (run.len() <= FORM_CHARS_MAX).then(|| Self(hash(Kind::Run, run)))
            }
            words if words.len() > FORM_WORDS_MAX => None,
            words if words.iter().any(|(class, _)| *class == Class::Dense) => None,
            words => {
                let words = words.iter().map(|(_, word)| hash(Kind::Word, word));
                let count = words.len();
                words.fold([None; FORM_WORDS_MAX], |said, word| Self::said(word, said))[count - 1]
            }
        }
    }

    /// The beginning of `chars` by which longer forms are sought; `None` for one that is no longer.
    pub fn start(chars: &[char]) -> Option<Self> {
        let class = class_of(*chars.first()?);
        let (kind, len) = match class {
            Class::Dense | Class::Hangul => (Kind::Run, START_CHARS),
            _ => (Kind::Word, STEM_CHARS),
        };
        let single = token_len(class, chars) == chars.len();
        (single && chars.len() >= len).then(|| Self(hash(kind, &chars[..len])))
    }

    fn said(word: u64, before: Said) -> Said {
        let and = |form: Self| Self(form.0.rotate_left(17).wrapping_mul(MULTIPLIER) ^ word);
        [Some(Self(word)), before[0].map(and), before[1].map(and)]
    }

    /// A hash with all bits spread.
    pub fn key(self) -> u64 {
        finish(Kind::Concept, self.0)
    }
}

impl Walk<'_> {
    fn token(&mut self, class: Class, token: &[char]) {
        match class {
            Class::Space | Class::Apostrophe => {}
            Class::Mark => self.out.push(finish(Kind::Mark, hash(Kind::Mark, token))),
            Class::Digit => self.word(token),
            Class::Letter | Class::Hangul => {
                self.word(token);
                let token = &token[..token.len().min(WORD_CHARS_MAX)];
                let singles = class == Class::Hangul;
                self.pieces(token, singles);
                if singles {
                    (0..token.len()).for_each(|start| self.form(&token[start..]));
                }
            }
            Class::Dense => self.run(token),
        }
    }

    fn word(&mut self, word: &[char]) {
        let start = &word[..word.len().min(STEM_CHARS)];
        let mut hashed = hash(Kind::Word, start);
        let mut stem = None;
        let inflected = word.len() > STEM_CHARS && self.lexicon.starts(Form(hashed));
        for &c in &word[start.len()..] {
            if inflected && self.lexicon.has(Form(hashed)) {
                stem = Some(Form(hashed));
            }
            hashed = add(hashed, c as u32);
        }
        self.out.push(finish(Kind::Word, hashed));
        self.pair(self.previous, hashed);
        self.previous = hashed;
        self.said = Form::said(hashed, self.said);
        let [alone, two, three] = self.said;
        let known = alone.is_some_and(|word| self.lexicon.find(word, &mut self.concepts));
        for form in [two, three, stem.filter(|_| !known)].into_iter().flatten() {
            self.lexicon.find(form, &mut self.concepts);
        }
    }

    fn pair(&mut self, first: u64, second: u64) {
        let pair = seed(Kind::Pair) ^ first.rotate_left(17).wrapping_mul(MULTIPLIER) ^ second;
        self.out.push(finish(Kind::Pair, pair));
    }

    /// Character 2–5-grams of the word between its marks `<` and `>`, and with `singles` its
    /// characters.
    fn pieces(&mut self, word: &[char], singles: bool) {
        let mut marked = ['>'; WORD_CHARS_MAX + 2];
        marked[0] = '<';
        marked[1..=word.len()].copy_from_slice(word);
        let marked = &marked[..word.len() + 2];
        self.out.reserve(marked.len() * PIECE_CHARS_MAX);
        for start in 0..marked.len() {
            let window = &marked[start..marked.len().min(start + PIECE_CHARS_MAX)];
            let is_mark = start == 0 || start == marked.len() - 1;
            let mut hashed = add(seed(Kind::Piece), window[0] as u32);
            if singles && !is_mark {
                self.out.push(finish(Kind::Piece, hashed));
            }
            for &c in &window[1..] {
                hashed = add(hashed, c as u32);
                self.out.push(finish(Kind::Piece, hashed));
            }
        }
    }

    /// Character 1–4-grams over a run without spaces.
    fn run(&mut self, run: &[char]) {
        for start in 0..run.len() {
            if self.out.len() >= FEATURES_MAX {
                return;
            }
            let mut hashed = seed(Kind::Run);
            for &c in &run[start..run.len().min(start + 4)] {
                hashed = add(hashed, c as u32);
                self.out.push(finish(Kind::Run, hashed));
            }
            self.form(&run[start..]);
        }
        self.previous = seed(Kind::Word);
        self.said = [None; FORM_WORDS_MAX];
    }

    /// The longest form that `run` starts with.
    fn form(&mut self, run: &[char]) {
        if self.lexicon.is_empty() {
            return;
        }
        let (mut hashed, mut longest) = (seed(Kind::Run), None);
        for (at, &c) in run.iter().take(FORM_CHARS_MAX).enumerate() {
            hashed = add(hashed, c as u32);
            let form = Form(hashed);
            longest = if self.lexicon.has(form) { Some(form) } else { longest };
            if at + 1 == START_CHARS && !self.lexicon.starts(form) {
                break;
            }
        }
        if let Some(form) = longest {
            self.lexicon.find(form, &mut self.concepts);
        }
    }

    /// Each concept, and each with the next ones: *refund* with *not arrived* is another matter than
    /// either.
    fn concepts(&mut self) {
        let concepts = self.concepts.as_slice();
        for (at, &one) in concepts.iter().enumerate() {
            let alone = add(seed(Kind::Concept), u32::from(one));
            self.out.push(finish(Kind::Concept, alone));
            for &other in concepts[at + 1..].iter().take(NEIGHBOURS) {
                let (low, high) = (one.min(other), one.max(other));
                let both = add(add(seed(Kind::Concept), u32::from(low)), u32::from(high));
                self.out.push(finish(Kind::Concept, both));
            }
        }
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

fn seed(kind: Kind) -> u64 {
    (kind as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn hash(kind: Kind, chars: &[char]) -> u64 {
    chars.iter().fold(seed(kind), |hashed, &c| add(hashed, c as u32))
}

fn add(hashed: u64, value: u32) -> u64 {
    (hashed ^ u64::from(value)).wrapping_mul(MULTIPLIER).rotate_left(29)
}

/// Spreads the bits: rows are chosen by the upper ones, tags by the lower ones.
fn finish(kind: Kind, hashed: u64) -> u64 {
    let mixed = (hashed ^ (hashed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    ((mixed ^ (mixed >> 32)) & !KIND_BITS) | kind as u64
}

fn length_bucket(chars: usize) -> u32 {
    match chars {
        0..=4 => 0,
        5..=10 => 1,
        11..=20 => 2,
        21..=40 => 3,
        41..=80 => 4,
        81..=160 => 5,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::lexicon::CONCEPTS_MAX;
    use crate::understand::text::normalise;

    fn features(text: &str) -> Vec<u64> {
        let (mut chars, mut out) = (Vec::new(), Vec::new());
        normalise(text, &mut chars);
        extract(&chars, &Lexicon::default(), &mut out);
        out
    }

    #[test]
    fn word_order_changes_pairs_and_leaves_the_rest() {
        let (one, other) = (features("not received"), features("received not"));

        assert_eq!(one.iter().filter(|f| !other.contains(f)).count(), 3);
    }

    #[test]
    fn a_script_without_spaces_gives_runs_of_up_to_four_characters() {
        // Always, length, the closing pair, and 4 + 3 + 2 + 1 pieces of the run.
        assert_eq!(features("退款呢吗").len(), 13);
    }

    #[test]
    fn a_huge_message_stays_within_the_bound() {
        assert!(features(&"поздравляю ".repeat(5_000)).len() <= FEATURES_MAX);
        assert!(features(&"谢".repeat(50)).len() <= FEATURES_MAX);
    }

    #[test]
    fn eight_hundred_characters_are_read_to_their_end_in_any_script() {
        let concepts = CONCEPTS_MAX * (1 + NEIGHBOURS);
        for words in
            ["поздравляю ", "가나다라마바사아자차카타파하거너더러머버서어 ", "가1", "退款", "a!"]
        {
            let text: String = words.chars().cycle().take(800).collect();
            assert!(features(&text).len() + concepts <= FEATURES_MAX, "{words}");
        }
    }
}
