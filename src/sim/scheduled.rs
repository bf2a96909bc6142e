//! The product's own scheduler in a simulation: the very code that a server runs.

use std::collections::HashMap;
use std::num::NonZeroU8;
use std::time::Duration;

use super::moment::Moment;
use super::policy::{Ask, Happening, Policy, Route};
use super::scenario::{Scenario, ShopRules, SimContact, SimSeat};
use crate::domain::{
    ConversationId, Hours, Language, OfferId, Priority, Proficiency, RegionId, Rules, SeatId,
    SeatProfile, SeatState, ShopId, SkillId,
};
use crate::schedule::{
    Approval, Command, Contact, Decision, QueueHours, Roster, Scheduler, Settings, TakeBackReason,
    Translation, Why,
};

/// Longer than any scenario: rules that the format does not know never take effect.
const NEVER: Duration = Duration::from_secs(1 << 36);
/// A skill that every seat has, for contacts that ask for none.
const ANY_SKILL: &str = "any";

/// The scheduler with the scenario's seats in its roster.
pub(super) struct Scheduled<'a> {
    scenario: &'a Scenario,
    scheduler: Scheduler,
    shop: ShopId,
    languages: Vec<Language>,
    skills: Vec<SkillId>,
    regions: Vec<RegionId>,
    seats: Vec<SeatId>,
    seat_of: HashMap<SeatId, usize, ahash::RandomState>,
    commands: u64,
    decisions: u64,
    live: usize,
    live_max: usize,
    /// Open offers by contact.
    offers: HashMap<usize, OfferId, ahash::RandomState>,
}

