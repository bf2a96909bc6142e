//! What makes a national number of one country right. Each function takes as many values as its
//! shapes in the table have places: 0 to 9 for digits, 10 to 35 for letters.

use crate::understand::pii::checks::{
    dm, luhn, mod_11_10, month_and_day, number, verhoeff, weighted, ymd,
};

/// The value of a letter.
const fn of(letter: u8) -> u8 {
    letter - b'A' + 10
}

fn is_one_of(value: u8, letters: &[u8]) -> bool {
    letters.iter().any(|letter| of(*letter) == value)
}

/// Whether the last value is `sum` by `modulus`, counted down from it; ten stands for zero.
fn rest_is_last(values: &[u8], weights: &[u32], modulus: u32) -> bool {
    let rest = weighted(values, weights) % modulus;
    values.last().is_some_and(|last| (modulus - rest) % modulus % 10 == u32::from(*last))
}

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

pub fn bvn(d: &[u8]) -> bool {
    d.starts_with(&[2, 2])
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
