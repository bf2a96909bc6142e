//! Policies modelled on those of other routers, written plainly: a scan over what waits and over
//! the seats.

use std::collections::{BTreeMap, BTreeSet};

use super::moment::Moment;
use super::policy::{Ask, Happening, Policy, PolicyName, Route};
use super::scenario::{Scenario, SimContact};

/// How it chooses.
#[derive(Clone, Copy, Debug)]
struct Rule {
    seat: SeatRule,
    /// VIPs go before all others.
    vip_first: bool,
    /// It acts at the multiples of this time only; `None`: at once.
    period: Option<Moment>,
    /// At each of those times it gives out one contact of each language.
    one_a_language: bool,
    /// Every seat speaks everything.
    pooled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeatRule {
    /// The seat that was given something longest ago.
    RoundRobin,
    /// The seat with the fewest chats, then the one that was given something longest ago.
    LeastLoaded,
    /// The first seat.
    InOrder,
    /// The seat in which nothing has begun or ended for longest.
    LongestIdle,
}

impl Rule {
    fn of(name: PolicyName) -> Self {
        let least = Self {
            seat: SeatRule::LeastLoaded,
            vip_first: false,
            period: None,
            one_a_language: false,
            pooled: false,
        };
        let fifo = Self { seat: SeatRule::RoundRobin, ..least };
        match name {
            PolicyName::Default | PolicyName::AsItWas | PolicyName::LeastLoaded => least,
            PolicyName::FifoRoundRobin => fifo,
            PolicyName::LongestIdle => {
                Self { seat: SeatRule::LongestIdle, vip_first: true, ..least }
            }
            PolicyName::Job25s => Self { period: Some(Moment::from_micros(25_000_000)), ..fifo },
            PolicyName::Worker5s => Self {
                vip_first: true,
                period: Some(Moment::from_micros(5_000_000)),
                one_a_language: true,
                ..least
            },
            PolicyName::InOrder => Self { seat: SeatRule::InOrder, ..least },
            PolicyName::PooledBound => Self { pooled: true, ..least },
        }
    }
}

/// What the seats of a lane have in common.
type LaneKey = (usize, Option<usize>, Option<usize>);
/// Those who wait: normal ones after VIPs if these go first, then by arrival.
type Claim = (bool, Moment, usize);

#[derive(Debug, Default)]
struct Lane {
    seats: Vec<usize>,
    waiting: BTreeSet<Claim>,
}

#[derive(Clone, Debug)]
struct Seat {
    connected: bool,
    on_shift: bool,
    away: bool,
    owned: BTreeSet<usize>,
    offered: BTreeSet<usize>,
    replied: BTreeSet<usize>,
    given_at: Moment,
    idle_since: Moment,
    /// When it loses what it had begun, while it is not connected.
    grace_ends: Option<Moment>,
}

/// A policy of another router.
pub(super) struct Rival<'a> {
    scenario: &'a Scenario,
    rule: Rule,
    seats: Vec<Seat>,
    lanes: BTreeMap<LaneKey, Lane>,
    /// Lanes in which a seat may find something.
    lanes_of: Vec<Vec<LaneKey>>,
    /// Offers without an answer, by when they end.
    offers: BTreeSet<(Moment, usize, usize)>,
    offer_ttl: Moment,
    grace: Moment,
    /// The next time at which it acts, if anything has changed since the last one.
    acts_at: Option<Moment>,
}

impl<'a> Rival<'a> {
    pub fn new(scenario: &'a Scenario, name: PolicyName) -> Self {
        let rule = Rule::of(name);
        let seats = scenario.seats.iter().map(|seat| Seat {
            connected: false,
            on_shift: seat.hours.as_ref().is_none_or(|hours| hours.is_open(scenario.starts_at)),
            away: false,
            owned: BTreeSet::new(),
            offered: BTreeSet::new(),
            replied: BTreeSet::new(),
            given_at: seat.idle_since,
            idle_since: seat.idle_since,
            grace_ends: None,
        });
        let mut lanes: BTreeMap<LaneKey, Lane> = BTreeMap::new();
        let mut lanes_of = vec![Vec::new(); scenario.seats.len()];
        for contact in &scenario.contacts {
            let key = lane_key(contact);
            lanes.entry(key).or_insert_with(|| {
                let serves = |seat: usize| rule.pooled || scenario.seats[seat].serves(contact);
                let seats: Vec<usize> = (0..scenario.seats.len()).filter(|s| serves(*s)).collect();
                seats.iter().for_each(|seat| lanes_of[*seat].push(key));
                Lane { seats, waiting: BTreeSet::new() }
            });
        }
        let micros = |time: std::time::Duration| Moment::from_micros(time.as_micros() as i64);
        let timeout = match scenario.settings.offer_timeout {
            std::time::Duration::ZERO => std::time::Duration::from_secs(6),
            timeout => timeout,
        };
        Self {
            scenario,
            rule,
            seats: seats.collect(),
            lanes,
            lanes_of,
            offers: BTreeSet::new(),
            offer_ttl: micros(timeout),
            grace: micros(scenario.settings.reconnect_grace),
            acts_at: None,
        }
    }

