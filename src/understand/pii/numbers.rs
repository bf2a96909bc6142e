//! Cards and telephone numbers among the digits of a message.

use smallvec::SmallVec;

use super::checks;
use super::cues::{Cue, Cues};
use super::runs::{Run, before};
use crate::domain::{PiiKind, PiiSpan};

/// Digits that belong together: `+34 612 345 678`, `(415) 555-2671`, `4111 1111 1111 1111`.
struct Group {
    digits: SmallVec<[u8; 24]>,
    /// Stretches of digits without a separator.
    parts: SmallVec<[Part; 6]>,
    start: usize,
    plus: bool,
    /// Something stands directly before that makes it a part of a code: a letter, `#`, `-`.
    attached: bool,
    /// What stands directly before has a digit, as in `1Z999AA1012`: the first part begins in the middle of a
    /// number.
    continues: bool,
}

struct Part {
    /// Index of the first digit among those of the group.
    first: usize,
    start: usize,
    end: usize,
}

/// Most parts of a group that are looked at; more are a table, not a number.
const PARTS_MAX: usize = 12;

/// Every card and telephone number in `text`.
pub fn find(text: &str, runs: &[Run], cues: &Cues<'_>) -> Vec<PiiSpan> {
    groups(text, runs).iter().flat_map(|group| judge(text, group, cues)).collect()
}

fn judge(text: &str, group: &Group, cues: &Cues<'_>) -> Vec<PiiSpan> {
    let cards = cards(group);
    if !cards.is_empty() {
        return cards;
    }
    let confidence = phone_confidence(text, group, cues);
    let (start, end) = (group.start, group.end());
    let span = PiiSpan { kind: PiiKind::Phone, start, end, confidence };
    if confidence > 0.0 { vec![span] } else { Vec::new() }
}

/// Stretches of whole parts that are card numbers; the longest from each part on. A sign or a word may stand
/// directly before, as in `cc#4111…`.
fn cards(group: &Group) -> Vec<PiiSpan> {
    let mut found = Vec::new();
    let mut first = usize::from(group.continues);
    while first < group.parts.len() {
        let hit =
            (first..group.parts.len()).rev().find(|&last| is_card(group.stretch(first, last)));
        first = match hit {
            Some(last) => {
                let (start, end) = (group.parts[first].start, group.parts[last].end);
                found.push(PiiSpan { kind: PiiKind::Card, start, end, confidence: 0.98 });
                last + 1
            }
            None => first + 1,
        };
    }
    found
}

fn is_card(digits: &[u8]) -> bool {
    let issued = match (digits.len(), digits) {
        // Diners Club, American Express
        (14, [3, 0 | 6 | 8 | 9, ..]) | (15, [3, 4 | 7, ..]) => true,
        (16, [2..=6, ..]) | (19, [4..=6, ..]) => true,
        _ => false,
    };
    issued && checks::luhn(digits)
}

/// Probability that the whole group is a telephone number; 0 for none.
fn phone_confidence(text: &str, group: &Group, cues: &Cues<'_>) -> f32 {
    let digits = &group.digits[..];
    let count = digits.len();
    if group.attached || !(7..=15).contains(&count) {
        return 0.0;
    }
    if group.plus {
        return if count >= 8 { 0.95 } else { 0.0 };
    }
    let near = cues.before(group.start);
    if near.contains(&Cue::Order) {
        return 0.0;
    }
    let bracket = text[group.start..].starts_with('(');
    match () {
        () if near.contains(&Cue::Phone) => 0.9,
        () if bracket && count >= 9 => 0.9,
        () if group.is_dates(text) => 0.0,
        () if is_phone(digits, &group.shape(), group.separators(text)) => 0.85,
        () => 0.0,
    }
}

