//! What of a text must come through a translation untouched.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::glossary::Glossary;
use crate::domain::Language;

/// Most stretches of one text that are protected; a text with more of them is a table, and is not
/// translated.
pub const PROTECTED_MAX: usize = 200;

/// A stretch of a text, and what stands in its place in the other language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// Where it stands in the original, in bytes.
    pub place: Range<usize>,
    /// What the translation says there: the stretch itself, or the shop's own word.
    pub said: String,
}

/// Everything in which a digit or an address counts, in one pass. Alternatives come in the order in
/// which they are tried at a place.
static STRETCHES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        // Placeholders of templates.
        r"\{\{?[\w .-]{1,64}\}\}?",
        // Pages, with or without a scheme. A full stop or a bracket at the end belongs to the sentence.
        r"|(?i:https?://|www\.)[^\s<>()\[\]\x22“”«»]*[^\s<>()\[\]\x22“”«».,;:!?…。，、]",
        // Addresses of e-mail.
        r"|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+",
        // Hosts without a scheme, as people name shops.
        r"|\b(?i:[a-z0-9-]+\.)+(?i:com|net|org|shop|store|io|co|de|fr|es|it|pl|nl|jp|cn|uk|eu|example)\b(?:/[^\s<>()\[\]]*[^\s<>()\[\].,;:!?…。，、])?",
        // Amounts: a currency before or after a number.
        r"|(?:\p{Sc}|(?:US|CA|AU|HK|NT|S|R|RM|MX|Rp|Rs|kr|zł)\$?|[A-Z]{3})[ \u{a0}\u{202f}]?\d[\d.,'’ \u{a0}\u{202f}]*\d|(?:\p{Sc}|[A-Z]{3})[ \u{a0}\u{202f}]?\d",
        // With plain spaces only between thousands: others part two numbers.
        r"|(?:\d{1,3}(?: \d{3}){1,4}(?:[.,]\d+)?|\d(?:[\d.,'’\u{a0}\u{202f}]*\d)?)[ \u{a0}\u{202f}]?(?:\p{Sc}|%|％|[A-Z]{3}\b|kr\b|zł|Kč|Ft\b|lei\b|руб\b|грн\b|円|元|원|บาท|₫)",
        // Order numbers, SKUs, parcel numbers, dates, times, sizes: a digit with letters, digits or
        // the marks that hold a code together. Its first parts may have no digit.
        r"|#?(?:[A-Za-z0-9]+[-_/.])*[A-Za-z0-9]*(?:[A-Za-z]+[-_/.]?\d|\d+[-_/.:,]?[A-Za-z0-9])(?:[A-Za-z0-9]|[-_/.:,][A-Za-z0-9])*",
        r"|#\d+",
        // Numbers of two digits and more in digits of any script.
        r"|\d(?:[.,٫٬:/-]?\d)+",
    ))
    .expect("the pattern is tested")
});

/// The stretches of `text` that an engine must not touch, sorted, not overlapping. Terms of the
/// glossary are said as the shop writes them in `to`. `None` when there are more than
/// [`PROTECTED_MAX`].
pub fn protect(
    text: &str,
    glossary: &Glossary,
    from: Option<Language>,
    to: Language,
) -> Option<Vec<Protected>> {
    let stretches = STRETCHES.find_iter(text).map(|found| found.range()).take(PROTECTED_MAX + 1);
    let mut all: Vec<Protected> =
        stretches.map(|place| Protected { said: text[place.clone()].to_owned(), place }).collect();
    if all.len() > PROTECTED_MAX {
        return None;
    }
    for term in glossary.find(text, from) {
        let place = term.start..term.end;
        let crosses =
            |other: &Protected| other.place.start < place.end && place.start < other.place.end;
        // The name of a product may hold a number that looks like a code; a page's address may hold a
        // name. The longer stretch is the one that was meant.
        if all.iter().any(|other| crosses(other) && other.place.len() > place.len()) {
            continue;
        }
        all.retain(|other| !crosses(other));
        let keeps = !glossary.is_translated(term.term, to)
            && text[place.clone()].eq_ignore_ascii_case(glossary.say(term.term, to));
        let said = if keeps { &text[place.clone()] } else { glossary.say(term.term, to) };
        all.push(Protected { said: said.to_owned(), place });
    }
    all.sort_unstable_by_key(|stretch| stretch.place.start);
    (all.len() <= PROTECTED_MAX).then_some(all)
}

