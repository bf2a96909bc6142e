//! What waiting customers are told, and what supervisors see.

use std::time::Duration;

use super::bitset::Bitset;
use super::decision::Decision;
use super::expected_wait;
use super::records::Step;
use super::rings::Ring;
use super::scheduler::{Case, Scheduler, Station};
use super::shifts::Shift;
use super::shop::{LaneNo, Seat, Shop, ShopNo};
use super::timers::Timer;
use super::views::{SeatView, WaitingView};
use crate::domain::{ConversationId, SeatId, ShopId, Timestamp, WaitReason};

/// Conversations that are told their places in one call; about a millisecond of work.
const TOLD_AT_ONCE_MAX: usize = 1_000;
/// Time between two parts of one walk.
const TELLING_PAUSE: Duration = Duration::from_millis(10);

/// What a conversation was last told about its wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    at: Timestamp,
    news: News,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct News {
    place: u32,
    wait_s: Option<(u32, u32)>,
    reason: WaitReason,
}

impl News {
    /// Whether a customer who knows `self` should hear `new`: another reason, a place that has
    /// moved by a tenth, or an upper end of the wait that has moved by a third.
    fn is_outdated_by(&self, new: &Self) -> bool {
        let moved = |old: u32, new: u32, least: u32| old.abs_diff(new) >= least;
        self.reason != new.reason
            || moved(self.place, new.place, (self.place / 10).max(1))
            || match (self.wait_s, new.wait_s) {
                (Some((_, old)), Some((_, new))) => moved(old, new, (old / 3).max(10)),
                (old, new) => old.is_some() != new.is_some(),
            }
    }
}

impl Scheduler {
    /// Tells a conversation that has just lined up where it is; later if it was told just now.
    pub(super) fn tell_place(&mut self, conversation: ConversationId) {
        let case = self.case(conversation);
        if case.told.is_some_and(|told| self.is_recent(told)) {
            if let Station::Lane(lane) = case.station {
                self.mark_untold(case.shop, lane);
            }
            return;
        }
        if let Station::Lane(lane) = case.station {
            self.measure_share(case.shop, lane);
        }
        let news = self.news(self.case(conversation));
        self.tell(conversation, news);
    }

    /// Remembers that a conversation has lined up, and why nobody was found.
    pub(super) fn remember_wait(&mut self, conversation: ConversationId, lane: LaneNo) {
        if !self.records.is_on() {
            return;
        }
        let case = self.case(conversation);
        self.measure_share(case.shop, lane);
        let News { place, wait_s, reason } = self.news(self.case(conversation));
        let search = self.search(conversation, (lane, Ring::Native), None);
        self.remember(conversation, Step::Waits { reason, place, wait_s }, Some(search));
    }

    pub(super) fn tell_offered(&mut self, conversation: ConversationId) {
        let case = self.case(conversation);
        if !case.told.is_some_and(|told| self.is_recent(told)) {
            let news = self.news(case);
            self.tell(conversation, news);
        }
    }

    fn is_recent(&self, told: Told) -> bool {
        told.at + self.settings.place_update_interval > self.now
    }

    fn tell(&mut self, conversation: ConversationId, news: News) {
        let at = self.now;
        let case = self.case_mut(conversation);
        if case.told.is_some_and(|told| !told.news.is_outdated_by(&news)) {
            return;
        }
        case.told = Some(Told { at, news });
        // A ticket is told nothing, and waits by another clock: it teaches nothing about the others.
        if case.promise.is_none() && case.is_live() && matches!(case.station, Station::Lane(_)) {
            case.promise = news.wait_s.map(|ends| (at, ends));
        }
        let News { place, wait_s, reason } = news;
        self.decide(Decision::Waiting { conversation, place, wait_s, reason });
    }

    /// Learns from a wait that ends by an offer.
    pub(super) fn learn_from_offer(&mut self, conversation: ConversationId) {
        let (now, case) = (self.now, self.case_mut(conversation));
        let (shop, promise) = (case.shop, case.promise.take());
        if let Some((at, told)) = promise {
            self.shops[shop].told_waits.served_after(now.since(at), told);
        }
    }

    /// Learns from a wait that ends by the customer's leaving.
    pub(super) fn learn_from_leaving(&mut self, conversation: ConversationId) {
        let (now, case) = (self.now, self.case_mut(conversation));
        let (shop, promise) = (case.shop, case.promise.take());
        if let Some((at, told)) = promise {
            self.shops[shop].told_waits.gave_up_after(now.since(at), told);
        }
    }

    /// Places in a lane have changed: they are told together, not sooner than the interval.
    pub(super) fn mark_untold(&mut self, shop: ShopNo, lane: LaneNo) {
        if self.shops[shop].lanes[lane].is_empty() {
            return;
        }
        self.shops[shop].untold_lanes.insert(lane);
        let timer = Timer::TellPlaces(shop);
        if !self.timers.is_set(timer) {
            self.timers.set(timer, self.now + self.settings.place_update_interval);
        }
    }

