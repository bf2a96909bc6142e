//! How a line ends: as a question, as a sentence, in the middle of one, or without a sign.

use crate::domain::Language;

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a question mark.
    Question,
    /// With what ends a sentence.
    Sentence,
    /// In the middle of a sentence.
    Open,
    /// Without a sign, as most lines of a chat.
    None,
}

/// Marks of a sentence that goes on.
const OPEN_MARKS: &[char] = &[
    ',', ':', ';', '-', '–', '—', '…', '&', '+', '/', '(', '，', '、', '：', '；', '،', '؛', '（',
];
const QUESTION_MARKS: &[char] = &['?', '？', '؟', '‽'];
const SENTENCE_MARKS: &[char] = &['.', '!', '。', '！', '．', '।', '۔', '｡'];
/// What may stand behind the mark that counts.
const CLOSERS: &[char] = &['"', '\'', ')', '”', '’', '»', '）', '」', '』', ']'];

/// Words that no sentence ends with: what they join or belong to is still to come. Where words are not
/// parted by spaces, or grow together, these are endings of the line.
const GOING_ON: &[(&str, &[&str])] = &[
    (
        "ar",
        &[
            "و", "أو", "لكن", "ولكن", "لأن", "مع", "من", "في", "إلى", "على", "عن", "أن", "إذا",
            "الذي", "التي",
        ],
    ),
    ("bn", &["এবং", "কিন্তু", "কারণ", "যে", "আর", "অথবা", "যদি"]),
    (
        "de",
        &[
            "und", "oder", "aber", "weil", "dass", "ob", "wenn", "mit", "für", "von", "der", "die",
            "den", "dem", "eine", "einen", "mein", "meine", "meinen", "ich", "denn", "also", "zur",
            "zum", "im", "am",
        ],
    ),
    (
        "en",
        &[
            "and", "or", "but", "because", "with", "the", "a", "an", "my", "your", "if", "to",
            "for", "of", "when", "which", "i", "i'm", "i've", "also", "about", "cause", "cuz",
        ],
    ),
    (
        "es",
        &[
            "y", "e", "o", "pero", "porque", "con", "el", "la", "los", "las", "un", "una", "mi",
            "mis", "que", "si", "para", "de", "del", "en", "por", "cuando", "a", "al", "es", "pq",
            "además",
        ],
    ),
    (
        "fr",
        &[
            "et", "ou", "mais", "car", "parce", "avec", "le", "la", "les", "un", "une", "des",
            "mon", "ma", "mes", "que", "si", "pour", "de", "du", "en", "quand", "je", "j'ai",
            "est", "à", "au", "donc",
        ],
    ),
    ("he", &["ו", "או", "אבל", "כי", "עם", "את", "של", "אם", "על", "אני", "גם"]),
    ("hi", &["और", "या", "लेकिन", "क्योंकि", "कि", "अगर", "मेरा", "मेरी", "मेरे", "तो", "के", "का"]),
    (
        "id",
        &[
            "dan", "atau", "tapi", "tetapi", "karena", "dengan", "yang", "kalau", "untuk", "dari",
            "di", "ke", "bahwa", "jadi", "terus",
        ],
    ),
    (
        "it",
        &[
            "e", "o", "ma", "però", "perché", "con", "il", "lo", "la", "i", "gli", "le", "un",
            "una", "mio", "mia", "che", "se", "per", "di", "del", "della", "in", "quando", "ho",
            "è",
        ],
    ),
    (
        "ja",
        &[
            "けど",
            "けれど",
            "ので",
            "から",
            "のに",
            "たら",
            "ですが",
            "ますが",
            "たのですが",
            "んですが",
            "て、",
            "そして",
            "あと",
            "でも",
        ],
    ),
    (
        "ko",
        &[
            "는데",
            "은데",
            "인데",
            "지만",
            "해서",
            "아서",
            "어서",
            "니까",
            "려고",
            "그리고",
            "근데",
            "그런데",
            "하고",
            "라서",
        ],
    ),
    (
        "ms",
        &[
            "dan", "atau", "tapi", "tetapi", "kerana", "sebab", "dengan", "yang", "kalau", "untuk",
            "dari", "di", "ke", "bahawa", "jadi",
        ],
    ),
    (
        "nl",
        &[
            "en", "of", "maar", "omdat", "want", "met", "de", "een", "mijn", "dat", "als", "dus",
            "voor", "van", "ik",
        ],
    ),
    (
        "pl",
        &[
            "i",
            "lub",
            "albo",
            "ale",
            "bo",
            "ponieważ",
            "z",
            "ze",
            "że",
            "jeśli",
            "czy",
            "dla",
            "od",
            "do",
            "w",
            "na",
            "mój",
            "moja",
            "więc",
            "który",
            "która",
        ],
    ),
    (
        "pt",
        &[
            "e", "ou", "mas", "porque", "com", "o", "a", "os", "as", "um", "uma", "meu", "minha",
            "que", "se", "para", "pra", "de", "do", "da", "em", "no", "na", "quando", "eu", "é",
            "pq",
        ],
    ),
    (
        "ru",
        &[
            "и",
            "или",
            "но",
            "а",
            "потому",
            "что",
            "чтобы",
            "если",
            "с",
            "со",
            "в",
            "на",
            "для",
            "от",
            "к",
            "мой",
            "моя",
            "я",
            "который",
            "которая",
            "когда",
        ],
    ),
    (
        "sv",
        &[
            "och", "eller", "men", "för", "att", "med", "en", "ett", "min", "mitt", "om", "så",
            "till", "från", "jag", "som", "i", "är",
        ],
    ),
    ("th", &["และ", "แต่", "เพราะ", "คือ", "ว่า", "กับ", "ที่", "ถ้า", "แล้วก็"]),
    ("tl", &["at", "o", "pero", "kasi", "dahil", "ang", "ng", "sa", "kung", "yung", "tapos"]),
    ("tr", &["ve", "veya", "ama", "fakat", "çünkü", "ile", "bir", "benim", "eğer", "için", "ki"]),
    (
        "uk",
        &[
            "і", "й", "та", "або", "але", "бо", "що", "щоб", "якщо", "з", "зі", "в", "у", "на",
            "для", "від", "до", "мій", "моя", "я", "який", "яка", "коли",
        ],
    ),
    (
        "vi",
        &["và", "hoặc", "nhưng", "vì", "với", "của", "là", "mà", "nếu", "cho", "từ", "thì", "để"],
    ),
    (
        "zh",
        &[
            "和", "或者", "但是", "因为", "而且", "还有", "就是", "然后", "如果", "所以", "可是",
            "不过", "另外",
        ],
    ),
];

