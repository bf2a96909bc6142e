//! Business hours: when the conversations of a shop, or of one skill of it, are given to seats.

use std::collections::BTreeMap;

use super::bitset::Bitset;
use super::scheduler::{Scheduler, Station};
use super::shop::{LaneNo, Shop, ShopNo};
use super::timers::Timer;
use crate::domain::{Hours, SkillId, Timestamp};

/// Place of a queue in its shop; the first has the hours of the shop.
pub(super) type QueueNo = usize;

/// Hours that two sides have in common are looked for in so many steps.
const COMMON_STEPS_MAX: usize = 64;

/// Business hours of a shop.
#[derive(Clone, Debug)]
pub struct QueueHours {
    /// Those of every skill that has none of its own.
    pub shop: Hours,
    /// Those of single skills.
    pub by_skill: BTreeMap<SkillId, Hours>,
}

impl Default for QueueHours {
    /// Never closed.
    fn default() -> Self {
        Self { shop: Hours::always(), by_skill: BTreeMap::new() }
    }
}

/// Skills that open and close together.
#[derive(Debug)]
pub(super) struct Queue {
    hours: Hours,
    pub is_open: bool,
    /// When it opens next; `None` while it is open.
    opens_at: Option<Timestamp>,
}

impl Queue {
    /// The queues of a shop, and which one a skill has if not the first.
    pub fn all(hours: QueueHours) -> (Vec<Self>, BTreeMap<SkillId, QueueNo>) {
        let new = |hours| Self { hours, is_open: true, opens_at: None };
        let mut queues = vec![new(hours.shop)];
        let mut of_skill = BTreeMap::new();
        for (skill, hours) in hours.by_skill {
            of_skill.insert(skill, queues.len());
            queues.push(new(hours));
        }
        (queues, of_skill)
    }
}

impl Scheduler {
    /// Sets whether a queue is open, and the timer for the next change.
    pub(super) fn read_queue(&mut self, shop: ShopNo, queue_no: QueueNo) {
        let queue = &mut self.shops[shop].queues[queue_no];
        if queue.hours.never_close() {
            return;
        }
        let closes_at = queue.hours.open_until(self.now);
        queue.is_open = closes_at.is_some();
        queue.opens_at = match closes_at {
            Some(_) => None,
            None => queue.hours.next_open(self.now),
        };
        if let Some(at) = closes_at.or(queue.opens_at) {
            self.timers.set(Timer::Queue(shop, queue_no), at);
        }
    }

    /// A queue opens, and its seats serve those who wait; or it closes, and they get tickets.
    pub(super) fn queue_changes(&mut self, shop_no: ShopNo, queue_no: QueueNo) {
        let was_open = self.shops[shop_no].queues[queue_no].is_open;
        self.read_queue(shop_no, queue_no);
        let shop = &self.shops[shop_no];
        let is_open = shop.queues[queue_no].is_open;
        if is_open == was_open {
            return;
        }
        let of_queue = |lane: &LaneNo| shop.lanes[*lane].queue == queue_no;
        let waiting: Vec<LaneNo> = shop.waiting_lanes.iter().filter(of_queue).collect();
        for lane in waiting {
            if is_open {
                self.serve_lane(shop_no, lane);
                self.mark_untold(shop_no, lane);
            } else {
                self.close_lane_if_out_of_reach(shop_no, lane);
            }
        }
        if is_open && !self.shops[shop_no].left_behind.is_empty() {
            (0..self.shops[shop_no].seats.len()).for_each(|seat| self.relieve(shop_no, seat));
        }
    }

    /// Offers those who wait in a lane to the seats that are free, in their order.
    fn serve_lane(&mut self, shop_no: ShopNo, lane_no: LaneNo) {
        let lane = &self.shops[shop_no].lanes[lane_no];
        let order: Vec<_> = lane.in_order(self.now, self.settings.age_bound).collect();
        for conversation in order {
            if matches!(self.case(conversation).station, Station::Lane(_)) {
                self.offer_if_free(conversation, lane_no);
            }
        }
    }
}

impl Shop {
    /// Whether the conversations of a lane are given to seats now.
    pub fn is_open(&self, lane: LaneNo) -> bool {
        self.queues[self.lanes[lane].queue].is_open
    }

    /// Whether conversations of a skill are given to seats now.
    pub fn is_open_for(&self, skill: &SkillId) -> bool {
        self.queues[self.queue_no(skill)].is_open
    }

    /// When somebody works for a lane that nobody works for now: the queue is open, and a seat of
    /// its language and skill on shift.
    pub fn opens_at(&self, lane: LaneNo) -> Option<Timestamp> {
        let lane = &self.lanes[lane];
        let queue = &self.queues[lane.queue];
        let seats = || self.takers(lane).flat_map(Bitset::iter).map(|seat| &self.seats[seat]);
        if queue.hours.never_close() {
            return seats().filter_map(|seat| seat.opens_at).min();
        }
        let from = match queue.is_open {
            true => seats().filter_map(|seat| seat.opens_at).min()?,
            false => queue.opens_at?,
        };
        let mut earliest: Option<Timestamp> = None;
        for seat in seats() {
            let opens_at = common_opening(&queue.hours, &seat.profile.hours, from, earliest);
            earliest = opens_at.or(earliest);
            if earliest == Some(from) {
                break;
            }
        }
        earliest
    }
}

/// The first instant from `from` on at which both are open; `None` unless it is before another one.
fn common_opening(
    one: &Hours,
    other: &Hours,
    from: Timestamp,
    before: Option<Timestamp>,
) -> Option<Timestamp> {
    let mut at = from;
    for _ in 0..COMMON_STEPS_MAX {
        if before.is_some_and(|before| before <= at) {
            return None;
        }
        let later = other.next_open(one.next_open(at)?)?;
        if later == at {
            return Some(at);
        }
        at = later;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_that_is_no_earlier_than_another_one_is_not_looked_for() {
        let hours = |spans: &[&str]| Hours::parse("UTC", spans).expect("hours");
        let (shop, seat) = (hours(&["Mon-Fri 09:00-17:00"]), hours(&["Tue 16:00-20:00"]));
        // A Wednesday at ten: it is Tuesday at four in six days and six hours.
        let from = Timestamp::from_millis(1_795_600_800_000);
        let opens_at = Timestamp::from_millis(from.as_millis() + (6 * 24 + 6) * 3_600_000);
        let later = Timestamp::from_millis(opens_at.as_millis() + 1);

        assert_eq!(common_opening(&shop, &seat, from, None), Some(opens_at));
        assert_eq!(common_opening(&shop, &seat, from, Some(later)), Some(opens_at));
        assert_eq!(common_opening(&shop, &seat, from, Some(opens_at)), None);
    }
}