/// How many of `stretches` do not stand in `translated` as often as they should: zero for whatever
/// [`super::Desk`] gives out. It looks at nothing but the two texts.
pub fn damaged(stretches: &[Protected], translated: &str) -> usize {
    let wanted = |said: &str| {
        let texts = stretches.iter().map(|stretch| stretch.said.as_str());
        texts.map(|text| text.matches(said).count()).sum::<usize>()
    };
    let is_damaged = |said: &&str| translated.matches(*said).count() < wanted(said);
    let said: BTreeSet<&str> = stretches.iter().map(|stretch| stretch.said.as_str()).collect();
    said.into_iter().filter(is_damaged).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::Term;

    fn language(code: &str) -> Language {
        code.parse().expect("a language")
    }

    fn kept(text: &str) -> Vec<String> {
        let found =
            protect(text, &Glossary::default(), None, language("de")).expect("not too many");
        found.into_iter().map(|stretch| stretch.said).collect()
    }

    #[test]
    fn codes_amounts_and_addresses_are_protected_in_every_script() {
        let cases: &[(&str, &[&str])] = &[
            ("Order #4711 and DE-2024-0098 are late", &["#4711", "DE-2024-0098"]),
            (
                "It cost $1,299.00, not 1.299,00 € or 45 EUR.",
                &["$1,299.00", "1.299,00 €", "45 EUR"],
            ),
            (
                "See https://shop.example/track?id=9&x=1. Thanks",
                &["https://shop.example/track?id=9&x=1"],
            ),
            (
                "write to help@shop.example, not www.fake.example/x!",
                &["help@shop.example", "www.fake.example/x"],
            ),
            ("我的订单TW20240098还没到，退款¥299", &["TW20240098", "¥299"]),
            ("الطلب ١٢٣٤٥ لم يصل", &["١٢٣٤٥"]),
            ("ราคา 1,250 บาท", &["1,250 บาท"]),
            ("Hi {name}, code {{ code }} is 20% off", &["{name}", "{{ code }}", "20%"]),
            ("SKU A1-B2_c3/44 in size 42", &["A1-B2_c3/44", "42"]),
            ("on 2026-11-27 at 14:30", &["2026-11-27", "14:30"]),
            (
                "Refund 1 299 zł and 12 000,50 € of 1 000 000 kr, not 4711 299 USD",
                &["1 299 zł", "12 000,50 €", "1 000 000 kr", "4711", "299 USD"],
            ),
            (
                "TSHIRT-BLACK-42 of ORD-EU-20240098 and #a_b/c.7 is state-of-the-art",
                &["TSHIRT-BLACK-42", "ORD-EU-20240098", "#a_b/c.7"],
            ),
            ("two shirts and 1 hat", &[]),
        ];

        for (text, wanted) in cases {
            assert_eq!(kept(text), *wanted, "{text}");
        }
    }

    #[test]
    fn a_term_that_holds_a_number_is_one_stretch() {
        let glossary = Glossary::new(
            Term::table("term,de\nTote 3000,\nstore credit,Guthaben\n").expect("a table"),
        );
        let said = |text: &str| -> Vec<String> {
            let found = protect(text, &glossary, Some(language("en")), language("de"));
            found.expect("not too many").into_iter().map(|stretch| stretch.said).collect()
        };

        assert_eq!(said("Is the tote 3000 paid by store credit?"), ["tote 3000", "Guthaben"]);
    }

    #[test]
    fn a_table_is_not_translated() {
        let text = "100 ".repeat(PROTECTED_MAX + 1);

        assert_eq!(protect(&text, &Glossary::default(), None, language("de")), None);
    }

    proptest::proptest! {
        #[test]
        fn stretches_are_sorted_and_apart_in_any_text(text in "\\PC{0,200}") {
            let found = protect(&text, &Glossary::default(), None, language("de")).unwrap_or_default();
            for pair in found.windows(2) {
                assert!(pair[0].place.end <= pair[1].place.start);
            }
            for stretch in found {
                assert!(text.get(stretch.place).is_some());
            }
        }
    }
}