/// Languages that write no spaces between words, or whose words carry what joins sentences.
const BY_ENDING: &[&str] = &["ja", "ko", "th", "zh"];

/// How `text` in `language` ends.
pub(super) fn ending(text: &str, language: Language) -> Ending {
    let text = text.trim_end();
    if text.ends_with("..") || text.ends_with("。。") {
        return Ending::Open;
    }
    let bare = text.trim_end_matches(CLOSERS).trim_end();
    match bare.chars().next_back() {
        // The Greek question mark is typed as a semicolon.
        Some(';') if language.as_str() == "el" => Ending::Question,
        Some(last) if QUESTION_MARKS.contains(&last) => Ending::Question,
        Some(last) if SENTENCE_MARKS.contains(&last) => Ending::Sentence,
        Some(last) if OPEN_MARKS.contains(&last) && bare.len() == text.len() => Ending::Open,
        Some(_) if goes_on(bare, language) => Ending::Open,
        _ => Ending::None,
    }
}

fn goes_on(text: &str, language: Language) -> bool {
    let code = language.as_str();
    let Some((_, words)) = GOING_ON.iter().find(|(of, _)| *of == code) else { return false };
    let text = text.to_lowercase();
    if BY_ENDING.contains(&code) {
        return words.iter().any(|word| text.ends_with(word));
    }
    let last = text.split_whitespace().next_back().unwrap_or_default();
    words.contains(&last.replace('’', "'").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends(code: &str, text: &str) -> Ending {
        ending(text, code.parse().expect("a language"))
    }

    #[test]
    fn marks_of_every_script_are_read() {
        for (code, text, expected) in [
            ("en", "where is it?", Ending::Question),
            ("en", "where is it ??  ", Ending::Question),
            ("en", "(or is it lost?)", Ending::Question),
            ("zh", "到哪里了？", Ending::Question),
            ("ar", "أين طلبي؟", Ending::Question),
            ("en", "it broke!", Ending::Sentence),
            ("hi", "मेरा पार्सल नहीं आया।", Ending::Sentence),
            ("ja", "届きません。", Ending::Sentence),
            ("en", "well...", Ending::Open),
            ("en", "my order:", Ending::Open),
            ("ar", "عندي مشكلة،", Ending::Open),
            ("en", "it broke", Ending::None),
            ("en", "thanks 🙏", Ending::None),
            ("en", "", Ending::None),
        ] {
            assert_eq!(ends(code, text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_that_stops_in_a_sentence_goes_on() {
        for (code, text) in [
            ("en", "I bought the jacket and"),
            ("en", "Hi, I have a question about"),
            ("de", "ich wollte fragen ob"),
            ("es", "quiero devolverlo porque"),
            ("fr", "je voudrais savoir si"),
            ("ru", "я хотела узнать, что"),
            ("ja", "昨日届いたのですが"),
            ("ko", "어제 주문했는데"),
            ("zh", "我昨天下单了，但是"),
            ("th", "สั่งของไปแล้ว แต่"),
            ("vi", "tôi muốn trả hàng vì"),
            ("tr", "dün sipariş verdim ama"),
        ] {
            assert_eq!(ends(code, text), Ending::Open, "{text}");
        }
        // The same letters are a word of their own elsewhere.
        assert_eq!(ends("es", "no me llega la factura and"), Ending::None);
    }

    #[test]
    fn every_language_of_the_table_is_one() {
        for (code, words) in GOING_ON {
            assert!(code.parse::<Language>().is_ok(), "{code}");
            assert!(words.iter().all(|word| word.to_lowercase() == **word), "{code}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_ending(text in "\\PC{0,40}|.{0,40}") {
            ends("ja", &text);
            ends("en", &text);
        }
    }
}
