//! A contact centre in virtual time, for the tests of the scheduler.

use std::num::NonZeroU8;
use std::time::Duration;

use tradewind::domain::{
    ConversationId, Hours, OfferId, Priority, Proficiency, RegionId, Rules, SeatId, SeatProfile,
    SeatState, ShopId, SkillId, Timestamp, WaitReason,
};
use tradewind::schedule::{Command, Contact, Decision, QueueHours, Roster, Scheduler, Settings};

/// 2026-11-25T10:00:00Z, a Wednesday.
pub const START_MS: u64 = 1_795_600_800_000;

pub fn shop() -> ShopId {
    ShopId::from("demo")
}

/// A seat with one slot that is always on shift.
pub fn seat(id: &str, languages: &[&str], skills: &[&str]) -> SeatProfile {
    SeatProfile {
        id: SeatId::from(id),
        languages: languages.iter().map(|code| code.parse().expect("a language")).collect(),
        skills: skills.iter().map(|skill| SkillId::from(*skill)).collect(),
        proficiency: Proficiency::default(),
        regions: Vec::new(),
        slots: NonZeroU8::MIN,
        hours: Hours::always(),
    }
}

pub trait SeatExt {
    fn slots(self, slots: u8) -> Self;
    fn regions(self, regions: &[&str]) -> Self;
    fn hours(self, zone: &str, spans: &[&str]) -> Self;
}

impl SeatExt for SeatProfile {
    fn slots(mut self, slots: u8) -> Self {
        self.slots = NonZeroU8::new(slots).expect("at least one slot");
        self
    }

    fn regions(mut self, regions: &[&str]) -> Self {
        self.regions = regions.iter().map(|region| RegionId::from(*region)).collect();
        self
    }

    fn hours(mut self, zone: &str, spans: &[&str]) -> Self {
        self.hours = Hours::parse(zone, spans).expect("hours");
        self
    }
}

/// Levels of what a seat does; not named as what [`SeatProfile`] itself has.
pub trait LevelExt {
    fn at_level(self, skill: &str, level: u8) -> Self;
    fn at_fluency(self, language: &str, level: u8) -> Self;
}

impl LevelExt for SeatProfile {
    fn at_level(mut self, skill: &str, level: u8) -> Self {
        self.proficiency.skills.insert(SkillId::from(skill), level);
        self
    }

    fn at_fluency(mut self, language: &str, level: u8) -> Self {
        self.proficiency.languages.insert(language.parse().expect("a language"), level);
        self
    }
}

pub fn conversation(n: u64) -> ConversationId {
    ConversationId::from_uuid(uuid::Uuid::from_u128(n.into()))
}

/// A contact in English that asks for the skill `orders`.
pub fn contact(n: u64) -> Contact {
    Contact {
        conversation: conversation(n),
        shop: shop(),
        language: "en".parse().expect("a language"),
        skill: SkillId::from("orders"),
        region: None,
        priority: Priority::Normal,
        arrived_at: Timestamp::from_millis(u64::MAX),
        hops: 0,
        only: None,
        last_seat: None,
        approval: tradewind::schedule::Approval::None,
    }
}

pub trait ContactExt {
    fn language(self, code: &str) -> Self;
    fn skill(self, skill: &str) -> Self;
    fn region(self, region: &str) -> Self;
    fn priority(self, priority: Priority) -> Self;
    fn only(self, seat: &str) -> Self;
    fn last_seat(self, seat: &str) -> Self;
}

impl ContactExt for Contact {
    fn language(mut self, code: &str) -> Self {
        self.language = code.parse().expect("a language");
        self
    }

    fn skill(mut self, skill: &str) -> Self {
        self.skill = SkillId::from(skill);
        self
    }

    fn region(mut self, region: &str) -> Self {
        self.region = Some(RegionId::from(region));
        self
    }

    fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    fn only(mut self, seat: &str) -> Self {
        self.only = Some(SeatId::from(seat));
        self
    }

    fn last_seat(mut self, seat: &str) -> Self {
        self.last_seat = Some(SeatId::from(seat));
        self
    }
}

/// A scheduler with a clock that only the test moves. After every step the scheduler's own audit
/// must find nothing.
pub struct Centre {
    pub scheduler: Scheduler,
    now_ms: u64,
}

impl Centre {
    /// With the default settings, but that shifts end without a drain.
    pub fn new(seats: Vec<SeatProfile>) -> Self {
        Self::with(Settings { shift_drain: Duration::ZERO, ..Settings::default() }, seats)
    }

    pub fn with(settings: Settings, seats: Vec<SeatProfile>) -> Self {
        Self::with_rules(settings, seats, Rules::default())
    }

