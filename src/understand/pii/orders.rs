//! Order numbers, which look like personal data and are none.

use std::ops::Range;

use super::find;

/// Digits of an order number: fewer are quantities and years, more are tracking codes.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=12;
/// Digits that are enough after a sign such as `#` or letters such as `TW-`.
const MARKED_DIGITS: std::ops::RangeInclusive<usize> = 3..=12;
/// Letters before the digits.
const LETTERS_MAX: usize = 4;

/// What may be an order number in `text`: `TW-10482`, `#88213`, `10-88213`, `50219`. Personal data,
/// dates and prices are left out. A caller looks the text up in the shop's orders before it
/// believes it.
pub fn order_numbers(text: &str) -> Vec<Range<usize>> {
    let personal = find(text);
    codes(text)
        .filter(|range| is_order_number(&text[range.clone()]))
        .filter(|range| !is_price(text, range))
        .filter(|range| personal.iter().all(|p| range.end <= p.start || p.end <= range.start))
        .collect()
}

/// Stretches of ASCII letters, digits, `#` and inner hyphens.
fn codes(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'-');
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !part(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && part(bytes[at]) {
            at += 1;
        }
        (start < at).then(|| {
            let code = &text[start..at];
            let lead = code.len() - code.trim_start_matches('-').len();
            start + lead
                ..start.max(at - (code.len() - code.trim_end_matches('-').len())).max(start + lead)
        })
    })
}

fn is_order_number(code: &str) -> bool {
    let (code, marked) = match code.strip_prefix('#') {
        Some(code) => (code, true),
        None => (code, false),
    };
    let letters = code.bytes().take_while(u8::is_ascii_alphabetic).count();
    let number = code[letters..].strip_prefix('-').unwrap_or(&code[letters..]);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let hyphens = number.bytes().filter(|byte| *byte == b'-').count();
    let plain = digits + hyphens == number.len() && !number.starts_with('-');
    let wanted = if marked || letters > 0 { MARKED_DIGITS } else { DIGITS };
    plain && letters <= LETTERS_MAX && hyphens <= 1 && wanted.contains(&digits)
}

/// Whether a currency sign or decimals stand beside the number.
fn is_price(text: &str, range: &Range<usize>) -> bool {
    let sign = |c: char| "$€£¥₹฿₫₩₺₽₪₴₱৳".contains(c);
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
    fn order_numbers_of_several_shops_are_found() {
        assert_eq!(found("where is TW-10482?"), ["TW-10482"]);
        assert_eq!(found("#88213 请问发货了吗"), ["#88213"]);
        assert_eq!(found("pedido 10-88213, y el 778-3310"), ["10-88213", "778-3310"]);
        assert_eq!(found("订单50219到哪了"), ["50219"]);
    }

    #[test]
    fn years_dates_prices_phones_and_words_are_left_out() {
        assert_eq!(found("since 2024, on 2024-03-12, 12.03.2024"), Vec::<&str>::new());
        assert_eq!(found("it was $12500 or 12500.50 or 15000₫"), Vec::<&str>::new());
        assert_eq!(found("call +34 612345678"), Vec::<&str>::new());
        assert_eq!(found("iphone15 size-42 ---"), Vec::<&str>::new());
    }
}
