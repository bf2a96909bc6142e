//! Order numbers and the order table of a shop.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Date;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::domain::{CustomerId, ascii_digit};

use super::section::Mistakes;

/// Different order numbers of one text that are looked for. Who writes more sends a list, which a person reads,
/// and each is compared with those before it.
const NUMBERS_MAX: usize = 16;

/// How a shop writes its order numbers: letters, `#` for a digit, and separators.
///
/// Only the whole pattern counts in a text. A bare run of digits could be a postal code or a
/// telephone number, so it is left to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPattern(Vec<char>);

impl FromStr for OrderPattern {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let shape: Vec<char> = text.chars().collect();
        let known = |c: &char| c.is_ascii_uppercase() || *c == '#' || is_separator(*c);
        let digits = shape.iter().filter(|c| **c == '#').count();
        let fits = shape.iter().all(known) && (4..=16).contains(&digits) && shape.len() <= 32;
        if fits { Ok(Self(shape)) } else { Err(()) }
    }
}

impl OrderPattern {
    /// The order numbers in `text`, as the table writes them, each once and in order of appearance; the first
    /// 16 of more. Capitals, separators and the script of the digits may differ.
    pub fn find_in(&self, text: &str) -> Vec<String> {
        // What composes to a digit without being a number (such as the sign for the first of a month) brings a
        // letter along, so it makes no number of an order without a digit beside it.
        if !text.contains(char::is_numeric) {
            return Vec::new();
        }
        let plain = |c: char| ascii_digit(c).unwrap_or(c).to_ascii_uppercase();
        // Most texts are in that form already, and asking is much cheaper than composing.
        let text: Vec<char> = match is_nfkc_quick(text.chars()) {
            IsNormalized::Yes => text.chars().map(plain).collect(),
            IsNormalized::No | IsNormalized::Maybe => text.nfkc().map(plain).collect(),
        };
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() && found.len() < NUMBERS_MAX {
            let starts_word = at == 0 || !text[at - 1].is_ascii_alphanumeric();
            match starts_word.then(|| self.match_at(&text[at..])).flatten() {
                Some((number, length)) => {
                    at += length;
                    if !found.contains(&number) {
                        found.push(number);
                    }
                }
                None => at += 1,
            }
        }
        found
    }

    /// The number at the start of `text` and how many characters it takes.
    fn match_at(&self, text: &[char]) -> Option<(String, usize)> {
        let mut number = String::with_capacity(self.0.len());
        let mut at = 0;
        for &shape in &self.0 {
            if is_separator(shape) {
                at += usize::from(text.get(at).is_some_and(|c| is_separator(*c)));
                number.push(shape);
                continue;
            }
            let c = *text.get(at)?;
            let fits = if shape == '#' { c.is_ascii_digit() } else { c == shape };
            number.push(fits.then_some(c)?);
            at += 1;
        }
        // A longer run of digits is another number; a letter may be a case ending.
        let ends = !text.get(at).is_some_and(char::is_ascii_digit);
        ends.then_some((number, at))
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | ' ' | '_' | '.' | '/' | '\u{2010}'..='\u{2014}')
}

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderStatus {
    /// Paid, not handed to the carrier.
    Processing,
    /// With the carrier.
    Shipped,
    /// On the last van.
    OutForDelivery,
    /// Handed over.
    Delivered,
    /// Called off.
    Cancelled,
    /// Came back to the shop.
    Returned,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Processing,
        Self::Shipped,
        Self::OutForDelivery,
        Self::Delivered,
        Self::Cancelled,
        Self::Returned,
    ];

    /// The status as the table and the answer files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Shipped => "shipped",
            Self::OutForDelivery => "out_for_delivery",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }
}

impl FromStr for OrderStatus {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(())
    }
}

/// A day in the life of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderDate {
    /// That day.
    On(Date),
    /// So many days after today. Keeps a demo shop's orders fresh.
    FromToday(i32),
}