    /// A part of the walk over the lanes in which places have changed: long lanes are told in
    /// pieces, so that no offer waits for the telling.
    pub(super) fn tell_places(&mut self, shop_no: ShopNo) {
        let shop = &mut self.shops[shop_no];
        if shop.telling.is_empty() {
            shop.telling.extend(shop.untold_lanes.iter());
            shop.untold_lanes.clear();
            self.count_lined_up(shop_no);
        }
        let mut budget = TOLD_AT_ONCE_MAX;
        while budget > 0 && !self.shops[shop_no].telling.is_empty() {
            budget -= self.tell_lane(shop_no, budget);
        }
        let shop = &self.shops[shop_no];
        let next = if !shop.telling.is_empty() {
            TELLING_PAUSE
        } else if !shop.untold_lanes.is_empty() {
            self.settings.place_update_interval
        } else {
            return;
        };
        self.timers.set(Timer::TellPlaces(shop_no), self.now + next);
    }

    /// Tells up to `budget` conversations of the lane that is next. Gives how many were looked
    /// at, at least one.
    fn tell_lane(&mut self, shop_no: ShopNo, budget: usize) -> usize {
        let lane_no = self.shops[shop_no].telling[0];
        self.shops[shop_no].lanes[lane_no].slots_share = None;
        let share = self.measure_share(shop_no, lane_no);

        let shop = &self.shops[shop_no];
        let (reason, handling) = (shop.wait_reason(lane_no), shop.handling);
        let track_record = shop.told_waits;
        let ahead = shop.told_up_to;
        let lane = &shop.lanes[lane_no];
        let in_order = lane.in_order_of_places(self.now, self.settings.age_bound);
        let part: Vec<_> = in_order.skip(ahead).take(budget).collect();
        let is_last = ahead + part.len() >= lane.len();
        let looked_at = part.len();
        for (place, conversation) in (ahead + 1..).zip(part) {
            if self.case(conversation).told.is_some_and(|told| self.is_recent(told)) {
                self.shops[shop_no].untold_lanes.insert(lane_no);
                continue;
            }
            let wait_s = expected_wait::interval(place, share, handling);
            let wait_s = wait_s.map(|ends| track_record.correct(ends));
            self.tell(conversation, News { place: place as u32, wait_s, reason });
        }

        let shop = &mut self.shops[shop_no];
        if is_last {
            shop.telling.pop_front();
            shop.told_up_to = 0;
        } else {
            shop.told_up_to += looked_at;
        }
        looked_at.max(1)
    }

    /// Counts for each seat how many live conversations wait in the lanes that it works for.
    fn count_lined_up(&mut self, shop_no: ShopNo) {
        let shop = &mut self.shops[shop_no];
        let mut lined_up = std::mem::take(&mut shop.lined_up);
        lined_up.fill(0);
        for lane in shop.waiting_lanes.iter().map(|lane| &shop.lanes[lane]) {
            let waiting = lane.live_len();
            lane.ring().iter_common(&shop.present, 0).for_each(|seat| lined_up[seat] += waiting);
        }
        shop.lined_up = lined_up;
    }

    /// The slots that work for a lane, worked out anew when the last time is too long ago.
    fn measure_share(&mut self, shop_no: ShopNo, lane_no: LaneNo) -> f64 {
        let interval = self.settings.place_update_interval;
        let shop = &mut self.shops[shop_no];
        match shop.lanes[lane_no].slots_share {
            Some((at, share)) if at + interval > self.now => share,
            _ => {
                let share = shop.slots_share(lane_no);
                shop.lanes[lane_no].slots_share = Some((self.now, share));
                share
            }
        }
    }

    fn news(&self, case: &Case) -> News {
        let shop = &self.shops[case.shop];
        let lane_no = match case.station {
            Station::Lane(lane_no) => lane_no,
            Station::Kept(_) => {
                let until = case.first.map_or(self.now, |first| first.until);
                return News::first(until.since(self.now).as_secs(), WaitReason::Capacity);
            }
            Station::Held => {
                let (place, reason) = (self.place_among_held(case), WaitReason::Approval);
                return News { place, wait_s: None, reason };
            }
            Station::Moving | Station::Offered(_) | Station::Owned(_) => {
                return News::first(self.settings.offer_ttl.as_secs(), WaitReason::Offered);
            }
        };
        let lane = &shop.lanes[lane_no];
        let place = lane.place(&case.claim(), self.now, self.settings.age_bound);
        let share = lane.slots_share.map(|(_, share)| share);
        let share = share.unwrap_or_else(|| shop.slots_share(lane_no));
        let wait_s = expected_wait::interval(place, share, shop.handling);
        News {
            place: place as u32,
            wait_s: wait_s.map(|ends| shop.told_waits.correct(ends)),
            reason: shop.wait_reason(lane_no),
        }
    }

