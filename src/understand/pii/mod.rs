//! Finds personal data in a message, so that it is masked wherever it is not needed.
//!
//! Shape and check digits decide, not the model: a card number is one whatever the language.

mod address;
mod checks;
mod cues;
mod national;
mod numbers;
mod orders;
mod runs;
mod words;

pub use orders::{names_order, order_numbers};

use cues::Cues;
use runs::runs;

use crate::domain::{PiiKind, PiiSpan};

/// Most spans of one message; a longer list is no message of a person.
pub const SPANS_MAX: usize = 64;

/// The personal data in `text`: sorted, on character boundaries, never overlapping.
pub fn find(text: &str) -> Vec<PiiSpan> {
    // Everything that is found has a digit or an @.
    let has_at = text.contains('@') || text.contains('＠');
    let mut found = if has_at { words::emails(text) } else { Vec::new() };
    let runs = runs(text);
    if !runs.is_empty() {
        let cues = Cues::of(text);
        found.extend(words::ibans(text, &runs));
        found.extend(national::find(text, &runs, &cues));
        found.extend(numbers::find(text, &runs, &cues));
        found.extend(address::find(text, &runs, &cues));
    }
    // Nearly every message has one span at most.
    if found.len() < 2 {
        return found;
    }
    // The surer span wins where two overlap; among equals the one that starts first.
    found.sort_by(|a, b| {
        b.confidence.total_cmp(&a.confidence).then(a.start.cmp(&b.start)).then(b.end.cmp(&a.end))
    });
    let mut kept: Vec<PiiSpan> = Vec::new();
    for span in found {
        if kept.len() < SPANS_MAX && kept.iter().all(|k| span.end <= k.start || k.end <= span.start)
        {
            kept.push(span);
        }
    }
    kept.sort_by_key(|span| span.start);
    kept
}

/// `text` with each span replaced by its kind, such as `[email]`, for places where people read.
pub fn mask(text: &str, spans: &[PiiSpan]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        let Some(before) = text.get(at..span.start) else { continue };
        out.push_str(before);
        out.push_str(match span.kind {
            PiiKind::Email => "[email]",
            PiiKind::Phone => "[phone]",
            PiiKind::Card => "[card]",
            PiiKind::Iban => "[iban]",
            PiiKind::NationalId => "[national id]",
            PiiKind::Address => "[address]",
        });
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<(PiiKind, &str)> {
        find(text).into_iter().map(|span| (span.kind, &text[span.start..span.end])).collect()
    }

    #[test]
    fn each_kind_is_found_with_its_exact_stretch() {
        use PiiKind::{Card, Email, Iban, NationalId, Phone};
        let cases: [(&str, &[(PiiKind, &str)]); 16] = [
            ("我的邮箱是wei.zhang@example.com谢谢", &[(Email, "wei.zhang@example.com")]),
            ("card 4111 1111 1111 1111 exp 12/29", &[(Card, "4111 1111 1111 1111")]),
            ("amex 378282246310005.", &[(Card, "378282246310005")]),
            ("Konto DE89 3704 0044 0532 0130 00 bitte", &[(Iban, "DE89 3704 0044 0532 0130 00")]),
            ("iban gb82west12345698765432", &[(Iban, "gb82west12345698765432")]),
            ("llámame al +34 612 345 678 porfa", &[(Phone, "+34 612 345 678")]),
            ("rufen Sie 0151 23456789 an", &[(Phone, "0151 23456789")]),
            ("call (415) 555-2671", &[(Phone, "(415) 555-2671")]),
            ("手机13812345678", &[(Phone, "13812345678")]),
            ("เบอร์ 081-234-5678", &[(Phone, "081-234-5678")]),
            ("meu cpf 529.982.247-25", &[(NationalId, "529.982.247-25")]),
            ("DNI 12345678Z", &[(NationalId, "12345678Z")]),
            ("身份证11010519491231002X", &[(NationalId, "11010519491231002X")]),
            ("codice fiscale RSSMRA85T10A562S", &[(NationalId, "RSSMRA85T10A562S")]),
            ("pesel 44051401359", &[(NationalId, "44051401359")]),
            (
                "ana@example.org o 06 12 34 56 78",
                &[(Email, "ana@example.org"), (Phone, "06 12 34 56 78")],
            ),
        ];

        for (text, expected) in cases {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_card_is_found_behind_a_sign_or_a_word_and_not_within_a_code() {
        for (text, card) in [
            ("Card #4111 1111 1111 1111", "4111 1111 1111 1111"),
            ("cc#4111111111111111", "4111111111111111"),
            ("visa-4111-1111-1111-1111 ok", "4111-1111-1111-1111"),
            ("visa4111111111111111", "4111111111111111"),
            ("card/4111111111111111", "4111111111111111"),
        ] {
            assert_eq!(found(text), [(PiiKind::Card, card)], "{text}");
        }
        for text in ["1Z999AA4111111111111111", "12/4111111111111111", "TW-10482"] {
            assert!(found(text).iter().all(|(kind, _)| *kind != PiiKind::Card), "{text}");
        }
    }

    #[test]
    fn a_slash_makes_one_telephone_number_of_an_area_code_and_a_long_number_only() {
        let is_phone = |text| found(text).iter().any(|(kind, _)| *kind == PiiKind::Phone);

        assert!(is_phone("0151/23456789") && is_phone("+49 (0)30/1234567"));
        for text in ["06/12345678", "0151/2345", "12345/67890", "091234/56789", "+5/1000000"] {
            assert!(!is_phone(text), "{text}");
        }
    }

    #[test]
    fn orders_dates_prices_and_wrong_check_digits_are_no_personal_data() {
        for text in [
            "where is TW-10482",
            "order #88213 since 2024-03-12",
            "pedido 10-88213",
            "it cost 1.299,00 € on 12.03.2024",
            "card 4111 1111 1111 1112",
            "DE89 3704 0044 0532 0130 01",
            "size 42 x 3, 120x200",
            "tracking 1Z999AA10123456784",
            "order number 9876543210",
            "vom 01.12–05.12.2024",
            "vom 01.12-05.12.2024 verreist",
            "vom 01–05.12.2024",
            "am 05.12 09.00-18.00",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn addresses_alone_give_no_more_spans_than_any_text_and_none_in_another() {
        let list = "ana@example.org ".repeat(10 * SPANS_MAX);

        assert_eq!(find(&list).len(), SPANS_MAX);
        let joined = "ana@example.org@example.com";
        assert_eq!(found(joined), [(PiiKind::Email, "ana@example.org")]);
    }

    #[test]
    fn a_masked_text_keeps_everything_else() {
        let text = "write ana@example.org or +34 612 345 678, order #88213";

        let masked = mask(text, &find(text));

        assert_eq!(masked, "write [email] or [phone], order #88213");
    }

    proptest! {
        #[test]
        fn any_text_gives_sorted_spans_on_character_boundaries(text in "(\\PC|[0-9 +.@#-]){0,80}") {
            let spans = find(&text);

            for pair in spans.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            for span in &spans {
                prop_assert!(span.start < span.end && text.get(span.start..span.end).is_some());
            }
            for range in order_numbers(&text) {
                prop_assert!(text.get(range).is_some());
            }
            mask(&text, &spans);
        }
    }
}
