//! Order numbers, which look like personal data and are none.

use std::ops::{Range, RangeInclusive};

use super::checks::digit;
use super::cues::Cues;
use super::find;

/// Digits of an order number: fewer are quantities and years, more are tracking codes.
const DIGITS: RangeInclusive<usize> = 5..=12;
/// Digits that are enough behind a word for an order, when they can be no year.
const NAMED_DIGITS: RangeInclusive<usize> = 4..=12;
/// Digits that are enough after a sign such as `#`, letters such as `TW-`, or a word for an order
/// with nothing but a space between.
const MARKED_DIGITS: RangeInclusive<usize> = 3..=12;
/// Letters before the digits.
const LETTERS_MAX: usize = 4;
/// Bytes between a word for an order and its number, as in `pesanan dengan nomor 5541`.
const GAP_BYTES: usize = 24;

/// What may be an order number in `text`: `TW-10482`, `#88213`, `10-88213`, `50219`, and `4471`
/// behind a word for an order. Personal data, dates and prices are left out. A caller looks the text
/// up in the shop's orders before it believes it.
pub fn order_numbers(text: &str) -> Vec<Range<usize>> {
    let personal = find(text);
    let cues = Cues::of(text);
    codes(text)
        .filter(|range| is_order_number(&text[range.clone()], cues.after_order(range.start)))
        .filter(|range| !is_price(text, range))
        .filter(|range| personal.iter().all(|p| range.end <= p.start || p.end <= range.start))
        .collect()
}

/// Whether `text` names what may be one customer's order: as [`order_numbers`], but for a code of three digits
/// such as `E-402` to which no word for an order leads. Such a code is that of an error as a rule, and many
/// customers name the same.
pub fn names_order(text: &str) -> bool {
    let cues = Cues::of(text);
    let is_led_to = |start| cues.after_order(start).is_some_and(leads_on);
    let mut numbers = order_numbers(text).into_iter();
    numbers.any(|range| !is_error_code(&text[range.clone()]) || is_led_to(range.start))
}

fn is_error_code(code: &str) -> bool {
    let digits = code.chars().filter(|c| digit(*c).is_some()).count();
    code.starts_with(|c: char| c.is_ascii_alphabetic()) && digits == *MARKED_DIGITS.start()
}

/// Stretches of ASCII letters, digits of any script, `#` and inner hyphens.
fn codes(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let part = |c: char| c.is_ascii_alphabetic() || digit(c).is_some() || matches!(c, '#' | '-');
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(part)?;
        let len = text[start..].find(|c| !part(c)).unwrap_or(text.len() - start);
        at = start + len;
        let code = &text[start..at];
        let lead = len - code.trim_start_matches('-').len();
        Some(start + lead..start + code.trim_end_matches('-').len().max(lead))
    })
}

/// Whether `code` looks like an order number. `gap` is what parts it from a word for an order.
fn is_order_number(code: &str, gap: Option<&str>) -> bool {
    let (code, signed) = match code.strip_prefix('#') {
        Some(code) => (code, true),
        None => (code, false),
    };
    let letters = code.bytes().take_while(u8::is_ascii_alphabetic).count();
    let number = code[letters..].strip_prefix('-').unwrap_or(&code[letters..]);
    let (mut digits, mut hyphens) = (0, 0);
    for c in number.chars() {
        digits += usize::from(digit(c).is_some());
        hyphens += usize::from(c == '-');
    }
    let plain = digits + hyphens == number.chars().count() && !number.starts_with('-');
    let beside = |gap: &str| gap.trim_matches([' ', ':', '.', '#']).is_empty();
    let wanted = match gap {
        _ if signed || letters > 0 => MARKED_DIGITS,
        Some(gap) if beside(gap) && !is_year(number) => MARKED_DIGITS,
        Some(gap) if leads_on(gap) && !is_year(number) => NAMED_DIGITS,
        _ => DIGITS,
    };
    plain && letters <= LETTERS_MAX && hyphens <= 1 && wanted.contains(&digits)
}

