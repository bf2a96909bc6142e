//! What one conversation needed of seats, read from its facts.

use crate::domain::{By, Event, EventKind, SeatId, Sender, ShopId, Timestamp};
use crate::flow::Fact;
use crate::schedule::{Contact, DecisionRecord, Step};

/// One conversation.
#[derive(Debug)]
pub(super) struct Story {
    pub shop: ShopId,
    /// Each time that it needed a seat, in order.
    pub needs: Vec<Need>,
    /// The last instant that is known of it.
    pub last_at: Timestamp,
    stage: Stage,
    assigned_at: Timestamp,
    offered: Option<(SeatId, Timestamp)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Waits,
    Owned,
}

/// One time that a conversation needed a seat.
#[derive(Debug)]
pub(super) struct Need {
    /// What it waited as, when a seat first took it.
    pub contact: Contact,
    /// Since when. A fact that says so comes right after the need.
    pub at: Option<Timestamp>,
    /// Who had it, in order.
    pub tenures: Vec<Tenure>,
    /// How it ended, and when; `None` at the end of the journal.
    pub end: Option<(Timestamp, End)>,
}

/// The time that one seat had a conversation.
#[derive(Debug)]
pub(super) struct Tenure {
    pub seat: SeatId,
    /// When the seat was asked; `None` when a supervisor gave it the conversation.
    pub offered_at: Option<Timestamp>,
    pub from: Timestamp,
    /// When the seat first wrote.
    pub replied_at: Option<Timestamp>,
    /// `None` at the end of the journal.
    pub until: Option<Timestamp>,
}

/// How a need ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A seat had it until the conversation was closed.
    Answered,
    /// The customer left.
    Left,
    /// Somebody else ended the wait.
    Dismissed,
    /// A ticket.
    Ticket,
}

impl Need {
    /// The seat that answered: the first that wrote, else the last that had it.
    pub fn answer(&self) -> Option<&Tenure> {
        let wrote = self.tenures.iter().find(|tenure| tenure.replied_at.is_some());
        wrote.or(self.tenures.last())
    }

    pub fn began_at(&self) -> Timestamp {
        self.at.unwrap_or(self.contact.arrived_at)
    }

    /// Seconds of all tenures together.
    pub fn work_s(&self, journal_ends: Timestamp) -> f64 {
        let lasted = |tenure: &Tenure| tenure.until.unwrap_or(journal_ends).since(tenure.from);
        self.tenures.iter().map(|tenure| lasted(tenure).as_secs_f64()).sum()
    }
}

impl Story {
    /// A conversation whose first record holds these facts; `None` when they are not its first.
    pub fn begin(facts: &[Fact]) -> Option<Self> {
        let Some(Fact::Opened(opened)) = facts.first() else { return None };
        Some(Self {
            shop: opened.shop.clone(),
            needs: Vec::new(),
            last_at: opened.at,
            stage: Stage::Idle,
            assigned_at: opened.at,
            offered: None,
        })
    }

    pub fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Event(event) => self.event(&event),
            Fact::Waits(contact) => self.waits(contact),
            Fact::Owned { seat, .. } => self.owned(seat),
            Fact::Decided(record) => self.decided(&record),
            Fact::Noted(note) => self.it_was(note.at),
            Fact::Erased(erased) => self.it_was(erased.at),
            Fact::Opened(_)
            | Fact::Understood { .. }
            | Fact::Translating { .. }
            | Fact::Translated { .. }
            | Fact::Epoch(_)
            | Fact::AskedForPerson
            | Fact::TicketDue(_)
            | Fact::ReachableAt(_)
            | Fact::Wanted(_)
            | Fact::Progressed(_)
            | Fact::MayGoOn(_)
            | Fact::SaidAll
            | Fact::OfItsOwn
            | Fact::Joined(_)
            | Fact::Parted(_)
            | Fact::Delivered(_)
            | Fact::Aside(_) => {}
        }
    }

    /// The time goes on to an instant: what has begun or ended without one of its own did so then.
    fn it_was(&mut self, at: Timestamp) {
        self.last_at = self.last_at.max(at);
        let stage = self.stage;
        let Some(need) = self.needs.last_mut() else { return };
        need.at.get_or_insert(at);
        if stage == Stage::Waits
            && let Some(lost) = need.tenures.last_mut()
        {
            lost.until.get_or_insert(at);
        }
    }

    fn waits(&mut self, contact: Contact) {
        match (self.stage, self.needs.last_mut()) {
            (Stage::Idle, _) | (_, None) => {
                self.needs.push(Need { contact, at: None, tenures: Vec::new(), end: None });
            }
            (_, Some(need)) if need.tenures.is_empty() => need.contact = contact,
            _ => {}
        }
        self.stage = Stage::Waits;
    }

    fn owned(&mut self, seat: SeatId) {
        let Some(need) = self.needs.last_mut() else { return };
        let offered = self.offered.take().filter(|(asked, _)| *asked == seat);
        need.tenures.push(Tenure {
            seat,
            offered_at: offered.map(|(_, at)| at),
            from: self.assigned_at,
            replied_at: None,
            until: None,
        });
        self.stage = Stage::Owned;
    }

    fn decided(&mut self, record: &DecisionRecord) {
        self.it_was(record.at);
        match &record.step {
            Step::Offered { seat, .. } => self.offered = Some((seat.clone(), record.at)),
            // The time that it was held is nobody's wait for a seat.
            Step::Approved { .. } => {
                let need = self.needs.last_mut().filter(|need| need.tenures.is_empty());
                need.into_iter().for_each(|need| need.at = Some(record.at));
            }
            _ => {}
        }
    }

    fn event(&mut self, event: &Event) {
        // An assignment from nowhere begins the need and ends its wait at once.
        self.it_was(event.at);
        match &event.kind {
            EventKind::Assigned { .. } => self.assigned_at = event.at,
            EventKind::Message { from: Sender::Seat, .. } if self.stage == Stage::Owned => {
                let tenure = self.needs.last_mut().and_then(|need| need.tenures.last_mut());
                if let Some(tenure) = tenure {
                    tenure.replied_at.get_or_insert(event.at);
                }
            }
            EventKind::Ticket { .. } => self.ends(event.at, End::Ticket),
            EventKind::Closed { by } => {
                let is_left = matches!(by, By::Customer);
                self.ends(event.at, if is_left { End::Left } else { End::Dismissed });
            }
            _ => {}
        }
    }

    fn ends(&mut self, at: Timestamp, end: End) {
        let was_owned = self.stage == Stage::Owned;
        if self.stage != Stage::Idle
            && let Some(need) = self.needs.last_mut()
        {
            let has_answer = need.answer().is_some_and(|tenure| tenure.replied_at.is_some());
            need.end = Some((at, if was_owned || has_answer { End::Answered } else { end }));
            if let Some(tenure) = need.tenures.last_mut().filter(|_| was_owned) {
                tenure.until = Some(at);
            }
        }
        self.stage = Stage::Idle;
    }
}
