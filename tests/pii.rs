//! What counts as personal data and what does not, by cases a person can read and extend: each line
//! of `tests/pii/*.tsv` has the expected stretches between `⟦` and `⟧`.

use std::path::Path;

use proptest::prelude::*;
use tradewind::domain::PiiKind;
use tradewind::understand::mask;
use tradewind::understand::pii::find;

/// A message, and what must be found in it.
struct Case {
    text: String,
    marked: Vec<String>,
}

fn lines(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pii").join(file);
    let text = std::fs::read_to_string(path).expect("the cases are in the repository");
    text.lines().map(str::to_owned).collect()
}

fn cases(file: &str) -> Vec<Case> {
    let case = |line: String| {
        let (_, marked) = line.split_once('\t').expect("a region or language, and a text");
        let pieces = marked.split('⟦').skip(1);
        let marks = pieces.map(|piece| piece.split('⟧').next().expect("a mark ends").to_owned());
        Case { marked: marks.collect(), text: marked.replace(['⟦', '⟧'], "") }
    };
    lines(file).into_iter().map(case).collect()
}

fn found(text: &str) -> Vec<(PiiKind, &str)> {
    find(text).into_iter().map(|span| (span.kind, &text[span.start..span.end])).collect()
}

/// Says everything that is not as the file has it.
fn check(file: &str, kind: PiiKind) {
    let wrong: Vec<String> = cases(file)
        .iter()
        .filter_map(|case| {
            let wanted: Vec<_> = case.marked.iter().map(|mark| (kind, mark.as_str())).collect();
            let found = found(&case.text);
            (found != wanted).then(|| format!("{}\n  found {found:?}", case.text))
        })
        .collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn national_numbers_with_check_digits_are_found() {
    check("national_checked.tsv", PiiKind::NationalId);
}

#[test]
fn national_numbers_with_a_shape_or_a_word_are_found() {
    check("national_shaped.tsv", PiiKind::NationalId);
}

#[test]
fn telephone_numbers_are_found_as_each_country_writes_them() {
    check("phones.tsv", PiiKind::Phone);
}

#[test]
fn addresses_of_mail_are_found_whole() {
    check("emails.tsv", PiiKind::Email);
}

#[test]
fn postal_addresses_are_found_as_each_language_writes_them() {
    check("addresses.tsv", PiiKind::Address);
}

#[test]
fn orders_prices_dates_and_figures_of_speech_are_no_personal_data() {
    for text in lines("none.txt") {
        assert_eq!(found(&text), [], "{text}");
    }
}

/// The text with the last digit or letter of the first mark turned into the next one.
fn with_wrong_check(case: &Case) -> String {
    let mark = &case.marked[0];
    let (at, last) = mark.char_indices().rfind(|(_, c)| c.is_alphanumeric()).expect("a character");
    let next = match last {
        '9' => '0',
        '९' => '०',
        'Z' | 'z' => 'A',
        c => char::from_u32(c as u32 + 1).expect("digits and letters have a next one"),
    };
    let wrong = format!("{}{next}{}", &mark[..at], &mark[at + last.len_utf8()..]);
    case.text.replace(mark.as_str(), &wrong)
}

#[test]
fn a_national_number_with_another_last_character_is_none() {
    for case in cases("national_checked.tsv") {
        let text = with_wrong_check(&case);

        let still = found(&text).into_iter().any(|(kind, number)| {
            kind == PiiKind::NationalId && !case.marked[1..].iter().any(|other| other == number)
        });
        assert!(!still, "{text}: {:?}", found(&text));
    }
}

fn planted() -> Vec<Case> {
    let files = [
        "national_checked.tsv",
        "national_shaped.tsv",
        "phones.tsv",
        "emails.tsv",
        "addresses.tsv",
    ];
    files.into_iter().flat_map(cases).collect()
}

proptest! {
    #[test]
    fn a_masked_message_keeps_nothing_that_was_planted(
        at in 0..planted().len(),
        before in "(hello|你好|ok,|عاجل|please|да|!){0,3}",
        after in "(thanks|谢谢|bitte|!|🙂){0,3}",
    ) {
        let case = &planted()[at];
        let text = format!("{before} {}. {after}", case.text);

        let masked = mask(&text, &find(&text));

        for mark in &case.marked {
            prop_assert!(!masked.contains(mark.as_str()), "{masked}");
        }
    }
}
