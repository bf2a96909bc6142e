//! Conversations that no seat is asked to take before a supervisor has approved it, by a rule of
//! their queue.
//!
//! A hold keeps arrival and place, and has an end: what nobody has approved by then gets a ticket or
//! goes on, as the rule says.

use std::time::Duration;

use super::command::{Approval, Contact};
use super::decision::{Decision, RefuseReason, TicketReason};
use super::scheduler::{Case, Scheduler, Station};
use super::shifts::Order;
use super::shop::Shop;
use super::timers::Timer;
use crate::domain::{AfterHold, ApprovalRule, ConversationId, SeatId, ShopId, SkillId, Timestamp};

impl Scheduler {
    /// Keeps a conversation that has left its place from every seat. One that was held before, also
    /// before a restart, is held until the same instant.
    pub(super) fn hold(&mut self, conversation: ConversationId, hold_max: Duration) {
        let now = self.now;
        let case = self.case_mut(conversation);
        let known = case.held_until();
        let until = known.unwrap_or(now + hold_max);
        case.contact.approval = Approval::Held { until };
        case.station = Station::Held;
        case.admitted = true;
        let (shop_no, order, skill) = (case.shop, case.order(), case.contact.skill.clone());
        self.shops[shop_no].held.entry(skill).or_default().insert(order);
        self.shops[shop_no].waiting += 1;
        self.timers.set(Timer::HoldEnds(conversation), until);
        if known.is_none() {
            let place = self.place_among_held(self.case(conversation));
            self.decide(Decision::Held { conversation, place, until });
        }
        if until <= now {
            self.hold_ends(conversation);
        }
    }

    /// A supervisor lets a held conversation go on.
    pub(super) fn approve(&mut self, shop: ShopId, conversation: ConversationId, by: SeatId) {
        let case = self.cases.get(&conversation).filter(|case| case.contact.shop == shop);
        let reason = match case.map(|case| &case.station) {
            Some(Station::Held) => return self.let_go(conversation, Some(by)),
            Some(_) => RefuseReason::NotHeld,
            None => RefuseReason::NotFound,
        };
        self.refuse((shop, by), None, None, reason);
    }

    /// Nobody has approved it in time.
    pub(super) fn hold_ends(&mut self, conversation: ConversationId) {
        let case = self.case(conversation);
        let rule = self.shops[case.shop].approval_rule(&case.contact);
        match rule.map(|rule| rule.then) {
            Some(AfterHold::Ticket) => {
                self.leave_station(conversation);
                self.ticket(conversation, TicketReason::NotApproved, None);
            }
            // Without a rule nothing holds it any more.
            Some(AfterHold::Release) | None => self.let_go(conversation, None),
        }
    }

    fn let_go(&mut self, conversation: ConversationId, by: Option<SeatId>) {
        self.leave_station(conversation);
        let now = self.now;
        let case = self.case_mut(conversation);
        case.contact.approval = Approval::Given;
        // How long it may wait for a seat counts from here; its arrival stays.
        case.waits_since = now;
        self.decide(Decision::Approved { conversation, by });
        self.place(conversation);
    }

    /// Place from 1 among the held conversations of its skill, by arrival.
    pub(super) fn place_among_held(&self, case: &Case) -> u32 {
        let Some(held) = self.shops[case.shop].held.get(&case.contact.skill) else { return 1 };
        // Counted from the end: who is new stands there.
        (held.len() - held.range(case.order()..).count()) as u32 + 1
    }
}

impl Case {
    /// Until when it is held at the most.
    pub fn held_until(&self) -> Option<Timestamp> {
        match self.contact.approval {
            Approval::Held { until } => Some(until),
            Approval::None | Approval::Given => None,
        }
    }
}

impl Shop {
    /// The conversations of a skill that are held, by arrival.
    pub fn held_of(&self, skill: &SkillId) -> impl Iterator<Item = ConversationId> {
        self.held.get(skill).into_iter().flatten().map(|(.., conversation)| *conversation)
    }

    /// Every conversation that is held, by skill and arrival.
    pub fn all_held(&self) -> impl Iterator<Item = ConversationId> {
        self.held.values().flatten().map(|(.., conversation)| *conversation)
    }

    /// A conversation is held no longer.
    pub fn forget_held(&mut self, skill: &SkillId, order: &Order) {
        let Some(held) = self.held.get_mut(skill) else { return };
        held.remove(order);
        if held.is_empty() {
            self.held.remove(skill);
        }
    }

    /// The rule by which a contact is held now, if its queue has one.
    pub fn approval_rule(&self, contact: &Contact) -> Option<ApprovalRule> {
        let rule = self.rules.queues.get(&contact.skill)?.approval?;
        (contact.approval != Approval::Given).then_some(rule)
    }
}
