//! The floors that supervisors watch. Each is kept as it was last shown and told as changes, not
//! oftener than [`INTERVAL`], and only when something has happened: a quiet floor costs nothing, and
//! a busy one the same however much happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::deliver::Frame;
use crate::domain::{ConversationId, SeatId, ShopId, Timestamp};
use crate::metrics::names::FloorShown;
use crate::protocol::{
    FloorFrame, FloorGone, FloorTotals, RunningRow, SeatRow, ServerFrame, WaitingRow, encode,
};
use crate::schedule::Floor;

use super::dispatch::SeatLine;
use super::input::{Link, SeatRef};

/// Least time between two showings: soon enough for a person, and two views a second for the task.
const INTERVAL: Duration = Duration::from_millis(500);
/// Rows of each kind that are shown of a shop: more than a person looks through, and below the
/// bytes that may wait for one socket.
pub(super) const ROWS_MAX: usize = 300;

/// Every floor that somebody watches.
#[derive(Debug, Default)]
pub(super) struct Floors {
    /// Who may watch.
    supervisors: BTreeSet<SeatRef>,
    by_shop: BTreeMap<ShopId, Watched>,
    has_changed: bool,
    shown_at: Timestamp,
}

/// The floor of one shop.
#[derive(Debug, Default)]
struct Watched {
    watchers: Vec<Watcher>,
    shown: Shown,
}

#[derive(Debug)]
struct Watcher {
    seat: SeatId,
    link: Link,
    /// Whether it has got nothing yet.
    is_new: bool,
}

/// What the watchers of a shop have seen.
#[derive(Debug, Default)]
struct Shown {
    waiting: BTreeMap<ConversationId, WaitingRow>,
    running: BTreeMap<ConversationId, RunningRow>,
    seats: BTreeMap<SeatId, SeatRow>,
    totals: FloorTotals,
}

impl Floors {
    /// Shows a shop's floor to a socket from now on; asking again changes nothing.
    ///
    /// # Errors
    /// The socket, when its seat may not watch.
    pub fn watch(&mut self, line: SeatLine) -> Result<(), Link> {
        let SeatLine { seat, link } = line;
        if !self.supervisors.contains(&seat) {
            return Err(link);
        }
        let watchers = &mut self.by_shop.entry(seat.shop).or_default().watchers;
        // A socket that came back has the session of the one before, which may not have gone yet.
        let is_before = |watcher: &Watcher| {
            watcher.link.session == link.session && !Arc::ptr_eq(&watcher.link.outbox, &link.outbox)
        };
        watchers.retain(|watcher| !is_before(watcher));
        if watchers.iter().all(|watcher| watcher.link.session != link.session) {
            watchers.push(Watcher { seat: seat.id, link, is_new: true });
            self.has_changed = true;
        }
        Ok(())
    }

    /// A socket watches no longer.
    pub fn unwatch(&mut self, shop: &ShopId, session: Uuid) {
        if let Some(watched) = self.by_shop.get_mut(shop) {
            watched.watchers.retain(|watcher| watcher.link.session != session);
        }
    }

    /// A socket has gone: it watches no longer. One that has taken its session over goes on.
    pub fn closed(&mut self, shop: &ShopId, session: Uuid) {
        if let Some(watched) = self.by_shop.get_mut(shop) {
            let has_gone = |watcher: &Watcher| {
                watcher.link.session == session && watcher.link.outbox.is_closed()
            };
            watched.watchers.retain(|watcher| !has_gone(watcher));
        }
    }

    /// Lets only these watch from now on; gives the sockets that the floor is taken from.
    pub fn set_supervisors(&mut self, supervisors: BTreeSet<SeatRef>) -> Vec<Link> {
        let mut removed = Vec::new();
        for (shop, watched) in &mut self.by_shop {
            let is_out = |watcher: &mut Watcher| {
                !supervisors.contains(&SeatRef { shop: shop.clone(), id: watcher.seat.clone() })
            };
            removed.extend(watched.watchers.extract_if(.., is_out).map(|watcher| watcher.link));
        }
        self.supervisors = supervisors;
        removed
    }

    /// Something has happened to a shop.
    pub fn note_change(&mut self) {
        self.has_changed = true;
    }