    fn claim(&self, contact: usize) -> Claim {
        let row = &self.scenario.contacts[contact];
        (self.rule.vip_first && !row.vip, row.at, contact)
    }

    fn line_up(&mut self, contact: usize) -> LaneKey {
        let key = lane_key(&self.scenario.contacts[contact]);
        let claim = self.claim(contact);
        self.lanes.entry(key).or_default().waiting.insert(claim);
        key
    }

    fn is_free(&self, seat: usize) -> bool {
        let run = &self.seats[seat];
        let used = run.owned.len() + run.offered.len();
        run.connected
            && run.on_shift
            && !run.away
            && used < usize::from(self.scenario.seats[seat].slots)
    }

    /// The seat of a lane that is asked next.
    fn seat_for(&self, lane: &Lane) -> Option<usize> {
        let free = lane.seats.iter().copied().filter(|seat| self.is_free(*seat));
        free.min_by_key(|seat| {
            let run = &self.seats[*seat];
            let chats = run.owned.len() + run.offered.len();
            match self.rule.seat {
                SeatRule::RoundRobin => (0, run.given_at, *seat),
                SeatRule::LeastLoaded => (chats, run.given_at, *seat),
                SeatRule::LongestIdle => (0, run.idle_since, *seat),
                SeatRule::InOrder => (0, Moment::START, *seat),
            }
        })
    }

    fn offer(&mut self, now: Moment, seat: usize, contact: usize, asks: &mut Vec<Ask>) {
        let run = &mut self.seats[seat];
        run.offered.insert(contact);
        run.given_at = now;
        run.idle_since = now;
        self.offers.insert((now + self.offer_ttl, contact, seat));
        asks.push(Ask::Offer { seat, contact, route: Route::Native });
    }

    /// Gives out the first of a lane if a seat is free.
    fn give_out(&mut self, now: Moment, key: LaneKey, asks: &mut Vec<Ask>) -> bool {
        let lane = &self.lanes[&key];
        let Some(claim) = lane.waiting.first().copied() else { return false };
        let Some(seat) = self.seat_for(lane) else { return false };
        self.lanes.get_mut(&key).expect("a known lane").waiting.remove(&claim);
        self.offer(now, seat, claim.2, asks);
        true
    }

    /// Fills a seat from its lanes, the first claim of all first.
    fn fill(&mut self, now: Moment, seat: usize, asks: &mut Vec<Ask>) {
        while self.is_free(seat) {
            let heads = self.lanes_of[seat].iter();
            let first =
                heads.filter_map(|key| Some((*self.lanes[key].waiting.first()?, *key))).min();
            let Some((claim, key)) = first else { return };
            self.lanes.get_mut(&key).expect("a known lane").waiting.remove(&claim);
            self.offer(now, seat, claim.2, asks);
        }
    }

    /// Something has changed for a contact or a seat.
    fn changed(&mut self, now: Moment, what: Changed, asks: &mut Vec<Ask>) {
        match (self.rule.period, what) {
            (Some(period), _) => self.acts_at = Some(now.next_multiple(period)),
            (None, Changed::Lane(key)) => while self.give_out(now, key, asks) {},
            (None, Changed::Seat(seat)) => self.fill(now, seat, asks),
        }
    }

    /// One run of the job.
    fn act(&mut self, now: Moment, asks: &mut Vec<Ask>) {
        self.acts_at = None;
        if !self.rule.one_a_language {
            let mut all: Vec<(Claim, LaneKey)> = Vec::new();
            for (key, lane) in &self.lanes {
                all.extend(lane.waiting.iter().map(|claim| (*claim, *key)));
            }
            all.sort_unstable();
            let mut full: BTreeSet<LaneKey> = BTreeSet::new();
            for (_, key) in all {
                // What stands first in its lane is the oldest, so claims go out in their order.
                if !full.contains(&key) && !self.give_out(now, key, asks) {
                    full.insert(key);
                }
            }
            return;
        }
        let languages: BTreeSet<usize> = self.lanes.keys().map(|key| key.0).collect();
        for language in languages {
            let keys = self.lanes.keys().filter(|key| key.0 == language).copied();
            let firsts = keys.filter_map(|key| Some((*self.lanes[&key].waiting.first()?, key)));
            let mut firsts: Vec<_> = firsts.collect();
            firsts.sort_unstable();
            if firsts.into_iter().any(|(_, key)| self.give_out(now, key, asks)) {
                let period = self.rule.period.expect("a job has a period");
                self.acts_at = Some(now.next_multiple(period));
            }
        }
    }

    /// Takes a contact from where it is with a seat.
    fn drop_from(&mut self, now: Moment, contact: usize) -> Option<usize> {
        let seat = self.seats.iter().position(|run| run.owned.contains(&contact))?;
        let run = &mut self.seats[seat];
        run.owned.remove(&contact);
        run.replied.remove(&contact);
        run.idle_since = now;
        Some(seat)
    }

