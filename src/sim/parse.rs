//! Reads a scenario file; every mistake is told at once.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::DateTime;
use serde_json::Value;

use super::moment::{Moment, SECONDS_MAX};
use super::read::{Fields, Notes, ScenarioErrors};
use super::scenario::{
    Names, Scenario, ScenarioSettings, ScenarioTranslation, SeatEvent, SimContact, SimSeat,
};
use crate::domain::{Hours, HoursError, Timestamp};

/// Seats, contacts and names of languages that one scenario may have.
const SEATS_MAX: usize = 100_000;
const CONTACTS_MAX: usize = 5_000_000;
pub(super) const LANGUAGES_MAX: usize = 10_000;
/// Where a scenario starts that says nothing else: 2026-01-01T00:00:00Z.
pub(super) const DEFAULT_START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

const SECONDS: std::ops::RangeInclusive<f64> = 0.0..=SECONDS_MAX;
const FACTOR: std::ops::RangeInclusive<f64> = 0.01..=100.0;

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// All mistakes together, each with the place of its field.
    pub fn parse(text: &str) -> Result<Self, ScenarioErrors> {
        let file: Value = serde_json::from_str(text)
            .map_err(|error| ScenarioErrors::of(format!("the file is not JSON: {error}")))?;
        let notes = Notes::default();
        let scenario = read(&file, &notes);
        notes.or(scenario)
    }
}

fn read(file: &Value, notes: &Notes) -> Scenario {
    let mut root = Fields::of(file, String::new(), notes);
    let mut names = Names::default();
    let about = root.text("about").unwrap_or_default().to_owned();
    let measure_from = root.number("measure_from_s", SECONDS).unwrap_or(0.0);
    let starts_at = root.text("starts_at").map(|text| (text, parse_instant(text)));
    if let Some((text, None)) = starts_at {
        root.note("starts_at", format!("`{text}` is not an instant such as 2026-03-28T00:00Z"));
    }
    let settings = root.object("settings").map(settings).unwrap_or_default();
    let seats: Vec<SimSeat> =
        root.objects("seats").map(|fields| seat(fields, &mut names)).collect();
    let contacts: Vec<SimContact> =
        root.objects("contacts").map(|fields| contact(fields, &mut names)).collect();

    for (what, count, most) in [
        ("seats", seats.len(), SEATS_MAX),
        ("contacts", contacts.len(), CONTACTS_MAX),
        ("languages", names.languages.len(), LANGUAGES_MAX),
    ] {
        if count > most {
            root.note(what, format!("there are {count}, more than {most}"));
        }
    }
    if seats.is_empty() {
        root.note("seats", "there is none");
    }
    note_twice(&root, "seats", seats.iter().map(|seat| seat.id.as_str()));
    note_twice(&root, "contacts", contacts.iter().map(|contact| contact.id.as_str()));
    if starts_at.is_none()
        && let Some(at) = seats.iter().position(|seat| seat.hours.is_some())
    {
        root.note("starts_at", format!("is missing, and seats[{at}] has shifts"));
    }
    root.finish();
    Scenario {
        about,
        measure_from: Moment::from_s(measure_from),
        starts_at: starts_at.and_then(|(_, at)| at).unwrap_or(DEFAULT_START),
        settings,
        seats,
        contacts,
        names,
        rules: None,
    }
}

fn note_twice<'a>(root: &Fields<'_>, list: &str, ids: impl Iterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for (at, id) in ids.enumerate() {
        if !id.is_empty() && !seen.insert(id) {
            root.note(&format!("{list}[{at}].id"), format!("`{id}` is there twice"));
        }
    }
}

fn settings(mut fields: Fields<'_>) -> ScenarioSettings {
    let default = ScenarioSettings::default();
    let read = ScenarioSettings {
        service_rate_by_open_chats: fields
            .numbers("service_rate_by_open_chats", FACTOR)
            .unwrap_or(default.service_rate_by_open_chats),
        age_bound: fields.number("age_bound_s", SECONDS).map(Duration::from_secs_f64),
        first_reply_s: fields.number("first_reply_s", SECONDS).unwrap_or(0.0),
        first_reply_factor_by_open_chats: fields
            .numbers("first_reply_factor_by_open_chats", FACTOR)
            .unwrap_or(default.first_reply_factor_by_open_chats),
        offer_timeout: duration(&mut fields, "offer_timeout_s").unwrap_or(default.offer_timeout),
        reconnect_grace: duration(&mut fields, "reconnect_grace_s")
            .unwrap_or(default.reconnect_grace),
        translation: fields.object("translation").map(translation),
    };
    fields.finish();
    read
}

fn duration(fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
    fields.number(key, SECONDS).map(Duration::from_secs_f64)
}

