//! National numbers: a table of shapes and checks, and the reader that tries them.

mod europe;
mod table;
mod world;

use std::sync::LazyLock;

use smallvec::SmallVec;

pub use self::table::Region;
use self::table::{NUMBERS, National, Needs, WORDS};
use super::checks;
use super::cues::{Cue, Cues, Near};
use super::runs::{Run, before};
use crate::domain::{PiiKind, PiiSpan};

/// Every word that stands before national numbers, with its region.
pub fn words() -> impl Iterator<Item = (&'static str, Region)> {
    WORDS.iter().flat_map(|(region, words)| words.iter().map(move |word| (*word, *region)))
}

/// The values of one number; no number has more.
const PLACES_MAX: usize = 20;
type Values = SmallVec<[u8; PLACES_MAX]>;

/// A letter or digit, or what stands between two of them.
#[derive(Clone, Copy)]
struct Sign {
    c: char,
    /// Of a letter or digit.
    value: Option<u8>,
    /// First byte after it.
    end: usize,
}

/// Letters and digits with at most one separator between two of them.
type Signs = SmallVec<[Sign; SIGNS_MAX]>;
/// The longest number with its separators is shorter.
const SIGNS_MAX: usize = 32;

/// A place of the text that a shape fits.
struct Fit {
    values: Values,
    end: usize,
    /// Every separator stands as the shape has it.
    exact: bool,
    /// A space stands inside.
    spaced: bool,
}

/// Most letters that stand as a word of their own before the digits of a number.
const PREFIX_MAX: usize = 4;

/// The table by whether the first place is a letter, and by the number of places.
static BY_PLACES: LazyLock<[Vec<Vec<&National>>; 2]> = LazyLock::new(|| {
    let mut rows = [vec![Vec::new(); PLACES_MAX + 1], vec![Vec::new(); PLACES_MAX + 1]];
    for number in NUMBERS {
        let is_place = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'*';
        let places = number.shape.bytes().filter(is_place).count();
        rows[usize::from(number.shape.starts_with('A'))][places].push(number);
    }
    rows
});

/// Every national number in `text`.
pub fn find(text: &str, runs: &[Run], cues: &Cues<'_>) -> Vec<PiiSpan> {
    starts(text, runs).into_iter().filter_map(|at| surest(text, at, cues)).collect()
}

/// The surest number that begins at `at`.
fn surest(text: &str, at: usize, cues: &Cues<'_>) -> Option<PiiSpan> {
    let before = before(text, at);
    // A label written together with its number, as in `dni12345678Z`.
    let labelled = !begins(before);
    if labelled && !cues.is_labelled(at) {
        return None;
    }
    let signs = signs(text, at);
    let separated = signs.iter().any(|sign| sign.value.is_none());
    let rows = &BY_PLACES[usize::from(signs.first()?.value? > 9)];
    let rows = lengths(&signs).filter_map(|places| rows.get(places)).flatten();
    let near = cues.before(at);
    let spans = rows.filter_map(|&number| {
        let named = is_named(number, &near);
        // Most numbers need a word or their separators, and most messages have none of either.
        let needs_word = match number.needs {
            Needs::Word => true,
            Needs::Shape => !separated,
            Needs::Nothing => labelled,
        };
        if needs_word && !named {
            return None;
        }
        let fit = fit(number.shape, &signs)?;
        let ends = stands_alone(text, before, &fit) || (named && runs_on(text, &fit));
        let right = ends && (number.check)(&fit.values);
        let confidence = if named { NAMED } else { unnamed(number.needs, &fit, &near) };
        let (start, end) = (at, fit.end);
        right.then_some(PiiSpan { kind: PiiKind::NationalId, start, end, confidence })
    });
    let surest = spans.max_by(|a, b| a.confidence.total_cmp(&b.confidence));
    surest.filter(|span| span.confidence > 0.0)
}

/// Where a number may begin: words of letters and digits with a digit, and short words before them.
fn starts(text: &str, runs: &[Run]) -> SmallVec<[usize; 8]> {
    let is_part = |c: &char| c.is_ascii_alphabetic() || checks::digit(*c).is_some();
    let bytes = |c: char| c.len_utf8();
    let mut starts = SmallVec::new();
    // Where the last word ended, so that each is read once.
    let mut word_end = 0;
    for run in runs {
        if run.start < word_end {
            continue;
        }
        let letters = text[..run.start].bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        let start = run.start - letters;
        word_end = run.end + text[run.end..].chars().take_while(is_part).map(bytes).sum::<usize>();
        starts.extend(short_word_before(text, start));
        starts.push(start);
        if letters > 1 {
            starts.push(run.start);
        }
    }
    starts
}

/// Where a short word of letters begins that one character parts from the word at `start`.
fn short_word_before(text: &str, start: usize) -> Option<usize> {
    let parting = text[..start].chars().next_back()?;
    let end = start - parting.len_utf8();
    let letters = text[..end].bytes().rev().take_while(u8::is_ascii_alphabetic);
    let letters = letters.take(PREFIX_MAX + 1).count();
    let at = end - letters;
    let is_whole = text[..at].chars().next_back().is_none_or(|c| checks::digit(c).is_none());
    ((1..=PREFIX_MAX).contains(&letters) && is_whole).then_some(at)
}

