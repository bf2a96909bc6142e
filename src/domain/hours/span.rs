//! Spans of wall time, and how they are written.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

use super::HoursError;

/// One span of a day. With an end that is not after its start it runs past midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DaySpan {
    pub from: Time,
    /// `None` is midnight at the end of the day.
    pub to: Option<Time>,
}

/// The spans of a week, each with its days: bit 0 is Monday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Week(Vec<(u8, DaySpan)>);

const ALL_DAYS: u8 = 0x7f;

impl Week {
    pub fn parse<S: AsRef<str>>(spans: &[S]) -> Result<Self, HoursError> {
        let span = |text: &S| parse_span(text.as_ref());
        Ok(Self(spans.iter().map(span).collect::<Result<_, _>>()?))
    }

    pub fn always() -> Self {
        Self(vec![(ALL_DAYS, DaySpan::WHOLE_DAY)])
    }

    pub fn is_always(&self) -> bool {
        self.0.contains(&(ALL_DAYS, DaySpan::WHOLE_DAY))
    }

    pub fn spans_on(&self, day: Weekday) -> impl Iterator<Item = DaySpan> + '_ {
        let bit = 1 << day.to_monday_zero_offset();
        self.0.iter().filter(move |(days, _)| days & bit != 0).map(|(_, span)| *span)
    }
}

impl DaySpan {
    pub const WHOLE_DAY: Self = Self { from: Time::midnight(), to: None };

    pub fn parse(text: &str) -> Result<Self, HoursError> {
        parse_times(text).ok_or_else(|| HoursError::DaySpan(text.to_owned()))
    }
}

/// A span from one date to another as spans of its days, which touch at midnight.
pub(super) fn by_day(from: DateTime, to: DateTime) -> impl Iterator<Item = (Date, DaySpan)> {
    let last = to.date();
    let days = from.date().series(1.day()).take_while(move |day| *day <= last);
    days.filter_map(move |day| {
        let from = if day == from.date() { from.time() } else { Time::midnight() };
        let to = (day == last).then(|| to.time());
        (to != Some(Time::midnight())).then_some((day, DaySpan { from, to }))
    })
}

fn parse_span(text: &str) -> Result<(u8, DaySpan), HoursError> {
    if text.trim() == "always" {
        return Ok((ALL_DAYS, DaySpan::WHOLE_DAY));
    }
    parse_days_and_times(text).ok_or_else(|| HoursError::Span(text.to_owned()))
}

fn parse_days_and_times(text: &str) -> Option<(u8, DaySpan)> {
    let (days, times) = text.trim().split_once(char::is_whitespace)?;
    let days = days.split(',').try_fold(0, |mask, part| Some(mask | parse_days(part)?))?;
    Some((days, parse_times(times)?))
}

fn parse_times(text: &str) -> Option<DaySpan> {
    let (from, to) = text.trim().split_once('-')?;
    let to = match to.trim() {
        "24:00" => None,
        to => Some(parse_time(to)?),
    };
    Some(DaySpan { from: parse_time(from.trim())?, to })
}

fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    (hour.len() == 2 && minute.len() == 2).then_some(())?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn parse_days(text: &str) -> Option<u8> {
    match text.split_once('-') {
        None => parse_day(text).map(|day| 1 << day),
        Some((first, last)) => {
            let (first, last) = (parse_day(first)?, parse_day(last)?);
            let length = (last + 7 - first) % 7;
            Some((0..=length).fold(0, |mask, offset| mask | 1 << ((first + offset) % 7)))
        }
    }
}

fn parse_day(text: &str) -> Option<u8> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let text = text.trim().to_ascii_lowercase();
    DAYS.iter().position(|day| *day == text).map(|at| at as u8)
}
