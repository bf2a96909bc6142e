//! The language that a file is named after.

use crate::domain::Language;

/// Spellings of each language: the code of the model, then ISO 639-2 and 639-3, other codes in use,
/// and the English name.
const SPELLINGS: &[&str] = &[
    "af afr afrikaans",
    "am amh amharic",
    "ar ara arb arabic",
    "az aze azj azerbaijani",
    "be bel belarusian",
    "bg bul bulgarian",
    "bn ben bengali",
    "bs bos bosnian",
    "ca cat catalan",
    "cs ces cze czech",
    "cy cym wel welsh",
    "da dan danish",
    "de deu ger german",
    "el ell gre greek",
    "en eng english",
    "es spa spanish",
    "et est ekk estonian",
    "eu eus baq basque",
    "fa fas per pes farsi persian",
    "fi fin finnish",
    "fr fra fre french",
    "ga gle irish",
    "gl glg galician",
    "gu guj gujarati",
    "ha hau hausa",
    "he heb iw hebrew",
    "hi hin hindi",
    "hr hrv croatian",
    "hu hun hungarian",
    "hy hye arm armenian",
    "id ind in indonesian",
    "ig ibo igbo",
    "is isl ice icelandic",
    "it ita italian",
    "ja jpn japanese",
    "ka kat geo georgian",
    "kk kaz kazakh",
    "km khm khmer",
    "kn kan kannada",
    "ko kor korean",
    "lo lao",
    "lt lit lithuanian",
    "lv lav lvs latvian",
    "mk mkd mac macedonian",
    "ml mal malayalam",
    "mn mon khk mongolian",
    "mr mar marathi",
    "ms msa may zsm malay",
    "my mya bur burmese",
    "nb nob no nor nn nno norwegian",
    "ne nep npi nepali",
    "nl nld dut dutch",
    "pa pan punjabi",
    "pl pol polish",
    "pt por portuguese",
    "ro ron rum romanian",
    "ru rus russian",
    "si sin sinhala",
    "sk slk slo slovak",
    "sl slv slovenian slovene",
    "sq sqi alb albanian",
    "sr srp serbian",
    "sv swe swedish",
    "sw swa swh swahili",
    "ta tam tamil",
    "te tel telugu",
    "th tha thai",
    "tl tgl fil filipino tagalog",
    "tr tur turkish",
    "uk ukr ukrainian",
    "ur urd urdu",
    "uz uzb uzn uzbek",
    "vi vie vietnamese",
    "yo yor yoruba",
    "zh zho chi cmn yue chinese mandarin",
    "zu zul zulu",
];

/// The language in the stem of a file's name: a code or a name, alone (`por`), with region or script
/// (`pt-BR`, `zh_Hant`), or as one of several parts (`train.swa`).
pub fn language_of_stem(stem: &str) -> Option<Language> {
    let known = |word: &str| {
        let word = word.to_ascii_lowercase();
        let codes = SPELLINGS.iter().find(|codes| codes.split(' ').any(|code| code == word))?;
        codes.split(' ').next()?.parse().ok()
    };
    stem.split('.').find_map(|part| known(part.split(['-', '_']).next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn files_are_named_in_many_ways() {
        let code = |stem| language_of_stem(stem).map(|language| language.to_string());

        for (stem, wanted) in [
            ("zh", "zh"),
            ("zh-Hant", "zh"),
            ("pt_BR", "pt"),
            ("por", "pt"),
            ("deu", "de"),
            ("FRA", "fr"),
            ("train.swa", "sw"),
            ("val.arabic", "ar"),
            ("no", "nb"),
            ("fil", "tl"),
        ] {
            assert_eq!(code(stem).as_deref(), Some(wanted), "{stem}");
        }
        assert_eq!(code("sentences"), None);
        assert_eq!(code(""), None);
    }

    #[test]
    fn no_spelling_stands_for_two_languages() {
        let mut seen = BTreeSet::new();

        for spelling in SPELLINGS.iter().flat_map(|codes| codes.split(' ')) {
            assert!(seen.insert(spelling), "{spelling}");
        }
    }
}
