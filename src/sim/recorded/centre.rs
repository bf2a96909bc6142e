//! The scenario that a recording makes, and what became of its contacts as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::patience::Patience;
use super::presence;
use super::story::{End, Need, Tenure};
use super::{Recording, Span};
use crate::domain::{
    ConversationId, Hours, Language, Priority, SeatId, SeatProfile, SkillId, Timestamp,
};
use crate::schedule::{Contact, Roster, Settings};
use crate::sim::moment::Moment;
use crate::sim::outcome::{Ending, Fate, Outcome, Reply};
use crate::sim::policy::Route;
use crate::sim::random::Random;
use crate::sim::scenario::{
    Names, Scenario, ScenarioSettings, ScenarioTranslation, ShopRules, SimContact, SimSeat,
};
use crate::sim::write;

/// How many times as long work takes through translation, when a shop's rules allow it: a journal
/// does not tell.
const TRANSLATED_WORK_FACTOR: f64 = 1.25;
/// First replies by seats with so many chats open that make a mean worth to be used.
const REPLIES_MIN: usize = 10;

/// A shop's day as it was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The contacts and seats, to be simulated.
    pub scenario: Scenario,
    /// What became of the contacts.
    pub as_it_was: Outcome,
    /// What the journal did not know, and how that was treated.
    pub notes: Vec<String>,
}

/// A need with its place in the journal.
type Row<'a> = (ConversationId, usize, &'a Need);

impl Recording {
    /// The day of the shop of `roster`, to be run by `roster` and `settings`; `None` when none of its
    /// contacts needed a seat in `span`. `seed` is for what has to be drawn.
    pub fn centre(
        &self,
        mut roster: Roster,
        settings: Settings,
        span: Span,
        seed: u64,
    ) -> Option<Recorded> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for (id, story) in self.stories.iter().filter(|(_, story)| story.shop == roster.shop) {
            let needs = story.needs.iter().enumerate();
            rows.extend(needs.map(|(no, need)| (*id, no, need)));
        }
        rows.retain(|(.., need)| span.holds(need.began_at()));
        rows.sort_by_key(|(id, no, need)| (need.began_at(), *id, *no));
        let starts_at = rows.first()?.2.began_at();
        // Seats by the order in which the scheduler numbers them.
        roster.seats.sort_by(|a, b| a.id.cmp(&b.id));
        let builder = Builder { recording: self, rows, starts_at, roster, seed };
        Some(builder.build(settings))
    }
}

struct Builder<'a> {
    recording: &'a Recording,
    rows: Vec<Row<'a>>,
    starts_at: Timestamp,
    roster: Roster,
    seed: u64,
}