/// Whether a number may belong to the word before `gap`: no other number and no sentence between.
fn leads_on(gap: &str) -> bool {
    let ends = |c: char| digit(c).is_some() || matches!(c, '!' | '?' | ';' | '。' | '！' | '？');
    gap.len() <= GAP_BYTES && !gap.contains(ends)
}

fn is_year(number: &str) -> bool {
    let mut digits = number.chars().map(digit);
    let century = (digits.next().flatten(), digits.next().flatten());
    number.chars().count() == 4 && matches!(century, (Some(1), Some(9)) | (Some(2), Some(0)))
}

/// Letters that make a price of the number behind them.
const CURRENCIES: [&str; 16] = [
    "rm", "rp", "rs", "tk", "usd", "eur", "gbp", "sgd", "myr", "php", "aed", "sar", "inr", "hkd",
    "ksh", "egp",
];

/// Whether a currency sign or decimals stand beside the number.
fn is_price(text: &str, range: &Range<usize>) -> bool {
    let sign = |c: char| "$€£¥₹฿₫₩₺₽₪₴₱৳원円元块".contains(c);
    let letters = text[range.clone()].bytes().take_while(u8::is_ascii_alphabetic).count();
    let currency = &text[range.start..range.start + letters];
    if CURRENCIES.iter().any(|code| code.eq_ignore_ascii_case(currency)) {
        return true;
    }
    let before = text[..range.start].trim_end().chars().next_back();
    let mut after = text[range.end..].chars();
    let next = after.next();
    let decimals =
        matches!(next, Some('.' | ',')) && after.next().is_some_and(|c| c.is_ascii_digit());
    let continued = text[..range.start].ends_with(['.', ',', '/'])
        && text[..range.start - 1].ends_with(|c: char| c.is_ascii_digit());
    before.is_some_and(sign)
        || text[range.end..].trim_start().starts_with(sign)
        || decimals
        || continued
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        order_numbers(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn the_code_of_an_error_is_no_order_unless_a_word_for_one_leads_to_it() {
        for code in [
            "checkout says E-402",
            "error e402 on the card page",
            "结账提示E-402",
            "TLS-525 bei euch?",
        ] {
            assert!(!names_order(code), "{code}");
        }
        for order in
            ["order E-402", "#402", "TW-1048", "where is 50219?", "Bestellung: AB-402 fehlt"]
        {
            assert!(names_order(order), "{order}");
        }
    }

    #[test]
    fn order_numbers_of_several_shops_are_found() {
        assert_eq!(found("where is TW-10482?"), ["TW-10482"]);
        assert_eq!(found("#88213 请问发货了吗"), ["#88213"]);
        assert_eq!(found("pedido 10-88213, y el 778-3310"), ["10-88213", "778-3310"]);
        assert_eq!(found("订单50219到哪了"), ["50219"]);
    }

    #[test]
    fn a_short_number_counts_behind_a_word_for_an_order_only() {
        assert_eq!(found("pesanan nomor 5541 dan 6612"), ["5541"]);
        assert_eq!(found("주문번호 5561, pedido 918"), ["5561", "918"]);
        assert_eq!(found("অর্ডার ৪৫১২ কোথায়, ৭৭৪১২০"), ["৪৫১২", "৭৭৪১২০"]);
        assert_eq!(found("my order of 2023 had 4500 beads"), Vec::<&str>::new());
        assert_eq!(found("no order! 4500 left"), Vec::<&str>::new());
    }

    #[test]
    fn years_dates_prices_phones_and_words_are_left_out() {
        assert_eq!(found("since 2024, on 2024-03-12, 12.03.2024"), Vec::<&str>::new());
        assert_eq!(found("it was $12500 or 12500.50 or 15000₫"), Vec::<&str>::new());
        assert_eq!(found("call +34 612345678"), Vec::<&str>::new());
        assert_eq!(found("refund RM430 atau SGD500, 수수료 22000원"), Vec::<&str>::new());
        assert_eq!(found("iphone15 size-42 ---"), Vec::<&str>::new());
    }
}
