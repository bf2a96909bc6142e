//! Why a conversation is where it is: where it stands, and the decisions that led there.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::decision::{Decision, TakeBackReason, WithdrawReason};
use super::records::{DecisionRecord, Step};
use super::rings::Ring;
use super::scheduler::{Scheduler, Station};
use super::search::{Search, SearchView};
use super::settings::{Roster, Settings};
use super::shop::{LaneNo, SeatNo};
use super::views::WaitingView;
use crate::domain::{ConversationId, SeatId, ShopId, Timestamp, WaitReason};

/// Letters of the version of the rules.
const VERSION_LEN: usize = 12;

/// Where a conversation stands and what was decided about it. It holds no text of the customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Whose.
    pub shop: ShopId,
    /// Names the settings, seats and hours that decided: it changes with any of them.
    pub rules: Arc<str>,
    /// Where it stands.
    pub now: Standing,
    /// The latest decisions, the oldest first.
    pub records: Vec<RecordView>,
}

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Standing {
    /// It has no owner yet.
    Waiting(Box<WaitingView>),
    /// A seat owns it.
    Owned {
        /// The owner.
        seat: SeatId,
        /// Since when.
        #[serde(serialize_with = "instant")]
        since: Timestamp,
    },
    /// It is no longer with the scheduler: closed, answered, or a ticket.
    Gone,
}

/// One decision about a conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordView {
    /// When.
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    /// Names the rules that decided, as [`Explanation::rules`] does for those of now.
    pub rules: Arc<str>,
    /// What was decided.
    #[serde(flatten)]
    pub step: Step,
    /// How a seat was looked for, where one was.
    pub search: Option<SearchView>,
}

fn instant<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339())
}

