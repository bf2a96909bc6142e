//! A contact centre in virtual time: contacts come, wait and go, seats answer them as a policy
//! says.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use super::chats::Chats;
use super::check::{Checks, Watch};
use super::moment::Moment;
use super::outcome::{Ending, Fate, Outcome, Reply};
use super::policy::{Ask, Happening, Policy, Route};
use super::scenario::{Scenario, SeatEvent};

/// Something that will happen unless something else comes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    // At the same instant, in this order: who is there, what frees seats, what needs them, what
    // gives up.
    ShiftEnds(usize),
    ShiftBegins(usize),
    Done { seat: usize, version: u32 },
    Seat { seat: usize, event: usize },
    Arrives(usize),
    Replied { contact: usize, begun: u32 },
    GivesUp { contact: usize, wait: u32 },
}

/// Where a contact is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    ToCome,
    Waiting { since: Moment, offer: Option<(usize, Moment, Route)> },
    Open { seat: usize },
    Gone,
}

/// A contact on its way.
#[derive(Clone, Debug)]
pub(super) struct ContactRun {
    pub stage: Stage,
    /// Time that it waited before, and how often it has begun to wait and been answered.
    waited: Moment,
    waits: u32,
    begun: u32,
    /// Its seat has gone home after it had answered.
    handed_over: bool,
    /// Work that is left, as it would take alone and in its own language.
    left_s: f64,
    fate: Fate,
}

impl ContactRun {
    /// Whether it has not been answered yet.
    pub fn is_new(&self) -> bool {
        self.begun == 0
    }
}

/// A seat on its way.
#[derive(Clone, Debug)]
pub(super) struct SeatRun {
    pub connected: bool,
    pub on_shift: bool,
    pub ignores: bool,
    /// The policy has set it away.
    pub away: bool,
    pub chats: Chats,
    /// Contacts that it is asked to take.
    pub offered: BTreeSet<usize>,
    busy_s: f64,
    busy_counted_to: Moment,
}

impl SeatRun {
    pub fn used(&self) -> usize {
        self.chats.len() + self.offered.len()
    }
}

/// One simulation under way.
pub(super) struct Engine<'a> {
    pub scenario: &'a Scenario,
    pub now: Moment,
    pub contacts: Vec<ContactRun>,
    pub seats: Vec<SeatRun>,
    events: BinaryHeap<Reverse<(Moment, Event)>>,
    asks: Vec<Ask>,
    unfinished: usize,
    measured: (Moment, Moment),
    pub watch: Watch,
}

/// Runs a scenario to its end. `progress` is told the share that is done now and then.
pub(super) fn run(
    scenario: &Scenario,
    policy: &mut dyn Policy,
    checks: Checks,
    progress: &mut dyn FnMut(f64),
) -> Outcome {
    let mut engine = Engine::new(scenario, checks);
    engine.open(policy);
    let mut steps = 0u64;
    while engine.unfinished > 0 && engine.step(policy) {
        steps += 1;
        if steps.is_multiple_of(8_192) {
            let all = scenario.contacts.len().max(1) as f64;
            progress(1.0 - engine.unfinished as f64 / all);
        }
    }
    engine.outcome()
}

impl<'a> Engine<'a> {
    fn new(scenario: &'a Scenario, checks: Checks) -> Self {
        let contacts = scenario.contacts.iter().map(|contact| ContactRun {
            stage: Stage::ToCome,
            waited: Moment::START,
            waits: 0,
            begun: 0,
            handed_over: false,
            left_s: contact.work_s,
            fate: Fate {
                ending: Ending::Open,
                seat: None,
                offered_at: None,
                answered_at: None,
                closed_at: None,
                route: None,
                open_then: 0,
                reply: Reply::BySettings,
            },
        });
        let seats = scenario.seats.iter().map(|seat| SeatRun {
            connected: false,
            on_shift: seat.hours.as_ref().is_none_or(|hours| hours.is_open(scenario.starts_at)),
            ignores: false,
            away: false,
            chats: Chats::default(),
            offered: BTreeSet::new(),
            busy_s: 0.0,
            busy_counted_to: scenario.measure_from,
        });
        let last = scenario.contacts.iter().map(|contact| contact.at).max();
        let measured_to = last.unwrap_or(scenario.measure_from).max(scenario.measure_from);
        Self {
            scenario,
            now: Moment::START,
            contacts: contacts.collect(),
            seats: seats.collect(),
            events: BinaryHeap::with_capacity(scenario.contacts.len() + 1_024),
            asks: Vec::new(),
            unfinished: scenario.contacts.len(),
            measured: (scenario.measure_from, measured_to),
            watch: Watch::new(checks),
        }
    }

