//! Hours as zone + local wall time: shifts of seats and teams, business hours of shops and queues.
//!
//! A day is open as the first of these says that says anything of it: a date of its own, a holiday,
//! the month of Ramadan, the week. A span belongs to the day on which it begins: a holiday takes
//! away what begins on it, and a night shift that began the evening before runs to its end.
//!
//! Where the clock changes, wall times are read as iCalendar reads them (RFC 5545, 3.3.5): one that
//! the clock skips counts by the offset from before, so 02:30 is 03:30; one that comes twice is the
//! first of the two. A span that ends before it begins by that reading is left out.

mod ramadan;
mod span;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan, Zoned};

use super::Timestamp;
use span::{DaySpan, Week};

/// How far ahead an opening is looked for.
const AHEAD_DAYS: i32 = 400;
/// Longest span from one date to another.
const SPAN_DAYS_MAX: i32 = 31;
/// Spans that touch are followed this far; longer ones are looked at again when it is reached.
const STRETCH_DAYS: u64 = 8;

/// Opening spans in one IANA time zone.
#[derive(Clone)]
pub struct Hours {
    zone: TimeZone,
    week: Week,
    ramadan: Option<Week>,
    /// Days that are other than their weekday, with what is open on them.
    dated: Arc<BTreeMap<Date, Vec<DaySpan>>>,
}

/// Why a text is no description of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// The zone is not in the IANA database.
    #[error("`{0}` is not an IANA time zone such as `Asia/Bangkok`")]
    Zone(String),
    /// A span of the week cannot be read.
    #[error("`{0}` is not a span such as `Mon-Fri 09:00-18:00`, `Sat,Sun 22:00-06:00` or `always`")]
    Span(String),
    /// A span of a single day cannot be read.
    #[error("`{0}` is not a span of a day such as `10:00-14:00` or `22:00-02:00`")]
    DaySpan(String),
}

/// The rules of an IANA time zone, from the database inside the program: the same on every machine,
/// whatever is installed there. `None` for a name that is not in it.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
    ZONES.get(name).ok()
}

impl Hours {
    /// Hours in `zone` given as spans such as `Mon-Fri 09:00-18:00`, `Sat 22:00-06:00`, `always`.
    ///
    /// # Errors
    /// When the zone is unknown or a span cannot be read.
    pub fn parse<S: AsRef<str>>(zone: &str, spans: &[S]) -> Result<Self, HoursError> {
        let zone = time_zone(zone).ok_or_else(|| HoursError::Zone(zone.to_owned()))?;
        Ok(Self { zone, week: Week::parse(spans)?, ramadan: None, dated: Arc::default() })
    }

    /// Hours that are open on the given days only, each from and to a wall time in `zone`.
    ///
    /// # Errors
    /// When the zone is unknown, or a span is longer than a month or does not end after it begins.
    pub fn on_dates(zone: &str, spans: &[(DateTime, DateTime)]) -> Result<Self, HoursError> {
        let mut hours = Self::parse::<&str>(zone, &[])?;
        let dated = Arc::make_mut(&mut hours.dated);
        for (from, to) in spans {
            let days = (to.date() - from.date()).get_days();
            if from >= to || !(0..=SPAN_DAYS_MAX).contains(&days) {
                return Err(HoursError::DaySpan(format!("{from} to {to}")));
            }
            for (day, span) in span::by_day(*from, *to) {
                dated.entry(day).or_default().push(span);
            }
        }
        Ok(hours)
    }

    /// Hours that never close, in UTC.
    pub fn always() -> Self {
        let week = Week::always();
        Self { zone: TimeZone::UTC, week, ramadan: None, dated: Arc::default() }
    }

    /// The same with another week in Ramadan, the ninth month of the Umm al-Qura calendar.
    ///
    /// # Errors
    /// When a span cannot be read.
    pub fn in_ramadan<S: AsRef<str>>(mut self, spans: &[S]) -> Result<Self, HoursError> {
        self.ramadan = Some(Week::parse(spans)?);
        Ok(self)
    }

    /// The same with the given spans, such as `10:00-14:00`, on one day; none for closed.
    ///
    /// # Errors
    /// When a span cannot be read.
    pub fn on<S: AsRef<str>>(mut self, day: Date, spans: &[S]) -> Result<Self, HoursError> {
        let spans = spans.iter().map(|text| DaySpan::parse(text.as_ref()));
        let spans = spans.collect::<Result<_, _>>()?;
        Arc::make_mut(&mut self.dated).insert(day, spans);
        Ok(self)
    }