fn translation(mut fields: Fields<'_>) -> ScenarioTranslation {
    let read = ScenarioTranslation {
        after: duration(&mut fields, "after_s").unwrap_or(Duration::from_secs(5)),
        work_factor: fields.number("work_factor", FACTOR).unwrap_or(1.25),
        slots_kept_free: fields.whole("slots_kept_free", 0..=255).unwrap_or(1) as u8,
    };
    fields.finish();
    read
}

fn seat(mut fields: Fields<'_>, names: &mut Names) -> SimSeat {
    let id = fields.required_text("id").unwrap_or_default().to_owned();
    let languages = fields.texts("languages");
    if languages.is_empty() {
        fields.note("languages", "a seat speaks at least one language");
    }
    let languages = languages.into_iter().map(|name| names.languages.number(name)).collect();
    let skills = fields.texts("skills");
    let skills = skills.into_iter().map(|name| names.skills.number(name)).collect();
    let regions = fields.texts("regions");
    let regions = regions.into_iter().map(|name| names.regions.number(name)).collect();
    let read = SimSeat {
        id,
        languages,
        skills,
        regions,
        slots: fields.whole("slots", 1..=255).unwrap_or(1) as u8,
        idle_since: Moment::from_s(
            fields.number("idle_since_s", -SECONDS_MAX..=0.0).unwrap_or(0.0),
        ),
        hours: hours(&mut fields),
        events: events(&mut fields),
    };
    fields.finish();
    read
}

fn hours(fields: &mut Fields<'_>) -> Option<Hours> {
    let zone = fields.text("time_zone").unwrap_or("UTC");
    let has_shifts = fields.get("shifts").is_some();
    let mut shifts = Vec::new();
    for mut shift in fields.objects("shifts") {
        let (start, end) = (wall_time(&mut shift, "start"), wall_time(&mut shift, "end"));
        if let (Some(start), Some(end)) = (start, end) {
            if start >= end {
                shift.note("end", format!("{end} is not after the start, {start}"));
            }
            shifts.push((start, end));
        }
        shift.finish();
    }
    match Hours::on_dates(zone, &shifts) {
        Ok(hours) => has_shifts.then_some(hours),
        Err(HoursError::Zone(_)) => {
            let problem = format!("`{zone}` is not an IANA time zone such as Asia/Bangkok");
            fields.note("time_zone", problem);
            None
        }
        Err(error) => {
            fields.note("shifts", error);
            None
        }
    }
}

fn wall_time(fields: &mut Fields<'_>, key: &'static str) -> Option<DateTime> {
    let text = fields.required_text(key)?;
    let time = text.parse().ok();
    if time.is_none() {
        fields.note(key, format!("`{text}` is not a local time such as 2026-03-28T22:00"));
    }
    time
}

fn events(fields: &mut Fields<'_>) -> Vec<(Moment, SeatEvent)> {
    let mut events = Vec::new();
    for mut event in fields.objects("events") {
        let at = event.required_number("at_s", SECONDS);
        let name = event.required_text("do");
        let what = name.and_then(|name| match name {
            "disconnect" => Some(SeatEvent::Disconnect),
            "reconnect" => Some(SeatEvent::Reconnect),
            "ignore_offers" => Some(SeatEvent::IgnoreOffers),
            "away" => Some(SeatEvent::Away),
            "ready" => Some(SeatEvent::Ready),
            _ => {
                let known = "disconnect, reconnect, ignore_offers, away or ready";
                event.note("do", format!("`{name}` is none of {known}"));
                None
            }
        });
        if let (Some(at), Some(what)) = (at, what) {
            events.push((Moment::from_s(at), what));
        }
        event.finish();
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

fn contact(mut fields: Fields<'_>, names: &mut Names) -> SimContact {
    let read = SimContact {
        id: fields.required_text("id").unwrap_or_default().to_owned(),
        at: Moment::from_s(fields.required_number("at_s", SECONDS).unwrap_or(0.0)),
        language: names.languages.number(fields.required_text("language").unwrap_or_default()),
        skill: fields.text("skill").map(|name| names.skills.number(name)),
        region: fields.text("region").map(|name| names.regions.number(name)),
        vip: fields.flag("vip").unwrap_or(false),
        work_s: fields.required_number("work_s", SECONDS).unwrap_or(0.0),
        patience: fields.number("patience_s", SECONDS).map(Moment::from_s),
    };
    fields.finish();
    read
}

/// An instant with an offset, with or without seconds.
fn parse_instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    let millis = u64::try_from(instant.as_millisecond()).ok()?;
    // Late enough that what comes before the start is after 1970, early enough for what comes after.
    let century_ms = SECONDS_MAX as u64 * 1_000;
    (millis >= 86_400_000 && millis <= 2 * century_ms).then(|| Timestamp::from_millis(millis))
}
