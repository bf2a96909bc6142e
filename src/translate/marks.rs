//! Marks that stand in a text for what an engine must not touch, and their way back.

use std::borrow::Cow;

use super::protect::Protected;

/// How an engine is shown what it must leave alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// The engine reads XML or HTML and carries elements through: `<x id="0"/>`.
    Element,
    /// The engine knows plain text only: brackets that no language uses, with a number: `⟦0⟧`.
    Bracket,
}

/// A text with its marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// For the engine. With [`Markup::Element`], what is markup in XML is escaped.
    pub text: String,
    markup: Markup,
}

/// What an engine did to the marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A mark did not come back.
    #[error("mark {0} is missing")]
    Missing(usize),
    /// A mark came back more than once.
    #[error("mark {0} stands more than once")]
    Repeated(usize),
    /// Something looks like a mark and is none that was sent.
    #[error("a mark that was never set")]
    Unknown,
}

impl Marked {
    /// Replaces each of `stretches` (see [`super::protect()`]) by a mark.
    pub fn new(text: &str, stretches: &[Protected], markup: Markup) -> Self {
        let mut marked = String::with_capacity(text.len() + stretches.len() * 12);
        let mut at = 0;
        for (number, stretch) in stretches.iter().enumerate() {
            marked.push_str(&markup.escape(&text[at..stretch.place.start]));
            marked.push_str(&markup.mark(number));
            at = stretch.place.end;
        }
        marked.push_str(&markup.escape(&text[at..]));
        Self { text: marked, markup }
    }

    /// Puts the stretches back into what the engine made of [`Self::text`].
    ///
    /// # Errors
    /// When a mark was lost, doubled or made up.
    pub fn restore(&self, answer: &str, stretches: &[Protected]) -> Result<String, Damage> {
        let mut seen = vec![false; stretches.len()];
        let mut out = String::with_capacity(answer.len());
        let mut rest = answer;
        while let Some(mark) = self.markup.next(rest) {
            out.push_str(&self.markup.unescape(&rest[..mark.start]));
            rest = &rest[mark.end..];
            let stretch = mark.number.and_then(|number| Some((number, stretches.get(number)?)));
            let (number, stretch) = stretch.ok_or(Damage::Unknown)?;
            if std::mem::replace(&mut seen[number], true) {
                return Err(Damage::Repeated(number));
            }
            out.push_str(&stretch.said);
        }
        out.push_str(&self.markup.unescape(rest));
        match seen.iter().position(|seen| !seen) {
            Some(number) => Err(Damage::Missing(number)),
            None => Ok(out),
        }
    }
}

/// A mark in an answer.
struct Mark {
    start: usize,
    end: usize,
    /// `None` for one that was damaged.
    number: Option<usize>,
}

impl Markup {
    fn mark(self, number: usize) -> String {
        match self {
            Self::Element => format!("<x id=\"{number}\"/>"),
            Self::Bracket => format!("⟦{number}⟧"),
        }
    }

    /// The text as the engine reads it.
    fn escape(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Element if text.contains(['&', '<', '>']) => {
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                Cow::Owned(text)
            }
            // A text that has such brackets of its own would be read as marked.
            Self::Bracket if text.contains(['⟦', '⟧']) => {
                Cow::Owned(text.replace('⟦', "[").replace('⟧', "]"))
            }
            _ => Cow::Borrowed(text),
        }
    }

    fn unescape(self, text: &str) -> Cow<'_, str> {
        if self == Self::Bracket || !text.contains('&') {
            return Cow::Borrowed(text);
        }
        Cow::Owned(unescape(text))
    }

    /// The first mark of `text`. Engines change spaces, quotes and the way an element is closed.
    fn next(self, text: &str) -> Option<Mark> {
        match self {
            Self::Element => {
                let start = text.find('<')?;
                let end = text[start..].find('>').map_or(text.len(), |at| start + at + 1);
                let inside = &text[start..end];
                let rest = &text[end..];
                // `<x id="0"></x>` is the same element.
                let closing = rest
                    .trim_start()
                    .strip_prefix("</x>")
                    .map_or(0, |after| rest.len() - after.len());
                let number = inside.starts_with("<x ").then(|| number(inside)).flatten();
                Some(Mark { start, end: end + closing, number })
            }
            Self::Bracket => {
                let start = text.find(['⟦', '⟧'])?;
                let end =
                    text[start..].find('⟧').map_or(text.len(), |at| start + at + '⟧'.len_utf8());
                let inside = text[start..end].trim_start_matches('⟦').trim_end_matches('⟧');
                Some(Mark { start, end, number: inside.trim().parse().ok() })
            }
        }
    }
}