impl<'a> Scheduled<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        if let Some(rules) = &scenario.rules {
            return Self::by_rules(scenario, rules);
        }
        let shop = ShopId::from("simulated");
        let named = |prefix: &str, names: &super::scenario::Interner| -> Vec<String> {
            (0..names.len()).map(|no| format!("{prefix}{}", names.name(no))).collect()
        };
        let languages: Vec<Language> = (0..scenario.names.languages.len()).map(language).collect();
        let skills = named("skill-", &scenario.names.skills).into_iter().map(SkillId::from);
        let regions = named("", &scenario.names.regions).into_iter().map(RegionId::from);
        let seats: Vec<SeatId> =
            scenario.seats.iter().map(|seat| SeatId::from(seat.id.as_str())).collect();
        let mut this = Self {
            scenario,
            scheduler: Scheduler::new(settings(scenario), Vec::new()),
            languages,
            skills: skills.collect(),
            regions: regions.collect(),
            seat_of: seats.iter().cloned().enumerate().map(|(no, id)| (id, no)).collect(),
            seats,
            shop: shop.clone(),
            commands: 0,
            decisions: 0,
            live: 0,
            live_max: 0,
            offers: HashMap::default(),
        };
        let profiles = scenario.seats.iter().map(|seat| this.profile(seat)).collect();
        let translation = scenario
            .settings
            .translation
            .map(|rule| Translation { after: rule.after, slots_kept_free: rule.slots_kept_free });
        let roster = Roster {
            shop,
            seats: profiles,
            fallback_language: None,
            hours: QueueHours::default(),
            rules: Rules::default(),
            translation,
        };
        this.scheduler = Scheduler::new(settings(scenario), vec![roster]);
        this
    }

    /// The scheduler of a real shop.
    fn by_rules(scenario: &'a Scenario, rules: &ShopRules) -> Self {
        let mut roster = rules.roster.clone();
        roster.rules.queues.values_mut().for_each(|queue| queue.approval = None);
        let seats: Vec<SeatId> = roster.seats.iter().map(|seat| seat.id.clone()).collect();
        let settings = Settings {
            // When a seat writes after its first reply is not part of a simulation.
            owner_silence: NEVER,
            hops_max: u8::MAX,
            place_update_interval: NEVER,
            records_max: 0,
            ..rules.settings.clone()
        };
        Self {
            scenario,
            scheduler: Scheduler::new(settings, vec![roster]),
            languages: Vec::new(),
            skills: Vec::new(),
            regions: Vec::new(),
            seat_of: seats.iter().cloned().enumerate().map(|(no, id)| (id, no)).collect(),
            seats,
            shop: rules.roster.shop.clone(),
            commands: 0,
            decisions: 0,
            live: 0,
            live_max: 0,
            offers: HashMap::default(),
        }
    }

    /// Commands told, decisions made, and the most conversations held together.
    pub fn counts(&self) -> (u64, u64, usize) {
        (self.commands, self.decisions, self.live_max)
    }

    fn count(&mut self, happening: Happening) {
        self.commands += 1;
        match happening {
            Happening::Arrives(_) => self.live += 1,
            Happening::Leaves(_) | Happening::Closed(_) => self.live -= 1,
            _ => {}
        }
        self.live_max = self.live_max.max(self.live);
    }

    fn profile(&self, seat: &SimSeat) -> SeatProfile {
        let mut skills = vec![SkillId::from(ANY_SKILL)];
        skills.extend(seat.skills.iter().map(|skill| self.skills[*skill].clone()));
        SeatProfile {
            id: SeatId::from(seat.id.as_str()),
            languages: seat.languages.iter().map(|language| self.languages[*language]).collect(),
            skills,
            proficiency: Proficiency::default(),
            regions: seat.regions.iter().map(|region| self.regions[*region].clone()).collect(),
            slots: NonZeroU8::new(seat.slots).unwrap_or(NonZeroU8::MIN),
            hours: seat.hours.clone().unwrap_or_else(Hours::always),
        }
    }

    fn contact(&self, no: usize) -> Contact {
        let row: &SimContact = &self.scenario.contacts[no];
        if let Some(rules) = &self.scenario.rules {
            let conversation = conversation(no);
            return Contact { conversation, ..rules.contacts[no].clone() };
        }
        Contact {
            conversation: conversation(no),
            shop: self.shop.clone(),
            language: self.languages[row.language],
            skill: row.skill.map_or(SkillId::from(ANY_SKILL), |skill| self.skills[skill].clone()),
            region: row.region.map(|region| self.regions[region].clone()),
            priority: if row.vip { Priority::Vip } else { Priority::Normal },
            arrived_at: self.scenario.wall(row.at),
            hops: 0,
            only: None,
            last_seat: None,
            approval: Approval::None,
        }
    }

    fn command(&self, happening: Happening) -> Option<Command> {
        let (shop, state) = (self.shop.clone(), SeatState::Ready);
        let seat_id = |seat: usize| self.seats[seat].clone();
        Some(match happening {
            Happening::Arrives(contact) => Command::Arrive(self.contact(contact)),
            Happening::Leaves(contact) => Command::Leave { conversation: conversation(contact) },
            Happening::Replied(contact) => {
                Command::SeatSpoke { conversation: conversation(contact) }
            }
            Happening::Closed(contact) => Command::Release { conversation: conversation(contact) },
            Happening::SignsIn(seat) => Command::SignIn { shop, seat: seat_id(seat), state },
            Happening::SignsOut(seat) => Command::SignOut { shop, seat: seat_id(seat) },
            Happening::Ready(seat) => Command::SetState { shop, seat: seat_id(seat), state },
            Happening::Away(seat) => {
                Command::SetState { shop, seat: seat_id(seat), state: SeatState::Away }
            }
            Happening::Accepts { seat, contact } => {
                let offer = *self.offers.get(&contact)?;
                Command::Accept { shop, seat: seat_id(seat), offer }
            }
            // It knows the shifts itself.
            Happening::ShiftBegins(_) | Happening::ShiftEnds(_) => return None,
        })
    }

    fn read(&mut self, decisions: Vec<Decision>, asks: &mut Vec<Ask>) {
        self.decisions += decisions.len() as u64;
        let by_rules = self.scenario.rules.is_some();
        for decision in decisions {
            match decision {
                Decision::Offered { offer, conversation, seat, why, .. } => {
                    let contact = contact_no(conversation);
                    self.offers.insert(contact, offer);
                    let translated = why.iter().any(|why| matches!(why, Why::Translated { .. }));
                    let route = if translated { Route::Translated } else { Route::Native };
                    asks.push(Ask::Offer { seat: self.seat_of[&seat], contact, route });
                }
                Decision::Withdrawn { conversation, .. } => {
                    let contact = contact_no(conversation);
                    self.offers.remove(&contact);
                    asks.push(Ask::Withdraw { contact });
                }
                Decision::Assigned { conversation, seat, .. } => {
                    let contact = contact_no(conversation);
                    self.offers.remove(&contact);
                    asks.push(Ask::Begin { seat: self.seat_of[&seat], contact });
                }
                Decision::TakenBack { conversation, reason, .. } => {
                    let contact = contact_no(conversation);
                    let goes_on = reason == TakeBackReason::ShiftEnded && by_rules;
                    asks.push(match goes_on {
                        true => Ask::HandOver { contact },
                        false => Ask::TakeBack { contact },
                    });
                }
                Decision::Ticket { conversation, .. } if by_rules => {
                    asks.push(Ask::GiveTicket { contact: contact_no(conversation) });
                }
                Decision::SeatState { seat, state, .. } if state != SeatState::Ready => {
                    asks.push(Ask::SetAway { seat: self.seat_of[&seat] });
                }
                // Nothing is held in a simulation: see the recorded contacts.
                Decision::Held { .. } | Decision::Approved { .. } => {}
                // A scenario of the format has no tickets: the contact waits until it gives up.
                Decision::Ticket { .. }
                | Decision::SeatState { .. }
                | Decision::SlotsChanged { .. }
                | Decision::Waiting { .. }
                | Decision::Escalated { .. }
                | Decision::Refused { .. } => {}
            }
        }
    }
}

