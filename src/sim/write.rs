//! Writes a scenario in the format in which it is read.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::moment::Moment;
use super::scenario::{Interner, Scenario, ScenarioSettings, SeatEvent, SimContact, SimSeat};
use crate::domain::{Hours, Timestamp};

/// Shifts are known until so long after the last contact has come.
pub(super) const SHIFTS_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// Longest shift that is written in one piece.
const PIECE_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

impl Scenario {
    /// The scenario as a file holds it. The rules of a real shop are not part of the format.
    pub fn to_json(&self) -> Value {
        let last = self.contacts.iter().map(|contact| contact.at).max().unwrap_or_default();
        let until = self.wall(last) + SHIFTS_AFTER;
        let seats: Vec<Value> = self.seats.iter().map(|seat| self.seat(seat, until)).collect();
        let contacts: Vec<Value> = self.contacts.iter().map(|row| self.contact(row)).collect();
        json!({
            "about": self.about,
            "starts_at": self.starts_at.to_rfc3339(),
            "measure_from_s": self.measure_from,
            "settings": settings(&self.settings),
            "seats": seats,
            "contacts": contacts,
        })
    }

    fn seat(&self, seat: &SimSeat, until: Timestamp) -> Value {
        let names = &self.names;
        let mut fields = Map::new();
        fields.insert("id".to_owned(), json!(seat.id));
        fields.insert("languages".to_owned(), named(&names.languages, &seat.languages));
        fields.insert("skills".to_owned(), named(&names.skills, &seat.skills));
        fields.insert("regions".to_owned(), named(&names.regions, &seat.regions));
        fields.insert("slots".to_owned(), json!(seat.slots));
        fields.insert("idle_since_s".to_owned(), json!(seat.idle_since));
        if let Some(hours) = &seat.hours {
            fields.insert("time_zone".to_owned(), json!("UTC"));
            fields.insert("shifts".to_owned(), shifts(hours, self.starts_at, until));
        }
        let event = |(at, what): &(Moment, SeatEvent)| json!({ "at_s": at, "do": name(*what) });
        let events: Vec<Value> = seat.events.iter().map(event).collect();
        fields.insert("events".to_owned(), json!(events));
        Value::Object(fields)
    }

    fn contact(&self, row: &SimContact) -> Value {
        let names = &self.names;
        json!({
            "id": row.id,
            "at_s": row.at,
            "language": names.languages.name(row.language),
            "skill": row.skill.map(|skill| names.skills.name(skill)),
            "region": row.region.map(|region| names.regions.name(region)),
            "vip": row.vip,
            "work_s": row.work_s,
            "patience_s": row.patience,
        })
    }
}

fn settings(settings: &ScenarioSettings) -> Value {
    json!({
        "service_rate_by_open_chats": settings.service_rate_by_open_chats,
        "age_bound_s": settings.age_bound.map(|bound| bound.as_secs_f64()),
        "first_reply_s": settings.first_reply_s,
        "first_reply_factor_by_open_chats": settings.first_reply_factor_by_open_chats,
        "offer_timeout_s": settings.offer_timeout.as_secs_f64(),
        "reconnect_grace_s": settings.reconnect_grace.as_secs_f64(),
        "translation": settings.translation.map(|rule| json!({
            "after_s": rule.after.as_secs_f64(),
            "work_factor": rule.work_factor,
            "slots_kept_free": rule.slots_kept_free,
        })),
    })
}

fn named(interner: &Interner, numbers: &[usize]) -> Value {
    numbers.iter().map(|number| Value::from(interner.name(*number))).collect()
}

const fn name(event: SeatEvent) -> &'static str {
    match event {
        SeatEvent::Disconnect => "disconnect",
        SeatEvent::Reconnect => "reconnect",
        SeatEvent::IgnoreOffers => "ignore_offers",
        SeatEvent::Away => "away",
        SeatEvent::Ready => "ready",
    }
}

/// The times of `from..until` at which it is open, as the format writes them.
fn shifts(hours: &Hours, from: Timestamp, until: Timestamp) -> Value {
    let shift = |(start, end)| json!({ "start": start, "end": end });
    open_times(hours, from, until).into_iter().map(shift).collect()
}

/// The times of `from..until` at which it is open, in UTC.
pub(super) fn open_times(
    hours: &Hours,
    from: Timestamp,
    until: Timestamp,
) -> Vec<(DateTime, DateTime)> {
    let utc = |at: Timestamp| {
        let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        TimeZone::UTC.to_datetime(instant)
    };
    let mut times = Vec::new();
    let mut at = from;
    while at < until {
        let Some(start) = hours.next_open(at).filter(|start| *start < until) else { break };
        let end = hours.open_until(start).unwrap_or(until).min(until).min(start + PIECE_MAX);
        times.push((utc(start), utc(end)));
        at = end;
    }
    times
}
