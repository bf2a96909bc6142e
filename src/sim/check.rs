//! Checks what a policy does against what may be done, from outside.

use std::collections::BTreeSet;

use super::engine::{Engine, Stage};
use super::moment::Moment;
use super::policy::{Policy, Route};

/// Broken promises that are kept; one is enough to look for the bug.
const KEPT_MAX: usize = 20;

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Every offer: whether the seat may take the contact.
    Offers,
    /// The same for a centre in which every seat can answer everything.
    Pooled,
    /// Every offer: whether the seat is there and has room. Who may have what is for the rules of a
    /// real shop to say, and `audit` asks the scheduler after every step whether they hold.
    Rules {
        /// Whether it is asked.
        audit: bool,
    },
    /// Every offer, and after every step that no seat idles and nobody overtakes but by a written
    /// rule, and the policy's own audit. Takes time in proportion to seats × waiting contacts.
    EveryStep,
}

/// What was seen to be wrong.
#[derive(Debug)]
pub(super) struct Watch {
    checks: Checks,
    broken: Vec<String>,
    /// Offers that were ignored: for a while the seat is not asked for the contact again.
    refused: BTreeSet<(usize, usize)>,
}

impl Watch {
    pub fn new(checks: Checks) -> Self {
        Self { checks, broken: Vec::new(), refused: BTreeSet::new() }
    }

    pub fn is_thorough(&self) -> bool {
        self.checks == Checks::EveryStep
    }

    /// Whether there is something to check after a step.
    pub fn is_after_steps(&self) -> bool {
        matches!(self.checks, Checks::EveryStep | Checks::Rules { audit: true })
    }

    pub fn refused(&mut self, contact: usize, seat: usize) {
        self.refused.insert((contact, seat));
    }

    pub fn broken(&mut self, now: Moment, what: impl std::fmt::Display) {
        if self.broken.len() < KEPT_MAX {
            self.broken.push(format!("at {} s: {what}", now.as_s()));
        }
    }

    pub fn into_broken(self) -> Vec<String> {
        self.broken
    }
}

impl Engine<'_> {
    /// Whether a seat may be asked: it is there, has room, and can answer the contact on this
    /// route.
    pub(super) fn check_offer(&mut self, seat: usize, contact: usize, route: Route) {
        let (run, row) = (&self.seats[seat], &self.scenario.seats[seat]);
        let asked = &self.scenario.contacts[contact];
        let slots = usize::from(row.slots);
        let pooled = self.watch.checks == Checks::Pooled;
        let by_rules = matches!(self.watch.checks, Checks::Rules { .. });
        let translation = self.scenario.settings.translation.as_ref();
        let Stage::Waiting { since, offer } = self.contacts[contact].stage else {
            return self.watch.broken(self.now, format!("{} is offered and waits not", asked.id));
        };
        if self.watch.is_thorough()
            && let Some(older) = self.overtaken(seat, contact)
        {
            let older = &self.scenario.contacts[older].id;
            self.watch.broken(self.now, format!("{} goes before {older}", asked.id));
        }
        let why = if offer.is_some() {
            "is offered to two seats"
        } else if !run.connected || !run.on_shift || run.away {
            "is offered to a seat that is not there"
        } else if run.used() >= slots {
            "is offered to a seat that is full"
        } else if by_rules {
            return;
        } else if !pooled && !row.could_help(asked) {
            "is offered to a seat without its skill or region"
        } else {
            match (route, translation) {
                (Route::Native, _) if pooled || row.serves(asked) => return,
                (Route::Native, _) => "is offered to a seat that does not speak its language",
                (Route::Translated, None) => "is offered for translation, which is off",
                (Route::Translated, Some(rule)) => {
                    let after = Moment::from_s(rule.after.as_secs_f64());
                    let kept = usize::from(rule.slots_kept_free);
                    // The product counts in milliseconds.
                    let early = self.now - since + Moment::from_micros(1_000) < after
                        && self.contacts[contact].is_new();
                    if early {
                        "is offered for translation too early"
                    } else if run.used() + 1 + kept > slots {
                        "is offered for translation to a seat that has to keep its slots free"
                    } else {
                        return;
                    }
                }
            }
        };
        self.watch.broken(self.now, format!("{} {why}, {}", asked.id, row.id));
    }

    /// After a step: no seat idles while it could serve somebody, nobody was overtaken in a lane,
    /// no seat has more than its slots, and the policy's own promises hold.
    pub(super) fn check(&mut self, policy: &dyn Policy) {
        let audit = policy.audit();
        let mut broken = audit;
        for (seat, run) in self.seats.iter().enumerate() {
            let row = &self.scenario.seats[seat];
            if run.used() > usize::from(row.slots) {
                broken.push(format!("{} has {} of {} slots", row.id, run.used(), row.slots));
            }
            for contact in run.chats.contacts() {
                if self.contacts[contact].stage != (Stage::Open { seat }) {
                    broken.push(format!("{} has a chat that it does not own", row.id));
                }
            }
        }
        let waiting: Vec<usize> = (0..self.contacts.len())
            .filter(|contact| {
                self.watch.is_thorough()
                    && matches!(self.contacts[*contact].stage, Stage::Waiting { offer: None, .. })
            })
            .collect();
        for contact in waiting {
            broken.extend(self.idle_seat(contact));
        }
        for what in broken {
            self.watch.broken(self.now, what);
        }
    }

    /// One of the same lane and class that has waited longer and could have been offered instead.
    fn overtaken(&self, seat: usize, contact: usize) -> Option<usize> {
        let key = |contact: usize| {
            let row = &self.scenario.contacts[contact];
            (row.language, row.skill, row.region, row.vip)
        };
        let at = |contact: usize| self.scenario.contacts[contact].at;
        (0..self.contacts.len()).find(|other| {
            matches!(self.contacts[*other].stage, Stage::Waiting { offer: None, .. })
                && key(*other) == key(contact)
                && at(*other) < at(contact)
                && !self.watch.refused.contains(&(*other, seat))
        })
    }

    fn idle_seat(&self, contact: usize) -> Option<String> {
        let asked = &self.scenario.contacts[contact];
        let idle = self.scenario.seats.iter().enumerate().find(|(seat, row)| {
            let run = &self.seats[*seat];
            run.connected
                && run.on_shift
                && !run.away
                && run.used() < usize::from(row.slots)
                && row.serves(asked)
                && !self.watch.refused.contains(&(contact, *seat))
        });
        idle.map(|(_, row)| format!("{} idles while {} waits", row.id, asked.id))
    }
}
