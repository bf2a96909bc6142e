//! A text cut into sentences, which is what models are trained on.

use super::tokens::SENTENCE_CHARS_MAX;

/// A stretch of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// For the model; it has a letter and no space at its ends.
    Sentence(&'a str),
    /// Stays as it is.
    Gap(&'a str),
}

/// The stretches of `text`; joined they are the text.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (sentence, after) = rest.split_at(end(rest));
        let inner = sentence.trim();
        let start = sentence.len() - sentence.trim_start().len();
        if inner.contains(char::is_alphabetic) {
            parts.push(Part::Gap(&sentence[..start]));
            parts.push(Part::Sentence(inner));
            parts.push(Part::Gap(&sentence[start + inner.len()..]));
        } else {
            parts.push(Part::Gap(sentence));
        }
        rest = after;
    }
    parts.retain(|part| *part != Part::Gap(""));
    parts
}

/// Where the first sentence of `text` ends: after a line, after a mark that ends sentences and is
/// followed by a space and no small letter, or after as much as one sentence may have.
fn end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut after_mark = None;
    for count in 0.. {
        let Some((at, c)) = chars.next() else { return text.len() };
        let behind = at + c.len_utf8();
        match c {
            '\n' | '。' | '！' | '？' => return behind,
            _ if count >= SENTENCE_CHARS_MAX => return at,
            '.' | '!' | '?' | '…' | '؟' | '।' => after_mark = Some(behind),
            // What closes behind a mark belongs to the sentence.
            '"' | '\'' | ')' | ']' | '”' | '’' | '»' => {
                after_mark = after_mark.map(|_| behind);
            }
            _ if c.is_whitespace() && after_mark.is_some() => {
                let next = text[behind..].chars().find(|c| !c.is_whitespace());
                if !next.is_some_and(char::is_lowercase) {
                    return behind;
                }
                after_mark = None;
            }
            _ => after_mark = None,
        }
    }
    text.len()
}

/// A sentence in two, at the space nearest to its middle, or in the middle where there is none; `None`
/// for a single character.
pub(super) fn halves(sentence: &str) -> Option<(&str, &str)> {
    let middle = sentence.len() / 2;
    let spaces = sentence.char_indices().filter(|(_, c)| c.is_whitespace());
    let spaces = spaces.map(|(at, c)| at + c.len_utf8()).filter(|at| *at < sentence.len());
    let at = spaces.min_by_key(|at| at.abs_diff(middle)).or_else(|| {
        let borders = sentence.char_indices().map(|(at, _)| at).skip(1);
        borders.min_by_key(|at| at.abs_diff(middle))
    })?;
    Some(sentence.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let sentence = |part| match part {
            Part::Sentence(sentence) => Some(sentence),
            Part::Gap(_) => None,
        };
        parts(text).into_iter().filter_map(sentence).collect()
    }

    #[test]
    fn sentences_end_at_marks_and_lines_and_not_inside_numbers_and_short_forms() {
        let text =
            "Hello! It cost 3.50 e.g. for me (why?) Bye.\n\n- one\n订单没到。什么时候发货？好";

        assert_eq!(
            sentences(text),
            [
                "Hello!",
                "It cost 3.50 e.g. for me (why?)",
                "Bye.",
                "- one",
                "订单没到。",
                "什么时候发货？",
                "好"
            ]
        );
    }

    #[test]
    fn an_endless_sentence_is_cut() {
        let text = "a".repeat(SENTENCE_CHARS_MAX + 10);

        let lengths: Vec<_> = sentences(&text).iter().map(|part| part.len()).collect();

        assert_eq!(lengths, [SENTENCE_CHARS_MAX, 10]);
    }

    #[test]
    fn a_sentence_is_halved_at_a_space_if_it_has_one() {
        assert_eq!(halves("to be or not"), Some(("to be ", "or not")));
        assert_eq!(halves("好的吗"), Some(("好", "的吗")));
        assert_eq!(halves("x"), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_of_a_text_is_lost(text in "[a-zA-Z .!?\n。\"é]{0,80}") {
            let joined: String = parts(&text)
                .into_iter()
                .map(|part| match part { Part::Sentence(text) | Part::Gap(text) => text })
                .collect();
            assert_eq!(joined, text);
        }
    }
}
