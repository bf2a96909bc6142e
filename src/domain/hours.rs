//! Weekly hours as zone + local wall time: shifts of seats and business hours of shops.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use super::Timestamp;

/// Weekly opening spans in one IANA time zone. A span whose end is not after its start runs past
/// midnight into the next day.
#[derive(Clone)]
pub struct Hours {
    zone: TimeZone,
    spans: Vec<Span>,
    /// Spans that come once, as instants.
    once: Vec<(Timestamp, Timestamp)>,
}

/// One span of the week, for the days in `days` (bit 0 is Monday).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    days: u8,
    from: Time,
    /// `None` is midnight at the end of the day.
    to: Option<Time>,
}

/// Why a text is no description of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// The zone is not in the IANA database.
    #[error("`{0}` is not an IANA time zone such as `Asia/Bangkok`")]
    Zone(String),
    /// A span cannot be read.
    #[error("`{0}` is not a span such as `Mon-Fri 09:00-18:00`, `Sat,Sun 22:00-06:00` or `always`")]
    Span(String),
}

impl Hours {
    /// Hours in `zone` given as spans such as `Mon-Fri 09:00-18:00`, `Sat 22:00-06:00`, `always`.
    ///
    /// # Errors
    /// When the zone is unknown or a span cannot be read.
    pub fn parse<S: AsRef<str>>(zone: &str, spans: &[S]) -> Result<Self, HoursError> {
        let zone = TimeZone::get(zone).map_err(|_| HoursError::Zone(zone.to_owned()))?;
        let spans =
            spans.iter().map(|text| Span::parse(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { zone, spans, once: Vec::new() })
    }

    /// Hours that never close, in UTC.
    pub fn always() -> Self {
        let spans = vec![Span { days: 0x7f, from: Time::midnight(), to: None }];
        Self { zone: TimeZone::UTC, spans, once: Vec::new() }
    }

    /// Hours that are open on the given days only, each from and to a wall time in `zone`.
    ///
    /// # Errors
    /// When the zone is unknown, or a wall time is before 1970 or beyond the year 9999.
    pub fn on_dates(zone: &str, spans: &[(DateTime, DateTime)]) -> Result<Self, HoursError> {
        let known = TimeZone::get(zone).map_err(|_| HoursError::Zone(zone.to_owned()))?;
        let mut hours = Self { zone: known, spans: Vec::new(), once: Vec::new() };
        for (from, to) in spans {
            let instants = hours.instant(*from).zip(hours.instant(*to));
            let error = || HoursError::Span(format!("{from} to {to}"));
            hours.once.push(instants.ok_or_else(error)?);
        }
        Ok(hours)
    }

    /// The time zone that the spans are in.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether `now` lies in a span.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.span_end(now).is_some()
    }

    /// When the span that holds `now` ends; `None` when closed. Spans that touch count as one only
    /// through a further call with the end returned.
    pub fn span_end(&self, now: Timestamp) -> Option<Timestamp> {
        let local = self.local(now)?;
        self.around(local.date(), -1..=0)
            .filter(|(start, end)| *start <= now && now < *end)
            .map(|(_, end)| end)
            .max()
    }

    /// The first instant at or after `now` that lies in a span; `None` when no span is planned.
    pub fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_open(now) {
            return Some(now);
        }
        let local = self.local(now)?;
        // Eight days: a single weekly span that has just ended comes again in seven.
        self.around(local.date(), 0..=8)
            .filter(|(start, end)| *start >= now && start < end)
            .map(|(start, _)| start)
            .min()
    }

    fn local(&self, now: Timestamp) -> Option<Zoned> {
        let millis = i64::try_from(now.as_millis()).ok()?;
        let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
        Some(instant.to_zoned(self.zone.clone()))
    }

    /// Every span that comes once, and every weekly one that starts on the days around `date`, as
    /// instants.
    fn around(
        &self,
        date: Date,
        days: std::ops::RangeInclusive<i32>,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let once = self.once.iter().copied();
        once.chain(days.filter_map(move |offset| date.checked_add(offset.days()).ok()).flat_map(
            move |day| {
                self.spans
                    .iter()
                    .filter(move |span| span.runs_on(day.weekday()))
                    .filter_map(move |span| self.instants(span, day))
            },
        ))
    }

    fn instants(&self, span: &Span, day: Date) -> Option<(Timestamp, Timestamp)> {
        let next_day = || day.checked_add(1.day()).ok();
        let end = match span.to {
            None => next_day()?.to_datetime(Time::midnight()),
            Some(to) if to <= span.from => next_day()?.to_datetime(to),
            Some(to) => day.to_datetime(to),
        };
        Some((self.instant(day.to_datetime(span.from))?, self.instant(end)?))
    }

    /// A wall time that the clock skips is taken as the instant after the gap; one that it repeats
    /// as its first occurrence.
    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let zoned = self.zone.to_zoned(local).ok()?;
        u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Timestamp::from_millis)
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        f.debug_struct("Hours")
            .field("zone", &zone)
            .field("spans", &self.spans)
            .field("once", &self.once)
            .finish()
    }
}

