//! Check digits. Each function takes plain digits 0–9.

use crate::domain::ascii_digit;

/// The value of a decimal digit of any script that shoppers type numbers in.
pub fn digit(c: char) -> Option<u8> {
    ascii_digit(c).map(|digit| digit as u8 - b'0')
}

/// Payment cards, and the last digit of several national numbers.
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| match (at % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
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

/// Whether `digits` is one of the national numbers of digits only.
pub fn national(digits: &[u8]) -> bool {
    match digits.len() {
        11 => cpf(digits) || pesel(digits) || turkish(digits),
        12 => aadhaar(digits),
        13 => thai(digits) || south_african(digits) || korean(digits),
        15 => french(digits),
        _ => false,
    }
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

fn all_same(digits: &[u8]) -> bool {
    digits.iter().all(|digit| *digit == digits[0])
}

/// A month and a day at `at`, as two digits each.
fn month_and_day(digits: &[u8], at: usize, month_offsets: &[u8]) -> bool {
    let month = digits[at] * 10 + digits[at + 1];
    let day = digits[at + 2] * 10 + digits[at + 3];
    let in_year = month_offsets
        .iter()
        .any(|offset| month.checked_sub(*offset).is_some_and(|month| (1..=12).contains(&month)));
    in_year && (1..=31).contains(&day)
}

/// Brazil.
fn cpf(digits: &[u8]) -> bool {
    let check = |upto: usize| {
        let weights: Vec<u32> = (2..=upto as u32 + 1).rev().collect();
        let rest = weighted(&digits[..upto], &weights) * 10 % 11 % 10;
        rest == u32::from(digits[upto])
    };
    !all_same(digits) && check(9) && check(10)
}

/// Poland; the month also tells the century.
fn pesel(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    sum.is_multiple_of(10) && month_and_day(digits, 2, &[0, 20, 40, 60, 80])
}

/// Turkey.
fn turkish(digits: &[u8]) -> bool {
    let odd: u32 = digits[..9].iter().step_by(2).map(|digit| u32::from(*digit)).sum();
    let even: u32 = digits[1..8].iter().step_by(2).map(|digit| u32::from(*digit)).sum();
    let all: u32 = digits[..10].iter().map(|digit| u32::from(*digit)).sum();
    digits[0] != 0
        && (odd * 7 + 90 - even) % 10 == u32::from(digits[9])
        && all % 10 == u32::from(digits[10])
}

/// India: Verhoeff, the dihedral group of the pentagon.
fn aadhaar(digits: &[u8]) -> bool {
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
    digits[0] >= 2 && sum == 0
}

/// Thailand.
fn thai(digits: &[u8]) -> bool {
    let sum = weighted(&digits[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    (1..=8).contains(&digits[0]) && (11 - sum % 11) % 10 == u32::from(digits[12])
}

/// South Africa.
fn south_african(digits: &[u8]) -> bool {
    month_and_day(digits, 2, &[0]) && digits[10] <= 1 && luhn(digits)
}

/// Korea, numbers given before the check digit was dropped.
fn korean(digits: &[u8]) -> bool {
    let sum = weighted(&digits[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    month_and_day(digits, 2, &[0])
        && (1..=8).contains(&digits[6])
        && (11 - sum % 11) % 10 == u32::from(digits[12])
}

/// France, with its key of two digits.
fn french(digits: &[u8]) -> bool {
    let number = digits[..13].iter().fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
    let key = u64::from(digits[13] * 10 + digits[14]);
    let month = digits[3] * 10 + digits[4];
    matches!(digits[0], 1..=4) && (1..=12).contains(&month) && 97 - number % 97 == key
}

/// China: seventeen digits and a check character, which may be X.
pub fn chinese(digits: &[u8], check: char) -> bool {
    let sum = weighted(digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let expected = b"10X98765432"[(sum % 11) as usize] as char;
    let century = digits[6] * 10 + digits[7];
    matches!(century, 18..=20) && month_and_day(digits, 10, &[0]) && check == expected
}

/// Spain: eight digits and a letter; for foreigners X, Y or Z stands for the first digit.
pub fn spanish(number: u32, letter: char) -> bool {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize] as char == letter
}

/// Italy: sixteen upper-case letters and digits, the last of which checks the others.
pub fn italian(code: &[u8]) -> bool {
    const SHAPE: &[u8] = b"AAAAAA00A00A000A";
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let fits = code.len() == SHAPE.len()
        && code.iter().zip(SHAPE).all(|(c, shape)| match shape {
            b'A' => c.is_ascii_uppercase(),
            _ => c.is_ascii_digit(),
        });
    if !fits {
        return false;
    }
    let value = |c: u8| usize::from(if c.is_ascii_digit() { c - b'0' } else { c - b'A' });
    let sum: u32 = code[..15]
        .iter()
        .enumerate()
        .map(|(at, &c)| if at % 2 == 0 { ODD[value(c)] } else { value(c) as u32 })
        .sum();
    (sum % 26) as u8 + b'A' == code[15]
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

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&[u8]) -> bool;

    fn digits(text: &str) -> Vec<u8> {
        text.chars().filter_map(digit).collect()
    }

    #[test]
    fn national_numbers_with_right_check_digits_pass_and_neighbours_fail() {
        let known: [(Check, &str); 7] = [
            (cpf, "52998224725"),
            (pesel, "44051401359"),
            (turkish, "10000000146"),
            (aadhaar, "234123412346"),
            (thai, "1101700230708"),
            (south_african, "8001015009087"),
            (french, "180126213426164"),
        ];

        for (check, number) in known {
            let mut digits = digits(number);
            assert!(check(&digits) && national(&digits), "{number}");
            let last = digits.len() - 1;
            digits[last] = (digits[last] + 1) % 10;
            assert!(!check(&digits), "{number} with another last digit");
        }
    }

    #[test]
    fn digits_of_other_scripts_count() {
        assert_eq!(digits("٤١ ४१ ๔๑ ４１"), [4, 1, 4, 1, 4, 1, 4, 1]);
    }
}