impl OrderDate {
    /// The day, seen from `today`.
    pub fn resolve(self, today: Date) -> Date {
        match self {
            Self::On(date) => date,
            Self::FromToday(days) => today.saturating_add(days.days()),
        }
    }

    /// Reads `2026-11-28`, or `today`, `today+3`, `today-2`.
    fn parse(text: &str) -> Option<Self> {
        let Some(offset) = text.strip_prefix("today") else {
            return text.parse().ok().map(Self::On);
        };
        let days = if offset.is_empty() { 0 } else { offset.parse().ok()? };
        (-1_000..=1_000).contains(&days).then_some(Self::FromToday(days))
    }
}

/// What a shop knows of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Number as the shop writes it.
    pub number: String,
    /// Where it is.
    pub status: OrderStatus,
    /// Who carries it.
    pub carrier: Option<String>,
    /// Number that the carrier knows it by.
    pub tracking: Option<String>,
    /// When it was placed.
    pub placed: Option<OrderDate>,
    /// When the carrier took it.
    pub shipped: Option<OrderDate>,
    /// When it should arrive.
    pub expected: Option<OrderDate>,
    /// When it arrived.
    pub delivered: Option<OrderDate>,
    /// What is in it.
    pub items: String,
    /// The only customer who may hear of it; `None` when the number alone suffices.
    pub customer: Option<CustomerId>,
}

/// The orders of a shop by number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Orders(BTreeMap<String, Order>);

impl Orders {
    /// The order with that number.
    pub fn get(&self, number: &str) -> Option<&Order> {
        self.0.get(number)
    }

    /// Every order, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.0.values()
    }

    /// Reads a CSV table with a header line; `relative_dates` lets dates count from today.
    pub(super) fn parse(
        mistakes: &Mistakes,
        file: &str,
        text: &str,
        pattern: &OrderPattern,
        relative_dates: bool,
    ) -> Self {
        let mut rows = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let header = rows.next().map_or_else(Vec::new, |(_, line)| csv_fields(line));
        for required in ["number", "status"] {
            if !header.iter().any(|name| name == required) {
                mistakes.note(file, "line 1", format!("has no column `{required}`"), COLUMNS);
            }
        }
        for name in header.iter().filter(|name| !COLUMNS.split(", ").any(|known| known == *name)) {
            mistakes.note(file, "line 1", format!("`{name}` is not a column"), COLUMNS);
        }
        let mut orders = BTreeMap::new();
        for (at, line) in rows {
            let row =
                Row { mistakes, file, line: at + 1, header: &header, fields: csv_fields(line) };
            if let Some(order) = row.order(pattern, relative_dates)
                && let Some(twice) = orders.insert(order.number.clone(), order)
            {
                row.note(format!("order {} stands twice", twice.number), "each number once");
            }
        }
        Self(orders)
    }
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Orders({})", self.0.len())
    }
}

const COLUMNS: &str =
    "number, status, carrier, tracking, placed, shipped, expected, delivered, items, customer";

/// One line of the order table.
struct Row<'a> {
    mistakes: &'a Mistakes,
    file: &'a str,
    line: usize,
    header: &'a [String],
    fields: Vec<String>,
}