    /// When the floors are to be shown; `None` while there is nothing to show, or nobody to see it.
    pub fn due_at(&self) -> Option<Timestamp> {
        (self.has_changed && !self.by_shop.is_empty()).then(|| self.shown_at + INTERVAL)
    }

    /// Shows every watched floor, as `floor_of` says that it is now. Gives what was sent.
    pub fn show(&mut self, now: Timestamp, floor_of: impl Fn(&ShopId) -> Floor) -> Vec<FloorShown> {
        self.has_changed = false;
        self.shown_at = now;
        self.by_shop.retain(|_, watched| {
            watched.watchers.retain(|watcher| !watcher.link.outbox.is_closed());
            !watched.watchers.is_empty()
        });
        let mut sent = Vec::new();
        for (shop, watched) in &mut self.by_shop {
            watched.show(floor_of(shop), &mut sent);
        }
        sent
    }
}

impl Watched {
    fn show(&mut self, floor: Floor, sent: &mut Vec<FloorShown>) {
        let changes = self.shown.change_to(floor);
        let mut full = None;
        for watcher in &mut self.watchers {
            if std::mem::take(&mut watcher.is_new) {
                let full = full.get_or_insert_with(|| self.shown.full());
                watcher.link.outbox.push(full.clone());
                sent.push(FloorShown::Full);
            } else if let Some(changes) = &changes {
                watcher.link.outbox.push(changes.clone());
                sent.push(FloorShown::Changes);
            }
        }
    }
}

impl Shown {
    /// Every row.
    fn full(&self) -> Frame {
        let frame = FloorFrame {
            full: true,
            waiting: self.waiting.values().collect(),
            running: self.running.values().collect(),
            seats: self.seats.values().collect(),
            gone: FloorGone::default(),
            totals: self.totals,
        };
        encode(&ServerFrame::Floor(frame)).into()
    }

    /// Takes the floor of now; gives what is to be told of it, if anything.
    fn change_to(&mut self, floor: Floor) -> Option<Frame> {
        let now = Self {
            waiting: floor.waiting.into_iter().map(|row| (row.conversation, row)).collect(),
            running: floor.running.into_iter().map(|row| (row.conversation, row)).collect(),
            seats: floor.seats.into_iter().map(|row| (row.seat.clone(), row)).collect(),
            totals: floor.totals,
        };
        let before = std::mem::replace(self, now);
        let is_here =
            |id: &ConversationId| self.waiting.contains_key(id) || self.running.contains_key(id);
        let known = before.waiting.keys().chain(before.running.keys());
        let gone = FloorGone {
            conversations: known.filter(|id| !is_here(id)).copied().collect(),
            seats: before.seats.keys().filter(|id| !self.seats.contains_key(*id)).collect(),
        };
        let frame = FloorFrame {
            full: false,
            waiting: new_rows(&before.waiting, &self.waiting),
            running: new_rows(&before.running, &self.running),
            seats: new_rows(&before.seats, &self.seats),
            gone,
            totals: self.totals,
        };
        let says_something = frame.totals != before.totals
            || !(frame.waiting.is_empty() && frame.running.is_empty() && frame.seats.is_empty())
            || !(frame.gone.conversations.is_empty() && frame.gone.seats.is_empty());
        says_something.then(|| encode(&ServerFrame::Floor(frame)).into())
    }
}

