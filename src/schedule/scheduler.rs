//! The scheduler: one writer over plain structures.

use std::collections::{BTreeMap, HashMap};

use smallvec::SmallVec;

use super::choice::Claim;
use super::chosen::First;
use super::command::{Approval, Command, Contact};
use super::decision::{Decision, RefuseReason, TicketReason, WithdrawReason};
use super::lane::Entry;
use super::offers::Offers;
use super::places::Told;
use super::records::Records;
use super::rings::Ring;
use super::settings::{Roster, Settings};
use super::shifts::Order;
use super::shop::{LaneNo, SeatNo, Shop, ShopNo};
use super::timers::{Timer, Timers};
use super::views::Totals;
use crate::domain::{ConversationId, OfferId, Priority, SeatId, ShopId, Timestamp};

/// Gives conversations to seats. It owns no clock and does no I/O: it is told what happened and
/// when, and answers with what follows from it.
///
/// Time never runs backwards in it: a command with an instant before the last one counts as of
/// the last one.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) settings: Settings,
    pub(super) shops: Vec<Shop>,
    shop_of: BTreeMap<ShopId, ShopNo>,
    /// Only looked up, never walked where order could reach a decision.
    pub(super) cases: HashMap<ConversationId, Case, ahash::RandomState>,
    pub(super) offers: Offers,
    pub(super) timers: Timers,
    pub(super) records: Records,
    pub(super) now: Timestamp,
    started: bool,
    pub(super) last_fence: u64,
    next_seq: u64,
    pub(super) decisions: Vec<Decision>,
}

/// A conversation that the scheduler looks after.
#[derive(Debug)]
pub(super) struct Case {
    pub contact: Contact,
    pub shop: ShopNo,
    /// Order of arrival, kept for life.
    pub seq: u64,
    pub station: Station,
    /// It has had a place before, so a full queue is no reason to turn it away.
    pub admitted: bool,
    /// When it began to wait for its next owner.
    pub waits_since: Timestamp,
    /// The seat that is asked before all others.
    pub first: Option<First>,
    /// Seats that may not be asked again yet, and until when.
    pub barred: SmallVec<[(SeatNo, Timestamp); 2]>,
    /// The last seat that did not keep it: asked again only when no other is free.
    pub last_refusal: Option<SeatNo>,
    pub times_refused: u32,
    pub told: Option<Told>,
    /// The expected wait that it was told when it lined up, and when, until it is offered.
    pub promise: Option<(Timestamp, (u32, u32))>,
}

/// The one place where a conversation is.
#[derive(Clone, Debug)]
pub(super) enum Station {
    /// Between two places, inside one command only.
    Moving,
    Lane(LaneNo),
    Kept(SeatNo),
    Held,
    Offered(OfferId),
    Owned(Ownership),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ownership {
    pub seat: SeatNo,
    pub fence: u64,
    pub since: Timestamp,
    /// Whether the owner has written since.
    pub replied: bool,
}

impl Case {
    pub fn claim(&self) -> Claim {
        Claim {
            priority: self.contact.priority,
            arrived_at: self.contact.arrived_at,
            seq: self.seq,
        }
    }

    /// The order in which conversations were first asked.
    pub fn order(&self) -> Order {
        (self.contact.arrived_at, self.seq, self.contact.conversation)
    }

    pub fn entry(&self) -> Entry {
        Entry {
            arrived_at: self.contact.arrived_at,
            seq: self.seq,
            conversation: self.contact.conversation,
        }
    }

    /// Whether somebody waits before a screen, which nobody does behind a ticket.
    pub fn is_live(&self) -> bool {
        self.contact.priority != Priority::Ticket
    }

    pub fn is_barred(&self, seat: SeatNo, now: Timestamp) -> bool {
        self.barred.iter().any(|(barred, until)| *barred == seat && *until > now)
    }

    /// Takes in what it needs from now on. Behind a ticket nobody waited: who comes back to one has
    /// the whole wait of a live conversation.
    fn need(&mut self, contact: Contact, now: Timestamp) {
        let was_live = self.is_live();
        self.contact = contact;
        if self.is_live() && !was_live {
            self.waits_since = now;
        }
    }

