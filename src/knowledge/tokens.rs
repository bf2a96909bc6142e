//! What of a text is searched by: words without their endings, and pairs of characters where words are
//! not set apart.

use unicode_normalization::UnicodeNormalization;

/// Tokens of a text that count.
pub const TOKENS_MAX: usize = 256;
/// Characters of a word that count: most endings lie behind them.
const STEM_CHARS: usize = 6;

/// The tokens of `text`, in order.
pub fn tokens(text: &str) -> Vec<String> {
    let folded: String =
        text.nfkd().filter(|c| !is_mark(*c)).flat_map(char::to_lowercase).nfc().collect();
    let mut tokens = Vec::new();
    let mut rest = folded.as_str();
    while let Some(start) = rest.find(char::is_alphanumeric) {
        rest = &rest[start..];
        let dense = rest.chars().next().is_some_and(is_dense);
        let belongs = |c: char| (c.is_alphanumeric() || is_joined(c)) && is_dense(c) == dense;
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let (run, later) = rest.split_at(end);
        match dense {
            true => pairs(run, &mut tokens),
            false => tokens.push(stem(run)),
        }
        rest = later;
        if tokens.len() >= TOKENS_MAX {
            tokens.truncate(TOKENS_MAX);
            break;
        }
    }
    tokens
}

/// A word without its ending; in Arabic also without the article before it.
fn stem(word: &str) -> String {
    let bare = ["وال", "بال", "ال"].iter().find_map(|article| word.strip_prefix(article));
    let word = bare.filter(|bare| bare.chars().count() >= 3).unwrap_or(word);
    word.chars().take(STEM_CHARS).collect()
}

/// Every two characters that stand side by side; one that stands alone is a token by itself.
fn pairs(run: &str, tokens: &mut Vec<String>) {
    let chars: Vec<char> = run.chars().collect();
    if let [one] = chars.as_slice() {
        tokens.push(one.to_string());
    }
    tokens.extend(chars.windows(2).map(|pair| pair.iter().collect::<String>()));
}

/// Accents of Latin, Greek and Cyrillic letters, and vowel points, which many leave out.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Marks without which words of India and Thailand fall apart.
const fn is_joined(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{e4f}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17dd}')
}

/// Scripts that set no spaces between words, and Hangul, whose endings are syllables.
const fn is_dense(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_accents_and_articles_make_no_difference() {
        assert_eq!(tokens("¿Devoluciones?"), tokens("devolución"));
        assert_eq!(tokens("Rückgabe"), ["ruckga"]);
        assert_eq!(tokens("الإرجاع"), tokens("إرجاع"));
        assert_eq!(
            tokens("возвраты"),
            tokens("возврат").iter().map(|it| it[..12].to_owned()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn characters_without_spaces_are_taken_in_pairs() {
        assert_eq!(tokens("退货PayPal期"), ["退货", "paypal", "期"]);
        assert_eq!(tokens("반품은"), ["반품", "품은"]);
        assert_eq!(tokens("คืนได้").first().map(String::as_str), Some("คื"));
    }

    #[test]
    fn a_long_text_has_so_many_tokens_and_no_more() {
        assert_eq!(tokens(&"wort ".repeat(1_000)).len(), TOKENS_MAX);
        assert_eq!(tokens(&"退".repeat(5_000)).len(), TOKENS_MAX);
        assert!(tokens("?! …").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
            assert!(tokens(&text).iter().all(|token| !token.is_empty()));
        }
    }
}
