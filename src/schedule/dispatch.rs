//! Bringing conversations and seats together.

use std::time::Duration;

use super::choice::Rank;
use super::chosen::{FirstWhy, HEAD_START_MIN};
use super::decision::{Decision, TicketReason, Why};
use super::lane::{Entry, Lane};
use super::offers::Offer;
use super::rings::Ring;
use super::scheduler::{Scheduler, Station};
use super::shop::{LaneNo, SeatNo, Shop, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, Priority, RegionId, SeatState};

/// How long a ticket that is worked off waits for a seat before it is a ticket again: nobody sits there,
/// but what waits has an end.
const TICKET_WAIT_MAX: Duration = Duration::from_secs(24 * 3_600);
/// How often seats are put in order by what is asked for.
const REPRICE_INTERVAL: Duration = Duration::from_secs(60);

/// Which side looked for the other, and in which ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A person had chosen the seat.
    Chosen,
    /// The customer spoke to the seat last.
    Known,
    /// The conversation took the best of the free seats.
    Seat(Ring),
    /// The seat took the next of the waiting conversations.
    Conversation(Ring),
}

impl Found {
    fn ring(self) -> Option<Ring> {
        match self {
            Self::Chosen => None,
            Self::Known => Some(Ring::Native),
            Self::Seat(ring) | Self::Conversation(ring) => Some(ring),
        }
    }
}

impl From<FirstWhy> for Found {
    fn from(why: FirstWhy) -> Self {
        match why {
            FirstWhy::Chosen => Self::Chosen,
            FirstWhy::Known => Self::Known,
        }
    }
}

impl Scheduler {
    /// Finds a place for a conversation that has none: a seat, else a lane, else a ticket.
    pub(super) fn place(&mut self, conversation: ConversationId) {
        let case = self.case(conversation);
        let held_by = self.shops[case.shop].approval_rule(&case.contact);
        if held_by.is_none() && self.place_with_first_seat(conversation) {
            return;
        }
        let case = self.cases.get(&conversation).expect("the case was opened by the caller");
        let (shop_no, waits_since, is_new) = (case.shop, case.waits_since, !case.admitted);
        let wait_max = match case.contact.priority {
            Priority::Ticket => self.settings.queue_wait_max.max(TICKET_WAIT_MAX),
            _ => self.settings.queue_wait_max,
        };
        let shop = &mut self.shops[shop_no];
        let Some(lane_no) = shop.lane_for(&case.contact, self.now) else {
            return self.ticket(conversation, TicketReason::NoSeat, None);
        };
        if is_new {
            shop.count_demand(&case.contact, lane_no);
            let timer = Timer::Reprice(shop_no);
            if !self.timers.is_set(timer) {
                self.timers.set(timer, self.now + REPRICE_INTERVAL);
            }
        }
        if let Err(opens_at) = shop.reach(lane_no, self.now + self.settings.promise) {
            return self.ticket(conversation, TicketReason::Hours, opens_at);
        }
        if let Some(rule) = held_by {
            if is_new && self.is_full(conversation, lane_no) {
                return self.ticket(conversation, TicketReason::QueueFull, None);
            }
            return self.hold(conversation, rule.hold_max);
        }
        if let Some((seat, ring)) = self.seat_for(conversation, lane_no) {
            return self.offer(conversation, seat, Found::Seat(ring));
        }
        let gives_up_at = waits_since + wait_max;
        if gives_up_at <= self.now {
            return self.ticket(conversation, TicketReason::WaitedTooLong, None);
        }
        if is_new && self.is_full(conversation, lane_no) {
            return self.ticket(conversation, TicketReason::QueueFull, None);
        }
        self.line_up(conversation, lane_no);
        self.timers.set(Timer::WaitedTooLong(conversation), gives_up_at);
    }

    /// Whether the shop of a conversation, or the queue of the lane that it would wait in, has as many
    /// waiting conversations as it may. The bound of the shop is one of memory, which tickets need as
    /// well; that of a queue is for those whom a ticket would be told instead of a wait.
    fn is_full(&self, conversation: ConversationId, lane_no: LaneNo) -> bool {
        let case = self.case(conversation);
        let shop = &self.shops[case.shop];
        if shop.waiting >= self.settings.waiting_max {
            return true;
        }
        let skill = &shop.lanes[lane_no].key.skill;
        let limit = shop.rules.queues.get(skill).and_then(|queue| queue.waiting_max);
        let Some(limit) = limit.filter(|_| case.is_live()) else { return false };
        let lanes = shop.waiting_lanes.iter().map(|lane| &shop.lanes[lane]);
        let in_lanes = lanes.filter(|lane| lane.key.skill == *skill).map(Lane::live_len);
        let held = shop.held_of(skill).filter(|held| self.case(*held).is_live());
        in_lanes.sum::<usize>() + held.count() >= limit
    }

