//! A scenario: seats, contacts and how a chat goes on, as values that the simulation can use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::moment::Moment;
use super::policy::Route;
use crate::domain::{Hours, Timestamp};
use crate::schedule::{Contact, Roster, Settings};

/// A contact centre and what comes to it. Languages, skills and regions are numbers: places in the
/// lists of names.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows.
    pub about: String,
    /// Contacts that arrive before are served and not counted.
    pub measure_from: Moment,
    /// The instant of the start, for shifts.
    pub starts_at: Timestamp,
    /// How chats go on and what the rules are.
    pub settings: ScenarioSettings,
    /// The seats, in the order of the file.
    pub seats: Vec<SimSeat>,
    /// The contacts, in the order of the file.
    pub contacts: Vec<SimContact>,
    /// The names behind the numbers.
    pub names: Names,
    /// The rules of a real shop, by which the product's scheduler works in place of what the format
    /// can say.
    pub rules: Option<Arc<ShopRules>>,
}

/// The rules of a real shop.
#[derive(Clone, Debug)]
pub struct ShopRules {
    /// Its seats and rules.
    pub roster: Roster,
    /// The settings of its router.
    pub settings: Settings,
    /// What each contact of the scenario waits as.
    pub contacts: Vec<Contact>,
}

/// Names of languages, skills and regions by number.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Languages.
    pub languages: Interner,
    /// Skills.
    pub skills: Interner,
    /// Regions.
    pub regions: Interner,
}

/// Numbers for names, in the order in which they came up.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    names: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Interner {
    /// The number of a name, a new one if it has none.
    pub fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The name of a number.
    ///
    /// # Panics
    /// When the number was not given out.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// How chats go on and what the rules are.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioSettings {
    /// Rate at which each of `n` open chats of a seat goes on, at place `n - 1`; the last one
    /// stands for all higher numbers.
    pub service_rate_by_open_chats: Vec<f64>,
    /// Wait after which a contact goes before every priority; `None` for no bound.
    pub age_bound: Option<Duration>,
    /// Time from answering to the first reply with one chat open.
    pub first_reply_s: f64,
    /// What the first reply takes longer with `n` chats open, at place `n - 1`.
    pub first_reply_factor_by_open_chats: Vec<f64>,
    /// How long a seat has for an offer; zero: seats that answer do so at once, and an offer that
    /// is ignored ends by the product's own timer.
    pub offer_timeout: Duration,
    /// How long a seat that has lost its connection keeps what it has begun.
    pub reconnect_grace: Duration,
    /// Translation; `None` for native seats only.
    pub translation: Option<ScenarioTranslation>,
}

impl Default for ScenarioSettings {
    fn default() -> Self {
        Self {
            service_rate_by_open_chats: vec![1.0],
            age_bound: None,
            first_reply_s: 0.0,
            first_reply_factor_by_open_chats: vec![1.0],
            offer_timeout: Duration::ZERO,
            reconnect_grace: Duration::from_secs(20),
            translation: None,
        }
    }
}

impl ScenarioSettings {
    /// Rate of each chat while a seat has so many open.
    pub fn rate(&self, open: usize) -> f64 {
        at_or_last(&self.service_rate_by_open_chats, open)
    }

    /// Seconds from answering to the first reply, with so many chats open then.
    pub fn first_reply(&self, open: usize) -> f64 {
        self.first_reply_s * at_or_last(&self.first_reply_factor_by_open_chats, open)
    }
}

fn at_or_last(list: &[f64], open: usize) -> f64 {
    let at = open.clamp(1, list.len());
    list[at - 1]
}

/// When and at what cost a seat answers in a language that it does not speak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScenarioTranslation {
    /// Wait after which it is allowed.
    pub after: Duration,
    /// How many times as long translated work takes.
    pub work_factor: f64,
    /// Slots that a seat keeps free for its own languages.
    pub slots_kept_free: u8,
}

/// A seat of a scenario.
#[derive(Clone, Debug)]
pub struct SimSeat {
    /// Its name, unique in the scenario.
    pub id: String,
    /// Languages by number.
    pub languages: Vec<usize>,
    /// Skills by number.
    pub skills: Vec<usize>,
    /// Regions by number; empty means all.
    pub regions: Vec<usize>,
    /// Chats at a time.
    pub slots: u8,
    /// Since when it has had nothing to do.
    pub idle_since: Moment,
    /// When it is on shift; `None` is always.
    pub hours: Option<Hours>,
    /// What happens to it, in the order of time.
    pub events: Vec<(Moment, SeatEvent)>,
}

/// What happens to a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatEvent {
    /// Its connection is lost.
    Disconnect,
    /// It is connected again, ready.
    Reconnect,
    /// Nobody answers its offers from now on.
    IgnoreOffers,
    /// It takes nothing new; what it has goes on.
    Away,
    /// It answers its offers, and is ready if it was set away.
    Ready,
}

/// A contact of a scenario.
#[derive(Clone, Debug)]
pub struct SimContact {
    /// Its name, unique in the scenario.
    pub id: String,
    /// When it arrives.
    pub at: Moment,
    /// Its language by number.
    pub language: usize,
    /// The skill that it needs; `None` for any seat.
    pub skill: Option<usize>,
    /// Its region; `None` when none is asked for.
    pub region: Option<usize>,
    /// Whether it is very important.
    pub vip: bool,
    /// Seconds of work that it needs from a seat with nothing else to do.
    pub work_s: f64,
    /// How long it waits; `None` is for ever.
    pub patience: Option<Moment>,
}

impl SimSeat {
    /// Whether it has the skill and serves the region of a contact.
    pub fn could_help(&self, contact: &SimContact) -> bool {
        contact.skill.is_none_or(|skill| self.skills.contains(&skill))
            && contact
                .region
                .is_none_or(|region| self.regions.is_empty() || self.regions.contains(&region))
    }

    /// Whether it could serve a contact in its own language.
    pub fn serves(&self, contact: &SimContact) -> bool {
        self.languages.contains(&contact.language) && self.could_help(contact)
    }
}

impl Scenario {
    /// The instant of a moment, to the millisecond.
    pub fn wall(&self, moment: Moment) -> Timestamp {
        let start = self.starts_at.as_millis() as i64;
        let millis = start.saturating_add(moment.as_micros().div_euclid(1_000));
        Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
    }

    /// The moment of an instant.
    pub fn moment(&self, wall: Timestamp) -> Moment {
        let millis = wall.as_millis() as i64 - self.starts_at.as_millis() as i64;
        Moment::from_micros(millis.saturating_mul(1_000))
    }

    /// How many times as long work takes on a route.
    pub fn work_factor(&self, route: Route) -> f64 {
        match (route, &self.settings.translation) {
            (Route::Translated, Some(rule)) => rule.work_factor,
            _ => 1.0,
        }
    }
}
