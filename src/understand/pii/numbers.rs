//! Cards, telephone numbers and national numbers among the digits of a message.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::checks;
use crate::domain::{PiiKind, PiiSpan};

/// Digits that belong together: `+34 612 345 678`, `(415) 555-2671`, `529.982.247-25`.
struct Group {
    /// Stretches of digits without a separator.
    parts: Vec<Part>,
    start: usize,
    plus: bool,
    /// Something stands directly before that makes it a part of a code: a letter, `#`, `-`.
    attached: bool,
}

struct Part {
    digits: Vec<u8>,
    start: usize,
    end: usize,
}

/// Most parts of a group that are looked at; more are a table, not a number.
const PARTS_MAX: usize = 12;

/// Every number of a person in `text`.
pub fn find(text: &str) -> Vec<PiiSpan> {
    groups(text).iter().flat_map(|group| judge(text, group)).collect()
}

fn judge(text: &str, group: &Group) -> Vec<PiiSpan> {
    let cards: Vec<PiiSpan> = checked(group, PiiKind::Card, 0.98, is_card);
    if !cards.is_empty() {
        return cards;
    }
    let national = checked(group, PiiKind::NationalId, 0.8, checks::national);
    let phone = phone_confidence(text, group);
    if national.is_empty() || phone > 0.9 {
        let span = PiiSpan {
            kind: PiiKind::Phone,
            start: group.start,
            end: group.end(),
            confidence: phone,
        };
        return if phone > 0.0 { vec![span] } else { Vec::new() };
    }
    national
}

/// Stretches of whole parts whose digits pass `test`; the longest from each part on.
fn checked(group: &Group, kind: PiiKind, confidence: f32, test: fn(&[u8]) -> bool) -> Vec<PiiSpan> {
    let mut found = Vec::new();
    let mut first = 0;
    while first < group.parts.len() {
        let ends = (first..group.parts.len()).rev();
        let hit = ends.into_iter().find(|&last| {
            let parts = &group.parts[first..=last];
            let digits: Vec<u8> = parts.iter().flat_map(|part| part.digits.clone()).collect();
            !(group.attached && first == 0) && test(&digits)
        });
        first = match hit {
            Some(last) => {
                let (start, end) = (group.parts[first].start, group.parts[last].end);
                found.push(PiiSpan { kind, start, end, confidence });
                last + 1
            }
            None => first + 1,
        };
    }
    found
}

fn is_card(digits: &[u8]) -> bool {
    matches!(digits.len(), 14 | 15 | 16 | 19) && matches!(digits[0], 2..=6) && checks::luhn(digits)
}

/// Probability that the whole group is a telephone number; 0 for none.
fn phone_confidence(text: &str, group: &Group) -> f32 {
    let digits = group.digits();
    let count = digits.len();
    if group.attached || !(7..=15).contains(&count) {
        return 0.0;
    }
    if group.plus {
        return if count >= 8 { 0.95 } else { 0.0 };
    }
    let word = word_before(text, group.start);
    if word == Some(Word::Order) {
        return 0.0;
    }
    let shape: Vec<usize> = group.parts.iter().map(|part| part.digits.len()).collect();
    let bracket = text[group.start..].starts_with('(');
    let local = digits[0] == 0 && (9..=12).contains(&count) && digits[1] != 0;
    let international = digits.starts_with(&[0, 0]) && count >= 10;
    let chinese_mobile = count == 11 && shape.len() != 2 && digits[0] == 1 && digits[1] >= 3;
    let american = matches!(shape[..], [3, 3, 4] | [1, 3, 3, 4]);
    let russian = count == 11 && matches!(digits[..2], [7 | 8, 9]) && shape.len() > 1;
    match () {
        () if word == Some(Word::Phone) => 0.9,
        () if bracket && count >= 9 => 0.9,
        () if local || international || american || chinese_mobile || russian => 0.85,
        () => 0.0,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Phone,
    Order,
}

/// Bytes before a number in which a word says what it is.
const CONTEXT_BYTES: usize = 32;

/// Words that stand before a telephone number.
const PHONE: [&str; 24] = [
    "phone",
    "tel",
    "mobile",
    "móvil",
    "movil",
    "celular",
    "handy",
    "whatsapp",
    "call",
    "cell",
    "número de contacto",
    "звон",
    "тел",
    "电话",
    "手机",
    "電話",
    "전화",
    "연락처",
    "เบอร์",
    "โทร",
    "هاتف",
    "جوال",
    "טלפון",
    "फोन",
];

/// Words that stand before the number of an order.
const ORDER: [&str; 24] = [
    "order",
    "pedido",
    "bestell",
    "commande",
    "ordine",
    "заказ",
    "замовлен",
    "zamówien",
    "sipariş",
    "beställning",
    "订单",
    "訂單",
    "注文",
    "주문",
    "ออเดอร์",
    "คำสั่งซื้อ",
    "đơn",
    "pesanan",
    "طلب",
    "הזמנ",
    "ऑर्डर",
    "অর্ডার",
    "tracking",
    "#",
];

/// Finds all of [`PHONE`] and then [`ORDER`] in one pass.
static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new(PHONE.iter().chain(&ORDER)).expect("a few dozen words fit an automaton")
});

/// The word before a number that says what it is; the nearer one counts.
fn word_before(text: &str, at: usize) -> Option<Word> {
    let mut start = at.saturating_sub(CONTEXT_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let before = text[start..at].to_lowercase();
    // Of two words that start at one place that of an order wins: a telephone number that is not
    // masked in a list of orders is better than an order that nobody can look up.
    let nearest = WORDS
        .find_overlapping_iter(&before)
        .map(|found| (found.start(), found.pattern().as_usize() >= PHONE.len()))
        .max()?;
    Some(if nearest.1 { Word::Order } else { Word::Phone })
}

impl Group {
    fn digits(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| part.digits.clone()).collect()
    }

    fn end(&self) -> usize {
        self.parts.last().expect("a group begins with a digit").end
    }
}

/// Cuts the digits of `text` into groups: parts that at most two separators hold together.
fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut before = ['\0'; 2];
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if let Some(digit) = checks::digit(c) {
            match groups.last_mut() {
                Some(group) if group.end() == at => {
                    let part = group.parts.last_mut().expect("a group begins with a digit");
                    part.digits.push(digit);
                    part.end = end;
                }
                Some(group) if joins(&text[group.end()..at]) && group.parts.len() < PARTS_MAX => {
                    group.parts.push(Part { digits: vec![digit], start: at, end });
                }
                _ => groups.push(Group::open(digit, at, end, before)),
            }
        }
        before = [before[1], c];
    }
    groups
}

fn joins(between: &str) -> bool {
    matches!(between, " " | "-" | "." | ") " | ")" | " (" | "(" | " - " | ")-" | "\u{a0}")
}

impl Group {
    fn open(digit: u8, at: usize, end: usize, [second, first]: [char; 2]) -> Self {
        let opens = |c: char| matches!(c, '+' | '＋' | '(');
        let plus = matches!(first, '+' | '＋') || (first == '(' && matches!(second, '+' | '＋'));
        let lead = if opens(first) { first.len_utf8() } else { 0 };
        let attached =
            first.is_ascii_alphanumeric() || matches!(first, '#' | '-' | '_' | '/' | '№');
        Self {
            parts: vec![Part { digits: vec![digit], start: at, end }],
            start: at - lead,
            plus,
            attached,
        }
    }
}
