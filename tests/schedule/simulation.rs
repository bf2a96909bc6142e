//! Random days of three shops in virtual time. After every step the scheduler's own audit and an
//! independent model, built from the decisions alone, must agree that every promise holds.

mod world;

use std::collections::BTreeMap;

use crate::common::*;
use tradewind::domain::{
    ConversationId, Language, OfferId, Rules, SeatId, SeatProfile, SeatState, ShopId, Timestamp,
    TransferTarget,
};
use tradewind::schedule::{
    Approval, AuditCursor, Command, Contact, Decision, Roster, Scheduler, Settings, TakeBackReason,
    TicketReason, Translation, Why,
};
use world::{QUIET_DAYS, World};

/// Where a conversation is, as the decisions say.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Waiting,
    Offered(OfferId, SeatId),
    Owned(SeatId),
    /// New or taken from its owner; the next decision must say what becomes of it.
    Nowhere,
}

struct Known {
    contact: Contact,
    place: Place,
    told_at: Option<Timestamp>,
    transferred: bool,
}

/// What somebody knows who sees only commands and decisions.
struct Model {
    seats: BTreeMap<(ShopId, SeatId), (SeatProfile, Option<SeatState>)>,
    fallbacks: BTreeMap<ShopId, Option<Language>>,
    rules: BTreeMap<ShopId, Rules>,
    translations: BTreeMap<ShopId, Option<Translation>>,
    known: BTreeMap<ConversationId, Known>,
    fence: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Model {
    fn new(rosters: &[Roster]) -> Self {
        let seats = rosters.iter().flat_map(|roster| {
            let key = |seat: &SeatProfile| (roster.shop.clone(), seat.id.clone());
            roster.seats.iter().map(move |seat| (key(seat), (seat.clone(), None)))
        });
        let fallbacks = rosters.iter().map(|r| (r.shop.clone(), r.fallback_language));
        Self {
            seats: seats.collect(),
            fallbacks: fallbacks.collect(),
            rules: rosters.iter().map(|r| (r.shop.clone(), r.rules.clone())).collect(),
            translations: rosters.iter().map(|r| (r.shop.clone(), r.translation)).collect(),
            known: BTreeMap::new(),
            fence: 0,
            counts: BTreeMap::new(),
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Arrive(contact) | Command::Rejoin(contact) => {
                let known = self.known.entry(contact.conversation).or_insert_with(|| Known {
                    contact: contact.clone(),
                    place: Place::Nowhere,
                    told_at: None,
                    transferred: false,
                });
                let same_shop = known.contact.shop == contact.shop;
                if same_shop && !matches!(known.place, Place::Owned(_)) {
                    let arrived_at = known.contact.arrived_at.min(contact.arrived_at);
                    let mut approval = known.contact.approval;
                    if known.contact.skill != contact.skill {
                        approval = Approval::None;
                    }
                    known.contact = Contact { arrived_at, approval, ..contact.clone() };
                }
            }
            Command::Leave { conversation } | Command::Release { conversation } => {
                // A running offer is withdrawn by a decision that may still name it.
                if let Some(known) = self.known.get_mut(conversation)
                    && !matches!(known.place, Place::Offered(..))
                {
                    self.known.remove(conversation);
                }
            }
            Command::SignIn { shop, seat, state } | Command::SetState { shop, seat, state } => {
                let signs_in = matches!(command, Command::SignIn { .. });
                let row = self.seats.get_mut(&(shop.clone(), seat.clone()));
                let row = row.expect("a seat of the roster");
                if signs_in || row.1.is_some() {
                    row.1 = Some(*state);
                }
            }
            Command::SignOut { shop, seat } => {
                let row = self.seats.get_mut(&(shop.clone(), seat.clone()));
                row.expect("a seat of the roster").1 = None;
            }
            _ => {}
        }
    }

    fn decisions(&mut self, now: Timestamp, command: Option<&Command>, decisions: &[Decision]) {
        if let Some(Command::Decline { offer, seat, .. }) = command {
            let place = Place::Offered(*offer, seat.clone());
            let declined = self.known.values_mut().find(|known| known.place == place);
            declined.into_iter().for_each(|known| known.place = Place::Waiting);
        }
        for decision in decisions {
            self.decision(now, command, decision);
        }
        if let Some(Command::Leave { conversation } | Command::Release { conversation }) = command {
            self.known.remove(conversation);
        }
        for (conversation, known) in &self.known {
            assert_ne!(known.place, Place::Nowhere, "{conversation} has no place");
        }
        let mut used: BTreeMap<(ShopId, SeatId), usize> = BTreeMap::new();
        for known in self.known.values() {
            if let Place::Offered(_, seat) | Place::Owned(seat) = &known.place {
                *used.entry((known.contact.shop.clone(), seat.clone())).or_default() += 1;
            }
        }
        for (seat, used) in used {
            let slots = usize::from(self.seats[&seat].0.slots.get());
            assert!(used <= slots, "{used} of {slots} slots of {seat:?}");
        }
    }

    fn decision(&mut self, now: Timestamp, command: Option<&Command>, decision: &Decision) {
        match decision {
            Decision::Offered { offer, conversation, shop, seat, expires_at, why, .. } => {
                self.count("offered");
                if why.iter().any(|why| matches!(why, Why::Widened { .. })) {
                    self.count("widened");
                }
                if why.contains(&Why::KnowsCustomer) {
                    self.count("known");
                    let known = &self.known[conversation].contact;
                    assert_eq!(known.last_seat.as_ref(), Some(seat));
                    // What is left of the head start, or the time of any offer where that is less
                    // than a person can answer in.
                    let lasts = expires_at.since(now);
                    let head_start =
                        std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(5);
                    assert!(head_start.contains(&lasts) || lasts == settings().offer_ttl);
                }
                assert!(!why.is_empty() && *expires_at > now);
                self.may_be_offered(now, *conversation, (shop, seat), why);
                let known = self.known.get_mut(conversation).expect("a known conversation");
                assert!(matches!(known.place, Place::Waiting | Place::Nowhere));
                known.place = Place::Offered(*offer, seat.clone());
            }
            Decision::Withdrawn { offer, conversation, seat, .. } => {
                self.count("withdrawn");
                let known = self.known.get_mut(conversation).expect("a known conversation");
                assert_eq!(known.place, Place::Offered(*offer, seat.clone()));
                // Back in its lane, without a word if it was told just now.
                known.place = Place::Waiting;
            }
            Decision::Assigned { offer, conversation, seat, fence, .. } => {
                self.count("assigned");
                assert!(*fence > self.fence, "fences rise");
                self.fence = *fence;
                let known = match (offer, command) {
                    (Some(offer), _) => {
                        let known = self.known.get_mut(conversation).expect("a known one");
                        assert_eq!(known.place, Place::Offered(*offer, seat.clone()));
                        known
                    }
                    (None, Some(Command::Assign { contact, to, .. })) => {
                        assert_eq!((conversation, seat), (&contact.conversation, to));
                        self.known.entry(*conversation).or_insert_with(|| Known {
                            contact: contact.clone(),
                            place: Place::Nowhere,
                            told_at: None,
                            transferred: false,
                        })
                    }
                    (None, other) => panic!("assigned without an offer after {other:?}"),
                };
                known.place = Place::Owned(seat.clone());
                if offer.is_none() {
                    known.contact.approval = Approval::Given;
                }
                known.told_at = None;
            }
            Decision::Waiting { conversation, place, wait_s, .. } => {
                self.count("told");
                assert!(*place >= 1 && wait_s.is_none_or(|(low, high)| low <= high));
                let known = self.known.get_mut(conversation).expect("a known conversation");
                let interval = settings().place_update_interval;
                assert!(known.told_at.is_none_or(|at| at + interval <= now), "told too often");
                known.told_at = Some(now);
                if !matches!(known.place, Place::Offered(..)) {
                    known.place = Place::Waiting;
                }
            }
            Decision::Held { conversation, place, until } => {
                self.count("held");
                assert!(*place >= 1 && *until > now);
                let known = self.known.get_mut(conversation).expect("a known conversation");
                assert!(
                    self.rules[&known.contact.shop].queues[&known.contact.skill].approval.is_some()
                );
                assert_ne!(known.contact.approval, Approval::Given, "once is enough");
                known.contact.approval = Approval::Held { until: *until };
                known.place = Place::Waiting;
            }
            Decision::Approved { conversation, by } => {
                self.count(if by.is_some() { "approved" } else { "held long" });
                let known = self.known.get_mut(conversation).expect("a known conversation");
                assert_eq!(known.place, Place::Waiting);
                known.contact.approval = Approval::Given;
            }
            Decision::Ticket { conversation, opens_at, reason } => {
                self.count(reason.as_str());
                assert!(opens_at.is_none_or(|at| at > now));
                self.known.remove(conversation).expect("a known conversation");
            }
            Decision::TakenBack { conversation, seat, reason } => {
                self.count(reason.as_str());
                let known = self.known.get_mut(conversation).expect("a known conversation");
                assert_eq!(known.place, Place::Owned(seat.clone()));
                known.place = Place::Nowhere;
                known.told_at = None;
                known.transferred |= *reason == TakeBackReason::Transferred;
                if let (
                    TakeBackReason::Transferred,
                    Some(Command::Transfer { to: TransferTarget::Skill(skill), .. }),
                ) = (reason, command)
                {
                    known.contact.set_skill(skill.clone());
                }
            }
            Decision::Escalated { .. } => self.count("escalated"),
            Decision::SeatState { shop, seat, state } => {
                self.count("set away");
                let row = self.seats.get_mut(&(shop.clone(), seat.clone())).expect("a seat");
                row.1 = Some(*state);
            }
            Decision::SlotsChanged { .. } => self.count("wrap-up"),
            Decision::Refused { reason, .. } => {
                self.count(reason.as_str());
                assert!(command.is_some(), "only a command is refused");
            }
        }
    }

    fn may_be_offered(
        &mut self,
        now: Timestamp,
        conversation: ConversationId,
        (shop, seat): (&ShopId, &SeatId),
        why: &[Why],
    ) {
        let contact = &self.known[&conversation].contact.clone();
        let (profile, state) = &self.seats[&(shop.clone(), seat.clone())].clone();
        assert_eq!(contact.shop, *shop, "no seat of another shop");
        assert_eq!(*state, Some(SeatState::Ready), "only who is ready is asked");
        assert!(takes_new(profile, now), "only who is on shift and stays is asked");
        let rules = &self.rules[shop];
        let is_held = rules.queues.get(&contact.skill).is_some_and(|q| q.approval.is_some());
        assert!(!is_held || contact.approval == Approval::Given, "nobody has approved it");
        let widened = why.iter().any(|why| matches!(why, Why::Widened { .. }));
        let serves = |profile: &SeatProfile| match &contact.region {
            None => true,
            Some(region) if rules.resident.contains(region) => profile.regions.contains(region),
            Some(region) => profile.regions.is_empty() || profile.regions.contains(region),
        };
        let resident = contact.region.as_ref().is_some_and(|r| rules.resident.contains(r));
        assert!((widened && !resident) || serves(profile), "regions are a hard filter");
        let needs = rules.queues.get(&contact.skill).map(|queue| queue.needs.level);
        let able = |profile: &SeatProfile| profile.level(&contact.skill) >= needs.unwrap_or(1);
        if why[0] == Why::Chosen {
            assert!(contact.only.is_some() || self.known[&conversation].transferred);
            return;
        }
        assert!(profile.skills.contains(&contact.skill), "skills are a hard filter");
        assert!(widened || able(profile), "levels are a hard filter until a step opens");
        let spoken = match &why[0] {
            Why::Speaks(language) => {
                assert_eq!(*language, contact.language);
                *language
            }
            Why::NobodySpeaks { wanted, instead } | Why::NobodyThere { wanted, instead } => {
                assert_eq!(*wanted, contact.language);
                assert_eq!(Some(*instead), self.fallbacks[shop]);
                *instead
            }
            Why::Translated { wanted, .. } => {
                self.count_translated(now, contact, (shop, seat));
                assert_eq!(*wanted, contact.language);
                assert!(!profile.languages.contains(wanted), "who speaks it needs no translation");
                return;
            }
            other => panic!("a language comes first and not {other:?}"),
        };
        assert!(profile.languages.contains(&spoken), "languages are a hard filter");
        if let Why::NobodyThere { wanted, .. } = why[0] {
            let there = self.seats.iter().find(|((s, _), (profile, state))| {
                s == shop
                    && profile.languages.contains(&wanted)
                    && able(profile)
                    && serves(profile)
                    && matches!(state, Some(SeatState::Ready | SeatState::WrapUp))
                    && takes_new(profile, now)
            });
            assert!(there.is_none(), "{there:?} speaks {wanted}");
        }
    }

    /// Translation is a shop's choice, comes after a wait, and leaves slots free.
    fn count_translated(&mut self, now: Timestamp, contact: &Contact, seat: (&ShopId, &SeatId)) {
        self.count("translated");
        let rule = self.translations[seat.0].expect("only a shop that wants it translates");
        assert!(contact.arrived_at + rule.after <= now, "a speaker is looked for first");
        let holds = |known: &&Known| match &known.place {
            Place::Offered(_, holder) | Place::Owned(holder) => {
                known.contact.shop == *seat.0 && holder == seat.1
            }
            Place::Waiting | Place::Nowhere => false,
        };
        let used = self.known.values().filter(holds).count();
        let slots = usize::from(self.seats[&(seat.0.clone(), seat.1.clone())].0.slots.get());
        assert!(used + 1 + usize::from(rule.slots_kept_free) <= slots, "slots are kept free");
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// The defaults with a shorter end of shifts: a random day is half an hour long.
fn settings() -> Settings {
    Settings { shift_drain: std::time::Duration::from_secs(120), ..Settings::default() }
}

/// Whether a seat is on shift and not about to go.
fn takes_new(profile: &SeatProfile, now: Timestamp) -> bool {
    profile
        .hours
        .stretch(now)
        .is_some_and(|(start, end)| now + settings().shift_drain.min(end.since(start) / 4) < end)
}

struct Run {
    decisions: Vec<Decision>,
    counts: BTreeMap<&'static str, u64>,
}

fn run(seed: u64, steps: usize) -> Run {
    let mut world = World::new(seed);
    let mut model = Model::new(&world.rosters);
    let mut scheduler = world.scheduler();
    let mut now = Timestamp::from_millis(START_MS);
    let mut all = Vec::new();

    for _ in 0..steps {
        // Mostly a second or so, sometimes none, seldom minutes.
        let pause_ms = match world.random.below(200) {
            0 => 60_000 + world.random.below(120_000),
            1..=40 => 0,
            _ => world.random.below(1_500),
        };
        let then = now + std::time::Duration::from_millis(pause_ms as u64);
        while let Some(at) = scheduler.next_deadline().filter(|at| *at <= then) {
            let decisions = scheduler.on_timer(at);
            check(&scheduler, &mut model, at, None, &decisions);
            world.see(&decisions);
            all.extend(decisions);
        }
        now = then;
        if world.random.one_in(100) {
            let roster = world.rosters[world.random.below(3)].clone();
            let decisions = scheduler.reload(now, roster);
            check(&scheduler, &mut model, now, None, &decisions);
            world.see(&decisions);
            all.extend(decisions);
        }
        let command = world.command(now);
        model.command(&command);
        let decisions = scheduler.apply(now, command.clone());
        check(&scheduler, &mut model, now, Some(&command), &decisions);
        world.see(&decisions);
        all.extend(decisions);
    }
    everyone_leaves(&mut scheduler, &world.rosters, now);
    Run { decisions: all, counts: model.counts }
}

fn check(
    scheduler: &Scheduler,
    model: &mut Model,
    now: Timestamp,
    command: Option<&Command>,
    decisions: &[Decision],
) {
    assert_eq!(scheduler.audit(), Vec::<String>::new(), "after {command:?} at {now}");
    if now.as_millis().is_multiple_of(16) {
        let (looked_at, broken) = scheduler.audit_part(&mut AuditCursor::default(), usize::MAX);
        assert!(looked_at >= model.seats.len(), "every seat is looked at");
        assert_eq!(broken, Vec::<String>::new(), "after {command:?} at {now}");
    }
    model.decisions(now, command, decisions);
    assert_eq!(scheduler.totals().waiting + scheduler.totals().offered, {
        let owned = |known: &&Known| !matches!(known.place, Place::Owned(_));
        model.known.values().filter(owned).count()
    });
}

/// With nobody at the seats, everyone has a ticket in the end and nothing is left to do.
fn everyone_leaves(scheduler: &mut Scheduler, rosters: &[Roster], now: Timestamp) {
    for roster in rosters {
        for seat in &roster.seats {
            let (shop, seat) = (roster.shop.clone(), seat.id.clone());
            scheduler.apply(now, Command::SignOut { shop, seat });
        }
    }
    let settings = settings();
    scheduler.on_timer(now + settings.seat_grace);

    // Tickets that are worked off wait for a day.
    let longest = settings.queue_wait_max.max(std::time::Duration::from_secs(24 * 3_600));
    scheduler.on_timer(now + settings.seat_grace + longest);
    // What was held until now waits for a seat from now on.
    scheduler.on_timer(now + settings.seat_grace + 2 * longest);

    let totals = scheduler.totals();
    assert_eq!((totals.waiting, totals.offered, totals.owned), (0, 0, 0));
}

#[test]
fn every_promise_holds_after_every_step_of_random_days() {
    let mut counts = BTreeMap::new();
    for seed in 0..QUIET_DAYS.end {
        for (what, n) in run(seed, 2_000).counts {
            *counts.entry(what).or_insert(0) += n;
        }
    }
    // The days must not be so tame that a rule is never met.
    for what in [
        "offered",
        "withdrawn",
        "translated",
        "assigned",
        "told",
        "no_seat",
        "hours",
        "waited_too_long",
        "seat_gone",
        "silent",
        "transferred",
        "shift_ended",
        "escalated",
        "set away",
        "widened",
        "queue_full",
        "wrap-up",
        "known",
        "offer_expired",
        "offer_taken",
        "not_found",
        "forbidden",
        "supervisor",
        "seat_full",
        "seat_not_there",
        "wrong_region",
        "owned_already",
        "held",
        "approved",
        "held long",
        "not_held",
    ] {
        assert!(counts.get(what).is_some_and(|n| *n > 2), "{what} is rare in {counts:?}");
    }
}

#[test]
fn the_same_commands_give_the_same_decisions_byte_for_byte() {
    for seed in 100..103 {
        let (first, second) = (run(seed, 1_000), run(seed, 1_000));

        let bytes = |run: &Run| serde_json::to_vec(&run.decisions).expect("decisions as JSON");
        assert_eq!(bytes(&first), bytes(&second));
        assert!(first.decisions.len() > 500);
    }
}

#[test]
fn a_command_log_read_back_from_disk_gives_the_same_decisions() {
    let mut world = World::new(7);
    let mut live = world.scheduler();
    let mut replayed = world.scheduler();
    let mut log = Vec::new();
    let mut decided = Vec::new();
    for step in 0..1_500u64 {
        let now = Timestamp::from_millis(START_MS + step * 700);
        let command = world.command(now);
        log.push(rmp_serde::to_vec(&(now, &command)).expect("a record"));
        let decisions = live.apply(now, command);
        world.see(&decisions);
        decided.extend(decisions);
    }

    let again: Vec<Decision> = log
        .iter()
        .flat_map(|record| {
            let (now, command) = rmp_serde::from_slice(record).expect("the record");
            replayed.apply(now, command)
        })
        .collect();

    assert_eq!(again, decided);
}

#[test]
fn after_a_restart_everyone_is_where_they_were() {
    for seed in 200..206 {
        let mut world = World::new(seed);
        let mut old = world.scheduler();
        let mut model = Model::new(&world.rosters);
        let mut now = Timestamp::from_millis(START_MS);
        for _ in 0..1_000 {
            now = now + std::time::Duration::from_millis(world.random.below(900) as u64);
            let timed = old.on_timer(now);
            model.decisions(now, None, &timed);
            world.see(&timed);
            let command = world.command(now);
            model.command(&command);
            let decisions = old.apply(now, command.clone());
            model.decisions(now, Some(&command), &decisions);
            world.see(&decisions);
        }

        let mut new = world.scheduler();
        let mut owners = BTreeMap::new();
        let (mut out_of_hours, mut taken_over) = (0, 0);
        for (conversation, known) in &model.known {
            let contact = known.contact.clone();
            let command = match old.owner(*conversation) {
                Some((seat, fence)) => {
                    owners.insert(*conversation, (seat.clone(), fence));
                    Command::Restore {
                        contact,
                        seat: seat.clone(),
                        fence,
                        since: None,
                        replied: true,
                    }
                }
                None => Command::Rejoin(contact),
            };
            let decisions = new.apply(now, command);
            // Who was being asked when the last seat went has nobody to wait for.
            out_of_hours += usize::from(decisions.iter().any(|decision| {
                matches!(decision, Decision::Ticket { reason: TicketReason::Hours, .. })
            }));
            assert_eq!(new.audit(), Vec::<String>::new());
        }
        for ((shop, seat), (_, state)) in &model.seats {
            let (shop, seat) = (shop.clone(), seat.clone());
            if let Some(state) = *state {
                for decision in new.apply(now, Command::SignIn { shop, seat, state }) {
                    let Decision::TakenBack { conversation, reason, .. } = decision else {
                        continue;
                    };
                    // Who is free now may take over from a colleague whose shift is over.
                    assert_eq!(reason, TakeBackReason::ShiftEnded);
                    assert!(owners.remove(&conversation).is_some(), "it had an owner");
                    taken_over += 1;
                }
            }
            assert_eq!(new.audit(), Vec::<String>::new());
        }

        assert!(!owners.is_empty() && owners.len() < model.known.len());
        for (conversation, owner) in owners {
            assert_eq!(new.owner(conversation).map(|(s, f)| (s.clone(), f)), Some(owner));
        }
        let (was, is) = (old.totals(), new.totals());
        assert_eq!(was.owned, is.owned + taken_over);
        assert_eq!(was.waiting + was.offered + taken_over, is.waiting + is.offered + out_of_hours);
        assert!(out_of_hours <= was.offered, "only what was on its way to a seat");
    }
}
