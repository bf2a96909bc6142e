//! The words by which a question is known to be somebody's own, and those that tell what it is about.
//!
//! They lie in `words/<language>.txt`, a group a line: `gate.own: _my_, _mine_`. A form is a stretch of
//! the text in the form of [`plain`]; `_` stands for the edge of a word.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::Language;

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
    const ALL: [Self; 7] = [
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

/// What incidents of shops are about, and how much each says: what nearly every report names (that
/// something does not work) says less than what it is that does not.
pub(super) const TOPICS: [(&str, f32); 32] = [
    ("site", 2.7),
    ("down", 1.7),
    ("login", 2.9),
    ("app", 3.4),
    ("card", 2.6),
    ("pay", 2.7),
    ("coupon", 2.7),
    ("strike", 3.0),
    ("carrier", 3.6),
    ("parcel", 2.3),
    ("customs", 3.1),
    ("sale", 3.1),
    ("price", 3.0),
    ("double", 3.2),
    ("paypal", 3.4),
    ("tracking", 3.0),
    ("launch", 3.0),
    ("recall", 3.1),
    ("battery", 3.7),
    ("newsletter", 3.2),
    ("link", 2.9),
    ("flood", 3.2),
    ("warehouse", 3.5),
    ("gift", 3.1),
    ("currency", 3.0),
    ("chat", 3.4),
    ("translation", 3.1),
    ("soldout", 3.0),
    ("return", 3.0),
    ("portal", 3.1),
    ("hours", 2.8),
    ("leak", 3.1),
];

/// The words of one language.
pub(super) struct Words {
    language: &'static str,
    signs: Vec<(Sign, Vec<String>)>,
    topics: Vec<(usize, Vec<String>)>,
}

static ALL: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let read = |(language, lines): &(&'static str, &str)| Words::read(language, lines);
    LISTS.iter().map(read).collect()
});

const LISTS: [(&str, &str); 9] = [
    ("ar", include_str!("words/ar.txt")),
    ("en", include_str!("words/en.txt")),
    ("es", include_str!("words/es.txt")),
    ("fr", include_str!("words/fr.txt")),
    ("id", include_str!("words/id.txt")),
    ("ko", include_str!("words/ko.txt")),
    ("pt", include_str!("words/pt.txt")),
    ("ru", include_str!("words/ru.txt")),
    ("zh", include_str!("words/zh.txt")),
];

impl Words {
    /// Those of `language`; `None` where nobody has written them.
    pub(super) fn of(language: Language) -> Option<&'static Self> {
        // Short messages in one of the two are often taken for the other, and they share these words.
        let code = if language.as_str() == "ms" { "id" } else { language.as_str() };
        ALL.iter().find(|words| words.language == code)
    }

    fn read(language: &'static str, lines: &str) -> Self {
        let mut words = Self { language, signs: Vec::new(), topics: Vec::new() };
        for line in lines.lines() {
            let (name, forms) = line.split_once(": ").expect("a line is `group: forms`");
            let forms = forms.split(", ").map(|form| form.replace('_', " ")).collect();
            match name.split_once('.').expect("a group is of the gate or a topic") {
                ("gate", name) => {
                    let sign = Sign::ALL.into_iter().find(|sign| sign.as_str() == name);
                    words.signs.push((sign.expect("a sign that is known"), forms));
                }
                (_, name) => {
                    let topic = TOPICS.iter().position(|(topic, _)| *topic == name);
                    words.topics.push((topic.expect("a topic that is known"), forms));
                }
            }
        }
        words
    }

    /// The first sign in `text`, which is [`plain`], that bars it.
    pub(super) fn sign(&self, text: &str) -> Option<Sign> {
        let found = self.signs.iter().find(|(_, forms)| forms.iter().any(|it| text.contains(it)));
        found.map(|(sign, _)| *sign)
    }

    /// The weights of the topics that `text` names, as a vector of length one; nothing but zeros when it
    /// names none.
    pub(super) fn topics(&self, text: &str) -> [f32; TOPICS.len()] {
        let mut weights = [0.0; TOPICS.len()];
        for (topic, forms) in &self.topics {
            if forms.iter().any(|form| text.contains(form)) {
                weights[*topic] = TOPICS[*topic].1;
            }
        }
        let length = weights.iter().map(|weight| weight * weight).sum::<f32>().sqrt();
        weights.map(|weight| if length > 0.0 { weight / length } else { 0.0 })
    }
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
    fn every_list_is_readable_and_has_every_sign_and_topic() {
        for words in ALL.iter() {
            assert_eq!(words.signs.len(), Sign::ALL.len(), "{}", words.language);
            assert_eq!(words.topics.len(), TOPICS.len(), "{}", words.language);
            let forms = words.signs.iter().flat_map(|(_, forms)| forms);
            let forms = forms.chain(words.topics.iter().flat_map(|(_, forms)| forms));
            for form in forms {
                assert!(plain(form).contains(form.as_str()), "never found: `{form}`");
            }
        }
    }

    #[test]
    fn topics_are_the_same_in_every_language() {
        let topics = |language: &str, text: &str| {
            let language = language.parse().expect("a language");
            Words::of(language).expect("a list").topics(&plain(text))
        };
        let english = topics("en", "How long will the strike last?");

        for (language, text) in
            [("es", "¿cuánto dura la huelga?"), ("ko", "파업 언제 끝나요"), ("zh", "罢工结束没")]
        {
            assert_eq!(topics(language, text), english, "{text}");
        }
    }
}