    /// What is asked for has changed: the seats are put in order anew.
    pub(super) fn reprice(&mut self, shop: ShopNo) {
        if self.shops[shop].reprice() {
            self.timers.set(Timer::Reprice(shop), self.now + REPRICE_INTERVAL);
        }
    }

    fn line_up(&mut self, conversation: ConversationId, lane_no: LaneNo) {
        let now = self.now;
        let case = self.case_mut(conversation);
        case.station = Station::Lane(lane_no);
        case.admitted = true;
        case.barred.retain(|(_, until)| *until > now);
        let (shop_no, entry, priority) = (case.shop, case.entry(), case.contact.priority);
        let shop = &mut self.shops[shop_no];
        shop.waiting += 1;
        shop.waiting_lanes.insert(lane_no);
        shop.lanes[lane_no].insert(priority, entry);
        self.wake_up_later(conversation, lane_no);
        self.remember_wait(conversation, lane_no);
        self.tell_place(conversation);
        let lane = &self.shops[shop_no].lanes[lane_no];
        let claim = entry.claim(priority);
        if lane.has_live_behind(&claim, now, self.settings.age_bound) {
            // It has moved others back.
            self.mark_untold(shop_no, lane_no);
        }
        let shop = &self.shops[shop_no];
        if priority != Priority::Ticket && shop.has_just_opened(&shop.lanes[lane_no]) {
            self.lane_opens(shop_no, lane_no);
        }
    }

    /// A rule that held a waiting conversation back has come to its end.
    pub(super) fn try_again(&mut self, conversation: ConversationId) {
        let case = self.case(conversation);
        let Station::Lane(lane_no) = case.station else { return };
        self.offer_if_free(conversation, lane_no);
        if matches!(self.case(conversation).station, Station::Lane(_)) {
            self.wake_up_later(conversation, lane_no);
        }
    }

    /// Sets the timers at which a waiting conversation may find a seat that it may not have now.
    fn wake_up_later(&mut self, conversation: ConversationId, lane_no: LaneNo) {
        let case = self.case(conversation);
        let shop = &self.shops[case.shop];
        let bars = case.barred.iter().map(|(_, until)| *until);
        let bar_ends_at = bars.filter(|until| *until > self.now).min();
        let arrived_at = case.contact.arrived_at;
        let ring_opens_at = self.next_ring_at(shop, &shop.lanes[lane_no], arrived_at);
        if let Some(at) = bar_ends_at {
            self.timers.set(Timer::BarEnds(conversation), at);
        }
        if let Some(at) = ring_opens_at {
            self.timers.set(Timer::RingOpens(conversation), at);
        }
    }

    /// Gives a seat all that it has room for.
    pub(super) fn fill(&mut self, shop: ShopNo, seat: SeatNo) {
        while self.shops[shop].index.is_free(seat) {
            let Some((conversation, found)) = self.next_for(shop, seat) else { break };
            self.leave_station(conversation);
            self.offer(conversation, seat, found);
        }
        self.relieve(shop, seat);
    }

    /// Offers a waiting conversation to the best free seat, if there is one.
    /// Gives whether there was one.
    pub(super) fn offer_if_free(&mut self, conversation: ConversationId, lane: LaneNo) -> bool {
        let found = self.seat_for(conversation, lane);
        if let Some((seat, ring)) = found {
            self.leave_station(conversation);
            self.offer(conversation, seat, Found::Seat(ring));
        }
        found.is_some()
    }

    /// The conversation that a free seat should take: what it could take in a language that it
    /// speaks, else one that waits for translation.
    fn next_for(&self, shop: ShopNo, seat: SeatNo) -> Option<(ConversationId, Found)> {
        self.next_own(shop, seat).or_else(|| self.next_to_translate(shop, seat))
    }