impl Span {
    fn parse(text: &str) -> Result<Self, HoursError> {
        let whole_week = Self { days: 0x7f, from: Time::midnight(), to: None };
        if text.trim() == "always" {
            return Ok(whole_week);
        }
        Self::parse_days_and_times(text).ok_or_else(|| HoursError::Span(text.to_owned()))
    }

    fn parse_days_and_times(text: &str) -> Option<Self> {
        let (days, times) = text.trim().split_once(char::is_whitespace)?;
        let (from, to) = times.trim().split_once('-')?;
        let to = match to.trim() {
            "24:00" => None,
            to => Some(parse_time(to)?),
        };
        let days = days.split(',').try_fold(0, |mask, part| Some(mask | parse_days(part)?))?;
        Some(Self { days, from: parse_time(from.trim())?, to })
    }

    fn runs_on(&self, day: Weekday) -> bool {
        self.days & (1 << day.to_monday_zero_offset()) != 0
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().expect("an instant");
        Timestamp::from_millis(u64::try_from(instant.as_millisecond()).expect("after 1970"))
    }

    #[test]
    fn a_shift_past_midnight_is_open_on_both_sides_of_it() {
        let hours = Hours::parse("Asia/Bangkok", &["Fri 22:00-06:00"]).expect("hours");

        // 2026-11-27 is a Friday; Bangkok is seven hours ahead of UTC all year.
        assert!(!hours.is_open(at("2026-11-27T14:59:59Z")));
        assert!(hours.is_open(at("2026-11-27T15:00:00Z")));
        assert!(hours.is_open(at("2026-11-27T22:59:59Z")));
        assert!(!hours.is_open(at("2026-11-27T23:00:00Z")));
        assert_eq!(hours.next_open(at("2026-11-27T23:00:00Z")), Some(at("2026-12-04T15:00:00Z")));
    }

    #[test]
    fn an_opening_in_the_hour_that_spring_skips_comes_right_after_it() {
        let hours = Hours::parse("Europe/Berlin", &["Sun 02:30-10:00"]).expect("hours");

        assert_eq!(hours.next_open(at("2026-03-28T12:00:00Z")), Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn dated_spans_are_open_once_and_know_the_change_of_clocks() {
        let wall = |text: &str| text.parse::<DateTime>().expect("a wall time");
        let shift = (wall("2026-03-28T22:00"), wall("2026-03-29T06:00"));
        let hours = Hours::on_dates("Europe/Berlin", &[shift]).expect("hours");

        // Seven hours and not eight: the clocks go forward in that night.
        assert_eq!(hours.next_open(at("2026-03-01T00:00:00Z")), Some(at("2026-03-28T21:00:00Z")));
        assert_eq!(hours.span_end(at("2026-03-29T03:59:59Z")), Some(at("2026-03-29T04:00:00Z")));
        assert_eq!(hours.next_open(at("2026-03-29T04:00:00Z")), None);
    }

    #[test]
    fn always_is_open_and_no_span_is_never_open() {
        let never = Hours::parse::<&str>("UTC", &[]).expect("hours");
        let now = at("2026-11-27T23:00:00Z");

        assert!(Hours::always().is_open(now));
        assert!(!never.is_open(now));
        assert_eq!(never.next_open(now), None);
    }

    #[test]
    fn nonsense_is_refused_with_the_text_named() {
        assert!(matches!(Hours::parse("Mars/Base", &["always"]), Err(HoursError::Zone(_))));
        for text in ["Mon", "Mon 9-18", "Mon 25:00-26:00", "Xyz 09:00-18:00", ""] {
            assert_eq!(
                Hours::parse("UTC", &[text]).map(|_| ()),
                Err(HoursError::Span(text.to_owned()))
            );
        }
    }
}
