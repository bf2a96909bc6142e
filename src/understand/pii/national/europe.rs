//! What makes a national number of a European country right. Each function takes as
//! many values as its shapes in the table have places: 0 to 9 for digits, 10 to 35 for letters.

use super::{is_one_of, of};
use crate::understand::pii::checks::{dm, luhn, mod_11_10, month_and_day, number, weighted, ymd};

/// Whether the last value is `sum` by `modulus`, counted down from it; ten stands for zero.
fn rest_is_last(values: &[u8], weights: &[u32], modulus: u32) -> bool {
    let rest = weighted(values, weights) % modulus;
    values.last().is_some_and(|last| (modulus - rest) % modulus % 10 == u32::from(*last))
}

/// United Kingdom, national insurance.
pub fn nino(d: &[u8]) -> bool {
    let [first, second] = [d[0], d[1]].map(|value| value - 10 + b'A');
    let barred = [*b"BG", *b"GB", *b"NK", *b"KN", *b"TN", *b"NT", *b"ZZ"];
    !b"DFIQUV".contains(&first)
        && !b"DFIQUVO".contains(&second)
        && !barred.contains(&[first, second])
        && d[8] <= of(b'D')
}

pub fn nhs(d: &[u8]) -> bool {
    let rest = weighted(&d[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    (11 - rest) % 11 == u32::from(d[9])
}

pub fn ireland(d: &[u8]) -> bool {
    let second = d.get(8).map_or(0, |letter| u32::from(letter - 9) * 9);
    let rest = (weighted(&d[..7], &[8, 7, 6, 5, 4, 3, 2]) + second) % 23;
    d[7] == of(b"WABCDEFGHIJKLMNOPQRSTUV"[rest as usize])
}

/// Germany, tax: of the first ten digits exactly one stands there twice or three times.
pub fn steuer_id(d: &[u8]) -> bool {
    let mut counts = [0_u8; 10];
    d[..10].iter().for_each(|digit| counts[usize::from(*digit)] += 1);
    let repeated: Vec<u8> = counts.into_iter().filter(|count| *count > 1).collect();
    d[0] != 0 && matches!(repeated[..], [2 | 3]) && mod_11_10(d)
}

/// Germany, identity card with its check digit.
pub fn personalausweis(d: &[u8]) -> bool {
    let (last, body) = d.split_last().expect("the shape has places");
    is_one_of(d[0], b"LMNPRTVWXYCFGHJK")
        && weighted(body, &[7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == u32::from(*last)
}

/// Germany, pension: the letter counts as two digits.
pub fn rentenversicherung(d: &[u8]) -> bool {
    let letter = d[8] - 9;
    let spread: Vec<u8> =
        d[..8].iter().chain(&[letter / 10, letter % 10]).chain(&d[9..11]).copied().collect();
    let products = spread.iter().zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]);
    let sum: u32 =
        products.map(|(digit, weight)| u32::from(*digit) * weight).map(|p| p / 10 + p % 10).sum();
    month_and_day(d, (4, &[0]), (2, &[0, 50])) && sum % 10 == u32::from(d[11])
}

/// France, with its key; 2A and 2B are the departments of Corsica.
pub fn france(d: &[u8]) -> bool {
    let island = match d[6] {
        letter if letter == of(b'A') => 19,
        letter if letter == of(b'B') => 18,
        digit if digit < 10 => u64::from(d[5]) * 10 + u64::from(digit),
        _ => return false,
    };
    let body = number(&d[..5]) * 100_000_000 + island * 1_000_000 + number(&d[7..13]);
    matches!(d[0], 1..=4 | 7 | 8)
        && d[5] < 10
        && matches!(number(&d[3..5]), 1..=12 | 20..=42 | 50..=99)
        && 97 - body % 97 == number(&d[13..])
}

/// Italy; digits may be written as letters where two people would get the same code.
pub fn codice_fiscale(d: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let digit = |at: &usize| d[*at] < 10 || is_one_of(d[*at], b"LMNPQRSTUV");
    let place = |value: u8| u32::from(if value < 10 { value } else { value - 10 });
    let parity = |(at, value): (usize, &u8)| match at % 2 {
        0 => ODD[place(*value) as usize],
        _ => place(*value),
    };
    let sum: u32 = d[..15].iter().enumerate().map(parity).sum();
    [6, 7, 9, 10, 12, 13, 14].iter().all(digit)
        && is_one_of(d[8], b"ABCDEHLMPRST")
        && sum % 26 == place(d[15])
}

/// Spain: a number and a letter; for foreigners X, Y or Z stands for the first digit.
pub fn spain(d: &[u8]) -> bool {
    let first = if d[0] < 10 { d[0] } else { d[0].wrapping_sub(of(b'X')) };
    let rest = (u64::from(first) * 10_000_000 + number(&d[1..8])) % 23;
    (first <= 2 || d[0] < 10) && d[8] == of(b"TRWAGMYFPDXBNJZSQVHLCKE"[rest as usize])
}

pub fn portugal(d: &[u8]) -> bool {
    let rest = weighted(&d[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(d[0], 1..=3 | 5 | 6 | 8 | 9)
        && (if rest < 2 { 0 } else { 11 - rest }) == u32::from(d[8])
}

/// The Netherlands: the last digit counts against the others.
pub fn bsn(d: &[u8]) -> bool {
    let sum = weighted(&d[..8], &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum > 0 && sum % 11 == u32::from(d[8])
}

/// Belgium; those born from 2000 on have a 2 before their number.
pub fn belgium(d: &[u8]) -> bool {
    let (body, key) = (number(&d[..9]), number(&d[9..]));
    month_and_day(d, (2, &[0, 20, 40]), (4, &[0]))
        && [body, 2_000_000_000 + body].iter().any(|body| 97 - body % 97 == key)
}

/// Poland; the month also tells the century.
pub fn pesel(d: &[u8]) -> bool {
    weighted(d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
        && month_and_day(d, (2, &[0, 20, 40, 60, 80]), (4, &[0]))
}

pub fn nip(d: &[u8]) -> bool {
    d[0] != 0 && weighted(&d[..9], &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == u32::from(d[9])
}

/// Poland, identity card: the digit after the letters checks the rest.
pub fn dowod(d: &[u8]) -> bool {
    weighted(d, &[7, 3, 1, 9, 7, 3, 1, 7, 3]).is_multiple_of(10)
}

pub fn sweden(d: &[u8]) -> bool {
    let d = &d[d.len() - 10..];
    month_and_day(d, (2, &[0]), (4, &[0, 60])) && luhn(d)
}

/// Denmark, numbers given before the check digit was dropped.
pub fn denmark(d: &[u8]) -> bool {
    dm(d, 0) && weighted(d, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

pub fn day_month(d: &[u8]) -> bool {
    dm(d, 0)
}

pub fn norway(d: &[u8]) -> bool {
    month_and_day(d, (2, &[0, 40, 80]), (0, &[0, 40]))
        && weighted(d, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

pub fn finland(d: &[u8]) -> bool {
    let serial = number(&d[d.len() - 4..d.len() - 1]);
    let rest = (number(&d[..6]) * 1_000 + serial) % 31;
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[rest as usize];
    let check = if check.is_ascii_digit() { check - b'0' } else { of(check) };
    dm(d, 0) && d.last() == Some(&check)
}

/// Iceland; the last digit tells the century.
pub fn iceland(d: &[u8]) -> bool {
    dm(d, 0) && weighted(d, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Estonia and Lithuania.
pub fn baltic(d: &[u8]) -> bool {
    let first = weighted(&d[..10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(&d[..10], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let rest = if first < 10 { first } else { second % 10 };
    matches!(d[0], 1..=8) && ymd(d, 1) && rest == u32::from(d[10])
}

pub fn switzerland(d: &[u8]) -> bool {
    d.starts_with(&[7, 5, 6])
        && weighted(d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

pub fn austria(d: &[u8]) -> bool {
    let rest = weighted(d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    d[0] != 0 && dm(d, 4) && rest == u32::from(d[3])
}

/// The Czech Republic and Slovakia.
pub fn rodne_cislo(d: &[u8]) -> bool {
    let rest = number(&d[..9]) % 11 % 10;
    month_and_day(d, (2, &[0, 20, 50, 70]), (4, &[0])) && rest == u64::from(d[9])
}

pub fn romania(d: &[u8]) -> bool {
    let rest = weighted(&d[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    d[0] != 0 && ymd(d, 1) && (if rest == 10 { 1 } else { rest }) == u32::from(d[12])
}

pub fn bulgaria(d: &[u8]) -> bool {
    month_and_day(d, (2, &[0, 20, 40]), (4, &[0]))
        && weighted(&d[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == u32::from(d[9])
}

/// Greece, social security.
pub fn amka(d: &[u8]) -> bool {
    dm(d, 0) && luhn(d)
}

/// Greece, tax.
pub fn afm(d: &[u8]) -> bool {
    let sum = weighted(&d[..8], &[256, 128, 64, 32, 16, 8, 4, 2]);
    sum > 0 && sum % 11 % 10 == u32::from(d[8])
}

/// Hungary, social security.
pub fn taj(d: &[u8]) -> bool {
    weighted(&d[..8], &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == u32::from(d[8])
}

/// Hungary, tax.
pub fn adoazonosito(d: &[u8]) -> bool {
    d[0] == 8 && weighted(&d[..9], &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == u32::from(d[9])
}

pub fn croatia(d: &[u8]) -> bool {
    mod_11_10(d)
}

/// The countries that were Yugoslavia.
pub fn emso(d: &[u8]) -> bool {
    dm(d, 0) && matches!(d[4], 0 | 9) && rest_is_last(d, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2], 11)
}

pub fn turkey(d: &[u8]) -> bool {
    let odd: u32 = d[..9].iter().step_by(2).map(|digit| u32::from(*digit)).sum();
    let even: u32 = d[1..8].iter().step_by(2).map(|digit| u32::from(*digit)).sum();
    let all: u32 = d[..10].iter().map(|digit| u32::from(*digit)).sum();
    d[0] != 0 && (odd * 7 + 90 - even) % 10 == u32::from(d[9]) && all % 10 == u32::from(d[10])
}

pub fn snils(d: &[u8]) -> bool {
    let rest = weighted(&d[..9], &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
    number(&d[..9]) > 1_001_998 && u64::from(rest) == number(&d[9..])
}

/// Russia, tax number of a person.
pub fn inn(d: &[u8]) -> bool {
    let check = |upto: usize, weights: &[u32]| {
        weighted(&d[..upto], weights) % 11 % 10 == u32::from(d[upto])
    };
    check(10, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) && check(11, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8])
}

/// Ukraine; the first weight is -1, and 10 is the same by 11.
pub fn ukraine(d: &[u8]) -> bool {
    weighted(&d[..9], &[10, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10 == u32::from(d[9])
}