/// Whether the word before says that a number of this region follows.
fn is_named(number: &National, near: &Near) -> bool {
    near.iter().any(|cue| match cue {
        Cue::Id(region) => region.is_none_or(|region| region == number.region),
        _ => false,
    })
}

/// Confidence of a number that a word names.
const NAMED: f32 = 0.985;

/// Confidence of a right number that no word names; 0 when too little speaks for it.
fn unnamed(needs: Needs, fit: &Fit, near: &Near) -> f32 {
    match (needs, fit.exact) {
        (Needs::Nothing, true) => 0.95,
        _ if near.contains(&Cue::Order) => 0.0,
        (Needs::Shape, true) => 0.86,
        (Needs::Nothing, false) => 0.8,
        _ => 0.0,
    }
}

/// The value of a letter.
const fn of(letter: u8) -> u8 {
    letter - b'A' + 10
}

/// Whether a value is one of these letters.
fn is_one_of(value: u8, letters: &[u8]) -> bool {
    letters.iter().any(|letter| of(*letter) == value)
}

/// The value of a digit of any script or of a Latin letter.
fn value(c: char) -> Option<u8> {
    checks::digit(c).or_else(|| c.is_ascii_alphabetic().then(|| of(c.to_ascii_uppercase() as u8)))
}

/// Whether a number may begin behind these two characters, the nearer one first.
fn begins([first, second]: [char; 2]) -> bool {
    let inside = value(first).is_some() || "#-_/№+＋@&=".contains(first);
    let fraction = matches!(first, '.' | ',') && checks::digit(second).is_some();
    !inside && !fraction
}

/// Whether what was read is no piece of a longer number.
fn stands_alone(text: &str, before: [char; 2], fit: &Fit) -> bool {
    let mut rest = text[fit.end..].chars();
    let ends = match rest.next() {
        Some(' ') if fit.spaced => rest.next().is_none_or(|c| checks::digit(c).is_none()),
        Some('-' | '.' | '/' | '_' | ',') => rest.next().is_none_or(|c| value(c).is_none()),
        Some(c) => value(c).is_none(),
        None => true,
    };
    let goes_on = fit.spaced && before[0] == ' ' && checks::digit(before[1]).is_some();
    ends && !goes_on
}

/// Letters that go on behind a number when somebody forgot a space; fewer may be its last part.
const RUN_ON_LETTERS: usize = 3;

/// Whether a number that ends with a digit is followed by a word without a space.
fn runs_on(text: &str, fit: &Fit) -> bool {
    let letters = text[fit.end..].bytes().take_while(u8::is_ascii_alphabetic).count();
    letters >= RUN_ON_LETTERS && fit.values.last().is_some_and(|value| *value < 10)
}

/// Reads what a number that begins at `at` can be made of.
fn signs(text: &str, at: usize) -> Signs {
    let mut signs = Signs::new();
    let mut apart = false;
    for (index, c) in text[at..].char_indices() {
        let value = value(c);
        if signs.len() == SIGNS_MAX || (value.is_none() && (apart || !is_separator(c))) {
            break;
        }
        apart = value.is_none();
        signs.push(Sign { c, value, end: at + index + c.len_utf8() });
    }
    signs
}

/// How many letters and digits stand up to each place where a number may end.
fn lengths(signs: &[Sign]) -> impl Iterator<Item = usize> {
    let mut places = 0;
    signs.iter().enumerate().filter_map(move |(at, sign)| {
        places += usize::from(sign.value.is_some());
        let is_digit = |value: Option<u8>| value.is_some_and(|value| value < 10);
        let last = signs.get(at + 1).is_none_or(|next| {
            next.value.is_none() || (is_digit(sign.value) && !is_digit(next.value))
        });
        (sign.value.is_some() && last).then_some(places)
    })
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')')
}

/// Reads `shape` from the first of `signs` on.
fn fit(shape: &str, signs: &[Sign]) -> Option<Fit> {
    let mut rest = signs.iter().peekable();
    let mut fit = Fit { values: Values::new(), end: 0, exact: true, spaced: false };
    let mut separators = 0;
    for wanted in shape.bytes() {
        let value = rest.peek().and_then(|sign| sign.value);
        let takes = match wanted {
            b'0' => value.filter(|value| *value < 10),
            b'A' => value.filter(|value| *value > 9),
            b'*' => value,
            b'1'..=b'9' => value.filter(|value| *value == wanted - b'0'),
            separator => {
                separators += 1;
                let fits =
                    |sign: &&Sign| sign.value.is_none() && (separator != b')' || sign.c == ')');
                let between = rest.next_if(fits);
                fit.exact &= between.is_some_and(|sign| sign.c == char::from(separator));
                if let Some(between) = between {
                    fit.spaced |= between.c == ' ';
                    fit.end = between.end;
                }
                continue;
            }
        };
        fit.values.push(takes?);
        fit.end = rest.next()?.end;
    }
    fit.exact &= separators > 0;
    Some(fit)
}
