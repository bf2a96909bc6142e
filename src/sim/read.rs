//! Reads JSON objects field by field and collects every mistake with its place.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// Mistakes that are told; a file with more is told how many more there are.
const TOLD_MAX: usize = 50;

/// Every mistake of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioErrors(Vec<String>);

impl ScenarioErrors {
    /// Each mistake: where, what is there, what would be right.
    pub fn mistakes(&self) -> &[String] {
        &self.0
    }

    pub(super) fn of(mistake: String) -> Self {
        Self(vec![mistake])
    }
}

impl fmt::Display for ScenarioErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "{one}")?,
            all => {
                write!(f, "{} mistakes", all.len())?;
                all.iter().take(TOLD_MAX).try_for_each(|mistake| write!(f, "\n  {mistake}"))?;
            }
        }
        match self.0.len().saturating_sub(TOLD_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Collects mistakes while a file is read.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<Vec<String>>);

impl Notes {
    pub fn note(&self, place: impl fmt::Display, problem: impl fmt::Display) {
        self.0.borrow_mut().push(format!("{place}: {problem}"));
    }

    /// The value, unless a mistake was noted.
    pub fn or<T>(self, value: T) -> Result<T, ScenarioErrors> {
        let mistakes = self.0.into_inner();
        if mistakes.is_empty() { Ok(value) } else { Err(ScenarioErrors(mistakes)) }
    }
}

/// One JSON object and what was asked of it so far.
pub(super) struct Fields<'a> {
    place: String,
    map: Option<&'a Map<String, Value>>,
    asked: BTreeSet<&'static str>,
    notes: &'a Notes,
}

impl<'a> Fields<'a> {
    /// The object at `place`; `""` is the whole file.
    pub fn of(value: &'a Value, place: String, notes: &'a Notes) -> Self {
        let map = value.as_object();
        if map.is_none() {
            notes.note(if place.is_empty() { "the file" } else { &place }, "is not an object");
        }
        Self { place, map, asked: BTreeSet::new(), notes }
    }

    /// Where a field of this object stands.
    pub fn place(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    pub fn note(&self, key: &str, problem: impl fmt::Display) {
        self.notes.note(self.place(key), problem);
    }

    /// A field that is there and not null.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.insert(key);
        self.map?.get(key).filter(|value| !value.is_null())
    }

    fn required<T>(&mut self, key: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && self.map.is_some_and(|map| map.get(key).is_none_or(Value::is_null)) {
            self.note(key, "is missing");
        }
        value
    }

    pub fn number(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.get(key)?;
        self.number_in(&self.place(key), value, range)
    }

    fn number_in(&self, place: &str, value: &Value, range: RangeInclusive<f64>) -> Option<f64> {
        let number = value.as_f64().filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.notes.note(place, format!("{value} is not a number from {low} to {high}"));
        }
        number
    }

    pub fn required_number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
    ) -> Option<f64> {
        let value = self.number(key, range);
        self.required(key, value)
    }

    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.note(key, format!("{value} is not a whole number from {low} to {high}"));
        }
        number
    }

    pub fn numbers(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<Vec<f64>> {
        let list = self.list(key);
        if list.is_empty() {
            if self.map.is_some_and(|map| map.contains_key(key)) {
                self.note(key, "has to hold a number");
            }
            return None;
        }
        let place = self.place(key);
        let each = list.iter().enumerate();
        each.map(|(at, value)| self.number_in(&format!("{place}[{at}]"), value, range.clone()))
            .collect()
    }

    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        if value.as_bool().is_none() {
            self.note(key, format!("{value} is neither true nor false"));
        }
        value.as_bool()
    }

    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.get(key)?;
        let text = value.as_str().filter(|text| !text.is_empty());
        if text.is_none() {
            self.note(key, format!("{value} is not a text"));
        }
        text
    }

    pub fn required_text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.text(key);
        self.required(key, value)
    }

    /// The elements of a list; empty when it is missing.
    pub fn list(&mut self, key: &'static str) -> &'a [Value] {
        let Some(value) = self.get(key) else { return &[] };
        match value.as_array() {
            Some(list) => list,
            None => {
                self.note(key, "is not a list");
                &[]
            }
        }
    }

    pub fn texts(&mut self, key: &'static str) -> Vec<&'a str> {
        let place = self.place(key);
        let mut texts = Vec::new();
        for (at, value) in self.list(key).iter().enumerate() {
            match value.as_str().filter(|text| !text.is_empty()) {
                Some(text) => texts.push(text),
                None => self.notes.note(format!("{place}[{at}]"), format!("{value} is not a text")),
            }
        }
        texts
    }

    /// Objects of a list, each with its place.
    pub fn objects(&mut self, key: &'static str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        let (place, notes) = (self.place(key), self.notes);
        let each = self.list(key).iter().enumerate();
        each.map(move |(at, value)| Fields::of(value, format!("{place}[{at}]"), notes))
    }

    pub fn object(&mut self, key: &'static str) -> Option<Fields<'a>> {
        let value = self.get(key)?;
        Some(Fields::of(value, self.place(key), self.notes))
    }

    /// Notes every field that nobody asked for.
    pub fn finish(self) {
        for key in self.map.into_iter().flat_map(Map::keys) {
            if !self.asked.contains(key.as_str()) {
                self.note(key, "is not a field of the format");
            }
        }
    }
}
