//! Concepts of a shop, such as *refund* or *not arrived*, and the words for them in every language.
//!
//! A word of one language shares nothing with its translations. A concept does: what the model learns from
//! `pacco` it knows of `parcel` as well. The forms lie in `models/lexicon/<language>.txt`, a concept a line:
//! `refund: rimborso, rimborsi, rimborsare`. A form is a word, two or three words, or a stretch of characters
//! where a script has no spaces.

use ahash::AHashMap;

use super::features::Form;
use super::text::{normalise, strip_accents};

/// Most concepts of one message that are looked at, in the order in which they stand.
pub const CONCEPTS_MAX: usize = 16;

/// Most concepts of a lexicon.
const CONCEPTS_KNOWN_MAX: u16 = 10_000;

/// The concepts of a message, each once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Concepts {
    found: [u16; CONCEPTS_MAX],
    len: usize,
}

impl Concepts {
    /// In the order in which the message names them.
    pub fn as_slice(&self) -> &[u16] {
        &self.found[..self.len]
    }

    fn add(&mut self, concept: u16) {
        if self.len < CONCEPTS_MAX && !self.as_slice().contains(&concept) {
            self.found[self.len] = concept;
            self.len += 1;
        }
    }
}

/// Stands in place of a concept where longer forms start so.
const START: u16 = u16::MAX;

/// Forms and their concepts, found by hash.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    /// A bit for each value of the first bits of a key: most words of a message are no form, and this
    /// much fits the caches near the core.
    maybe: Vec<u64>,
    /// Open addressing; a form of two concepts has two slots.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// 0 for an empty one.
    key: u32,
    concept: u16,
}

/// Bits of a key that choose the bit of [`Lexicon::maybe`].
const MAYBE_BITS: u32 = 21;

/// Why a lexicon cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A line is not `concept: form, form`.
    #[error("line {line}: not `concept: form, form`")]
    Line {
        /// Number of the line, from 1.
        line: usize,
    },
    /// There are more concepts than numbers for them.
    #[error("line {line}: more than {CONCEPTS_KNOWN_MAX} concepts")]
    Full {
        /// Number of the line, from 1.
        line: usize,
    },
    /// A form can never be found in a message.
    #[error(
        "line {line}: `{form}` is not one to three words, nor one stretch of 1 to 14 characters"
    )]
    Form {
        /// Number of the line, from 1.
        line: usize,
        /// The form.
        form: String,
    },
}

/// Collects the forms of all languages.
#[derive(Debug, Default)]
pub struct Builder {
    names: AHashMap<String, u16>,
    entries: Vec<(u32, u16)>,
}

impl Builder {
    /// Adds the lines of one language.
    ///
    /// # Errors
    /// When a line is no concept with forms, or a form can never be found.
    pub fn add(&mut self, lines: &str) -> Result<(), FormError> {
        let (mut chars, mut plain) = (Vec::new(), Vec::new());
        for (at, text) in lines.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let line = at + 1;
            let (name, forms) = text.split_once(':').ok_or(FormError::Line { line })?;
            let concept = self.concept(name.trim()).ok_or(FormError::Full { line })?;
            for form in forms.split(',').map(str::trim) {
                normalise(form, &mut chars);
                let found = self.put(&chars, concept);
                found.ok_or_else(|| FormError::Form { line, form: form.to_owned() })?;
                if strip_accents(&chars, &mut plain) {
                    self.put(&plain, concept);
                }
            }
        }
        Ok(())
    }

    fn concept(&mut self, name: &str) -> Option<u16> {
        if let Some(known) = self.names.get(name) {
            return Some(*known);
        }
        let next = u16::try_from(self.names.len()).ok();
        let next = next.filter(|next| *next < CONCEPTS_KNOWN_MAX)?;
        self.names.insert(name.to_owned(), next);
        Some(next)
    }

    fn put(&mut self, chars: &[char], concept: u16) -> Option<()> {
        self.entries.push((key(Form::of(chars)?), concept));
        self.entries.extend(Form::start(chars).map(|start| (key(start), START)));
        Some(())
    }

    /// The concepts so far, sorted.
    pub fn concepts(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The lexicon of all that was added.
    pub fn build(mut self) -> Lexicon {
        self.entries.sort_unstable();
        self.entries.dedup();
        Lexicon::new(&self.entries)
    }
}

impl Lexicon {
    /// A lexicon of keys and their concepts.
    pub fn new(entries: &[(u32, u16)]) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let mut slots = vec![Slot::default(); (entries.len() * 3 / 2).next_power_of_two()];
        let mut maybe = vec![0; (1 << MAYBE_BITS) / 64];
        for &(key, concept) in entries {
            let mut at = key as usize & (slots.len() - 1);
            while slots[at].key != 0 {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = Slot { key, concept };
            let bit = key >> (32 - MAYBE_BITS);
            maybe[bit as usize / 64] |= 1 << (bit % 64);
        }
        Self { maybe, slots }
    }

