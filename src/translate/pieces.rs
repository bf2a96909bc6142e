//! A text cut around what is protected, for engines that do not keep marks.

use super::protect::Protected;

/// The stretches of a text that an engine translates one by one, and how they become a text again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// For the engine, in order. Each has a letter; spaces around it are not part of it.
    pub texts: Vec<String>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Stays as it is.
    Fixed(String),
    /// The next of the texts.
    Text,
}

/// Cuts `text` around `stretches`, see [`super::protect()`].
pub fn pieces(text: &str, stretches: &[Protected]) -> Pieces {
    let mut cut = Pieces { texts: Vec::new(), parts: Vec::new() };
    let mut at = 0;
    for stretch in stretches {
        cut.add(&text[at..stretch.place.start]);
        cut.parts.push(Part::Fixed(stretch.said.clone()));
        at = stretch.place.end;
    }
    cut.add(&text[at..]);
    cut
}

impl Pieces {
    fn add(&mut self, text: &str) {
        let inner = text.trim();
        if !inner.contains(char::is_alphabetic) {
            self.parts.push(Part::Fixed(text.to_owned()));
            return;
        }
        let start = text.len() - text.trim_start().len();
        self.parts.push(Part::Fixed(text[..start].to_owned()));
        self.parts.push(Part::Text);
        self.parts.push(Part::Fixed(text[start + inner.len()..].to_owned()));
        self.texts.push(inner.to_owned());
    }

    /// Joins what the engine made of [`Self::texts`]; `None` when it gave another number of them.
    pub fn join(&self, translated: &[String]) -> Option<String> {
        if translated.len() != self.texts.len() {
            return None;
        }
        let mut translated = translated.iter();
        let parts = self.parts.iter().filter_map(|part| match part {
            Part::Fixed(text) => Some(text.as_str()),
            Part::Text => translated.next().map(|text| text.trim()),
        });
        Some(parts.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Glossary, protect};

    #[test]
    fn the_engine_sees_words_and_nothing_else() {
        let text = "Order #4711: paid 20 €, not sent!";
        let to = "de".parse().expect("a language");
        let stretches = protect(text, &Glossary::default(), None, to).expect("not too many");

        let cut = pieces(text, &stretches);

        assert_eq!(cut.texts, ["Order", ": paid", ", not sent!"]);
        let said = ["Bestellung", ": bezahlt", ", nicht versandt!"].map(str::to_owned);
        assert_eq!(
            cut.join(&said).as_deref(),
            Some("Bestellung #4711: bezahlt 20 €, nicht versandt!")
        );
        assert_eq!(cut.join(&said[..2]), None);
    }
}
