//! What makes a national number of a country outside Europe right. Each function takes as
//! many values as its shapes in the table have places: 0 to 9 for digits, 10 to 35 for letters.

use super::{is_one_of, of};
use crate::understand::pii::checks::{luhn, month_and_day, number, verhoeff, weighted, ymd};

fn all_same(digits: &[u8]) -> bool {
    digits.iter().all(|digit| *digit == digits[0])
}

/// No check is known: shape and word must do.
pub fn any(_: &[u8]) -> bool {
    true
}

pub fn united_states(d: &[u8]) -> bool {
    let (area, group, serial) = (number(&d[..3]), number(&d[3..5]), number(&d[5..]));
    // Numbers from 900 are those of taxpayers without social security.
    let taxpayer = area >= 900 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    (taxpayer || (!matches!(area, 0 | 666) && area < 900 && group > 0)) && serial > 0
}

pub fn canada(d: &[u8]) -> bool {
    !matches!(d[0], 0 | 8) && luhn(d)
}

/// Quebec health insurance: letters of the name, birth date, two more.
pub fn quebec(d: &[u8]) -> bool {
    month_and_day(d, (6, &[0, 50]), (8, &[0]))
}

pub fn cpf(d: &[u8]) -> bool {
    let check = |upto: usize| {
        let weights = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
        weighted(&d[..upto], &weights[10 - upto..]) * 10 % 11 % 10 == u32::from(d[upto])
    };
    !all_same(d) && check(9) && check(10)
}

pub fn cnpj(d: &[u8]) -> bool {
    let check = |upto: usize| {
        let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
        weighted(&d[..upto], &weights[13 - upto..]) * 10 % 11 % 10 == u32::from(d[upto])
    };
    !all_same(d) && check(12) && check(13)
}

/// Mexico, 18 characters.
pub fn curp(d: &[u8]) -> bool {
    // The table of the check digit has an Ñ after N.
    let sum: u32 = d[..17]
        .iter()
        .zip((2..=18).rev())
        .map(|(value, weight)| (u32::from(*value) + u32::from(*value > of(b'N'))) * weight)
        .sum();
    ymd(d, 4) && is_one_of(d[10], b"HMX") && (10 - sum % 10) % 10 == u32::from(d[17])
}

/// Mexico, tax number of a person.
pub fn rfc(d: &[u8]) -> bool {
    // The table of the check digit has an & after N.
    let sum: u32 = d[..12]
        .iter()
        .zip((2..=13).rev())
        .map(|(value, weight)| (u32::from(*value) + u32::from(*value > of(b'N'))) * weight)
        .sum();
    ymd(d, 4) && (11 - sum % 11) % 11 == u32::from(d[12])
}

