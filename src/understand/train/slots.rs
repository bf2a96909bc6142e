//! Values that stand in a message and could be others: an order number, a city, an amount.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::corpus::Row;
use super::net::Chance;
use crate::domain::Language;

/// What kind of value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// By which shop or carrier know an order, a parcel, a return, a claim or an invoice.
    OrderNumber,
    /// Of an article or a model, such as `CX-40`.
    ArticleCode,
    /// What is typed in for a discount.
    Voucher,
    /// A sum of money with its currency.
    Amount,
    /// A number of hundredths.
    Percent,
    /// A day, a month or a year.
    Date,
    /// An hour of the day.
    Time,
    /// A number of minutes, days, weeks, months or years.
    Duration,
    /// A length, weight, volume, voltage or memory with its unit.
    Measure,
    /// Of clothes, shoes or a ring.
    Size,
    /// A thing that shops sell.
    Product,
    /// A town, or a part of one that people name instead.
    City,
    /// Of an address.
    Postcode,
    /// By which a tax office knows a company or a person.
    TaxNumber,
    /// An e-mail address.
    Email,
    /// A telephone number, also one that ends in `xxxx`.
    Phone,
}

/// A stretch of a message that holds one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Of the value.
    pub kind: SlotKind,
    /// First byte of the stretch.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
}

/// What is wrong with the slots of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum SlotError {
    /// The stretch is empty, goes beyond the text or cuts a character.
    #[error("bytes {} to {} are no stretch of the text", .0.start, .0.end)]
    Range(Slot),
    /// The stretch begins or ends with a space.
    #[error("a space at an end of bytes {} to {}", .0.start, .0.end)]
    Space(Slot),
    /// The stretch begins before the end of the one before it.
    #[error("bytes {} to {} stand before the end of the span before", .0.start, .0.end)]
    Order(Slot),
}

/// The slots of a row, or none where other people's rows have something else under that name.
pub(super) fn known<'de, D: Deserializer<'de>>(row: D) -> Result<Vec<Slot>, D::Error> {
    let spans = serde_json::Value::deserialize(row)?;
    Ok(serde_json::from_value(spans).unwrap_or_default())
}

/// A line of the corpus, of which only the slots matter.
#[derive(Deserialize)]
struct Spans {
    #[serde(default)]
    spans: Vec<Slot>,
}

/// Checks the slots of a line of the corpus: each of a known kind, in its text, in order, apart, and
/// on character boundaries.
///
/// # Errors
/// The first thing that is wrong, for a person.
pub fn check_line(line: &str, text: &str) -> Result<(), String> {
    let Spans { spans } = serde_json::from_str(line).map_err(|wrong| wrong.to_string())?;
    check(text, &spans).map_err(|wrong| wrong.to_string())
}

/// Checks that `slots` lie in `text`, in order, apart, on character boundaries.
///
/// # Errors
/// The first thing that is wrong.
fn check(text: &str, slots: &[Slot]) -> Result<(), SlotError> {
    let mut free_from = 0;
    for slot in slots {
        let value = text.get(slot.start..slot.end).filter(|value| !value.is_empty());
        let value = value.ok_or(SlotError::Range(*slot))?;
        if value.trim() != value {
            return Err(SlotError::Space(*slot));
        }
        if slot.start < free_from {
            return Err(SlotError::Order(*slot));
        }
        free_from = slot.end;
    }
    Ok(())
}

/// The values of a corpus by language and kind, each as often as it was written.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<(Option<Language>, SlotKind), Vec<String>>);

impl Values {
    /// Those of `rows`.
    pub fn of(rows: &[Row]) -> Self {
        let mut values = Self::default();
        for row in rows {
            for slot in &row.spans {
                let known = values.0.entry((row.language, slot.kind)).or_default();
                known.extend(row.text.get(slot.start..slot.end).map(str::to_owned));
            }
        }
        values
    }

    /// The message of `row` with each value replaced by one that stands in another message of its
    /// language, or by itself.
    pub fn vary(&self, row: &Row, chance: &mut Chance) -> String {
        let mut text = String::with_capacity(row.text.len());
        let mut at = 0;
        for slot in &row.spans {
            let Some(known) = self.0.get(&(row.language, slot.kind)) else { continue };
            let Some(before) = row.text.get(at..slot.start) else { continue };
            text.push_str(before);
            text.push_str(&known[chance.below(known.len())]);
            at = slot.end;
        }
        text.push_str(row.text.get(at..).unwrap_or_default());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(language: &str, text: &str, spans: &[(SlotKind, usize, usize)]) -> Row {
        let slot = |&(kind, start, end): &(SlotKind, usize, usize)| Slot { kind, start, end };
        Row {
            text: text.to_owned(),
            language: Some(language.parse().expect("a language")),
            intent: None,
            sentiment: None,
            spans: spans.iter().map(slot).collect(),
        }
    }

    #[test]
    fn a_varied_message_keeps_its_words_and_takes_values_of_its_own_language_and_kind() {
        use SlotKind::{City, OrderNumber};
        let rows = [
            row("de", "Auftrag 4471 nach Köln!", &[(OrderNumber, 8, 12), (City, 18, 23)]),
            row("de", "kommt B-77 noch", &[(OrderNumber, 6, 10)]),
            row("fr", "vers Lyon", &[(City, 5, 9)]),
        ];
        let values = Values::of(&rows);

        let mut seen: Vec<String> = {
            let mut chance = Chance::new(1);
            (0..40).map(|_| values.vary(&rows[0], &mut chance)).collect()
        };

        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, ["Auftrag 4471 nach Köln!", "Auftrag B-77 nach Köln!"]);
        assert_eq!(values.vary(&rows[2], &mut Chance::new(2)), "vers Lyon");
    }

    #[test]
    fn the_same_seed_varies_alike() {
        let rows: Vec<Row> =
            ["a1", "b2", "c3"].map(|text| row("en", text, &[(SlotKind::Voucher, 0, 2)])).into();
        let values = Values::of(&rows);
        let with = |seed| {
            let mut chance = Chance::new(seed);
            let texts = rows.iter().cycle().take(30).map(|row| values.vary(row, &mut chance));
            texts.collect::<Vec<_>>()
        };

        assert_eq!(with(5), with(5));
        assert_ne!(with(5), with(6));
    }

    #[test]
    fn a_span_that_cuts_a_character_leaves_the_text_or_overlaps_is_told() {
        let slot = |start, end| Slot { kind: SlotKind::City, start, end };
        let text = "nach Köln und Bonn";

        assert_eq!(check(text, &[slot(5, 10), slot(15, 19)]), Ok(()));
        assert_eq!(check(text, &[slot(5, 7)]), Err(SlotError::Range(slot(5, 7))));
        assert_eq!(check(text, &[slot(15, 20)]), Err(SlotError::Range(slot(15, 20))));
        assert_eq!(check(text, &[slot(5, 5)]), Err(SlotError::Range(slot(5, 5))));
        assert_eq!(check(text, &[slot(9, 4)]), Err(SlotError::Range(slot(9, 4))));
        assert_eq!(check(text, &[slot(4, 10)]), Err(SlotError::Space(slot(4, 10))));
        assert_eq!(check(text, &[slot(15, 19), slot(5, 10)]), Err(SlotError::Order(slot(5, 10))));
    }
}