    /// The conversations of a shop that have no owner, those offered first, then each lane in the
    /// order of its places; at most `limit`.
    pub fn queue(&self, shop: &ShopId, limit: usize) -> Vec<WaitingView> {
        let Some(shop) = self.shop_no(shop).map(|shop_no| &self.shops[shop_no]) else {
            return Vec::new();
        };
        let offers = shop.seats.iter().flat_map(|seat| &seat.offers);
        let offered = offers.filter_map(|offer| Some(self.offers.get(*offer)?.conversation));
        let kept = shop.seats.iter().flat_map(|seat| &seat.kept);
        let kept = kept.map(|(_, entry)| entry.conversation);
        let lanes = shop.waiting_lanes.iter().map(|lane| &shop.lanes[lane]);
        let (now, age_bound) = (self.now, self.settings.age_bound);
        let lined_up = lanes.flat_map(|lane| lane.in_order_of_places(now, age_bound));
        offered
            .chain(kept)
            .chain(shop.all_held())
            .chain(lined_up)
            .take(limit)
            .map(|conversation| self.waiting_view(shop, self.case(conversation)))
            .collect()
    }

    pub(super) fn waiting_view(&self, shop: &Shop, case: &Case) -> WaitingView {
        let News { place, wait_s, reason } = self.news(case);
        let seat = match case.station {
            Station::Offered(offer) => self.offers.get(offer).map(|offer| offer.seat),
            Station::Kept(seat) => Some(seat),
            _ => None,
        };
        let contact = &case.contact;
        WaitingView {
            conversation: contact.conversation,
            language: contact.language,
            skill: contact.skill.clone(),
            region: contact.region.clone(),
            priority: contact.priority,
            place,
            wait_s,
            reason,
            held_until: case.held_until().filter(|_| matches!(case.station, Station::Held)),
            waited_ms: self.now.since(contact.arrived_at).as_millis() as u64,
            hops: contact.hops,
            seat: seat.map(|seat| shop.seats[seat].profile.id.clone()),
        }
    }

    /// One seat of a shop.
    pub fn seat(&self, shop: &ShopId, seat: &SeatId) -> Option<SeatView> {
        let (shop, seat) = self.seat_numbers(shop, seat)?;
        Some(self.shops[shop].seats[seat].view())
    }

    /// The seats of a shop by name.
    pub fn seats(&self, shop: &ShopId) -> Vec<SeatView> {
        let Some(shop) = self.shop_no(shop).map(|shop_no| &self.shops[shop_no]) else {
            return Vec::new();
        };
        shop.seats_by_name().map(|seat_no| shop.seats[seat_no].view()).collect()
    }
}

impl Seat {
    fn view(&self) -> SeatView {
        SeatView {
            seat: self.profile.id.clone(),
            state: self.state,
            on_shift: self.shift != Shift::Off,
            ending: self.shift == Shift::Ending,
            assigned: (self.owned.len() * self.weight()) as u32,
            conversations: self.owned.iter().copied().collect(),
            offered: (self.offers.len() * self.weight()) as u32,
            wrapping_up: (self.wrapping.len() * self.weight()) as u32,
            slots: self.slots() as u32,
            languages: self.profile.languages.clone(),
        }
    }
}

impl News {
    fn first(within_s: u64, reason: WaitReason) -> Self {
        let high = u32::try_from(within_s).unwrap_or(u32::MAX);
        Self { place: 1, wait_s: Some((0, high)), reason }
    }
}

impl Shop {
    /// Slots that work for a lane, each counted by the lane's part of all who wait for it. Tickets
    /// are no part of it: live conversations overtake them.
    fn slots_share(&self, lane_no: LaneNo) -> f64 {
        let lane = &self.lanes[lane_no];
        let waiting = lane.live_len().max(1);
        let slots = lane.ring().iter_common(&self.present, 0).map(|seat_no| {
            let all = self.lined_up[seat_no].max(waiting);
            let seat = &self.seats[seat_no];
            (seat.slots() / seat.weight()) as f64 * waiting as f64 / all as f64
        });
        slots.sum()
    }

    /// What the conversations of a lane wait for.
    fn wait_reason(&self, lane_no: LaneNo) -> WaitReason {
        let lane = &self.lanes[lane_no];
        let speakers = lane.key.language.and_then(|language| self.index.speakers(language));
        let on_shift = |seats: &Bitset| seats.meets(&self.on_shift);
        let nobody_is_on_shift = !on_shift(&lane.fallback) && !self.takers(lane).any(on_shift);
        if !self.is_open(lane_no) || nobody_is_on_shift {
            return WaitReason::Hours;
        }
        let fallback_is_busy =
            lane.fallback.meets(&self.present) && !self.index.any_free(&lane.fallback_by_price);
        let helpers = lane.helpers.map(|no| &self.helpers[no].seats);
        let could_translate = helpers.is_some_and(|seats| seats.meets(&self.present));
        if lane.native_present > 0 || fallback_is_busy || could_translate {
            WaitReason::Capacity
        } else if speakers.is_some_and(|speakers| speakers.meets(&self.present)) {
            WaitReason::Skill
        } else {
            WaitReason::Language
        }
    }
}