pub fn argentina(d: &[u8]) -> bool {
    let rest = weighted(&d[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(number(&d[..2]), 20 | 23 | 24 | 25..=27 | 30 | 33 | 34)
        && (11 - rest) % 11 == u32::from(d[10])
}

pub fn chile(d: &[u8]) -> bool {
    let (last, body) = d.split_last().expect("the shape has places");
    let sum = body.iter().rev().zip([2, 3, 4, 5, 6, 7].iter().cycle());
    let rest = 11 - sum.map(|(digit, weight)| u32::from(*digit) * weight).sum::<u32>() % 11;
    match rest {
        10 => *last == of(b'K'),
        rest => u32::from(*last) == rest % 11,
    }
}

pub fn colombia(d: &[u8]) -> bool {
    let rest = weighted(&d[..9], &[41, 37, 29, 23, 19, 17, 13, 7, 3]) % 11;
    (if rest < 2 { rest } else { 11 - rest }) == u32::from(d[9])
}

pub fn israel(d: &[u8]) -> bool {
    !all_same(d) && luhn(d)
}

pub fn saudi(d: &[u8]) -> bool {
    matches!(d[0], 1 | 2) && luhn(d)
}

pub fn emirates(d: &[u8]) -> bool {
    d.starts_with(&[7, 8, 4]) && matches!(number(&d[3..7]), 1900..=2099) && luhn(d)
}

/// Egypt: century, birth date, governorate.
pub fn egypt(d: &[u8]) -> bool {
    matches!(d[0], 2 | 3) && ymd(d, 1) && matches!(number(&d[7..9]), 1..=35 | 88)
}

pub fn south_africa(d: &[u8]) -> bool {
    ymd(d, 0) && d[10] <= 2 && luhn(d)
}

/// Kenya, tax.
pub fn kra(d: &[u8]) -> bool {
    is_one_of(d[0], b"AP")
}

pub fn aadhaar(d: &[u8]) -> bool {
    d[0] >= 2 && verhoeff(d)
}

/// India, tax: the fourth letter tells what the owner is.
pub fn pan(d: &[u8]) -> bool {
    is_one_of(d[3], b"ABCFGHJLPT")
}

pub fn pakistan(d: &[u8]) -> bool {
    matches!(d[0], 1..=8)
}

/// Sri Lanka: year, day of the year, with 500 more for women.
pub fn sri_lanka(d: &[u8]) -> bool {
    let day = if d.len() == 12 { 4 } else { 2 };
    matches!(number(&d[day..day + 3]), 1..=366 | 501..=866)
        && (d.len() == 12 || is_one_of(d[9], b"VX"))
}

pub fn thailand(d: &[u8]) -> bool {
    let sum = weighted(&d[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    (1..=8).contains(&d[0]) && (11 - sum % 11) % 10 == u32::from(d[12])
}

/// Vietnam: province, century and sex, year.
pub fn vietnam(d: &[u8]) -> bool {
    matches!(number(&d[..3]), 1..=96)
}

/// Indonesia: province, district, birth date with 40 more for women.
pub fn indonesia(d: &[u8]) -> bool {
    matches!(number(&d[..2]), 11..=97) && month_and_day(d, (8, &[0]), (6, &[0, 40]))
}

/// Malaysia: birth date, place.
pub fn malaysia(d: &[u8]) -> bool {
    ymd(d, 0) && !matches!(number(&d[6..8]), 0 | 17..=20 | 69 | 70 | 73 | 80 | 81 | 94..=97)
}

pub fn singapore(d: &[u8]) -> bool {
    let sum = weighted(&d[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters) = match d[0] - 10 + b'A' {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    d[8] == of(letters[((sum + offset) % 11) as usize])
}

/// Hong Kong; a missing second letter counts 36.
pub fn hong_kong(d: &[u8]) -> bool {
    let padded: Vec<u8> = std::iter::repeat_n(36, 9 - d.len()).chain(d.iter().copied()).collect();
    // The check character A stands for 10.
    d[d.len() - 1] <= 10 && weighted(&padded, &[9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Taiwan: the letter counts as two digits.
pub fn taiwan(d: &[u8]) -> bool {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let found = LETTERS.iter().position(|letter| of(*letter) == d[0]);
    let letter = found.expect("every letter is in the list") as u32 + 10;
    let sum = letter / 10 + letter % 10 * 9 + weighted(&d[1..], &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(d[1], 1 | 2 | 8 | 9) && sum.is_multiple_of(10)
}

/// China: seventeen digits and a check character, which may be X.
pub fn china(d: &[u8]) -> bool {
    let rest = weighted(&d[..17], &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11;
    let check = [1, 0, of(b'X'), 9, 8, 7, 6, 5, 4, 3, 2][rest as usize];
    matches!(number(&d[6..8]), 18..=20) && ymd(d, 8) && d[17] == check
}

pub fn japan(d: &[u8]) -> bool {
    let rest = weighted(&d[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    (if rest < 2 { 0 } else { 11 - rest }) == u32::from(d[11])
}

/// Korea; the check digit was dropped in 2020.
pub fn korea(d: &[u8]) -> bool {
    let sum = weighted(&d[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    korea_shape(d) && (11 - sum % 11) % 10 == u32::from(d[12])
}

pub fn korea_shape(d: &[u8]) -> bool {
    ymd(d, 0) && (1..=8).contains(&d[6])
}

pub fn tfn(d: &[u8]) -> bool {
    weighted(d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

pub fn medicare(d: &[u8]) -> bool {
    matches!(d[0], 2..=6) && weighted(d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == u32::from(d[8])
}

/// New Zealand, tax: a second row of weights where the first gives 10.
pub fn ird(d: &[u8]) -> bool {
    let (last, body) = d.split_last().expect("the shape has places");
    let rest = |weights: [u32; 8]| (11 - weighted(body, &weights[8 - body.len()..]) % 11) % 11;
    let first = rest([3, 2, 7, 6, 5, 4, 3, 2]);
    let rest = if first == 10 { rest([7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    (10_000_000..=150_000_000).contains(&number(d)) && rest == u32::from(*last)
}

/// New Zealand, health: letters count by their place in an alphabet without I and O.
pub fn nhi(d: &[u8]) -> bool {
    let letter = |value: u8| {
        u32::from(value - 9) - u32::from(value > of(b'I')) - u32::from(value > of(b'O'))
    };
    if d[..3].iter().any(|value| is_one_of(*value, b"IO")) {
        return false;
    }
    let letters = letter(d[0]) * 7 + letter(d[1]) * 6 + letter(d[2]) * 5;
    let rest = (letters + weighted(&d[3..6], &[4, 3, 2])) % 11;
    rest != 0 && (11 - rest) % 10 == u32::from(d[6])
}
