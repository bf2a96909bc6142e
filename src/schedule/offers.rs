//! Offers: one seat is asked for a stated time whether it takes a conversation.

use std::collections::BTreeMap;

use super::decision::{Decision, RefuseReason, WithdrawReason};
use super::records::Step;
use super::rings::Ring;
use super::scheduler::{Scheduler, Station};
use super::shop::{SeatNo, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, OfferId, SeatId, SeatState, ShopId, Timestamp};

/// Closed offers that are remembered, to tell a late answer why it is refused.
const PAST_MAX: usize = 10_000;

/// An offer that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub conversation: ConversationId,
    pub shop: ShopNo,
    pub seat: SeatNo,
    /// The ring in which the seat was found; `None` when a person chose it.
    pub ring: Option<Ring>,
    pub made_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What became of a closed offer.
#[derive(Clone, Copy, Debug)]
struct Past {
    offer: Offer,
    accepted: bool,
}

/// The open offers and the recently closed ones.
#[derive(Debug, Default)]
pub(super) struct Offers {
    open: BTreeMap<OfferId, Offer>,
    past: BTreeMap<OfferId, Past>,
    started_ms: u64,
    count: u64,
}

impl Offers {
    /// Offers of a scheduler that starts later get other ids, so an answer from before a restart
    /// never meets a new offer.
    pub fn start(&mut self, now: Timestamp) {
        self.started_ms = now.as_millis();
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn get(&self, offer: OfferId) -> Option<&Offer> {
        self.open.get(&offer)
    }

    pub fn open(&mut self, offer: Offer) -> OfferId {
        let id = self.next_id();
        self.open.insert(id, offer);
        id
    }

    fn close(&mut self, id: OfferId, accepted: bool) -> Offer {
        let offer = self.open.remove(&id).expect("only an open offer is closed");
        self.past.insert(id, Past { offer, accepted });
        if self.past.len() > PAST_MAX {
            // Ids rise, so the first is the oldest.
            self.past.pop_first();
        }
        offer
    }

    /// Writes the new numbers of a shop's seats. A closed offer of a seat that is gone is forgotten.
    pub fn renumber(&mut self, shop: ShopNo, numbers: &[Option<SeatNo>]) {
        for offer in self.open.values_mut().filter(|offer| offer.shop == shop) {
            offer.seat = numbers[offer.seat].expect("a seat that is gone is asked nothing");
        }
        self.past.retain(|_, past| {
            if past.offer.shop != shop {
                return true;
            }
            let number = numbers[past.offer.seat];
            past.offer.seat = number.unwrap_or(past.offer.seat);
            number.is_some()
        });
    }

    /// Start time and a count, in a version 8 layout: the same commands give the same ids.
    fn next_id(&mut self) -> OfferId {
        self.count += 1;
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&self.started_ms.to_be_bytes()[2..]);
        bytes[8..].copy_from_slice(&self.count.to_be_bytes());
        OfferId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Why a seat cannot answer an offer; `None` when it can.
    fn refusal(&self, id: OfferId, shop: ShopNo, seat: SeatNo) -> Option<RefuseReason> {
        let is_its_own = |offer: &Offer| offer.shop == shop && offer.seat == seat;
        match (self.open.get(&id), self.past.get(&id)) {
            (Some(offer), _) if is_its_own(offer) => None,
            (_, Some(past)) if past.offer.shop == shop && past.accepted => {
                Some(RefuseReason::OfferTaken)
            }
            (_, Some(past)) if is_its_own(&past.offer) => Some(RefuseReason::OfferExpired),
            (Some(offer), _) if offer.shop == shop => Some(RefuseReason::Forbidden),
            (_, Some(past)) if past.offer.shop == shop => Some(RefuseReason::Forbidden),
            _ => Some(RefuseReason::NotFound),
        }
    }
}

impl Scheduler {
    pub(super) fn accept(&mut self, shop_id: ShopId, seat_id: SeatId, id: OfferId) {
        let Some((shop_no, seat_no)) = self.answerable(&shop_id, &seat_id, id) else { return };
        let Offer { conversation, .. } = self.offers.close(id, true);
        self.timers.clear(Timer::OfferExpires(id));
        let seat = &mut self.shops[shop_no].seats[seat_no];
        seat.unanswered = 0;
        seat.offers.remove(&id);
        self.own(conversation, seat_no, Some(id));
    }