    /// Signs every seat in, the one that has idled longest first, and lays out what is to come.
    fn open(&mut self, policy: &mut dyn Policy) {
        let scenario = self.scenario;
        for (contact, row) in scenario.contacts.iter().enumerate() {
            self.at(row.at, Event::Arrives(contact));
        }
        for (seat, row) in scenario.seats.iter().enumerate() {
            for (event, (at, _)) in row.events.iter().enumerate() {
                self.at(*at, Event::Seat { seat, event });
            }
            self.plan_shift(seat);
        }
        let mut order: Vec<usize> = (0..scenario.seats.len()).collect();
        order.sort_by_key(|seat| scenario.seats[*seat].idle_since);
        for seat in order {
            self.seats[seat].connected = true;
            self.now = scenario.seats[seat].idle_since;
            self.tell(policy, Happening::SignsIn(seat));
        }
        self.now = Moment::START;
    }

    fn at(&mut self, at: Moment, event: Event) {
        self.events.push(Reverse((at, event)));
    }

    /// Lays out the next change of a seat's shift.
    fn plan_shift(&mut self, seat: usize) {
        let Some(hours) = &self.scenario.seats[seat].hours else { return };
        let wall = self.scenario.wall(self.now);
        let (at, event) = match hours.open_until(wall) {
            Some(end) => (Some(end), Event::ShiftEnds(seat)),
            None => (hours.next_open(wall), Event::ShiftBegins(seat)),
        };
        if let Some(at) = at {
            self.at(self.scenario.moment(at), event);
        }
    }

    /// Does the next thing; `false` when there is none.
    fn step(&mut self, policy: &mut dyn Policy) -> bool {
        let event = self.events.peek().map(|Reverse((at, _))| *at);
        let timer = policy.next_deadline();
        match (event, timer) {
            (None, None) => return false,
            (at, Some(timer)) if at.is_none_or(|at| timer < at) => {
                self.now = self.now.max(timer);
                policy.on_timer(self.now, &mut self.asks);
                self.settle(policy);
            }
            _ => {
                let Reverse((at, event)) = self.events.pop().expect("an event was seen");
                self.now = at;
                match event {
                    Event::ShiftBegins(_) | Event::ShiftEnds(_) => {
                        self.change_shifts(policy, event)
                    }
                    other => self.happen(policy, other),
                }
            }
        }
        if self.watch.is_after_steps() {
            self.check(policy);
        }
        true
    }

    fn happen(&mut self, policy: &mut dyn Policy, event: Event) {
        match event {
            Event::Done { seat, version } if self.seats[seat].chats.version() == version => {
                let next = self.seats[seat].chats.next_done(&self.scenario.settings);
                let (_, contact) = next.expect("a chat was to be done now");
                self.end_chat(seat, contact);
                let fate = &mut self.contacts[contact].fate;
                (fate.ending, fate.closed_at) = (Ending::Answered, Some(self.now));
                self.contacts[contact].stage = Stage::Gone;
                self.unfinished -= 1;
                self.tell(policy, Happening::Closed(contact));
            }
            Event::Replied { contact, begun } if self.contacts[contact].begun == begun => {
                if matches!(self.contacts[contact].stage, Stage::Open { .. }) {
                    self.tell(policy, Happening::Replied(contact));
                }
            }
            Event::GivesUp { contact, wait } if self.contacts[contact].waits == wait => {
                self.give_up(policy, contact);
            }
            Event::Done { .. } | Event::Replied { .. } | Event::GivesUp { .. } => {}
            Event::ShiftBegins(_) | Event::ShiftEnds(_) => {}
            Event::Seat { seat, event } => self.seat_event(policy, seat, event),
            Event::Arrives(contact) => {
                self.begin_to_wait(contact);
                self.tell(policy, Happening::Arrives(contact));
            }
        }
    }

    /// Changes every shift that begins or ends now, and tells of them when all are changed: a
    /// scheduler that knows the shifts changes them together.
    fn change_shifts(&mut self, policy: &mut dyn Policy, first: Event) {
        let mut changes = vec![first];
        let is_shift = |event: &Event| matches!(event, Event::ShiftBegins(_) | Event::ShiftEnds(_));
        while let Some(Reverse((at, event))) = self.events.peek()
            && *at == self.now
            && is_shift(event)
        {
            changes.extend(self.events.pop().map(|Reverse((_, event))| event));
        }
        let mut news = Vec::with_capacity(changes.len());
        for event in changes {
            let (seat, begins) = match event {
                Event::ShiftBegins(seat) => (seat, true),
                Event::ShiftEnds(seat) => (seat, false),
                _ => continue,
            };
            self.seats[seat].on_shift = begins;
            self.plan_shift(seat);
            let [starts, ends] = [Happening::ShiftBegins(seat), Happening::ShiftEnds(seat)];
            news.push(if begins { starts } else { ends });
        }
        news.into_iter().for_each(|happening| self.tell(policy, happening));
    }

