//! What a simulated centre asks of a scheduler, and the schedulers that there are.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::moment::Moment;

/// One thing that a scheduler is told. Contacts and seats are numbers: places in the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A contact needs a seat.
    Arrives(usize),
    /// A contact waits no longer.
    Leaves(usize),
    /// The owner has written to the contact for the first time.
    Replied(usize),
    /// A contact's chat is over.
    Closed(usize),
    /// A seat is connected.
    SignsIn(usize),
    /// A seat has lost its connection.
    SignsOut(usize),
    /// A seat says that it is ready.
    Ready(usize),
    /// A seat says that it takes nothing new.
    Away(usize),
    /// A shift of a seat begins.
    ShiftBegins(usize),
    /// A shift of a seat ends.
    ShiftEnds(usize),
    /// A seat takes the contact that it was offered.
    Accepts {
        /// Who accepts.
        seat: usize,
        /// Which contact.
        contact: usize,
    },
}

/// One thing that a scheduler wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The seat is asked to take the contact.
    Offer {
        /// Who is asked.
        seat: usize,
        /// Which contact.
        contact: usize,
        /// In which language it would be answered.
        route: Route,
    },
    /// The offer of the contact is void.
    Withdraw {
        /// Which contact.
        contact: usize,
    },
    /// The seat owns the contact from now on.
    Begin {
        /// The owner.
        seat: usize,
        /// Which contact.
        contact: usize,
    },
    /// The seat has lost the contact, which waits again.
    TakeBack {
        /// Which contact.
        contact: usize,
    },
    /// The seat, whose shift has ended, hands the contact on.
    HandOver {
        /// Which contact.
        contact: usize,
    },
    /// The contact gets a ticket and waits no longer.
    GiveTicket {
        /// Which contact.
        contact: usize,
    },
    /// The seat is asked no more until it says that it is ready.
    SetAway {
        /// Which seat.
        seat: usize,
    },
}

/// How a contact is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// In its own language by a seat that speaks it.
    Native,
    /// Through translation.
    Translated,
}

/// A scheduler in a simulation. It owns no clock: it is told what happened and when.
pub(super) trait Policy {
    /// Takes one thing in, and puts what follows from it at the end of `asks`.
    fn on(&mut self, now: Moment, happening: Happening, asks: &mut Vec<Ask>);

    /// When [`Self::on_timer`] next has work.
    fn next_deadline(&self) -> Option<Moment>;

    /// Does what is due by `now`.
    fn on_timer(&mut self, now: Moment, asks: &mut Vec<Ask>);

    /// Its own broken promises, in words.
    fn audit(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The schedulers that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyName {
    /// The product's own.
    Default,
    /// The oldest contact, to the seat that was given something longest ago.
    FifoRoundRobin,
    /// The oldest contact, to the seat with the fewest open chats.
    LeastLoaded,
    /// VIPs before others, to the seat that has had nothing new for longest.
    LongestIdle,
    /// As [`Self::FifoRoundRobin`], run as a job every 25 s.
    Job25s,
    /// As [`Self::LeastLoaded`], one assignment for each language every 5 s.
    Worker5s,
    /// Everyone speaks everything: no scheduler can do better.
    PooledBound,
    /// The oldest contact, to the first free seat in the order of the scenario; some published
    /// cases ask for it.
    InOrder,
    /// No scheduler: what a journal says has happened.
    AsItWas,
}

impl PolicyName {
    /// Every scheduler that is compared, the product's own first.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::FifoRoundRobin,
        Self::LeastLoaded,
        Self::LongestIdle,
        Self::Job25s,
        Self::Worker5s,
        Self::PooledBound,
    ];

    /// The name as on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::FifoRoundRobin => "fifo-round-robin",
            Self::LeastLoaded => "least-loaded",
            Self::LongestIdle => "longest-idle",
            Self::Job25s => "job-25s",
            Self::Worker5s => "worker-5s",
            Self::PooledBound => "pooled-bound",
            Self::InOrder => "in-order",
            Self::AsItWas => "as-it-was",
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|name| name.as_str() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is none of {names}")
        })
    }
}

impl Serialize for PolicyName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