impl Row<'_> {
    fn order(&self, pattern: &OrderPattern, relative_dates: bool) -> Option<Order> {
        if self.fields.len() != self.header.len() {
            let problem = format!("has {} fields", self.fields.len());
            self.note(problem, format!("{} fields, as in the header", self.header.len()));
            return None;
        }
        let text = |name| self.field(name).map(str::to_owned);
        let number = text("number").unwrap_or_default();
        if pattern.find_in(&number) != [number.as_str()] {
            self.note(format!("`{number}` is not an order number"), "the shop's `order_number`");
            return None;
        }
        let status = self.field("status").unwrap_or_default();
        let Ok(status) = status.parse() else {
            let known = OrderStatus::ALL.map(OrderStatus::as_str).join(", ");
            self.note(format!("`{status}` is not a status"), format!("one of {known}"));
            return None;
        };
        let date = |name| self.date(name, relative_dates);
        Some(Order {
            number,
            status,
            carrier: text("carrier"),
            tracking: text("tracking"),
            placed: date("placed"),
            shipped: date("shipped"),
            expected: date("expected"),
            delivered: date("delivered"),
            items: text("items").unwrap_or_default(),
            customer: text("customer").map(CustomerId::from),
        })
    }

    fn date(&self, name: &str, relative_dates: bool) -> Option<OrderDate> {
        let text = self.field(name)?;
        match OrderDate::parse(text) {
            Some(OrderDate::FromToday(_)) if !relative_dates => {
                self.note(
                    format!("`{name}` counts from today, which only a demo shop may"),
                    "a date such as 2026-11-28",
                );
                None
            }
            Some(date) => Some(date),
            None => {
                self.note(format!("`{text}` is no date"), "a date such as 2026-11-28, or nothing");
                None
            }
        }
    }

    /// The field in the column `name`; `None` when it is empty.
    fn field(&self, name: &str) -> Option<&str> {
        let at = self.header.iter().position(|column| column == name)?;
        Some(self.fields.get(at)?.trim()).filter(|text| !text.is_empty())
    }

    fn note(&self, problem: String, accepted: impl Into<String>) {
        self.mistakes.note(self.file, format!("line {}", self.line), problem, accepted);
    }
}

/// The fields of one CSV line; a quoted field may hold commas and doubled quotes.
fn csv_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut().expect("there is a field from the start");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern() -> OrderPattern {
        "TW-#####".parse().expect("a pattern")
    }

    #[test]
    fn order_numbers_are_found_however_they_are_typed() {
        for text in [
            "where is TW-10482?",
            "tw10482 pls",
            "Bestellung tw 10482",
            "我的订单TW-10482到哪里了",
            "طلب رقم TW-١٠٤٨٢",
            "ＴＷ－１０４８２ はどこ",
            "TW-10482'nin durumu",
            "pesanan TW-10482nya mana",
            "TW–10482 and again TW-10482",
        ] {
            assert_eq!(pattern().find_in(text), ["TW-10482"], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_not_order_numbers() {
        for text in ["TW-104821", "10482", "XTW-10482", "TW-1048", "2TW10482", "TW--10482", ""] {
            assert!(pattern().find_in(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn several_orders_are_found_in_order() {
        let found = pattern().find_in("TW-10490, TW-10482 und tw10490");

        assert_eq!(found, ["TW-10490", "TW-10482"]);
    }

    #[test]
    fn of_a_text_full_of_order_numbers_only_the_first_are_taken() {
        let numbers: Vec<String> = (10_000..12_000).map(|number| format!("TW-{number}")).collect();

        let found = pattern().find_in(&format!("TW-10000 {}", numbers.join(" ")));

        assert_eq!(found, numbers[..NUMBERS_MAX]);
    }

    #[test]
    fn a_quoted_field_keeps_commas_and_quotes() {
        assert_eq!(csv_fields(r#"a,"b, ""c""",,d"#), ["a", r#"b, "c""#, "", "d"]);
    }

    #[test]
    fn every_bad_line_of_a_table_is_reported_with_its_number() {
        let table = "number,status,expected\nTW-10001,shipped,soon\nTW-1,shipped,\n\
                     TW-10002,lost,\nTW-10003,shipped,today+1\nTW-10004,shipped\n";
        let mistakes = Mistakes::default();

        Orders::parse(&mistakes, "orders.csv", table, &pattern(), false);

        let errors = mistakes.or(()).expect_err("five lines are wrong");
        let lines: Vec<&str> = errors.0.iter().map(|mistake| mistake.key.as_str()).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 4", "line 5", "line 6"]);
    }
}