    /// Of the heads of a seat's lanes and of what is kept for it, the one with the lowest rank.
    pub(super) fn next_own(
        &self,
        shop_no: ShopNo,
        seat_no: SeatNo,
    ) -> Option<(ConversationId, Found)> {
        let shop = &self.shops[shop_no];
        let seat = &shop.seats[seat_no];
        let kept = seat.kept.iter().map(|(priority, entry)| {
            let rank = entry.claim(*priority).rank(self.now, self.settings.age_bound);
            let first = self.case(entry.conversation).first.expect("it waits for a first seat");
            (rank, entry.conversation, Found::from(first.why))
        });
        let native = seat.native_lanes.iter_common(&shop.waiting_lanes, 0);
        let native = native.filter_map(|lane| self.head(shop, lane, Ring::Native, seat_no));
        let fallback = seat.fallback_lanes.iter_common(&shop.waiting_lanes, 0);
        let fallback = fallback.filter_map(|lane| self.head(shop, lane, Ring::Fallback, seat_no));
        let steps = seat.step_lanes.iter_common(&shop.waiting_lanes, 0);
        let steps = steps
            .filter_map(|lane| self.head(shop, lane, shop.lanes[lane].step_of(seat_no)?, seat_no));
        let all = kept.chain(native).chain(steps).chain(fallback);
        let next = all.min_by_key(|(rank, ..)| *rank)?;
        Some((next.1, next.2))
    }

    /// Of the lanes that a seat does not speak and may help out in, the head with the lowest rank.
    fn next_to_translate(
        &self,
        shop_no: ShopNo,
        seat_no: SeatNo,
    ) -> Option<(ConversationId, Found)> {
        let shop = &self.shops[shop_no];
        if shop.translation.is_none() || !shop.has_room_to_translate(seat_no) {
            return None;
        }
        let lanes = shop.waiting_lanes.iter();
        let next = lanes
            .filter(|lane| shop.helps(&shop.lanes[*lane], seat_no))
            .filter_map(|lane| self.head(shop, lane, Ring::Translated, seat_no))
            .min_by_key(|(rank, ..)| *rank)?;
        Some((next.1, next.2))
    }

    /// The first of a lane that a seat may take in a ring.
    fn head(
        &self,
        shop: &Shop,
        lane_no: LaneNo,
        ring: Ring,
        seat: SeatNo,
    ) -> Option<(Rank, ConversationId, Found)> {
        let lane = &shop.lanes[lane_no];
        let heads = Priority::ALL.into_iter().filter_map(|priority| {
            // Rings open in the order of arrival, so what comes after a closed one is closed too.
            let open = |entry: &&Entry| self.is_open(shop, lane, ring, entry.arrived_at);
            let mut queue = lane.queue(priority).iter().take_while(open);
            let head = queue.find(|entry| self.may_take(entry.conversation, seat))?;
            let rank = head.claim(priority).rank(self.now, self.settings.age_bound);
            Some((rank, head.conversation, Found::Conversation(ring)))
        });
        heads.min_by_key(|(rank, ..)| *rank)
    }

    fn may_take(&self, conversation: ConversationId, seat: SeatNo) -> bool {
        !self.case(conversation).is_barred(seat, self.now)
    }

    /// A ring of a lane has opened for more than one who waits: they look for a seat, in their
    /// order, until there is none for any.
    pub(super) fn lane_opens(&mut self, shop_no: ShopNo, lane_no: LaneNo) {
        let lane = &self.shops[shop_no].lanes[lane_no];
        let order: Vec<_> = lane.in_order(self.now, self.settings.age_bound).collect();
        for conversation in order {
            if !matches!(self.case(conversation).station, Station::Lane(_)) {
                continue;
            }
            if !self.offer_if_free(conversation, lane_no) && self.may_ask_all(conversation) {
                return;
            }
        }
    }

    /// Whether no bar and no closed ring keeps a seat from one who waits in a lane. Who is barred
    /// from the only free seat, or came after its ring had opened to others, does not hold up those
    /// behind.
    fn may_ask_all(&self, conversation: ConversationId) -> bool {
        let case = self.case(conversation);
        // A seat that was looked for may have taken it meanwhile.
        let Station::Lane(lane_no) = case.station else { return false };
        let shop = &self.shops[case.shop];
        let opens_at = self.next_ring_at(shop, &shop.lanes[lane_no], case.contact.arrived_at);
        case.barred.is_empty() && opens_at.is_none()
    }

