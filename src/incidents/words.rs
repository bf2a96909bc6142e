//! The words by which a question sounds like somebody's own.
//!
//! They lie in `words/<language>.txt`, a group a line: `own: _my_, _mine_`. A form is a stretch of
//! the text in the form of [`plain`]; `_` stands for the edge of a word. `harmless` has what people
//! say of themselves while they ask for all ("it shows me"): it is no sign.

use std::borrow::Cow;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::lists::{Lists, lists};
use crate::domain::{Guess, Language};

/// Why a group of words bars a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sign {
    /// Something of the customer's own: "my", "mine", "I".
    Own,
    /// Something that has happened to this customer: "I paid", "you cancelled".
    Happened,
    /// Money back, damages, a price difference.
    Money,
    /// A complaint, a report, a court.
    Legal,
    /// "Is it only me?"
    OnlyMe,
    /// "It is not about the outage."
    NotThis,
    /// Something to be done for this customer: cancel, change, unlock.
    ActForMe,
}

impl Sign {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Own,
        Self::Happened,
        Self::Money,
        Self::Legal,
        Self::OnlyMe,
        Self::NotThis,
        Self::ActForMe,
    ];

    /// The sign as written in word lists and evidence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Happened => "happened",
            Self::Money => "money",
            Self::Legal => "legal",
            Self::OnlyMe => "only_me",
            Self::NotThis => "not_this",
            Self::ActForMe => "act_for_me",
        }
    }
}

/// The words of one language.
#[derive(Default)]
pub(super) struct Words {
    language: &'static str,
    signs: Vec<(Sign, Vec<String>)>,
    harmless: Vec<String>,
}

static ALL: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let read = |(language, lines): &(&'static str, &str)| Words::read(language, lines);
    LISTS.iter().map(read).collect()
});

/// Confidence in a language from which on it is taken for the one.
const LANGUAGE_SURE: f32 = 0.5;
/// A longer text is in the language that the model names: there is enough of it, and it could say more than
/// the words of other languages know.
const SHORT_CHARS: usize = 40;

const LISTS: Lists = lists!("words");

impl Words {
    /// Those of the languages that `text`, which is [`plain`], may be in; none where nobody has written
    /// them. Short messages are often taken for a neighbour of their language, and where the model is
    /// unsure every language of the script may be it.
    pub(super) fn likely(language: Guess<Language>, text: &str) -> Vec<&'static Self> {
        let code = language.label.as_str();
        let any = |letters: &str| text.contains(|c| letters.contains(c));
        let neighbour = match code {
            "ms" => Some("id"),
            "uk" | "sr" | "bg" if !any("іїєґјљњћђџ") => Some("ru"),
            "ja" if !text.contains(|c| matches!(c, '\u{3041}'..='\u{30ff}')) => Some("zh"),
            _ => None,
        };
        let is_unsure = language.confidence < LANGUAGE_SURE && text.chars().count() <= SHORT_CHARS;
        let unsure = if is_unsure { of_script(text) } else { &[] };
        let is_likely = |it: &str| it == code || neighbour == Some(it) || unsure.contains(&it);
        ALL.iter().filter(|words| is_likely(words.language)).collect()
    }

    fn read(language: &'static str, lines: &str) -> Self {
        let mut words = Self { language, ..Self::default() };
        for line in lines.lines() {
            let (name, forms) = line.split_once(": ").expect("a line is `group: forms`");
            let forms: Vec<String> = forms.split(", ").map(|form| form.replace('_', " ")).collect();
            if name == "harmless" {
                words.harmless = forms;
            } else {
                let sign = Sign::ALL.into_iter().find(|sign| sign.as_str() == name);
                words.signs.push((sign.expect("a sign that is known"), forms));
            }
        }
        words
    }

    /// The language that they are of.
    pub(super) const fn language(&self) -> &'static str {
        self.language
    }

    /// The signs in `text`, which is [`plain`].
    pub(super) fn signs(&self, text: &str) -> impl Iterator<Item = Sign> {
        let mut rest = Cow::Borrowed(text);
        for form in self.harmless.iter().filter(|form| text.contains(form.as_str())) {
            rest = Cow::Owned(rest.replace(form.as_str(), " ~ "));
        }
        let found = self.signs.iter();
        let found = found.filter(move |(_, forms)| forms.iter().any(|it| rest.contains(it)));
        found.map(|(sign, _)| *sign)
    }
}