    pub(super) fn decline(&mut self, shop_id: ShopId, seat_id: SeatId, id: OfferId) {
        let Some((shop_no, seat_no)) = self.answerable(&shop_id, &seat_id, id) else { return };
        self.shops[shop_no].seats[seat_no].unanswered = 0;
        let conversation = self.close_offer(id);
        self.remember(conversation, Step::Declined { seat: seat_id }, None);
        self.was_refused(conversation, seat_no);
        self.place(conversation);
        self.fill(shop_no, seat_no);
    }

    /// The seat did not answer. After some such offers in a row it is set away: nobody sits there.
    /// One that was shorter than others, as to the seat that a customer knows, shows nothing of the kind.
    pub(super) fn offer_expires(&mut self, id: OfferId) {
        let Offer { conversation, shop, seat: seat_no, made_at, expires_at, .. } =
            *self.offers.get(id).expect("the timer of an offer ends with it");
        let had_time = expires_at >= made_at + self.settings.offer_ttl;
        self.withdraw(id, WithdrawReason::Expired);
        self.was_refused(conversation, seat_no);
        let seat = &mut self.shops[shop].seats[seat_no];
        // Offers that were open side by side count as one: it is one absence.
        if had_time && made_at >= seat.unanswered_at {
            seat.unanswered = seat.unanswered.saturating_add(1);
            seat.unanswered_at = self.now;
        }
        if seat.unanswered >= self.settings.unanswered_max && seat.state == Some(SeatState::Ready) {
            let (shop_id, seat_id) = (self.shops[shop].id.clone(), self.seat_id(shop, seat_no));
            let state = SeatState::Away;
            self.decide(Decision::SeatState { shop: shop_id, seat: seat_id, state });
            let freed = self.change_state(shop, seat_no, state);
            self.place_in_order(std::iter::once(conversation).chain(freed));
        } else {
            self.place(conversation);
        }
        self.fill(shop, seat_no);
    }

    fn was_refused(&mut self, conversation: ConversationId, seat: SeatNo) {
        let (now, until) = (self.now, self.now + self.settings.offer_ttl);
        let case = self.case_mut(conversation);
        case.times_refused += 1;
        case.bar(seat, until, now);
    }

    /// The seat's numbers if it may answer the offer; else the refusal has been said.
    fn answerable(
        &mut self,
        shop: &ShopId,
        seat: &SeatId,
        offer: OfferId,
    ) -> Option<(ShopNo, SeatNo)> {
        let numbers = self.shop_no(shop).and_then(|shop_no| {
            self.shops[shop_no].seat_no(seat).map(|seat_no| (shop_no, seat_no))
        });
        let refusal = match numbers {
            Some((shop_no, seat_no)) => self.offers.refusal(offer, shop_no, seat_no),
            None => Some(RefuseReason::NotFound),
        };
        let Some(reason) = refusal else { return numbers };
        self.refuse((shop.clone(), seat.clone()), Some(offer), None, reason);
        None
    }

    /// Takes an open offer back and says so. The conversation is left without a place and the
    /// seat with a free slot. Gives the seat.
    pub(super) fn withdraw(&mut self, id: OfferId, reason: WithdrawReason) -> SeatNo {
        let Offer { conversation, shop, seat, .. } =
            *self.offers.get(id).expect("only an open offer is withdrawn");
        self.close_offer(id);
        let (shop, seat_id) = (self.shops[shop].id.clone(), self.seat_id(shop, seat));
        self.decide(Decision::Withdrawn { offer: id, conversation, shop, seat: seat_id, reason });
        seat
    }

    fn close_offer(&mut self, id: OfferId) -> ConversationId {
        let Offer { conversation, shop, seat, .. } = self.offers.close(id, false);
        self.timers.clear(Timer::OfferExpires(id));
        let shop = &mut self.shops[shop];
        shop.seats[seat].offers.remove(&id);
        shop.refresh(seat);
        self.case_mut(conversation).station = Station::Moving;
        conversation
    }

    pub(super) fn seat_id(&self, shop: ShopNo, seat: SeatNo) -> SeatId {
        self.shops[shop].seats[seat].profile.id.clone()
    }
}