impl Builder<'_> {
    fn build(self, settings: Settings) -> Recorded {
        let mut names = Names::default();
        let seats = self.seats(&mut names);
        let contacts = self.contacts(&mut names);
        let mut scenario = Scenario {
            about: self.about(),
            measure_from: Moment::START,
            starts_at: self.starts_at,
            settings: self.settings(&settings),
            seats,
            contacts,
            names,
            rules: None,
        };
        let as_it_was = self.outcome(&scenario);
        let notes = self.notes();
        let contact = |(_, _, need): &Row<'_>| Contact {
            arrived_at: need.began_at(),
            hops: 0,
            only: None,
            ..need.contact.clone()
        };
        let contacts = self.rows.iter().map(contact).collect();
        scenario.rules = Some(Arc::new(ShopRules { roster: self.roster, settings, contacts }));
        Recorded { scenario, as_it_was, notes }
    }

    fn about(&self) -> String {
        let last = self.rows.last().map_or(self.starts_at, |(.., need)| need.began_at());
        format!("shop {}, contacts from {} to {last}", self.roster.shop, self.starts_at)
    }

    fn moment(&self, at: Timestamp) -> Moment {
        let millis = at.as_millis() as i64 - self.starts_at.as_millis() as i64;
        Moment::from_micros(millis.saturating_mul(1_000))
    }

    fn seats(&self, names: &mut Names) -> Vec<SimSeat> {
        let spoken: BTreeSet<_> =
            self.roster.seats.iter().flat_map(|seat| &seat.languages).copied().collect();
        let unspoken: BTreeSet<_> = self.rows.iter().map(|row| row.2.contact.language).collect();
        let unspoken: Vec<_> = unspoken.difference(&spoken).copied().collect();
        let states = self.recording.seats.get(&self.roster.shop);
        let seat = |profile: &SeatProfile| {
            let mut languages = profile.languages.clone();
            // What nobody speaks is for whoever speaks the shop's fallback language.
            if self.roster.fallback_language.is_some_and(|stands_in| languages.contains(&stands_in))
            {
                languages.extend(&unspoken);
            }
            let number = |language: &Language| names.languages.number(&language.to_string());
            let languages = languages.iter().map(number).collect();
            let skills = profile.skills.iter().map(|skill| names.skills.number(skill.as_str()));
            let skills = skills.collect();
            let regions =
                profile.regions.iter().map(|region| names.regions.number(region.as_str()));
            let weight = self.roster.rules.chat_slots.min(profile.slots);
            let events = states.map(|states| {
                let states = states.get(&profile.id).map_or(&[][..], Vec::as_slice);
                presence::events(states, self.starts_at, |at| self.moment(at))
            });
            SimSeat {
                id: profile.id.to_string(),
                languages,
                skills,
                regions: regions.collect(),
                slots: profile.slots.get() / weight.get(),
                idle_since: Moment::START,
                hours: self.hours(&profile.hours),
                events: events.unwrap_or_default(),
            }
        };
        self.roster.seats.iter().map(seat).collect()
    }

    /// The shifts of the recorded time and a day more: a week that comes again and again would never
    /// let a simulation end in which somebody waits in vain.
    fn hours(&self, hours: &Hours) -> Option<Hours> {
        if hours.never_close() {
            return None;
        }
        let last = self.rows.last().map_or(self.starts_at, |(.., need)| need.began_at());
        let times = write::open_times(hours, self.starts_at, last + write::SHIFTS_AFTER);
        Some(Hours::on_dates("UTC", &times).expect("open times are in order and short"))
    }

    fn contacts(&self, names: &mut Names) -> Vec<SimContact> {
        let until = self.recording.until;
        let waits = self.rows.iter().map(|(.., need)| self.wait(need));
        let patience = Patience::of(waits.clone());
        let (mut chance, mut draw) =
            (Random::new(self.seed, "patience"), Random::new(self.seed, "work of the unanswered"));
        let works = Works::of(&self.rows, until);
        let contact = |((id, no, need), (wait_s, left)): (&Row<'_>, (f64, bool))| {
            // Drawn for each, so that what one did shifts no other.
            let (chance, draw) = (chance.unit(), draw.unit());
            let patience_s = if left { Some(wait_s) } else { patience.beyond(wait_s, chance) };
            let waited = &need.contact;
            SimContact {
                id: if *no == 0 { id.to_string() } else { format!("{id}/{}", no + 1) },
                at: self.moment(need.began_at()),
                language: names.languages.number(&waited.language.to_string()),
                skill: Some(names.skills.number(waited.skill.as_str())),
                region: waited.region.as_ref().map(|region| names.regions.number(region.as_str())),
                vip: waited.priority == Priority::Vip,
                work_s: match need.tenures.is_empty() {
                    true => works.drawn(&waited.skill, draw),
                    false => need.work_s(until),
                },
                patience: patience_s.map(Moment::from_s),
            }
        };
        self.rows.iter().zip(waits).map(contact).collect()
    }

    /// How long a need waited for its answer, and whether the customer left then.
    fn wait(&self, need: &Need) -> (f64, bool) {
        let answered_at = need.answer().map(|tenure| tenure.from);
        let (ended_at, end) = match need.end {
            Some((at, end)) => (at, Some(end)),
            None => (self.recording.until, None),
        };
        let until = answered_at.unwrap_or(ended_at);
        let left = answered_at.is_none() && end == Some(End::Left);
        (until.since(need.began_at()).as_secs_f64(), left)
    }

    /// First replies as they were: the mean time from the offer, by the chats that the seat then had.
    fn settings(&self, settings: &Settings) -> ScenarioSettings {
        let mut by_open: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
        let tenures = self.tenures();
        for (.., need) in &self.rows {
            let Some(tenure) = need.answer() else { continue };
            let Some(replied_at) = tenure.replied_at else { continue };
            let asked_at = tenure.offered_at.unwrap_or(tenure.from);
            let (count, sum_s) = by_open.entry(open_then(&tenures, tenure)).or_default();
            *count += 1;
            *sum_s += replied_at.since(asked_at).as_secs_f64();
        }
        let all = by_open.values().fold((0, 0.0), |(n, s), (count, sum)| (n + count, s + sum));
        let mean = |(count, sum_s): (usize, f64)| sum_s / count.max(1) as f64;
        let enough = |group: &&(usize, f64)| group.0 >= REPLIES_MIN;
        let alone_s = by_open.get(&1).filter(enough).copied().map_or(mean(all), mean);
        let mut factors = vec![1.0];
        let most = by_open.keys().next_back().copied().unwrap_or(1);
        for open in 2..=most {
            let last = factors.last().copied().unwrap_or(1.0);
            let group = by_open.get(&open).filter(enough).filter(|_| alone_s > 0.0);
            factors.push(group.map_or(last, |group| mean(*group) / alone_s));
        }
        let translation = self.roster.translation.map(|rule| ScenarioTranslation {
            after: rule.after,
            work_factor: TRANSLATED_WORK_FACTOR,
            slots_kept_free: rule.slots_kept_free,
        });
        ScenarioSettings {
            age_bound: Some(settings.age_bound),
            first_reply_s: alone_s,
            first_reply_factor_by_open_chats: factors,
            translation,
            ..ScenarioSettings::default()
        }
    }

    /// Every tenure by its seat.
    fn tenures(&self) -> BTreeMap<&SeatId, Vec<&Tenure>> {
        let mut by_seat: BTreeMap<&SeatId, Vec<&Tenure>> = BTreeMap::new();
        for tenure in self.rows.iter().flat_map(|(.., need)| &need.tenures) {
            by_seat.entry(&tenure.seat).or_default().push(tenure);
        }
        by_seat
    }

    fn outcome(&self, scenario: &Scenario) -> Outcome {
        let tenures = self.tenures();
        let seat_no = |seat: &SeatId| scenario.seats.iter().position(|s| s.id == seat.as_str());
        let fate = |(row, contact): (&Row<'_>, &SimContact)| {
            let need = row.2;
            let answer = need.answer();
            let seat = answer.and_then(|tenure| seat_no(&tenure.seat));
            let speaks =
                seat.is_none_or(|seat| scenario.seats[seat].languages.contains(&contact.language));
            let translates = self.roster.translation.is_some() && !speaks;
            Fate {
                ending: match need.end {
                    None => Ending::Open,
                    Some((_, End::Answered)) => Ending::Answered,
                    Some((_, End::Left | End::Dismissed)) => Ending::Abandoned,
                    Some((_, End::Ticket)) => Ending::Ticket,
                },
                seat,
                offered_at: answer.and_then(|tenure| tenure.offered_at).map(|at| self.moment(at)),
                answered_at: answer.map(|tenure| self.moment(tenure.from)),
                closed_at: need.end.map(|(at, _)| self.moment(at)),
                route: answer.map(|_| if translates { Route::Translated } else { Route::Native }),
                open_then: answer.map_or(0, |tenure| open_then(&tenures, tenure)),
                reply: match answer.and_then(|tenure| tenure.replied_at) {
                    Some(at) => Reply::At(self.moment(at)),
                    None => Reply::Never,
                },
            }
        };
        let last = scenario.contacts.last().map_or(Moment::START, |contact| contact.at);
        let clipped = |at: Timestamp| self.moment(at).clamp(Moment::START, last);
        let busy_s = scenario.seats.iter().map(|seat| {
            let held = tenures.get(&SeatId::from(seat.id.as_str())).into_iter().flatten();
            let until = |tenure: &Tenure| tenure.until.unwrap_or(self.recording.until);
            held.map(|tenure| (clipped(until(tenure)) - clipped(tenure.from)).as_s()).sum()
        });
        Outcome {
            fates: self.rows.iter().zip(&scenario.contacts).map(fate).collect(),
            busy_s: busy_s.collect(),
            measured: (Moment::START, last),
            ended: self.moment(self.recording.until),
            broken: Vec::new(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let ended = |end: End| move |row: &&Row<'_>| row.2.end.is_some_and(|(_, e)| e == end);
        let count = |end| self.rows.iter().filter(ended(end)).count();
        let left = count(End::Left);
        notes.push(format!(
            "{left} customers left the queue; how long the others would have waited is drawn from the \
             estimate of Kaplan and Meier over all waits"
        ));
        let unanswered = self.rows.iter().filter(|row| row.2.tenures.is_empty()).count();
        if unanswered > 0 {
            notes.push(format!(
                "{unanswered} contacts were not answered; their work is drawn from that of the answered"
            ));
        }
        let open = self.rows.iter().filter(|row| row.2.end.is_none()).count();
        if open > 0 {
            notes
                .push(format!("{open} contacts were open at the end and count as they stood then"));
        }
        let accepted = self.rows.iter().filter_map(|(.., need)| {
            let tenure = need.answer()?;
            Some(tenure.from.since(tenure.offered_at?).as_secs_f64())
        });
        let accepted: Vec<f64> = accepted.collect();
        if !accepted.is_empty() {
            let mean_s = accepted.iter().sum::<f64>() / accepted.len() as f64;
            notes.push(format!(
                "seats took {mean_s:.1} s to accept an offer: part of the waits as they were, in a \
                 simulation part of the time to the first reply"
            ));
        }
        if !self.recording.seats.contains_key(&self.roster.shop) {
            notes.push(
                "the journal does not say when seats were there: all are taken as ready in their shifts"
                    .to_owned(),
            );
        }
        let known: BTreeSet<&SeatId> = self.roster.seats.iter().map(|seat| &seat.id).collect();
        let tenures = self.tenures();
        let unknown: Vec<&str> = tenures
            .keys()
            .filter(|seat| !known.contains(**seat))
            .map(|seat| seat.as_str())
            .collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            notes.push(format!("not in these rules, and left out of simulations: seats {names}"));
        }
        let without_beginning = self.recording.without_beginning;
        if let (1.., Some(since)) = (without_beginning, self.recording.since) {
            notes.push(format!(
                "the journal holds what was since {since}: {without_beginning} records of \
                 conversations that began before are left out"
            ));
        }
        notes
    }
}

