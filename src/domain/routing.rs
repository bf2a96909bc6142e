//! A shop's own rules of routing, as its configuration says them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;
use std::time::Duration;

use super::{RegionId, SkillId};

/// The rules of one shop. The default is what a shop has that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Slots that one chat uses.
    pub chat_slots: NonZeroU8,
    /// How long a slot stays in use after its conversation has ended, for the paperwork; zero for
    /// not at all.
    pub wrap_up: Duration,
    /// For how long the seat that a customer spoke to last is asked first; zero for never.
    pub sticky_for: Duration,
    /// How much of its shift that seat must have left.
    pub sticky_shift_left: Duration,
    /// Regions whose customers only seats that name the region may see, in every case.
    pub resident: BTreeSet<RegionId>,
    /// The rules of single queues, by their skill.
    pub queues: BTreeMap<SkillId, QueueRules>,
}

impl Rules {
    /// How long a slot stays in use after a conversation of a queue.
    pub fn wrap_up(&self, skill: &SkillId) -> Duration {
        self.queues.get(skill).and_then(|queue| queue.wrap_up).unwrap_or(self.wrap_up)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            chat_slots: NonZeroU8::MIN,
            wrap_up: Duration::ZERO,
            sticky_for: Duration::from_secs(24 * 3_600),
            // A conversation begun now should end before the seat goes home.
            sticky_shift_left: Duration::from_secs(15 * 60),
            resident: BTreeSet::new(),
            queues: BTreeMap::new(),
        }
    }
}

/// The best level of a skill or a language; what a seat has that says no level.
pub const LEVEL_MAX: u8 = 5;

/// The rules of one queue: of the conversations that ask for one skill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueRules {
    /// What a seat must be able to do at first.
    pub needs: Needs,
    /// Skills that a seat had better have as well. Nobody waits for them.
    pub prefers: Vec<SkillId>,
    /// Which of several free seats is asked.
    pub select: Select,
    /// Conversations of the queue that may wait, tickets not counted; a further one gets a ticket.
    pub waiting_max: Option<usize>,
    /// Wrap-up in place of the shop's.
    pub wrap_up: Option<Duration>,
    /// Its conversations wait for a supervisor's approval before any seat is asked.
    pub approval: Option<ApprovalRule>,
    /// Wider and wider circles of seats that open while a conversation waits, in their order.
    pub steps: Vec<Step>,
}

/// How the conversations of a queue are held for a supervisor's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalRule {
    /// Longest that one is held.
    pub hold_max: Duration,
    /// What becomes of one that nobody has approved by then.
    pub then: AfterHold,
}

/// What becomes of a conversation that nobody has approved in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterHold {
    /// It gets a ticket.
    #[default]
    Ticket,
    /// It goes on to the seats.
    Release,
}

/// What is asked of a seat beside language and skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Least level of the skill, 1 to [`LEVEL_MAX`].
    pub level: u8,
    /// Least level of the language, 1 to [`LEVEL_MAX`].
    pub fluency: u8,
    /// Whose customers a seat must serve.
    pub regions: Regions,
}

impl Default for Needs {
    fn default() -> Self {
        Self { level: 1, fluency: 1, regions: Regions::Own }
    }
}

/// Which regions' seats may take a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Regions {
    /// Those of the customer's own.
    #[default]
    Own,
    /// Also those of other regions.
    Also(Vec<RegionId>),
    /// Those of any.
    Any,
}

/// One of the circles: what is asked of its seats, and when it opens. It stays shut until one of
/// its conditions holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is asked instead of what the queue asks at first.
    pub needs: Needs,
    /// Wait after which it opens to a conversation.
    pub after: Option<Duration>,
    /// It is open as long as more conversations than this wait for the same seats, tickets not counted.
    pub longer_than: Option<usize>,
    /// It opens while nobody who fits at first is at work.
    pub if_nobody_there: bool,
}

/// Which of several free seats is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// The least busy and most specialised one: what others will ask for is spared.
    #[default]
    Balanced,
    /// The one whose last offer is longest ago, however busy.
    RoundRobin,
    /// The one with the fewest slots in use.
    LeastLoaded,
    /// The one that has had no conversation for longest.
    LongestIdle,
}
