//! What a writer added to a letter, above, between and below what is quoted. Pure.

/// Words that begin the line of the writer's address where a mail program repeats the head of a letter.
const FROM_WORDS: &[&str] = &[
    "From",
    "Von",
    "De",
    "De la",
    "Da",
    "Van",
    "Från",
    "Fra",
    "Frá",
    "Lähettäjä",
    "Saatja",
    "Nuo",
    "Od",
    "Feladó",
    "От",
    "Від",
    "Από",
    "Kimden",
    "Gönderen",
    "من",
    "از",
    "מאת",
    "प्रेषक",
    "से",
    "প্রেরক",
    "จาก",
    "差出人",
    "送信者",
    "发件人",
    "寄件者",
    "寄件人",
    "發件人",
    "보낸 사람",
    "보낸사람",
    "Dari",
    "Daripada",
    "Mula kay",
    "Từ",
    "Người gửi",
];

/// What was written beside what is quoted, without the signature.
pub(super) fn without_quotes(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let (mut kept, mut rest) = (Vec::new(), lines.as_slice());
    while let Some(line) = rest.first().copied() {
        if ends(line) {
            break;
        }
        let introduction = introduction(rest);
        if introduction == 0 && !line.starts_with('>') {
            kept.push(line);
        }
        rest = &rest[introduction.max(1)..];
    }
    kept.join("\n").trim().to_owned()
}

/// Whether what was written ends before this line: what is below has no mark of a quotation.
fn ends(line: &str) -> bool {
    let is_rule = |mark: char| line.len() >= 10 && line.chars().all(|c| c == mark);
    // "-- " is cut to "--" above.
    if line == "--" || is_rule('_') || line.starts_with("-----Original") {
        return true;
    }
    let names_writer = |word: &str| {
        let rest = line.trim_start_matches('*').strip_prefix(word);
        // French has a space in front of the colon.
        let rest = rest.map(|rest| rest.trim_start_matches('*').trim_start());
        rest.is_some_and(|rest| rest.starts_with([':', '：']))
    };
    line.contains('@') && FROM_WORDS.iter().any(|word| names_writer(word))
}

/// How many of the first lines introduce a quotation: "On Monday Ana wrote:" in any language, which may
/// take two. Many write below it, so it ends nothing.
fn introduction(lines: &[&str]) -> usize {
    let introduces = |at: usize| lines.get(at).is_some_and(|line| line.ends_with([':', '：']));
    let is_quoted = |from: usize| {
        let next = lines.iter().skip(from).find(|line| !line.is_empty());
        next.is_some_and(|line| line.starts_with('>'))
    };
    if introduces(0) && is_quoted(1) {
        return 1;
    }
    // A line that tells when is whole; what stands above it was written.
    let is_cut = introduces(1) && is_dated(lines[0]) && !is_dated(lines[1]);
    if is_cut && is_quoted(2) { 2 } else { 0 }
}

/// Whether a line tells a day or a time. Digits of an address tell none.
fn is_dated(line: &str) -> bool {
    line.split_whitespace().filter(|word| !word.contains('@')).any(|word| {
        let word = word.trim_matches(|c: char| !c.is_ascii_digit());
        let mut numbers = word.split(|c: char| !c.is_ascii_digit());
        let is_year = |it: &str| it.len() == 4 && (it.starts_with("19") || it.starts_with("20"));
        let is_time = word.split_once(':').is_some_and(|(hour, minute)| {
            hour.ends_with(|c: char| c.is_ascii_digit())
                && minute.starts_with(|c: char| c.is_ascii_digit())
        });
        let is_day = word.split(['.', '/', '-']).filter(|it| !it.is_empty()).count() == 3;
        is_time || is_day || numbers.any(is_year)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_above_the_quotation_counts() {
        for below in [
            "On Mon, 3 Mar 2025 at 10:00, Shop <help@shop.example> wrote:\r\n> old\r\n> text",
            "On Mon, 3 Mar 2025 at 10:00 AM Shop <\r\nreply+2025.1@shop.example> wrote:\r\n\r\n> old",
            "Am 03.03.2025 um 10:00 schrieb Shop <help@shop.example>:\r\n\r\n> alt",
            "El lun, 3 mar 2025 a las 10:00, Shop (<help@shop.example>)\r\nescribió:\r\n\r\n> viejo",
            "2025年3月3日 10:00、Shop：\r\n> 古い",
            "-----Original Message-----\r\nFrom: Shop",
            "________________________________\r\nVon: Shop <help@shop.example>\r\nGesendet: heute",
            "*From:* Shop <help@shop.example>\r\nold",
            "发件人：Shop <help@shop.example>\r\n旧",
            "De : Shop <help@shop.example>\r\nEnvoyé : lundi",
            "Fra: Shop <help@shop.example>\r\nSendt: mandag",
            "Lähettäjä: Shop <help@shop.example>\r\nvanha",
            "จาก: Shop <help@shop.example>\r\nเก่า",
            "-- \r\nAna\r\n+34 600 000 000",
        ] {
            let text =
                without_quotes(&format!("It is broken.\r\nPlease help: soon!\r\n\r\n{below}"));

            assert_eq!(text, "It is broken.\nPlease help: soon!", "{below}");
        }
    }

    #[test]
    fn what_was_written_below_the_quotation_counts() {
        for above in [
            "On 27.11.26, Shop <help@shop.example> wrote:\r\n> old text",
            "On Mon, 3 Mar 2025 at 10:00, Shop\r\n<help@shop.example> wrote:\r\n\r\n> old\r\n>\r\n> text",
            "Am 03.03.2025 um 10:00 schrieb Shop <help@shop.example>:\r\n\r\n> alt",
            "2025年3月3日 10:00、Shop：\r\n> 古い",
        ] {
            let below = "My order is TW-1, please refund.\r\n\r\n-- \r\nAna";

            let text = without_quotes(&format!("{above}\r\n\r\n{below}"));
            assert_eq!(text, "My order is TW-1, please refund.", "{above}");
            let text = without_quotes(&format!("Hi,\r\n\r\n{above}\r\n{below}"));
            let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            assert_eq!(lines, ["Hi,", "My order is TW-1, please refund."], "{above}");
        }
    }

    #[test]
    fn what_stands_between_quotations_counts_and_nothing_else_is_nothing() {
        assert_eq!(
            without_quotes("> which order?\r\nTW-10482\r\n> which colour?\r\nblue"),
            "TW-10482\nblue"
        );
        assert_eq!(without_quotes("> only a quotation"), "");
    }

    #[test]
    fn a_line_right_above_the_introduction_is_no_part_of_it() {
        for introduction in ["On Mon, 3 Mar 2025 Shop wrote:", "Ana wrote:"] {
            let text = without_quotes(&format!("It is TW-10482\r\n{introduction}\r\n> which?"));

            assert_eq!(text, "It is TW-10482", "{introduction}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_lines_make_the_cut_panic(text in "([->:_a @.0-9年]{0,12}\n){0,20}") {
            let _ = without_quotes(&text);
        }
    }
}