/// Whether digits in parts of these lengths are written as telephone numbers are.
fn is_phone(digits: &[u8], shape: &[usize], separators: Separators) -> bool {
    let spaced = separators == Separators::Spaces;
    let hyphens = separators == Separators::Hyphens;
    match (shape, digits) {
        // With the digit that is dialled at home, or the one that leads abroad.
        (_, [0, 1..=9, ..]) if (9..=12).contains(&digits.len()) => true,
        (_, [0, 8, ..]) if digits.len() == 13 => true,
        (_, [0, 0, 1..=9, ..]) if digits.len() >= 11 => true,
        // North America
        ([3, 3, 4] | [1, 3, 3, 4], _) => true,
        // China; eleven digits in two parts are something else.
        ([11] | [3, 4, 4], [1, 3..=9, ..]) => true,
        // Indonesia with its country code
        ([12 | 13], [6, 2, 8, ..]) => true,
        // Russia, Kazakhstan
        ([1, 3, 3, 2, 2] | [1, 3, 7], [7 | 8, 7 | 9, ..]) => true,
        // Spain, Portugal, Poland, the Czech Republic, Norway
        ([3, 3, 3], [4..=9, ..]) | ([3, 2, 2, 2], [4..=9, ..]) => spaced,
        // Italy
        ([3, 7], [3, ..]) => spaced,
        // Turkey
        ([3, 3, 2, 2] | [3, 7], [5, ..]) => spaced,
        // India
        ([5, 5], [6..=9, ..]) => spaced || hyphens,
        // Brazil
        ([2, 5, 4], [_, _, 9, ..]) | ([2, 4, 4], [_, _, 2..=5, ..]) => {
            separators == Separators::Mixed || spaced
        }
        // Denmark, Norway, France without the leading 0
        ([2, 2, 2, 2], [2..=9, ..]) => spaced,
        _ => false,
    }
}

/// Whether numbers that dots stand between are a day or a time of day: `5.12`, `05.12.2024`, `18.00`.
fn is_moment(numbers: &[&[u8]]) -> bool {
    match numbers {
        [day, month] if is_day(day) && is_month(month) => true,
        [hour, minute] => is_up_to(hour, 24) && minute.len() == 2 && is_up_to(minute, 59),
        [day, month, year] => {
            is_day(day) && is_month(month) && matches!(year, [_, _] | [1, 9, _, _] | [2, 0, _, _])
        }
        _ => false,
    }
}

fn is_day(number: &[u8]) -> bool {
    is_up_to(number, 31)
}

fn is_month(number: &[u8]) -> bool {
    is_up_to(number, 12)
}