/// The longest that is looked for: `&#1114111;`.
const ENTITY_BYTES_MAX: usize = 12;

/// What entities stand for, in one pass: `&amp;lt;` is `&lt;`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
        let entity = end.and_then(|end| Some((entity(&rest[1..end])?, end)));
        match entity {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn number(element: &str) -> Option<usize> {
    let digits: String = element.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Glossary, protect};

    const TEXT: &str = "Is <order> #4711 & SKU-99 paid? See https://a.example/x";

    fn stretches(text: &str) -> Vec<Protected> {
        let to = "de".parse().expect("a language");
        protect(text, &Glossary::default(), None, to).expect("not too many")
    }

    #[test]
    fn what_an_engine_leaves_alone_comes_back_as_it_was() {
        let stretches = stretches(TEXT);

        for markup in [Markup::Element, Markup::Bracket] {
            let marked = Marked::new(TEXT, &stretches, markup);
            assert!(!marked.text.contains("4711"), "{}", marked.text);
            assert_eq!(marked.restore(&marked.text, &stretches).as_deref(), Ok(TEXT));
        }
    }

    #[test]
    fn marks_may_change_places_and_their_way_of_writing() {
        let stretches = stretches("#4711 or SKU-99");
        let element = Marked::new("#4711 or SKU-99", &stretches, Markup::Element);
        let bracket = Marked::new("#4711 or SKU-99", &stretches, Markup::Bracket);

        let said = element.restore("<x id='1'></x> oder &#39;<x id=\"0\" />&#39;", &stretches);
        assert_eq!(said.as_deref(), Ok("SKU-99 oder '#4711'"));
        assert_eq!(
            bracket.restore("⟦ 1 ⟧ oder ⟦0⟧", &stretches).as_deref(),
            Ok("SKU-99 oder #4711")
        );
    }

    #[test]
    fn entities_are_read_once() {
        let marked = Marked::new("a & b", &[], Markup::Element);

        assert_eq!(marked.text, "a &amp; b");
        let back = marked.restore("&amp;lt; &#39;&#x27; &eacute & &;", &[]);
        assert_eq!(back.as_deref(), Ok("&lt; '' &eacute & &;"));
    }

    #[test]
    fn a_lost_a_doubled_and_a_made_up_mark_are_told() {
        let stretches = stretches("#4711 or SKU-99");
        let marked = Marked::new("#4711 or SKU-99", &stretches, Markup::Bracket);

        assert_eq!(marked.restore("⟦0⟧", &stretches), Err(Damage::Missing(1)));
        assert_eq!(marked.restore("⟦0⟧ ⟦0⟧ ⟦1⟧", &stretches), Err(Damage::Repeated(0)));
        assert_eq!(marked.restore("⟦0⟧ ⟦1⟧ ⟦2⟧", &stretches), Err(Damage::Unknown));
        assert_eq!(marked.restore("⟦0⟧ 1⟧", &stretches), Err(Damage::Unknown));
        let marked = Marked::new("#4711 or SKU-99", &stretches, Markup::Element);
        assert_eq!(marked.restore("<x id=\"0\"/> <b>", &stretches), Err(Damage::Unknown));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic_and_a_good_one_keeps_everything(
            text in "[a-z0-9 #<>&⟦⟧€.-]{0,80}", answer in "\\PC{0,80}"
        ) {
            let stretches = stretches(&text);
            for markup in [Markup::Element, Markup::Bracket] {
                let marked = Marked::new(&text, &stretches, markup);
                let _ = marked.restore(&answer, &stretches);
                let back = marked.restore(&marked.text, &stretches).expect("nothing was changed");
                for stretch in &stretches {
                    assert!(back.contains(&stretch.said));
                }
            }
        }
    }
}