    fn end_offer(&mut self, contact: usize) -> Option<usize> {
        let offer = *self.offers.iter().find(|(_, offered, _)| *offered == contact)?;
        self.offers.remove(&offer);
        self.seats[offer.2].offered.remove(&contact);
        Some(offer.2)
    }

    fn requeue(&mut self, now: Moment, contacts: Vec<usize>, asks: &mut Vec<Ask>) {
        let keys: Vec<LaneKey> =
            contacts.into_iter().map(|contact| self.line_up(contact)).collect();
        keys.into_iter().for_each(|key| self.changed(now, Changed::Lane(key), asks));
    }

    fn signs_out(&mut self, now: Moment, seat: usize, asks: &mut Vec<Ask>) {
        let run = &mut self.seats[seat];
        run.connected = false;
        run.grace_ends = Some(now + self.grace);
        let offered: Vec<usize> = run.offered.iter().copied().collect();
        let unheard: Vec<usize> = run.owned.difference(&run.replied).copied().collect();
        for contact in &offered {
            self.end_offer(*contact);
            asks.push(Ask::Withdraw { contact: *contact });
        }
        for contact in &unheard {
            self.drop_from(now, *contact);
            asks.push(Ask::TakeBack { contact: *contact });
        }
        self.requeue(now, offered.into_iter().chain(unheard).collect(), asks);
    }
}

enum Changed {
    Lane(LaneKey),
    Seat(usize),
}

fn lane_key(contact: &SimContact) -> LaneKey {
    (contact.language, contact.skill, contact.region)
}

impl Policy for Rival<'_> {
    fn on(&mut self, now: Moment, happening: Happening, asks: &mut Vec<Ask>) {
        match happening {
            Happening::Arrives(contact) => {
                let key = self.line_up(contact);
                self.changed(now, Changed::Lane(key), asks);
            }
            Happening::Leaves(contact) => {
                let claim = self.claim(contact);
                let key = lane_key(&self.scenario.contacts[contact]);
                self.lanes.entry(key).or_default().waiting.remove(&claim);
                if let Some(seat) = self.end_offer(contact) {
                    asks.push(Ask::Withdraw { contact });
                    self.changed(now, Changed::Seat(seat), asks);
                }
            }
            Happening::Replied(contact) => {
                let owner = self.seats.iter_mut().find(|run| run.owned.contains(&contact));
                owner.into_iter().for_each(|run| {
                    run.replied.insert(contact);
                });
            }
            Happening::Closed(contact) => {
                if let Some(seat) = self.drop_from(now, contact) {
                    self.changed(now, Changed::Seat(seat), asks);
                }
            }
            Happening::SignsIn(seat) | Happening::Ready(seat) => {
                let run = &mut self.seats[seat];
                run.connected = true;
                run.away = false;
                run.grace_ends = None;
                self.changed(now, Changed::Seat(seat), asks);
            }
            Happening::Away(seat) => self.seats[seat].away = true,
            Happening::SignsOut(seat) => self.signs_out(now, seat, asks),
            Happening::ShiftBegins(seat) => {
                self.seats[seat].on_shift = true;
                self.changed(now, Changed::Seat(seat), asks);
            }
            Happening::ShiftEnds(seat) => self.seats[seat].on_shift = false,
            Happening::Accepts { seat, contact } => {
                if self.end_offer(contact).is_some() {
                    self.seats[seat].owned.insert(contact);
                    asks.push(Ask::Begin { seat, contact });
                }
            }
        }
    }

    fn next_deadline(&self) -> Option<Moment> {
        let offer = self.offers.first().map(|(at, ..)| *at);
        let grace = self.seats.iter().filter_map(|run| run.grace_ends).min();
        [offer, grace, self.acts_at].into_iter().flatten().min()
    }

    fn on_timer(&mut self, now: Moment, asks: &mut Vec<Ask>) {
        while let Some((_, contact, seat)) =
            self.offers.first().filter(|(at, ..)| *at <= now).copied()
        {
            // Whoever does not answer is asked no more.
            self.end_offer(contact);
            self.seats[seat].away = true;
            asks.push(Ask::Withdraw { contact });
            asks.push(Ask::SetAway { seat });
            self.requeue(now, vec![contact], asks);
        }
        for seat in 0..self.seats.len() {
            if self.seats[seat].grace_ends.is_none_or(|at| at > now) {
                continue;
            }
            self.seats[seat].grace_ends = None;
            let lost: Vec<usize> = self.seats[seat].owned.iter().copied().collect();
            for contact in &lost {
                self.drop_from(now, *contact);
                asks.push(Ask::TakeBack { contact: *contact });
            }
            self.requeue(now, lost, asks);
        }
        if self.acts_at.is_some_and(|at| at <= now) {
            self.act(now, asks);
        }
    }
}