/// The version of a shop's rules: the same on every machine for the same configuration.
pub(super) fn rules_version(settings: &Settings, roster: &Roster) -> Arc<str> {
    let digest = Sha256::digest(format!("{settings:?}{roster:?}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..VERSION_LEN].into()
}

impl Scheduler {
    /// Where a conversation stands and what was decided about it lately; `None` for one that is
    /// not known, or was forgotten for newer ones.
    pub fn explain(&self, conversation: ConversationId) -> Option<Explanation> {
        let remembered = self.records.of(conversation);
        let case = self.cases.get(&conversation);
        let shop_no = case.map(|case| case.shop).or(remembered.as_ref().map(|(shop, _)| *shop))?;
        let shop = &self.shops[shop_no];
        let view = |record: &DecisionRecord| RecordView {
            at: record.at,
            rules: record.rules.clone(),
            step: record.step.clone(),
            search: record.search.as_ref().map(|search| search.view()),
        };
        let now = match case {
            None => Standing::Gone,
            Some(case) => match &case.station {
                Station::Owned(owned) => Standing::Owned {
                    seat: shop.seats[owned.seat].profile.id.clone(),
                    since: owned.since,
                },
                _ => Standing::Waiting(Box::new(self.waiting_view(shop, case))),
            },
        };
        Some(Explanation {
            conversation,
            shop: shop.id.clone(),
            rules: shop.rules_version.clone(),
            now,
            records: remembered.into_iter().flat_map(|(_, records)| records.map(view)).collect(),
        })
    }

    /// Decides, and remembers it.
    pub(super) fn decide(&mut self, decision: Decision) {
        self.decide_after(None, decision);
    }

    /// Decides after a search for a seat, and remembers both.
    pub(super) fn decide_after(&mut self, search: Option<Search>, decision: Decision) {
        if self.records.is_on()
            && let (Some(conversation), Some(step)) =
                (decision.conversation(), self.step_of(&decision))
        {
            self.remember(conversation, step, search);
        }
        self.decisions.push(decision);
    }

    pub(super) fn remember(
        &mut self,
        conversation: ConversationId,
        step: Step,
        search: Option<Search>,
    ) {
        let Some(case) = self.cases.get(&conversation) else { return };
        let rules = self.shops[case.shop].rules_version.clone();
        let record = DecisionRecord { at: self.now, rules, step, search: search.map(Box::new) };
        self.records.push(conversation, case.shop, record);
    }

    /// The records of what was decided since the last call, for the journal.
    pub fn take_unwritten_records(&mut self) -> Vec<(ConversationId, Arc<DecisionRecord>)> {
        self.records.take_unwritten()
    }

    /// After a restart, before any command: remembers a decision that the journal has kept. Call it
    /// in the order of the journal.
    pub fn recall(
        &mut self,
        shop: &ShopId,
        conversation: ConversationId,
        record: Arc<DecisionRecord>,
    ) {
        if let Some(shop) = self.shop_no(shop) {
            self.records.recall(conversation, shop, record);
        }
    }

    /// Forgets every decision about a conversation whose customer is erased.
    pub fn forget(&mut self, conversation: ConversationId) {
        self.records.forget(conversation);
    }

    /// Keeps the seats from a conversation that refused it before a restart, as far as that is
    /// remembered.
    pub(super) fn bar_again(&mut self, conversation: ConversationId) {
        let Some((shop_no, records)) = self.records.of(conversation) else { return };
        let (offer_ttl, pause) = (self.settings.offer_ttl, self.settings.same_seat_pause);
        let mut refusals = Vec::new();
        for DecisionRecord { at, step, .. } in records {
            match step {
                Step::Assigned { .. } => refusals.clear(),
                Step::Declined { seat }
                | Step::Withdrawn { seat, reason: WithdrawReason::Expired } => {
                    refusals.push((seat.clone(), *at + offer_ttl, 1));
                }
                // Not its fault: it may have it back at once.
                Step::TakenBack { seat, reason: TakeBackReason::SeatGone } => {
                    refusals.push((seat.clone(), *at, 0));
                }
                Step::TakenBack { seat, .. } => refusals.push((seat.clone(), *at + pause, 0)),
                _ => {}
            }
        }
        let now = self.now;
        for (seat, until, counts) in refusals {
            let Some(seat) = self.shops[shop_no].seat_no(&seat) else { continue };
            let case = self.case_mut(conversation);
            case.bar(seat, until, now);
            case.times_refused += counts;
        }
    }

    /// The step that a decision is; `None` for one that says nothing new.
    fn step_of(&self, decision: &Decision) -> Option<Step> {
        match decision {
            Decision::Offered { seat, why, .. } => {
                let why = why.iter().map(ToString::to_string).collect();
                Some(Step::Offered { seat: seat.clone(), why })
            }
            Decision::Withdrawn { seat, reason, .. } => {
                Some(Step::Withdrawn { seat: seat.clone(), reason: *reason })
            }
            Decision::Assigned { seat, .. } => Some(Step::Assigned { seat: seat.clone() }),
            Decision::TakenBack { seat, reason, .. } => {
                Some(Step::TakenBack { seat: seat.clone(), reason: *reason })
            }
            Decision::Ticket { reason, opens_at, .. } => {
                Some(Step::Ticket { reason: *reason, opens_at: *opens_at })
            }
            Decision::Held { until, .. } => Some(Step::Held { until: *until }),
            Decision::Approved { by, .. } => Some(Step::Approved { by: by.clone() }),
            Decision::Escalated { hops, .. } => Some(Step::Escalated { hops: *hops }),
            Decision::Waiting { conversation, place, wait_s, reason } => {
                let is_news = *reason != WaitReason::Offered
                    && self.remembered_wait(*conversation) != Some(*reason);
                is_news.then_some(Step::Waits { reason: *reason, place: *place, wait_s: *wait_s })
            }
            Decision::SeatState { .. }
            | Decision::SlotsChanged { .. }
            | Decision::Refused { .. } => None,
        }
    }

    /// What a conversation waits for by its last record.
    fn remembered_wait(&self, conversation: ConversationId) -> Option<WaitReason> {
        let (_, mut records) = self.records.of(conversation)?;
        match records.next_back()?.step {
            Step::Waits { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// The search that an offer to `seat` in a ring came from.
    pub(super) fn search_that_found(
        &mut self,
        conversation: ConversationId,
        seat: SeatNo,
        ring: Option<Ring>,
    ) -> Option<Search> {
        let lane = self.searched_lane(conversation)?;
        Some(self.search(conversation, (lane, ring?), Some(seat)))
    }

    /// The search of one who found nobody.
    pub(super) fn search_in_vain(&mut self, conversation: ConversationId) -> Option<Search> {
        let lane = self.searched_lane(conversation)?;
        Some(self.search(conversation, (lane, Ring::Native), None))
    }

    /// The lane of a conversation; `None` also when nothing is remembered anyway.
    fn searched_lane(&mut self, conversation: ConversationId) -> Option<LaneNo> {
        if !self.records.is_on() {
            return None;
        }
        let case = self.cases.get(&conversation)?;
        self.shops[case.shop].lane_for(&case.contact, self.now)
    }
}
