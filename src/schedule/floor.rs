//! The floor of a shop: everything that has a seat or wants one, at one instant.

use super::scheduler::{Case, Ownership, Scheduler, Station};
use super::shifts::Shift;
use super::shop::{Seat, Shop};
use super::timers::Timer;
use super::views::WaitingView;
use crate::domain::{ConversationId, ShopId};
use crate::protocol::{FloorTotals, RunningRow, SeatRow, WaitingRow};

/// What a supervisor sees of a shop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Conversations without an owner, those offered first, then each lane in its order of service.
    pub waiting: Vec<WaitingRow>,
    /// Conversations with an owner, by the name of the seat.
    pub running: Vec<RunningRow>,
    /// Seats that are signed in or own something, by name.
    pub seats: Vec<SeatRow>,
    /// How many there are in all.
    pub totals: FloorTotals,
}

impl Scheduler {
    /// The floor of a shop, with at most `rows_max` rows of each kind; empty for an unknown shop.
    pub fn floor(&self, shop_id: &ShopId, rows_max: usize) -> Floor {
        let Some(shop) = self.shop_no(shop_id).map(|no| &self.shops[no]) else {
            return Floor::default();
        };
        let is_shown = |seat: &&Seat| seat.state.is_some() || !seat.owned.is_empty();
        let seats = || shop.seats_by_name().map(|no| &shop.seats[no]).filter(is_shown);
        let running = || seats().flat_map(|seat| &seat.owned).copied();
        let offered: usize = shop.seats.iter().map(|seat| seat.offers.len()).sum();
        Floor {
            waiting: self
                .queue(shop_id, rows_max)
                .into_iter()
                .map(|view| self.waiting_row(view))
                .collect(),
            running: running()
                .take(rows_max)
                .filter_map(|conversation| self.running_row(shop, conversation))
                .collect(),
            seats: seats().take(rows_max).map(Seat::row).collect(),
            totals: FloorTotals {
                waiting: shop.waiting + offered,
                running: running().count(),
                seats: seats().count(),
            },
        }
    }

    fn waiting_row(&self, view: WaitingView) -> WaitingRow {
        let arrived_at = self.case(view.conversation).contact.arrived_at;
        WaitingRow {
            conversation: view.conversation,
            place: view.place,
            language: view.language,
            skill: view.skill,
            region: view.region,
            priority: view.priority,
            reason: view.reason,
            wait_s: view.wait_s,
            arrived_at,
            deadline: arrived_at + self.settings.first_response_target,
            seat: view.seat,
            hops: view.hops,
        }
    }

    fn running_row(&self, shop: &Shop, conversation: ConversationId) -> Option<RunningRow> {
        let Case { contact, station: Station::Owned(owned), .. } = self.case(conversation) else {
            return None;
        };
        let Ownership { seat, since, replied, .. } = *owned;
        Some(RunningRow {
            conversation,
            seat: shop.seats[seat].profile.id.clone(),
            language: contact.language,
            skill: contact.skill.clone(),
            region: contact.region.clone(),
            priority: contact.priority,
            arrived_at: contact.arrived_at,
            deadline: contact.arrived_at + self.settings.first_response_target,
            since,
            replied,
            owes_reply: self.timers.is_set(Timer::OwnerSilent(conversation)),
            hops: contact.hops,
        })
    }
}

impl Seat {
    fn row(&self) -> SeatRow {
        let in_slots = |count: usize| (count * self.weight()) as u32;
        SeatRow {
            seat: self.profile.id.clone(),
            state: self.state,
            on_shift: self.shift != Shift::Off,
            ending: self.shift == Shift::Ending,
            shift_ends_at: self.shift_ends_at,
            slots: self.slots() as u32,
            assigned: in_slots(self.owned.len()),
            offered: in_slots(self.offers.len()),
            wrapping_up: in_slots(self.wrapping.len()),
            languages: self.profile.languages.clone(),
            skills: self.profile.skills.clone(),
        }
    }
}