    /// After shifts have ended: tickets for those who wait in a lane that nobody works for within
    /// the promise.
    pub(super) fn close_lane_if_out_of_reach(&mut self, shop_no: ShopNo, lane_no: LaneNo) {
        let shop = &self.shops[shop_no];
        let Err(opens_at) = shop.reach(lane_no, self.now + self.settings.promise) else { return };
        let lane = &shop.lanes[lane_no];
        let order: Vec<_> = lane.in_order(self.now, self.settings.age_bound).collect();
        for conversation in order {
            self.leave_station(conversation);
            self.ticket(conversation, TicketReason::Hours, opens_at);
        }
    }

    /// Asks a free seat to take a conversation that has left its place.
    pub(super) fn offer(&mut self, conversation: ConversationId, seat_no: SeatNo, found: Found) {
        self.learn_from_offer(conversation);
        let why = self.reasons(conversation, seat_no, found);
        let ring = found.ring();
        let search = self.search_that_found(conversation, seat_no, ring);
        let case = self.case(conversation);
        let shop_no = case.shop;
        let (waiting_ms, deadline) = (
            self.now.since(case.contact.arrived_at).as_millis() as u64,
            case.contact.arrived_at + self.settings.first_response_target,
        );
        let mut expires_at = self.now + self.settings.offer_ttl;
        if let (Found::Known, Some(first)) = (found, case.first)
            // Of a head start that is all but over nothing can be answered: it is asked as any other.
            && first.until.since(self.now) >= HEAD_START_MIN
        {
            expires_at = expires_at.min(first.until);
        }
        let offer = self.offers.open(Offer {
            conversation,
            shop: shop_no,
            seat: seat_no,
            ring,
            made_at: self.now,
            expires_at,
        });
        let case = self.case_mut(conversation);
        case.station = Station::Offered(offer);
        case.admitted = true;
        self.timers.set(Timer::OfferExpires(offer), expires_at);

        let shop = &mut self.shops[shop_no];
        shop.seats[seat_no].offers.insert(offer);
        shop.index.mark_offered(seat_no, self.now);
        shop.refresh(seat_no);
        let decision = Decision::Offered {
            offer,
            conversation,
            shop: shop.id.clone(),
            seat: shop.seats[seat_no].profile.id.clone(),
            expires_at,
            waiting_ms,
            deadline,
            why,
        };
        self.decide_after(search, decision);
        self.tell_offered(conversation);
    }

    fn reasons(&self, conversation: ConversationId, seat_no: SeatNo, found: Found) -> Vec<Why> {
        let case = self.case(conversation);
        let contact = &case.contact;
        let shop = &self.shops[case.shop];
        let seat = &shop.seats[seat_no];
        debug_assert_eq!(seat.state, Some(SeatState::Ready), "only a ready seat is asked");

        let mut why = Vec::with_capacity(6);
        let wanted = contact.language;
        if found == Found::Chosen {
            why.push(Why::Chosen);
        } else {
            let translated = [Found::Seat, Found::Conversation].map(|by| by(Ring::Translated));
            why.push(if translated.contains(&found) {
                Why::Translated { wanted, spoken: seat.profile.languages.first().copied() }
            } else if seat.profile.languages.contains(&wanted) {
                Why::Speaks(wanted)
            } else {
                let instead = shop.fallback().expect("only the fallback replaces a language");
                if shop.speaks_with_skill(contact) {
                    Why::NobodyThere { wanted, instead }
                } else {
                    Why::NobodySpeaks { wanted, instead }
                }
            });
            match found {
                Found::Known => why.push(Why::KnowsCustomer),
                Found::Seat(Ring::Step(no)) | Found::Conversation(Ring::Step(no)) => {
                    why.push(Why::Widened { step: no as u8 + 1 });
                }
                _ => {}
            }
            why.push(Why::Skill(contact.skill.clone()));
            let serves = |region: &RegionId| shop.index.serves(seat_no, Some(region));
            why.extend(contact.region.clone().filter(serves).map(Why::Region));
        }
        let (used, slots) = (seat.used() as u8, seat.profile.slots.get());
        why.push(Why::Load { used, slots });
        if matches!(found, Found::Seat(_)) {
            why.push(Why::MostSpecialised);
        } else if case.claim().is_aged(self.now, self.settings.age_bound) {
            why.push(Why::AgeBound);
        } else if matches!(found, Found::Conversation(_)) {
            why.push(Why::NextInLine { priority: contact.priority });
        }
        if case.times_refused > 0 {
            why.push(Why::RefusedBefore { times: case.times_refused });
        }
        why
    }
}
