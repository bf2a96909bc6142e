//! Reads one TOML table key by key and notes every mistake instead of stopping at the first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use toml::{Table, Value};

use crate::config::kinds::{Kind, Length};

/// Keys whose values stay out of every message, whatever stands there: messages go to logs.
const SECRETS: [&str; 5] = ["secret", "identity_secret", "password", "demo_password", "public_key"];

/// One thing that is wrong in the files of a shop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// File, relative to the folder of the shop.
    pub file: String,
    /// Key inside the file, such as `seats[2].languages`; for a table of rows, `line 7`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub accepted: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, key, problem, accepted } = self;
        let key = if key.is_empty() { String::new() } else { format!(" {key}:") };
        write!(f, "{file}:{key} {problem}; accepted: {accepted}")
    }
}

/// Everything that is wrong in the files of one or more shops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct ShopErrors(pub Vec<Mistake>);

impl ShopErrors {
    /// `value`, or these mistakes, sorted, when there are any.
    ///
    /// # Errors
    /// When `mistakes` is not empty.
    pub fn unless_empty<T>(mut mistakes: Vec<Mistake>, value: T) -> Result<T, Self> {
        mistakes.sort();
        if mistakes.is_empty() { Ok(value) } else { Err(Self(mistakes)) }
    }

    fn lines(&self) -> String {
        self.0.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
    }
}

/// Collects [`Mistake`]s while a shop is read.
#[derive(Default)]
pub(super) struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    /// Notes one mistake.
    pub fn note(
        &self,
        file: &str,
        key: impl Into<String>,
        problem: impl Into<String>,
        accepted: impl Into<String>,
    ) {
        self.0.borrow_mut().push(Mistake {
            file: file.to_owned(),
            key: key.into(),
            problem: problem.into(),
            accepted: accepted.into(),
        });
    }

    /// Notes what is wrong in the shop in `folder`.
    pub fn take_over(&self, folder: &str, errors: ShopErrors) {
        self.0.borrow_mut().extend(
            errors
                .0
                .into_iter()
                .map(|mistake| Mistake { file: format!("{folder}/{}", mistake.file), ..mistake }),
        );
    }

    /// `value`, or all that was noted, in a stable order.
    pub fn or<T>(self, value: T) -> Result<T, ShopErrors> {
        ShopErrors::unless_empty(self.0.into_inner(), value)
    }
}