    /// Keys and concepts, for the model file; sorted.
    pub fn entries(&self) -> Vec<(u32, u16)> {
        let taken = self.slots.iter().filter(|slot| slot.key != 0);
        let mut entries: Vec<(u32, u16)> = taken.map(|slot| (slot.key, slot.concept)).collect();
        entries.sort_unstable();
        entries
    }

    /// Whether there are no forms.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether `form` names a concept.
    #[inline]
    pub fn has(&self, form: Form) -> bool {
        let key = key(form);
        self.maybe(key) && self.entries_of(key).any(|concept| concept != START)
    }

    /// Whether longer forms start with `form`, see [`Form::start`].
    #[inline]
    pub fn starts(&self, form: Form) -> bool {
        let key = key(form);
        self.maybe(key) && self.entries_of(key).any(|concept| concept == START)
    }

    /// Adds the concepts of `form` to `found`; `false` when it has none.
    #[inline]
    pub fn find(&self, form: Form, found: &mut Concepts) -> bool {
        let key = key(form);
        self.maybe(key) && self.take(key, found)
    }

    #[inline(never)]
    fn take(&self, key: u32, found: &mut Concepts) -> bool {
        let mut known = false;
        for concept in self.entries_of(key).filter(|concept| *concept != START) {
            known = true;
            found.add(concept);
        }
        known
    }

    /// `false` for nearly all that are in no slot.
    #[inline]
    fn maybe(&self, key: u32) -> bool {
        let bit = key >> (32 - MAYBE_BITS);
        self.maybe.get(bit as usize / 64).is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
    }

    fn entries_of(&self, key: u32) -> impl Iterator<Item = u16> {
        let (before, from) = self.slots.split_at(key as usize & (self.slots.len() - 1));
        let taken = from.iter().chain(before).take_while(|slot| slot.key != 0);
        taken.filter(move |slot| slot.key == key).map(|slot| slot.concept)
    }
}

/// Half of the hash of a form tells a hundred thousand forms apart: one foreign word in forty
/// thousand is taken for one.
fn key(form: Form) -> u32 {
    ((form.key() >> 32) as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::features::{Kind, extract};

    /// How many features of `text` are concepts, with this lexicon.
    fn concepts(lines: &str, text: &str) -> Vec<u64> {
        let mut builder = Builder::default();
        builder.add(lines).expect("forms");
        let lexicon = builder.build();
        let (mut chars, mut features) = (Vec::new(), Vec::new());
        normalise(text, &mut chars);
        extract(&chars, &lexicon, &mut features);
        features.retain(|feature| Kind::of(*feature) == Kind::Concept);
        features
    }

    const TWO: &str = "parcel: pacco, parcel, 包裹, 택배\nnot_arrived: non è arrivato, not arrived, 没收到, 안 왔어요\n";

    #[test]
    fn languages_share_a_concept() {
        let italian = concepts(TWO, "il pacco non è arrivato");

        assert_eq!(italian.len(), 3, "two concepts, and both together");
        for other in ["Parcel not arrived!", "没收到包裹", "택배가 안 왔어요"] {
            let mut found = concepts(TWO, other);
            found.sort_unstable();
            let mut wanted = italian.clone();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{other}");
        }
    }

    #[test]
    fn a_form_without_its_accents_and_with_an_ending_is_found() {
        assert_eq!(concepts("refund: zwrócić\n", "zwrocic").len(), 1);
        assert_eq!(concepts("refund: rimb\n", "rimborsone").len(), 0);
        assert_eq!(concepts("refund: rimbors\n", "rimborsone").len(), 1);
    }

    #[test]
    fn the_longest_form_of_a_stretch_counts() {
        let skirt = concepts("cart: カート\nskirt: スカート\n", "スカート");

        assert_eq!(skirt.len(), 3, "the skirt, the cart in it, and both");
        assert_eq!(concepts("pay: 支付\npay_failed: 支付失败\n", "支付失败").len(), 1);
    }

    #[test]
    fn many_concepts_stay_within_the_bound() {
        let word =
            |at: usize| ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu"][at].to_owned();
        let words: Vec<String> = (0..100).map(|at| word(at / 10) + &word(at % 10)).collect();
        let lines: String = words.iter().map(|word| format!("of_{word}: {word}\n")).collect();

        let found = concepts(&lines, &words.join(" "));

        assert!(found.len() <= CONCEPTS_MAX * 4, "{}", found.len());
    }

    #[test]
    fn what_is_no_line_and_what_can_never_be_found_are_named() {
        let error = |lines: &str| Builder::default().add(lines).expect_err("wrong").to_string();

        assert_eq!(error("refund rimborso"), "line 1: not `concept: form, form`");
        assert!(
            error("refund: a\nlate: one two three four")
                .starts_with("line 2: `one two three four`")
        );
        assert!(error("refund: 扣了2次").contains("扣了2次"));
        assert!(error("refund: a,,b").contains("``"));
    }

    #[test]
    fn entries_read_back_as_the_same_lexicon() {
        let mut builder = Builder::default();
        builder.add(TWO).expect("forms");
        let lexicon = builder.build();

        assert_eq!(Lexicon::new(&lexicon.entries()).entries(), lexicon.entries());
        assert!(Lexicon::default().entries().is_empty());
    }
}