/// The rows that are new or have changed.
fn new_rows<'a, K: Ord, V: PartialEq>(
    before: &BTreeMap<K, V>,
    now: &'a BTreeMap<K, V>,
) -> Vec<&'a V> {
    now.iter().filter(|(key, row)| before.get(*key) != Some(*row)).map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use serde_json::Value;

    use super::*;
    use crate::deliver::Outbox;
    use crate::domain::SeatState;
    use crate::protocol::CloseCode;

    fn line(seat: &str, session: u128) -> SeatLine {
        let outbox = Arc::new(Outbox::new(1 << 20));
        SeatLine {
            seat: SeatRef { shop: "demo".into(), id: seat.into() },
            link: Link { outbox, session: Uuid::from_u128(session) },
        }
    }

    fn frames(line: &SeatLine) -> Vec<Value> {
        let mut frames = Vec::new();
        // Nothing ready leaves the list empty.
        let mut context = Context::from_waker(Waker::noop());
        let _ = line.link.outbox.poll_ready(&mut context, &mut frames);
        frames.iter().map(|frame| serde_json::from_str(frame).expect("JSON")).collect()
    }

    fn floor(seats: &[(&str, u32)]) -> Floor {
        let row = |(seat, assigned): &(&str, u32)| SeatRow {
            seat: (*seat).into(),
            state: Some(SeatState::Ready),
            on_shift: true,
            ending: false,
            shift_ends_at: None,
            slots: 3,
            assigned: *assigned,
            offered: 0,
            wrapping_up: 0,
            languages: Vec::new(),
            skills: Vec::new(),
        };
        let totals = FloorTotals { seats: seats.len(), ..FloorTotals::default() };
        Floor { seats: seats.iter().map(row).collect(), totals, ..Floor::default() }
    }

    /// Floors that `wei` may watch.
    fn floors() -> Floors {
        let mut floors = Floors::default();
        floors.set_supervisors([line("wei", 0).seat].into());
        floors
    }

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn who_begins_to_watch_gets_all_and_then_what_changes() {
        let mut floors = floors();
        let first = line("wei", 1);
        assert!(floors.watch(first.clone()).is_ok());
        floors.show(START, |_| floor(&[("ann", 0), ("bob", 0)]));
        assert_eq!(frames(&first)[0]["seats"].as_array().map(Vec::len), Some(2));

        let second = line("wei", 2);
        assert!(floors.watch(second.clone()).is_ok());
        let sent = floors.show(START, |_| floor(&[("ann", 1)]));

        assert_eq!(sent, [FloorShown::Changes, FloorShown::Full]);
        let [change] = &frames(&first)[..] else { panic!("one frame") };
        assert_eq!((&change["full"], &change["seats"][0]["assigned"]), (&false.into(), &1.into()));
        assert_eq!(change["gone"]["seats"], serde_json::json!(["bob"]));
        assert_eq!(frames(&second)[0]["full"], true);
    }

    #[test]
    fn a_floor_on_which_nothing_has_changed_is_not_told() {
        let mut floors = floors();
        let line = line("wei", 1);
        assert!(floors.watch(line.clone()).is_ok());
        floors.show(START, |_| floor(&[("ann", 0)]));
        frames(&line);

        assert_eq!(floors.due_at(), None, "nothing has happened");
        floors.note_change();
        assert_eq!(floors.due_at(), Some(START + INTERVAL), "not sooner");
        assert_eq!(floors.show(START + INTERVAL, |_| floor(&[("ann", 0)])), []);
        assert_eq!(frames(&line), Vec::<Value>::new());
    }

    #[test]
    fn a_floor_that_nobody_watches_is_not_looked_at() {
        let mut floors = floors();
        floors.note_change();
        assert_eq!(floors.due_at(), None);

        let line = line("wei", 1);
        assert!(floors.watch(line.clone()).is_ok());
        floors.unwatch(&line.seat.shop, line.link.session);
        floors.show(START, |_| panic!("nobody looks"));
        floors.note_change();
        assert_eq!(floors.due_at(), None);
    }

    #[test]
    fn who_may_not_watch_any_more_is_left_out() {
        let mut floors = floors();
        let line = line("wei", 1);
        assert!(floors.watch(line.clone()).is_ok());

        assert_eq!(floors.set_supervisors([line.seat.clone()].into()).len(), 0);
        assert_eq!(floors.set_supervisors(BTreeSet::new()).len(), 1);
        // What the seat asked for before it heard of it comes too late.
        assert!(floors.watch(line).is_err());
        floors.show(START, |_| panic!("nobody looks"));
    }

    #[test]
    fn a_socket_that_takes_a_session_over_gets_all_and_keeps_it_when_the_old_one_goes() {
        let mut floors = floors();
        let old = line("wei", 1);
        assert!(floors.watch(old.clone()).is_ok());
        floors.show(START, |_| floor(&[("ann", 0)]));

        let new = line("wei", 1);
        assert!(floors.watch(new.clone()).is_ok());
        old.link.outbox.close(CloseCode::Silent);
        floors.closed(&"demo".into(), Uuid::from_u128(1));
        let sent = floors.show(START, |_| floor(&[("ann", 1)]));

        assert_eq!(sent, [FloorShown::Full]);
        assert_eq!(frames(&new).len(), 1);
    }
}