/// A table of a TOML file. Keys are taken out as they are read; [`Self::finish`] reports the rest.
pub(super) struct Section<'a> {
    mistakes: &'a Mistakes,
    file: &'a str,
    path: String,
    table: Table,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The root table of `text`; empty, with the mistake noted, when `text` is no TOML.
    pub fn root(mistakes: &'a Mistakes, file: &'a str, text: &str) -> Self {
        let table = text.parse::<Table>().unwrap_or_else(|error| {
            mistakes.note(file, "", syntax_problem(text, &error), "a TOML file");
            Table::new()
        });
        Self { mistakes, file, path: String::new(), table, asked: Vec::new() }
    }

    /// Notes a mistake of `key`.
    pub fn note(&self, key: &str, problem: impl Into<String>, accepted: impl Into<String>) {
        self.mistakes.note(self.file, self.path_of(key), problem, accepted);
    }

    /// Whether the file has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Leaves out a key of which a mistake was noted.
    pub fn forget(&mut self, key: &str) {
        self.table.remove(key);
    }

    /// The text under `key`, if any.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            other => self.refuse(key, &other, "a text that is not empty"),
        }
    }

    /// The text under `key`, which must be there; empty when it is not.
    pub fn required_text(&mut self, key: &'static str, accepted: &str) -> String {
        if !self.has(key) {
            self.asked.push(key);
            self.note(key, "is missing", accepted);
        }
        self.text(key).unwrap_or_default()
    }

    /// The list of texts under `key`; empty when there is none.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let accepted = "a list of texts";
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items
                .into_iter()
                .filter_map(|item| match item {
                    Value::String(text) => Some(text),
                    other => self.refuse(key, &other, accepted),
                })
                .collect(),
            Some(other) => self.refuse(key, &other, accepted).unwrap_or_default(),
        }
    }

    /// The text under `key` read as a `T`.
    pub fn parsed<T: FromStr>(&mut self, key: &'static str, accepted: &str) -> Option<T> {
        let text = self.text(key)?;
        self.parse(key, &text, accepted)
    }

    /// The texts under `key`, each read as a `T`.
    pub fn parsed_list<T: FromStr>(&mut self, key: &'static str, accepted: &str) -> Vec<T> {
        let texts = self.texts(key);
        texts.iter().filter_map(|text| self.parse(key, text, accepted)).collect()
    }

    /// The flag under `key`; false when there is none.
    pub fn flag(&mut self, key: &'static str) -> bool {
        match self.take(key) {
            None => false,
            Some(Value::Boolean(flag)) => flag,
            Some(other) => self.refuse(key, &other, "true or false").unwrap_or_default(),
        }
    }

    /// The date under `key`, with or without quotes, if any.
    pub fn date(&mut self, key: &'static str) -> Option<Date> {
        let value = self.take(key)?;
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Datetime(moment) => moment.to_string(),
            _ => String::new(),
        };
        text.parse().ok().or_else(|| self.refuse(key, &value, "a date such as 2026-12-24"))
    }

    /// The whole number under `key`, inside `range`; `default` when there is none.
    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(value) = self.take(key) else { return default };
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let accepted = format!("a whole number from {} to {}", range.start(), range.end());
                self.refuse(key, &value, &accepted).unwrap_or(default)
            }
        }
    }

    /// The length of time under `key`, at most `longest`; `default` when there is none.
    pub fn length(&mut self, key: &'static str, longest: Duration, default: Duration) -> Duration {
        let Some(value) = self.take(key) else { return default };
        let length = value.as_str().and_then(Length::parse);
        length.filter(|length| *length <= longest).unwrap_or_else(|| {
            let accepted = format!("{}, at most {}", Length::EXPECTED, Length::write(&longest));
            self.refuse(key, &value, &accepted).unwrap_or(default)
        })
    }

    /// The probability under `key`; `default` when there is none.
    pub fn probability(&mut self, key: &'static str, default: f32) -> f32 {
        let Some(value) = self.take(key) else { return default };
        self.as_probability(key, &value).unwrap_or(default)
    }

    /// The table under `key`; an empty one when there is none.
    pub fn section(&mut self, key: &'static str) -> Section<'a> {
        let table = match self.take(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => self.refuse(key, &other, "a table").unwrap_or_default(),
        };
        self.child(self.path_of(key), table)
    }

    /// The tables under `key`, written `[[key]]`.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let accepted = "a list of tables";
        let items = match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => self.refuse(key, &other, accepted).unwrap_or_default(),
        };
        let path = self.path_of(key);
        items
            .into_iter()
            .enumerate()
            .filter_map(|(at, item)| match item {
                Value::Table(table) => Some(self.child(format!("{path}[{at}]"), table)),
                other => self.refuse(key, &other, accepted),
            })
            .collect()
    }

    /// Every remaining entry whose key reads as a `K` and whose value `read` accepts.
    pub fn map<K: FromStr + Ord, V>(
        mut self,
        accepted_keys: &str,
        mut read: impl FnMut(&Self, &str, Value) -> Option<V>,
    ) -> BTreeMap<K, V> {
        let table = std::mem::take(&mut self.table);
        let mut map = BTreeMap::new();
        for (key, value) in table {
            let Ok(name) = key.parse::<K>() else {
                self.note(&key, "is not known here", accepted_keys);
                continue;
            };
            if let Some(value) = read(&self, &key, value) {
                map.insert(name, value);
            }
        }
        map
    }

    /// Reports keys that nobody asked for.
    pub fn finish(self) {
        for key in self.table.keys() {
            self.note(key, "is not a setting", format!("one of {}", self.asked.join(", ")));
        }
    }

    /// Reads `text`, found under `key`, as a `T`.
    pub fn parse<T: FromStr>(&self, key: &str, text: &str, accepted: &str) -> Option<T> {
        let value = text.parse().ok();
        if value.is_none() {
            self.note(key, format!("`{text}` does not fit"), accepted);
        }
        value
    }

    /// Reads `value`, found under `key`, as a probability.
    pub fn as_probability(&self, key: &str, value: &Value) -> Option<f32> {
        let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
        match number.filter(|number| (0.0..=1.0).contains(number)) {
            Some(number) => Some(number as f32),
            None => self.refuse(key, value, "a number from 0 to 1"),
        }
    }

    /// Notes that `value` does not fit under `key`.
    pub fn refuse<T>(&self, key: &str, value: &Value, accepted: &str) -> Option<T> {
        self.note(key, misfit(key, value), accepted);
        None
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.remove(key)
    }

    fn child(&self, path: String, table: Table) -> Section<'a> {
        Section { mistakes: self.mistakes, file: self.file, path, table, asked: Vec::new() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// What is wrong with a value, which is told itself only where no secret can stand in it.
fn misfit(key: &str, value: &Value) -> String {
    match value {
        Value::Table(_) => "a table does not fit".to_owned(),
        Value::Array(_) => "a list does not fit".to_owned(),
        other if SECRETS.contains(&key) => format!("does not fit as a {}", other.type_str()),
        other => format!("`{other}` does not fit"),
    }
}

/// Where `text` is no TOML and why, without the line itself: a secret may stand there.
fn syntax_problem(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&letter| letter != '\n').count() + 1;
    format!("line {line}, column {column}: {message}")
}
