//! Check digits that more than one kind of number uses. Each function takes values: 0 to 9 for
//! digits, 10 to 35 for letters.

use crate::domain::ascii_digit;

/// The value of a decimal digit of any script that shoppers type numbers in.
#[inline]
pub fn digit(c: char) -> Option<u8> {
    ascii_digit(c).map(|digit| digit as u8 - b'0')
}

/// Payment cards, and the last digit of many national numbers.
pub fn luhn(values: &[u8]) -> bool {
    let sum: u32 = values
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &value)| match (at % 2, u32::from(value) * 2) {
            (0, _) => u32::from(value),
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Verhoeff: the dihedral group of the pentagon.
pub fn verhoeff(digits: &[u8]) -> bool {
    let multiply = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + (b - 5)) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (at, &digit)| {
        let turned = (0..at % 8).fold(digit, |digit, _| TURN[usize::from(digit)]);
        multiply(sum, turned)
    });
    sum == 0
}

/// ISO 7064, modulus 11, 10.
pub fn mod_11_10(digits: &[u8]) -> bool {
    let (last, body) = digits.split_last().expect("a number has digits");
    let product = body.iter().fold(10, |product, digit| {
        let sum = (product + u32::from(*digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*last)
}

/// Remainder of the decimal number by 97, with letters as 10 to 35; `None` for other characters.
pub fn mod_97(characters: impl Iterator<Item = char>) -> Option<u32> {
    let mut remainder = 0;
    for c in characters {
        let value = c.to_digit(36)?;
        remainder = if value < 10 { remainder * 10 + value } else { remainder * 100 + value } % 97;
    }
    Some(remainder)
}

/// The sum of `values` by `weights`, as far as both go.
pub fn weighted(values: &[u8], weights: &[u32]) -> u32 {
    values.iter().zip(weights).map(|(value, weight)| u32::from(*value) * weight).sum()
}

/// The decimal number that `digits` write.
pub fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// Whether a month and a day stand at these places, two digits each. Some countries add an offset
/// to the month or the day to tell the century or the sex.
pub fn month_and_day(
    digits: &[u8],
    (month, month_offsets): (usize, &[u8]),
    (day, day_offsets): (usize, &[u8]),
) -> bool {
    let within = |at: usize, offsets: &[u8], most: u8| {
        let value = digits[at] * 10 + digits[at + 1];
        offsets.iter().any(|o| value.checked_sub(*o).is_some_and(|v| (1..=most).contains(&v)))
    };
    within(month, month_offsets, 12) && within(day, day_offsets, 31)
}

/// Year, month and day from `at` on, two digits each.
pub fn ymd(digits: &[u8], at: usize) -> bool {
    month_and_day(digits, (at + 2, &[0]), (at + 4, &[0]))
}

/// Day and month from `at` on, two digits each.
pub fn dm(digits: &[u8], at: usize) -> bool {
    month_and_day(digits, (at + 2, &[0]), (at, &[0]))
}

/// Length of an IBAN of a country.
pub fn iban_len(country: &[u8]) -> Option<usize> {
    const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 \
        CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 \
        IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 \
        MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 \
        ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20";
    LENGTHS.split_ascii_whitespace().find_map(|entry| {
        let (code, len) = entry.split_at(2);
        (code.as_bytes().eq_ignore_ascii_case(country)).then(|| len.parse().ok())?
    })
}