    /// The same with nothing beginning on these days, but for those that [`Self::on`] speaks of.
    pub fn closed_on(mut self, holidays: impl IntoIterator<Item = Date>) -> Self {
        let dated = Arc::make_mut(&mut self.dated);
        for day in holidays {
            dated.entry(day).or_default();
        }
        self
    }

    /// The time zone that the spans are in.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether they have no end at all.
    pub fn never_close(&self) -> bool {
        self.week.is_always() && self.ramadan.is_none() && self.dated.is_empty()
    }

    /// Whether `now` lies in a span.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.around(now).any(|(start, end)| start <= now && now < end)
    }

    /// Start and end of the stretch that holds `now`, in which spans that touch or overlap are one;
    /// `None` when closed. A stretch is followed for a week into each direction, and no further.
    pub fn stretch(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let mut end = self.open_up_to(now).filter(|end| *end > now)?;
        let last = now + std::time::Duration::from_secs(STRETCH_DAYS * 86_400);
        while end < last
            && let Some(later) = self.open_up_to(end).filter(|later| *later > end)
        {
            end = later;
        }
        let mut start = now;
        let first = now - std::time::Duration::from_secs(STRETCH_DAYS * 86_400);
        while start > first
            && let Some(earlier) = self.open_since(start).filter(|earlier| *earlier < start)
        {
            start = earlier;
        }
        Some((start, end))
    }

    /// When the stretch that holds `now` ends; `None` when closed.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.stretch(now)?.1)
    }

    /// The first instant at or after `now` that lies in a span; `None` when none is planned for the
    /// next 400 days.
    pub fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_open(now) {
            return Some(now);
        }
        let today = self.local(now)?.date();
        (-1..=AHEAD_DAYS).find_map(|ahead| {
            let spans = self.spans_from(today, ahead..=ahead);
            spans.map(|(start, _)| start).filter(|start| *start >= now).min()
        })
    }

    /// The latest end of a span that holds `at`.
    fn open_up_to(&self, at: Timestamp) -> Option<Timestamp> {
        let holding = self.around(at).filter(|(start, end)| *start <= at && at < *end);
        holding.map(|(_, end)| end).max()
    }

    /// The earliest start of a span that reaches `at`.
    fn open_since(&self, at: Timestamp) -> Option<Timestamp> {
        let reaching = self.around(at).filter(|(start, end)| *start <= at && at <= *end);
        reaching.map(|(start, _)| start).min()
    }

    /// The spans that may hold an instant: those of its day and of the days beside it.
    fn around(&self, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let today = self.local(at).map(|local| local.date());
        today.into_iter().flat_map(move |today| self.spans_from(today, -1..=1))
    }

    fn local(&self, now: Timestamp) -> Option<Zoned> {
        let millis = i64::try_from(now.as_millis()).ok()?;
        let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
        Some(instant.to_zoned(self.zone.clone()))
    }

    /// Every span that begins on the days around `today`, as instants.
    fn spans_from(
        &self,
        today: Date,
        days: RangeInclusive<i32>,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let days = days.filter_map(move |offset| today.checked_add(offset.days()).ok());
        days.flat_map(move |day| {
            let (dated, week) = match self.dated.get(&day) {
                Some(spans) => (spans.as_slice(), None),
                None => (&[][..], Some(self.week_of(day))),
            };
            let weekly = week.into_iter().flat_map(move |week| week.spans_on(day.weekday()));
            let spans = dated.iter().copied().chain(weekly);
            spans
                .filter_map(move |span| self.instants(span, day))
                .filter(|(start, end)| start < end)
        })
    }

    fn week_of(&self, day: Date) -> &Week {
        match &self.ramadan {
            Some(week) if ramadan::holds(day) => week,
            _ => &self.week,
        }
    }

    fn instants(&self, span: DaySpan, day: Date) -> Option<(Timestamp, Timestamp)> {
        let next_day = || day.checked_add(1.day()).ok();
        let end = match span.to {
            None => next_day()?.to_datetime(Time::midnight()),
            Some(to) if to <= span.from => next_day()?.to_datetime(to),
            Some(to) => day.to_datetime(to),
        };
        Some((self.instant(day.to_datetime(span.from))?, self.instant(end)?))
    }

    /// The instant of a wall time; the head of this file says what becomes of one that the clock
    /// skips or repeats.
    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let zoned = self.zone.to_zoned(local).ok()?;
        u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Timestamp::from_millis)
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hours")
            .field("zone", &self.zone.iana_name().unwrap_or("UTC"))
            .field("week", &self.week)
            .field("ramadan", &self.ramadan)
            .field("dated", &self.dated)
            .finish()
    }
}

#[cfg(test)]
mod tests;