/// The languages with words that are written in the script of `text`.
fn of_script(text: &str) -> &'static [&'static str] {
    let of = |c: char| -> Option<&'static [&'static str]> {
        match c {
            '\u{3041}'..='\u{30ff}' => Some(&["ja"]),
            '\u{4e00}'..='\u{9fff}' => Some(&["zh", "ja"]),
            '\u{ac00}'..='\u{d7a3}' => Some(&["ko"]),
            '\u{590}'..='\u{5ff}' => Some(&["he"]),
            '\u{600}'..='\u{6ff}' => Some(&["ar"]),
            '\u{400}'..='\u{4ff}' => Some(&["ru", "uk"]),
            '\u{900}'..='\u{97f}' => Some(&["hi"]),
            '\u{980}'..='\u{9ff}' => Some(&["bn"]),
            '\u{e01}'..='\u{e7f}' => Some(&["th"]),
            _ => None,
        }
    };
    text.chars().find_map(of).unwrap_or(&["en", "es", "fr", "id", "pt"])
}

/// The text in lower case and compatibility form, words apart by one space, with a space at both ends.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 2);
    plain.push(' ');
    for c in text.nfkc().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() || is_combining_mark(c) {
            plain.push(c);
        } else if !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    if !plain.ends_with(' ') {
        plain.push(' ');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_readable_and_has_every_sign() {
        for words in ALL.iter() {
            assert_eq!(words.signs.len(), Sign::ALL.len(), "{}", words.language);
            assert!(!words.harmless.is_empty(), "{}", words.language);
            let forms = words.signs.iter().flat_map(|(_, forms)| forms);
            let forms = forms.chain(&words.harmless);
            for form in forms {
                assert!(plain(form).contains(form.as_str()), "never found: `{form}`");
            }
        }
    }

    #[test]
    fn a_short_text_is_read_by_the_words_of_every_language_that_it_may_be_in() {
        let likely = |code: &str, confidence: f32, text: &str| -> Vec<&str> {
            let guess = Guess { confidence, ..sure(code) };
            Words::likely(guess, &plain(text)).iter().map(|words| words.language).collect()
        };

        assert_eq!(likely("en", 0.9, "is it down"), ["en"]);
        assert_eq!(likely("tl", 0.4, "new hrs"), ["en", "es", "fr", "id", "pt", "tl"]);
        assert_eq!(likely("uk", 0.9, "сайт лежит"), ["ru", "uk"]);
        assert_eq!(likely("ja", 0.9, "營業時間"), ["ja", "zh"]);
        assert_eq!(likely("uk", 0.9, "сайт лежить, і що"), ["uk"]);
        assert_eq!(likely("ja", 0.9, "営業時間は"), ["ja"]);
        assert_eq!(likely("ms", 0.9, "laman web rosak"), ["id", "ms"]);
        assert!(likely("fi", 0.9, "onko sivusto alhaalla").is_empty());
        assert!(likely("fi", 0.4, &"onko sivusto alhaalla ".repeat(3)).is_empty());
    }

    #[test]
    fn what_people_say_of_themselves_while_they_ask_for_all_is_no_sign() {
        let sign = |text: &str| {
            let text = plain(text);
            Words::likely(sure("en"), &text).iter().find_map(|words| words.signs(&text).next())
        };

        assert_eq!(sign("the page shows me nothing, is it down?"), None);
        assert_eq!(sign("the page shows me another order than I placed"), Some(Sign::Own));
    }

    fn sure(language: &str) -> Guess<Language> {
        Guess { label: language.parse().expect("a language"), confidence: 1.0 }
    }
}
