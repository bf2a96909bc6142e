//! Hours as the files of a shop write them: the week, Ramadan, holidays, and days of their own.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;

use super::holidays;
use super::load::ShopFiles;
use super::section::{Mistakes, Section};
use crate::domain::{Hours, HoursError};

const SPANS: &str = "an IANA `zone` and spans such as `Mon-Fri 09:00-18:00` or `always`";
const DAY_SPANS: &str = "spans of a day such as `10:00-14:00`; none for closed";
/// Longest time that one entry of `dates` speaks of.
const DATES_DAYS_MAX: i32 = 366;

/// Reads hours, with the holiday files that they name.
pub(super) struct HoursReader<'a> {
    files: &'a ShopFiles,
    mistakes: &'a Mistakes,
    /// Holidays that were read already, so that a mistake in a file is noted once.
    holidays: RefCell<BTreeMap<String, Option<BTreeSet<Date>>>>,
}

impl<'a> HoursReader<'a> {
    pub fn new(files: &'a ShopFiles, mistakes: &'a Mistakes) -> Self {
        Self { files, mistakes, holidays: RefCell::default() }
    }

    /// The hours of a section, with the spans of the week under `open_key`; `None` when the section
    /// says nothing of hours. Without a zone they are in UTC, without spans open on every day that
    /// nothing else is said of.
    pub fn read(&self, section: &mut Section<'_>, open_key: &'static str) -> Option<Hours> {
        let keys = ["zone", open_key, "ramadan", "holidays", "dates"];
        let is_there = keys.map(|key| section.has(key)).contains(&true);
        let zone = section.text("zone").unwrap_or_else(|| "UTC".to_owned());
        let week = match section.has(open_key) {
            true => section.texts(open_key),
            false => vec!["always".to_owned()],
        };
        let hours = Hours::parse(&zone, &week);
        let hours = hours.unwrap_or_else(|error| refused(section, open_key, &error, SPANS));
        let hours = self.with_ramadan(section, hours);
        let hours = with_dates(section, hours);
        let hours = self.with_holidays(section, hours);
        is_there.then_some(hours)
    }

    fn with_ramadan(&self, section: &mut Section<'_>, hours: Hours) -> Hours {
        if !section.has("ramadan") {
            return hours;
        }
        let spans = section.texts("ramadan");
        let hours = hours.in_ramadan(&spans);
        hours.unwrap_or_else(|error| refused(section, "ramadan", &error, SPANS))
    }

    fn with_holidays(&self, section: &mut Section<'_>, mut hours: Hours) -> Hours {
        for name in section.texts("holidays") {
            let mut read = self.holidays.borrow_mut();
            let days = read
                .entry(name.clone())
                .or_insert_with(|| holidays::of(&name, self.files, self.mistakes));
            match days {
                Some(days) => hours = hours.closed_on(days.iter().copied()),
                None => {
                    let known = holidays::built_in();
                    let accepted =
                        format!("a file holidays/NAME.toml of the shop, or one of {known}");
                    section.note("holidays", format!("`{name}` is not known"), accepted);
                }
            }
        }
        hours
    }

    /// The shifts of teams, by their ids.
    pub fn teams(&self, sections: Vec<Section<'_>>) -> BTreeMap<String, Hours> {
        let mut teams = BTreeMap::new();
        for mut section in sections {
            let id = section.required_text("id", "a name");
            let hours = self.read(&mut section, "shifts").unwrap_or_else(Hours::always);
            if teams.insert(id.clone(), hours).is_some() {
                section.note("id", format!("`{id}` stands twice"), "one table for each");
            }
            section.finish();
        }
        teams
    }
}

/// Days of their own: `from`, `to` and what is `open` on each of them.
fn with_dates(section: &mut Section<'_>, mut hours: Hours) -> Hours {
    for mut entry in section.sections("dates") {
        let from = entry.date("from");
        let to = if entry.has("to") { entry.date("to") } else { from };
        // For people only.
        entry.text("name");
        let spans = entry.texts("open");
        if from.is_none() && !entry.has("from") {
            entry.note("from", "is missing", "a date such as 2026-12-24");
        }
        if let (Some(from), Some(to)) = (from, to) {
            if !(0..DATES_DAYS_MAX).contains(&(to - from).get_days()) {
                entry.note("to", format!("`{to}` does not fit"), "a date in the year after `from`");
                continue;
            }
            for day in from.series(1.day()).take_while(|day| *day <= to) {
                hours = match hours.clone().on(day, &spans) {
                    Ok(hours) => hours,
                    Err(error) => {
                        entry.note("open", error.to_string(), DAY_SPANS);
                        break;
                    }
                };
            }
        }
        entry.finish();
    }
    hours
}

fn refused(section: &Section<'_>, key: &str, error: &HoursError, accepted: &str) -> Hours {
    let key = if matches!(error, HoursError::Zone(_)) { "zone" } else { key };
    section.note(key, error.to_string(), accepted);
    Hours::always()
}