/// Whether a number of at most two digits is no larger than `max`.
fn is_up_to(number: &[u8], max: u8) -> bool {
    match number {
        [units] => *units <= max,
        [tens, units] => tens * 10 + units <= max,
        _ => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Separators {
    Spaces,
    Hyphens,
    Mixed,
}

impl Group {
    fn end(&self) -> usize {
        self.parts.last().expect("a group begins with a digit").end
    }

    /// The digits of some parts.
    fn stretch(&self, first: usize, last: usize) -> &[u8] {
        let end = self.parts.get(last + 1).map_or(self.digits.len(), |part| part.first);
        &self.digits[self.parts[first].first..end]
    }

    /// How many digits each part has.
    fn shape(&self) -> SmallVec<[usize; 6]> {
        (0..self.parts.len()).map(|part| self.stretch(part, part).len()).collect()
    }

    /// What stands between the parts.
    fn separators(&self, text: &str) -> Separators {
        let between = || self.parts.windows(2).map(|pair| &text[pair[0].end..pair[1].start]);
        let all = |sign: char| between().all(|signs| signs.chars().map(plain).eq([sign]));
        match () {
            () if self.parts.len() < 2 => Separators::Mixed,
            () if all(' ') => Separators::Spaces,
            () if all('-') => Separators::Hyphens,
            () => Separators::Mixed,
        }
    }

    /// Whether days and times stand here with dashes or spaces between them, as in `01.12-05.12.2024`,
    /// `01-05.12.2024` and `05.12 09.00-18.00`. Where one sign stands between all pairs it may be dialled.
    fn is_dates(&self, text: &str) -> bool {
        let mut first = 0;
        for last in 0..self.parts.len() {
            let next = self.parts.get(last + 1);
            let between = next.map_or("", |next| &text[self.parts[last].end..next.start]);
            let between: SmallVec<[char; 4]> = between.chars().map(plain).collect();
            let is_dash = match between[..] {
                ['.'] => continue,
                ['-'] | [' ', '-', ' '] => true,
                [] | [' '] => false,
                _ => return false,
            };
            let numbers: SmallVec<[&[u8]; 6]> =
                (first..=last).map(|part| self.stretch(part, part)).collect();
            // The month of the first day may stand with the last one.
            let is_lone_day = last == 0 && is_dash && is_day(numbers[0]);
            if !is_lone_day && !is_moment(&numbers) {
                return false;
            }
            first = last + 1;
        }
        true
    }

    /// Whether the digits so far may be dialled before those behind a slash: `0151/`, `+49 30/`.
    fn is_area_code(&self) -> bool {
        match self.parts.len() {
            1 => self.digits.first() == Some(&0) && (3..=5).contains(&self.digits.len()),
            _ => self.plus && self.digits.len() <= 8,
        }
    }
}

/// Cuts the digits of `text` into groups: parts that at most two separators hold together.
fn groups(text: &str, runs: &[Run]) -> SmallVec<[Group; 4]> {
    let mut groups: SmallVec<[Group; 4]> = SmallVec::new();
    for run in runs {
        match groups.last_mut() {
            Some(group) if group.parts.len() < PARTS_MAX && group.goes_on(text, run) => {
                group.join(text, run);
            }
            _ => groups.push(Group::open(text, run)),
        }
    }
    groups
}

/// A sign between digits as the plain one that it stands for: spaces of a certain width, hyphens that break no
/// line, dashes, the minus, and what Chinese and Japanese keyboards write.
fn plain(c: char) -> char {
    match c {
        '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' | '\u{3000}' => ' ',
        '\u{2010}' | '\u{2011}' | '\u{2013}' | '\u{2212}' | '\u{ff0d}' => '-',
        c => c,
    }
}

/// What stands before `at` without a space, the nearest first, as far as codes are written so.
fn code_before(text: &str, at: usize) -> impl Iterator<Item = char> {
    let is_part = |c: &char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '#' | '_' | '/' | '№' | '-')
            || checks::digit(*c).is_some()
    };
    text[..at].chars().rev().take_while(is_part)
}

impl Group {
    fn open(text: &str, run: &Run) -> Self {
        let [first, second] = before(text, run.start);
        let opens = |c: char| matches!(c, '+' | '＋' | '(');
        let plus = matches!(first, '+' | '＋') || (first == '(' && matches!(second, '+' | '＋'));
        let lead = if opens(first) { first.len_utf8() } else { 0 };
        // Hebrew joins a preposition to a number by a hyphen: `ל-054`.
        let joined = first == '-' && second.is_alphabetic() && !second.is_ascii();
        let attached = first.is_ascii_alphanumeric()
            || matches!(first, '#' | '_' | '/' | '№')
            || (first == '-' && !joined);
        let continues =
            attached && code_before(text, run.start).any(|c| checks::digit(c).is_some());
        let mut group = Self {
            digits: SmallVec::new(),
            parts: SmallVec::new(),
            start: run.start - lead,
            plus,
            attached,
            continues,
        };
        group.join(text, run);
        group
    }

    /// Whether the digits of `run` belong to those before, by what stands between.
    fn goes_on(&self, text: &str, run: &Run) -> bool {
        // One sign more than what holds digits together has at most.
        let between = text[self.end()..run.start].chars().take(4).map(plain);
        let between: SmallVec<[char; 4]> = between.collect();
        match between[..] {
            [' ' | '-' | '.' | '(' | ')'] | [')', ' ' | '-'] | [' ', '('] | [' ', '-', ' '] => true,
            // Dates and shares have a slash as well, with other numbers before and behind it.
            ['/'] | [' ', '/', ' '] => self.is_area_code() && run.digits >= 5,
            _ => false,
        }
    }

    fn join(&mut self, text: &str, run: &Run) {
        self.parts.push(Part { first: self.digits.len(), start: run.start, end: run.end });
        self.digits.extend(text[run.start..run.end].chars().filter_map(checks::digit));
    }
}