    fn seat_event(&mut self, policy: &mut dyn Policy, seat: usize, event: usize) {
        let rules = &self.scenario.settings;
        let run = &mut self.seats[seat];
        match self.scenario.seats[seat].events[event].1 {
            SeatEvent::Disconnect if run.connected => {
                run.connected = false;
                run.chats.pause(self.now, true, rules);
                self.tell(policy, Happening::SignsOut(seat));
            }
            SeatEvent::Reconnect if !run.connected => {
                run.connected = true;
                run.away = false;
                run.chats.pause(self.now, false, rules);
                self.plan_done(seat);
                self.tell(policy, Happening::SignsIn(seat));
            }
            SeatEvent::Disconnect | SeatEvent::Reconnect => {}
            SeatEvent::IgnoreOffers => run.ignores = true,
            SeatEvent::Away => {
                run.away = true;
                self.tell(policy, Happening::Away(seat));
            }
            SeatEvent::Ready => {
                run.ignores = false;
                // Somebody sits there again, and first takes what is on the screen.
                let waiting: Vec<usize> = run.offered.iter().copied().collect();
                for contact in waiting {
                    self.tell(policy, Happening::Accepts { seat, contact });
                }
                if self.seats[seat].connected {
                    self.seats[seat].away = false;
                    self.tell(policy, Happening::Ready(seat));
                }
            }
        }
    }

    /// Tells the policy one thing and does all that follows.
    fn tell(&mut self, policy: &mut dyn Policy, happening: Happening) {
        policy.on(self.now, happening, &mut self.asks);
        self.settle(policy);
    }

    fn settle(&mut self, policy: &mut dyn Policy) {
        let mut todo: VecDeque<Ask> = self.asks.drain(..).collect();
        while let Some(ask) = todo.pop_front() {
            if let Ask::Offer { seat, contact, route } = ask {
                self.offer(seat, contact, route);
                let run = &self.seats[seat];
                if run.connected && !run.ignores {
                    let accepts = Happening::Accepts { seat, contact };
                    policy.on(self.now, accepts, &mut self.asks);
                    // What follows from the answer comes before what was asked after it.
                    self.asks.drain(..).rev().for_each(|ask| todo.push_front(ask));
                }
                continue;
            }
            match ask {
                Ask::Offer { .. } => {}
                Ask::Withdraw { contact } => {
                    self.take_offer(contact);
                }
                Ask::Begin { seat, contact } => self.begin(seat, contact),
                Ask::TakeBack { contact } => self.take_back(contact),
                Ask::HandOver { contact } => self.hand_over(contact),
                Ask::GiveTicket { contact } => self.give_ticket(contact),
                Ask::SetAway { seat } => self.seats[seat].away = true,
            }
        }
    }

    fn offer(&mut self, seat: usize, contact: usize, route: Route) {
        self.check_offer(seat, contact, route);
        if let Stage::Waiting { offer, .. } = &mut self.contacts[contact].stage {
            *offer = Some((seat, self.now, route));
            self.seats[seat].offered.insert(contact);
            self.count_busy(seat);
        }
    }

    /// Takes the offer of a waiting contact away.
    fn take_offer(&mut self, contact: usize) -> Option<(usize, Moment, Route)> {
        let Stage::Waiting { offer, .. } = &mut self.contacts[contact].stage else { return None };
        let taken = offer.take()?;
        self.count_busy(taken.0);
        self.seats[taken.0].offered.remove(&contact);
        if self.seats[taken.0].ignores {
            self.watch.refused(contact, taken.0);
        }
        Some(taken)
    }

    fn begin(&mut self, seat: usize, contact: usize) {
        let Stage::Waiting { since, .. } = self.contacts[contact].stage else {
            return self.watch.broken(self.now, "a contact is answered that does not wait");
        };
        let offer = self.take_offer(contact).filter(|(asked, ..)| *asked == seat);
        let Some((_, offered_at, route)) = offer else {
            return self.watch.broken(self.now, "a contact is answered by a seat not asked");
        };
        self.count_busy(seat);
        let rules = &self.scenario.settings;
        let factor = self.scenario.work_factor(route);
        let run = &mut self.contacts[contact];
        run.waited = run.waited + (self.now - since);
        run.waits += 1;
        run.begun += 1;
        run.stage = Stage::Open { seat };
        let chats = &mut self.seats[seat].chats;
        chats.begin(self.now, contact, run.left_s * factor, rules);
        let open_then = chats.len();
        if !run.handed_over {
            run.fate.seat = Some(seat);
            run.fate.offered_at = Some(offered_at);
            run.fate.answered_at = Some(self.now);
            run.fate.route = Some(route);
            run.fate.open_then = open_then;
        }
        let begun = run.begun;
        let replies_at = self.now + Moment::from_s(rules.first_reply(open_then));
        self.at(replies_at, Event::Replied { contact, begun });
        self.plan_done(seat);
    }