    /// Keeps a seat from being asked until the given instant.
    pub fn bar(&mut self, seat: SeatNo, until: Timestamp, now: Timestamp) {
        self.barred.retain(|(barred, end)| *barred != seat && *end > now);
        self.barred.push((seat, until));
        self.last_refusal = Some(seat);
    }
}

impl Scheduler {
    /// A scheduler of the given shops in which nobody is signed in and nobody waits.
    pub fn new(settings: Settings, rosters: Vec<Roster>) -> Self {
        let settings = settings.sane();
        let records_max = settings.records_max;
        let mut scheduler = Self {
            settings,
            shops: Vec::new(),
            shop_of: BTreeMap::new(),
            cases: HashMap::default(),
            offers: Offers::default(),
            timers: Timers::default(),
            records: Records::new(records_max),
            now: Timestamp::default(),
            started: false,
            last_fence: 0,
            next_seq: 0,
            decisions: Vec::new(),
        };
        for roster in rosters {
            if scheduler.shop_no(&roster.shop).is_none() {
                scheduler.add_shop(roster);
            }
        }
        scheduler
    }

    /// Takes in a shop that it does not have.
    pub(super) fn add_shop(&mut self, roster: Roster) -> ShopNo {
        let shop_no = self.shops.len();
        self.shop_of.insert(roster.shop.clone(), shop_no);
        self.shops.push(Shop::new(roster, &self.settings));
        shop_no
    }

    /// Takes one command in and gives all that follows from it and from the time that has passed.
    pub fn apply(&mut self, now: Timestamp, command: Command) -> Vec<Decision> {
        self.advance(now);
        match command {
            Command::Arrive(contact) => self.arrive(contact, false),
            Command::Change(contact) => self.change(contact),
            Command::Rejoin(contact) => self.arrive(contact, true),
            Command::Leave { conversation } | Command::Release { conversation } => {
                self.remove(conversation);
            }
            Command::SignIn { shop, seat, state } => self.sign_in(shop, seat, state),
            Command::SetState { shop, seat, state } => self.set_state(shop, seat, state),
            Command::SignOut { shop, seat } => self.sign_out(shop, seat),
            Command::Accept { shop, seat, offer } => self.accept(shop, seat, offer),
            Command::Decline { shop, seat, offer } => self.decline(shop, seat, offer),
            Command::SeatSpoke { conversation } => self.seat_spoke(conversation),
            Command::CustomerSpoke { conversation } => self.customer_spoke(conversation),
            Command::Transfer { shop, conversation, from, to } => {
                self.transfer(conversation, (shop, from), to);
            }
            Command::Approve { shop, conversation, by } => self.approve(shop, conversation, by),
            Command::Assign { contact, to, by } => self.assign(contact, to, by),
            Command::Restore { contact, seat, fence, since, replied } => {
                let since = since.unwrap_or(self.now).min(self.now);
                self.restore(contact, seat, (fence, since), replied);
            }
        }
        std::mem::take(&mut self.decisions)
    }

    /// When [`Self::on_timer`] next has work.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Does what is due by `now`.
    pub fn on_timer(&mut self, now: Timestamp) -> Vec<Decision> {
        self.advance(now);
        std::mem::take(&mut self.decisions)
    }

    /// The owner of a conversation and its fence.
    pub fn owner(&self, conversation: ConversationId) -> Option<(&SeatId, u64)> {
        let case = self.cases.get(&conversation)?;
        let Station::Owned(owned) = &case.station else { return None };
        Some((&self.shops[case.shop].seats[owned.seat].profile.id, owned.fence))
    }

    /// Conversations that have no owner, offered ones included.
    pub fn without_owner(&self) -> usize {
        self.shops.iter().map(|shop| shop.waiting).sum::<usize>() + self.offers.len()
    }