/// Chats that the seat of a tenure had when it began, this one included.
fn open_then(by_seat: &BTreeMap<&SeatId, Vec<&Tenure>>, tenure: &Tenure) -> usize {
    let others = by_seat.get(&tenure.seat).into_iter().flatten();
    let open = others.filter(|other| {
        other.from <= tenure.from && other.until.is_none_or(|until| until > tenure.from)
    });
    open.count().max(1)
}

/// The work of those who were answered, by skill.
struct Works {
    by_skill: BTreeMap<SkillId, Vec<f64>>,
    all: Vec<f64>,
}

impl Works {
    fn of(rows: &[Row<'_>], until: Timestamp) -> Self {
        let mut by_skill: BTreeMap<SkillId, Vec<f64>> = BTreeMap::new();
        let mut all = Vec::new();
        for (.., need) in rows.iter().filter(|row| !row.2.tenures.is_empty()) {
            let work_s = need.work_s(until);
            by_skill.entry(need.contact.skill.clone()).or_default().push(work_s);
            all.push(work_s);
        }
        Self { by_skill, all }
    }

    /// The work of one of the skill, else of anyone; with nobody answered, none.
    fn drawn(&self, skill: &SkillId, chance: f64) -> f64 {
        let works = self.by_skill.get(skill).unwrap_or(&self.all);
        let at = (chance * works.len() as f64) as usize;
        works.get(at).copied().unwrap_or(0.0)
    }
}