    fn take_back(&mut self, contact: usize) {
        let Stage::Open { seat } = self.contacts[contact].stage else {
            return self.watch.broken(self.now, "a contact is taken from a seat that has it not");
        };
        let left_s = self.end_chat(seat, contact);
        let route = self.contacts[contact].fate.route.unwrap_or(Route::Native);
        let run = &mut self.contacts[contact];
        run.left_s = left_s / self.scenario.work_factor(route);
        run.fate.seat = None;
        run.fate.offered_at = None;
        run.fate.answered_at = None;
        run.fate.route = None;
        self.begin_to_wait(contact);
    }

    /// The seat goes home and a colleague goes on. The contact has had its answer: its fate stays
    /// as it is, and it does not give up.
    fn hand_over(&mut self, contact: usize) {
        let Stage::Open { seat } = self.contacts[contact].stage else {
            return self.watch.broken(self.now, "a contact is taken from a seat that has it not");
        };
        let left_s = self.end_chat(seat, contact);
        let run = &mut self.contacts[contact];
        let route = run.fate.route.unwrap_or(Route::Native);
        run.left_s = left_s / self.scenario.work_factor(route);
        run.handed_over = true;
        run.stage = Stage::Waiting { since: self.now, offer: None };
        run.waits += 1;
    }

    /// Nobody will answer in time: a ticket ends the wait.
    fn give_ticket(&mut self, contact: usize) {
        self.take_offer(contact);
        let run = &mut self.contacts[contact];
        run.waits += 1;
        run.stage = Stage::Gone;
        run.fate.ending = if run.handed_over { Ending::Answered } else { Ending::Ticket };
        run.fate.closed_at = Some(self.now);
        self.unfinished -= 1;
    }

    fn end_chat(&mut self, seat: usize, contact: usize) -> f64 {
        self.count_busy(seat);
        let left_s = self.seats[seat].chats.end(self.now, contact, &self.scenario.settings);
        self.plan_done(seat);
        left_s
    }

    fn begin_to_wait(&mut self, contact: usize) {
        let run = &mut self.contacts[contact];
        run.stage = Stage::Waiting { since: self.now, offer: None };
        run.waits += 1;
        let wait = run.waits;
        if let Some(patience) = self.scenario.contacts[contact].patience {
            let left = (patience - run.waited).max(Moment::START);
            self.at(self.now + left, Event::GivesUp { contact, wait });
        }
    }

    fn give_up(&mut self, policy: &mut dyn Policy, contact: usize) {
        // Told first: the policy withdraws an offer that runs.
        self.tell(policy, Happening::Leaves(contact));
        self.take_offer(contact);
        let run = &mut self.contacts[contact];
        run.waits += 1;
        run.stage = Stage::Gone;
        run.fate.ending = Ending::Abandoned;
        run.fate.closed_at = Some(self.now);
        self.unfinished -= 1;
    }

    fn plan_done(&mut self, seat: usize) {
        let chats = &self.seats[seat].chats;
        if let Some((at, _)) = chats.next_done(&self.scenario.settings) {
            let version = chats.version();
            self.at(at, Event::Done { seat, version });
        }
    }

    /// Counts the chats of a seat as busy up to now. Called before each change.
    fn count_busy(&mut self, seat: usize) {
        let (from, to) = self.measured;
        let run = &mut self.seats[seat];
        let now = self.now.clamp(from, to);
        run.busy_s += (now - run.busy_counted_to).as_s() * run.chats.len() as f64;
        run.busy_counted_to = now;
    }

    fn outcome(mut self) -> Outcome {
        self.now = self.now.max(self.measured.1);
        (0..self.seats.len()).for_each(|seat| self.count_busy(seat));
        let fates: Vec<Fate> = self.contacts.iter().map(|run| run.fate).collect();
        // Not `now`, which shifts and the patience of those who have gone carry on.
        let last = fates.iter().filter_map(|fate| fate.closed_at).max();
        Outcome {
            ended: last.map_or(self.measured.1, |last| last.max(self.measured.1)),
            fates,
            busy_s: self.seats.iter().map(|seat| seat.busy_s).collect(),
            measured: self.measured,
            broken: self.watch.into_broken(),
        }
    }
}