    pub fn with_rules(settings: Settings, seats: Vec<SeatProfile>, rules: Rules) -> Self {
        let fallback_language = Some("en".parse().expect("a language"));
        let hours = QueueHours::default();
        let translation = None;
        let roster = Roster { shop: shop(), seats, fallback_language, hours, rules, translation };
        Self { scheduler: Scheduler::new(settings, vec![roster]), now_ms: 0 }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(START_MS + self.now_ms)
    }

    /// The instant so many milliseconds after the start.
    pub fn instant(&self, ms: u64) -> Timestamp {
        Timestamp::from_millis(START_MS + ms)
    }

    pub fn tell(&mut self, command: Command) -> Vec<Decision> {
        let decisions = self.scheduler.apply(self.now(), command);
        self.audit();
        decisions
    }

    /// Lets time pass up to `ms` after the start. Gives what was decided on the way.
    pub fn until(&mut self, ms: u64) -> Vec<Decision> {
        assert!(ms >= self.now_ms, "time runs forwards");
        let mut decisions = Vec::new();
        let end = self.instant(ms);
        while let Some(at) = self.scheduler.next_deadline().filter(|at| *at <= end) {
            decisions.extend(self.scheduler.on_timer(at));
            self.audit();
        }
        self.now_ms = ms;
        decisions
    }

    fn audit(&self) {
        assert_eq!(self.scheduler.audit(), Vec::<String>::new());
    }

    pub fn ready(&mut self, seat: &str) -> Vec<Decision> {
        self.sign_in(seat, SeatState::Ready)
    }

    pub fn sign_in(&mut self, seat: &str, state: SeatState) -> Vec<Decision> {
        self.tell(Command::SignIn { shop: shop(), seat: SeatId::from(seat), state })
    }

    pub fn set_state(&mut self, seat: &str, state: SeatState) -> Vec<Decision> {
        self.tell(Command::SetState { shop: shop(), seat: SeatId::from(seat), state })
    }

    pub fn sign_out(&mut self, seat: &str) -> Vec<Decision> {
        self.tell(Command::SignOut { shop: shop(), seat: SeatId::from(seat) })
    }

    pub fn arrive(&mut self, contact: Contact) -> Vec<Decision> {
        self.tell(Command::Arrive(contact))
    }

    pub fn accept(&mut self, seat: &str, offer: OfferId) -> Vec<Decision> {
        self.tell(Command::Accept { shop: shop(), seat: SeatId::from(seat), offer })
    }

    pub fn decline(&mut self, seat: &str, offer: OfferId) -> Vec<Decision> {
        self.tell(Command::Decline { shop: shop(), seat: SeatId::from(seat), offer })
    }

    pub fn leave(&mut self, n: u64) -> Vec<Decision> {
        self.tell(Command::Leave { conversation: conversation(n) })
    }

    pub fn release(&mut self, n: u64) -> Vec<Decision> {
        self.tell(Command::Release { conversation: conversation(n) })
    }

    pub fn seat_spoke(&mut self, n: u64) -> Vec<Decision> {
        self.tell(Command::SeatSpoke { conversation: conversation(n) })
    }

    pub fn customer_spoke(&mut self, n: u64) -> Vec<Decision> {
        self.tell(Command::CustomerSpoke { conversation: conversation(n) })
    }

    /// A contact arrives, is offered and accepted at once. Gives the seat.
    pub fn arrive_and_accept(&mut self, contact: Contact) -> String {
        let decisions = self.arrive(contact);
        let (offer, seat, _) = one_offer(&decisions);
        self.accept(&seat, offer);
        seat
    }

    pub fn owner(&self, n: u64) -> Option<String> {
        self.scheduler.owner(conversation(n)).map(|(seat, _)| seat.to_string())
    }
}

/// Every offer in the decisions: its id, the seat and the conversation's number.
pub fn offers(decisions: &[Decision]) -> Vec<(OfferId, String, u64)> {
    let offer = |decision: &Decision| match decision {
        Decision::Offered { offer, seat, conversation, .. } => {
            Some((*offer, seat.to_string(), number(*conversation)))
        }
        _ => None,
    };
    decisions.iter().filter_map(offer).collect()
}

pub fn one_offer(decisions: &[Decision]) -> (OfferId, String, u64) {
    let mut offers = offers(decisions);
    assert_eq!(offers.len(), 1, "one offer in {decisions:?}");
    offers.remove(0)
}

pub fn number(conversation: ConversationId) -> u64 {
    u64::try_from(conversation.as_uuid().as_u128()).expect("a number of a test")
}

/// What conversations were told: number, place, reason.
pub fn told(decisions: &[Decision]) -> Vec<(u64, u32, WaitReason)> {
    let told = |decision: &Decision| match decision {
        Decision::Waiting { conversation, place, reason, .. } => {
            Some((number(*conversation), *place, *reason))
        }
        _ => None,
    };
    decisions.iter().filter_map(told).collect()
}