impl Policy for Scheduled<'_> {
    fn on(&mut self, now: Moment, happening: Happening, asks: &mut Vec<Ask>) {
        self.count(happening);
        let now = self.scenario.wall(now);
        let decisions = match self.command(happening) {
            Some(command) => self.scheduler.apply(now, command),
            None => self.scheduler.on_timer(now),
        };
        self.read(decisions, asks);
    }

    fn next_deadline(&self) -> Option<Moment> {
        let never = self.scenario.starts_at + NEVER / 2;
        let at = self.scheduler.next_deadline().filter(|at| *at < never)?;
        Some(self.scenario.moment(at))
    }

    fn on_timer(&mut self, now: Moment, asks: &mut Vec<Ask>) {
        let decisions = self.scheduler.on_timer(self.scenario.wall(now));
        self.read(decisions, asks);
    }

    fn audit(&self) -> Vec<String> {
        self.scheduler.audit()
    }
}

fn settings(scenario: &Scenario) -> Settings {
    let rules = &scenario.settings;
    let default = Settings::default();
    Settings {
        offer_ttl: match rules.offer_timeout {
            Duration::ZERO => default.offer_ttl,
            timeout => timeout,
        },
        seat_grace: rules.reconnect_grace,
        age_bound: rules.age_bound.unwrap_or(NEVER),
        owner_silence: NEVER,
        hops_max: u8::MAX,
        promise: NEVER,
        // Whoever wrote the shifts of a scenario meant all of them.
        shift_drain: Duration::ZERO,
        queue_wait_max: NEVER,
        waiting_max: usize::MAX,
        place_update_interval: NEVER,
        records_max: 0,
        ..default
    }
}

/// Names of languages in a scenario are free; in the product they are codes.
fn language(number: usize) -> Language {
    let letter = |digit: usize| b'a' + (digit % 26) as u8;
    let code = [letter(number / 676), letter(number / 26), letter(number)];
    let code = std::str::from_utf8(&code).expect("letters");
    code.parse().expect("three letters are a code")
}

fn conversation(contact: usize) -> ConversationId {
    ConversationId::from_uuid(uuid::Uuid::from_u128(contact as u128))
}

fn contact_no(conversation: ConversationId) -> usize {
    conversation.as_uuid().as_u128() as usize
}
