//! What the scheduler is told.

use serde::{Deserialize, Serialize};

use crate::domain::{
    ConversationId, Language, OfferId, Priority, RegionId, SeatId, SeatState, ShopId, SkillId,
    Timestamp, TransferTarget,
};

/// A conversation that needs a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Whose customer.
    pub shop: ShopId,
    /// The customer's language.
    pub language: Language,
    /// What the seat must be able to do.
    pub skill: SkillId,
    /// Where the customer is; `None` when no region is asked for.
    pub region: Option<RegionId>,
    /// How much it weighs against the others.
    pub priority: Priority,
    /// When the customer first asked. Kept over every move, so that no move costs the place.
    pub arrived_at: Timestamp,
    /// How often it has moved from one seat to another.
    pub hops: u8,
    /// The seat that a person chose for it: asked first and alone for two offer times, whatever
    /// its languages and skills.
    pub only: Option<SeatId>,
    /// The seat that the customer spoke to last: asked first for at most 5 s, when it can take it
    /// and has a part of its shift left.
    #[serde(default)]
    pub last_seat: Option<SeatId>,
    /// Whether a supervisor has let it go on, where its queue asks for that. It counts for the skill
    /// of now.
    #[serde(default)]
    pub approval: Approval,
}

/// How far a supervisor's approval is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Nothing has been decided.
    #[default]
    None,
    /// It is held until then at the most.
    Held {
        /// Until when.
        until: Timestamp,
    },
    /// It may go on.
    Given,
}

impl Contact {
    /// Changes what the seat must be able to do. An approval was for what it was before.
    pub fn set_skill(&mut self, skill: SkillId) {
        if self.skill != skill {
            self.approval = Approval::None;
            self.skill = skill;
        }
    }
}

/// One thing that happened, for [`Scheduler::apply`](super::Scheduler::apply).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A conversation needs a seat. For one that waits already, this changes what it waits for
    /// and keeps its place; for one that has an owner it means nothing.
    Arrive(Contact),
    /// What a conversation waits for has changed, as with [`Self::Arrive`]; one that has left means nothing.
    Change(Contact),
    /// After a restart: a conversation that waited. No full queue turns it away.
    Rejoin(Contact),
    /// The customer is gone or was answered: out of the queue, a running offer is withdrawn.
    Leave {
        /// Which conversation.
        conversation: ConversationId,
    },
    /// A seat connects. Signing in again only sets the state.
    SignIn {
        /// The seat's shop.
        shop: ShopId,
        /// Which seat.
        seat: SeatId,
        /// What it says of itself.
        state: SeatState,
    },
    /// A signed-in seat changes its state. Running offers are withdrawn unless it is ready.
    SetState {
        /// The seat's shop.
        shop: ShopId,
        /// Which seat.
        seat: SeatId,
        /// What it says of itself now.
        state: SeatState,
    },
    /// A seat's last connection is lost.
    SignOut {
        /// The seat's shop.
        shop: ShopId,
        /// Which seat.
        seat: SeatId,
    },
    /// A seat takes an offer.
    Accept {
        /// The seat's shop.
        shop: ShopId,
        /// Which seat.
        seat: SeatId,
        /// Which offer.
        offer: OfferId,
    },
    /// A seat refuses an offer.
    Decline {
        /// The seat's shop.
        shop: ShopId,
        /// Which seat.
        seat: SeatId,
        /// Which offer.
        offer: OfferId,
    },
    /// The owner wrote to the customer.
    SeatSpoke {
        /// In which conversation.
        conversation: ConversationId,
    },
    /// The customer wrote in a conversation that has an owner. One that was worked off as a ticket
    /// is a live one from then on.
    CustomerSpoke {
        /// In which conversation.
        conversation: ConversationId,
    },
    /// The owner hands a conversation on.
    Transfer {
        /// The owner's shop.
        shop: ShopId,
        /// Which conversation.
        conversation: ConversationId,
        /// The owner who asks for it.
        from: SeatId,
        /// To whom.
        to: TransferTarget,
    },
    /// A supervisor gives a conversation to a seat, wherever it is now: at once and without an
    /// offer, whatever the seat's languages and skills. Region and capacity still hold, and for
    /// another seat than the supervisor's own also that it is at work.
    Assign {
        /// What the conversation needs, for one that the scheduler does not look after yet.
        contact: Contact,
        /// The owner to be.
        to: SeatId,
        /// The supervisor, who is told of a refusal.
        by: SeatId,
    },
    /// A supervisor lets a conversation go on that is held for approval.
    Approve {
        /// The supervisor's shop.
        shop: ShopId,
        /// Which conversation.
        conversation: ConversationId,
        /// The supervisor, who is told of a refusal.
        by: SeatId,
    },
    /// The conversation is closed: its slot is free.
    Release {
        /// Which conversation.
        conversation: ConversationId,
    },
    /// After a restart: a conversation that had an owner. The seat has the grace time from now to
    /// come back.
    Restore {
        /// The conversation.
        contact: Contact,
        /// Its owner.
        seat: SeatId,
        /// The fence of its last assignment.
        fence: u64,
        /// When that was; `None` counts as now.
        #[serde(default)]
        since: Option<Timestamp>,
        /// Whether the owner had already written.
        replied: bool,
    },
}