    /// How much there is of everything.
    pub fn totals(&self) -> Totals {
        let seats = self.shops.iter().flat_map(|shop| &shop.seats);
        let waiting = self.shops.iter().map(|shop| shop.waiting).sum();
        let offered = self.offers.len();
        Totals {
            waiting,
            offered,
            owned: self.cases.len() - waiting - offered,
            seats_signed_in: seats.filter(|seat| seat.state.is_some()).count(),
        }
    }

    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if !self.started {
            self.started = true;
            self.offers.start(self.now);
            self.start_hours();
        }
        while let Some(timer) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Queue(shop, queue) => self.queue_changes(shop, queue),
                Timer::Shift(shop, seat) => {
                    let mut seats = vec![(shop, seat)];
                    while let Some(next) = self.timers.pop_due_shift(self.now) {
                        seats.push(next);
                    }
                    self.shifts_change(&seats);
                }
                Timer::WrapUpEnds(shop, seat) => self.wrap_up_ends(shop, seat),
                Timer::OfferExpires(offer) => self.offer_expires(offer),
                Timer::GraceEnds(conversation) => self.grace_ends(conversation),
                Timer::OwnerSilent(conversation) => self.owner_was_silent(conversation),
                Timer::KeptEnds(conversation) => self.kept_ends(conversation),
                Timer::BarEnds(conversation) | Timer::RingOpens(conversation) => {
                    self.try_again(conversation);
                }
                Timer::LaneFallbackOpens(shop, lane) => self.lane_opens(shop, lane),
                Timer::WaitedTooLong(conversation) => {
                    self.leave_station(conversation);
                    self.ticket(conversation, TicketReason::WaitedTooLong, None);
                }
                Timer::HoldEnds(conversation) => self.hold_ends(conversation),
                Timer::Reprice(shop) => self.reprice(shop),
                Timer::TellPlaces(shop) => self.tell_places(shop),
            }
        }
    }

    /// A conversation needs a seat, or another one than before; `admitted` when it has had a place
    /// already.
    pub(super) fn arrive(&mut self, mut contact: Contact, admitted: bool) {
        contact.arrived_at = contact.arrived_at.min(self.now);
        let conversation = contact.conversation;
        if self.cases.contains_key(&conversation) {
            return self.change(contact);
        }
        let Some(shop) = self.shop_no(&contact.shop) else {
            let reason = TicketReason::NoSeat;
            self.decide(Decision::Ticket { conversation, opens_at: None, reason });
            return;
        };
        let first = self.first_seat(shop, &contact);
        self.open_case(shop, contact, Station::Moving);
        let case = self.case_mut(conversation);
        case.first = first;
        case.admitted |= admitted;
        if admitted {
            self.bar_again(conversation);
        }
        self.place(conversation);
    }

    /// What a conversation needs has changed, as its owner knows it.
    fn change(&mut self, mut contact: Contact) {
        let Some(case) = self.cases.get(&contact.conversation) else { return };
        let old = &case.contact;
        if matches!(case.station, Station::Owned(_)) || contact.shop != old.shop {
            return;
        }
        contact.arrived_at = contact.arrived_at.min(old.arrived_at);
        contact.hops = contact.hops.max(old.hops);
        // What the owner knows of it may be late.
        let same = contact.skill == old.skill;
        contact.approval = if same { old.approval } else { Approval::None };
        if contact != *old {
            self.re_route(contact);
        }
    }

    /// What a waiting conversation needs has changed. A seat that is being asked and can do that
    /// too goes on being asked; else the conversation lines up anew with its old arrival.
    fn re_route(&mut self, contact: Contact) {
        let (conversation, now) = (contact.conversation, self.now);
        if self.is_asked_seat_still_right(&contact) {
            self.case_mut(conversation).need(contact, now);
            return;
        }
        let first = self.first_seat(self.case(conversation).shop, &contact);
        let asked = self.leave_station(conversation);
        let case = self.case_mut(conversation);
        case.first = if contact.only == case.contact.only { case.first } else { first };
        case.need(contact, now);
        let shop = case.shop;
        self.place(conversation);
        if let Some(seat) = asked {
            self.fill(shop, seat);
        }
    }

    fn is_asked_seat_still_right(&mut self, contact: &Contact) -> bool {
        let case = self.case(contact.conversation);
        let Station::Offered(offer) = case.station else { return false };
        if contact.only != case.contact.only {
            return false;
        }
        let shop_no = case.shop;
        let offer = *self.offers.get(offer).expect("an offered conversation has its offer");
        let shop = &mut self.shops[shop_no];
        if shop.approval_rule(contact).is_some() {
            return false;
        }
        let Some(lane_no) = shop.lane_for(contact, self.now) else { return false };
        let lane = &shop.lanes[lane_no];
        match offer.ring {
            Some(Ring::Translated) => shop.helps(lane, offer.seat),
            _ => lane.ring().contains(offer.seat),
        }
    }

    pub(super) fn open_case(&mut self, shop: ShopNo, contact: Contact, station: Station) {
        let case = Case {
            shop,
            seq: self.next_seq,
            admitted: contact.hops > 0,
            station,
            waits_since: self.now,
            first: None,
            barred: SmallVec::new(),
            last_refusal: None,
            times_refused: 0,
            told: None,
            promise: None,
            contact,
        };
        self.next_seq += 1;
        self.cases.insert(case.contact.conversation, case);
    }

    /// Ends the scheduler's part in a conversation, wherever it is.
    fn remove(&mut self, conversation: ConversationId) {
        if !self.cases.contains_key(&conversation) {
            return;
        }
        let shop = self.case(conversation).shop;
        let owned = match &self.case(conversation).station {
            Station::Owned(owned) => Some(*owned),
            _ => None,
        };
        self.learn_from_leaving(conversation);
        let skill = self.case(conversation).contact.skill.clone();
        let freed = self.leave_station(conversation);
        self.cases.remove(&conversation);
        if let Some(owned) = owned {
            self.shops[shop].handling.add(self.now.since(owned.since));
            self.begin_wrap_up(shop, &owned, &skill);
        }
        if let Some(seat) = freed {
            self.fill(shop, seat);
        }
    }

    /// Takes a conversation out of where it is, with all timers of that place. Gives the seat
    /// whose slot is free now; filling it is left to the caller.
    pub(super) fn leave_station(&mut self, conversation: ConversationId) -> Option<SeatNo> {
        let case = self.case_mut(conversation);
        let station = std::mem::replace(&mut case.station, Station::Moving);
        let (shop, entry, priority) = (case.shop, case.entry(), case.contact.priority);
        let order = case.order();
        for timer in [
            Timer::KeptEnds(conversation),
            Timer::BarEnds(conversation),
            Timer::RingOpens(conversation),
            Timer::WaitedTooLong(conversation),
            Timer::HoldEnds(conversation),
            Timer::GraceEnds(conversation),
            Timer::OwnerSilent(conversation),
        ] {
            self.timers.clear(timer);
        }
        match station {
            Station::Moving => None,
            Station::Lane(lane_no) => {
                let shop_no = shop;
                let shop = &mut self.shops[shop_no];
                let lane = &mut shop.lanes[lane_no];
                lane.remove(priority, &entry);
                if lane.is_empty() {
                    shop.waiting_lanes.remove(lane_no);
                }
                shop.waiting -= 1;
                self.mark_untold(shop_no, lane_no);
                None
            }
            Station::Kept(seat) => {
                self.shops[shop].seats[seat].kept.retain(|(_, kept)| *kept != entry);
                self.shops[shop].waiting -= 1;
                None
            }
            Station::Held => {
                let skill = &self.cases[&conversation].contact.skill;
                self.shops[shop].forget_held(skill, &order);
                self.shops[shop].waiting -= 1;
                None
            }
            Station::Offered(offer) => Some(self.withdraw(offer, WithdrawReason::Cancelled)),
            Station::Owned(owned) => {
                self.shops[shop].seats[owned.seat].owned.remove(&conversation);
                self.shops[shop].left_behind.remove(&order);
                self.shops[shop].seats[owned.seat].idle_since = self.now;
                self.shops[shop].refresh(owned.seat);
                Some(owned.seat)
            }
        }
    }

    pub(super) fn ticket(
        &mut self,
        conversation: ConversationId,
        reason: TicketReason,
        opens_at: Option<Timestamp>,
    ) {
        let search = self.search_in_vain(conversation);
        self.decide_after(search, Decision::Ticket { conversation, opens_at, reason });
        self.cases.remove(&conversation);
    }

    pub(super) fn refuse(
        &mut self,
        (shop, seat): (ShopId, SeatId),
        offer: Option<OfferId>,
        conversation: Option<ConversationId>,
        reason: RefuseReason,
    ) {
        self.decide(Decision::Refused { shop, seat, offer, conversation, reason });
    }

    pub(super) fn shop_no(&self, shop: &ShopId) -> Option<ShopNo> {
        self.shop_of.get(shop).copied()
    }

    pub(super) fn case(&self, conversation: ConversationId) -> &Case {
        self.cases.get(&conversation).expect("a conversation in a place or a timer has its case")
    }

    pub(super) fn case_mut(&mut self, conversation: ConversationId) -> &mut Case {
        self.cases
            .get_mut(&conversation)
            .expect("a conversation in a place or a timer has its case")
    }
}
