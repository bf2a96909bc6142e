//! The state of one shop: its seats, lanes and what was measured.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::bitset::Bitset;
use super::command::Contact;
use super::expected_wait::{HandlingTime, TrackRecord};
use super::explain::rules_version;
use super::index::SeatIndex;
use super::lane::{Entry, Lane, LaneKey, LaneRegion};
use super::prices::Demand;
use super::queues::{Queue, QueueNo};
use super::rings::{Helpers, Translation};
use super::settings::{Roster, Settings};
use super::shifts::{Order, Shift};
use crate::domain::{
    ConversationId, Language, Needs, OfferId, Priority, RegionId, Regions, Rules, SeatId,
    SeatProfile, SeatState, ShopId, SkillId, Step, Timestamp,
};

/// Place of a shop in the scheduler.
pub(super) type ShopNo = usize;
/// Number of a seat in its shop's [`SeatIndex`].
pub(super) type SeatNo = usize;
/// Place of a lane in its shop.
pub(super) type LaneNo = usize;

/// A seat and what it holds.
#[derive(Debug)]
pub(super) struct Seat {
    pub profile: SeatProfile,
    /// `None` while it is not signed in.
    pub state: Option<SeatState>,
    pub shift: Shift,
    /// When the shift that runs ends; `None` without one, or when it never does.
    pub shift_ends_at: Option<Timestamp>,
    /// When it next takes new conversations, while it takes none.
    pub opens_at: Option<Timestamp>,
    pub owned: BTreeSet<ConversationId>,
    pub offers: BTreeSet<OfferId>,
    /// Conversations that wait for this seat alone.
    pub kept: Vec<(Priority, Entry)>,
    /// When the slots in wrap-up come free, the next one first.
    pub wrapping: Vec<Timestamp>,
    /// Slots that a conversation uses.
    weight: usize,
    /// Offers in a row that were not answered.
    pub unanswered: u8,
    /// When the last one that was counted expired.
    pub unanswered_at: Timestamp,
    /// Lanes that it serves in their own language, and in the shop's fallback language.
    pub native_lanes: Bitset,
    pub fallback_lanes: Bitset,
    /// Lanes that it serves in their own language from some step on.
    pub step_lanes: Bitset,
    /// When it last had a conversation.
    pub idle_since: Timestamp,
}

impl Seat {
    fn new(profile: SeatProfile, rules: &Rules) -> Self {
        // A conversation that uses more slots than there are would fit nowhere.
        let weight = rules.chat_slots.min(profile.slots);
        Self {
            profile,
            state: None,
            shift: Shift::Off,
            shift_ends_at: None,
            opens_at: None,
            owned: BTreeSet::new(),
            offers: BTreeSet::new(),
            kept: Vec::new(),
            wrapping: Vec::new(),
            weight: usize::from(weight.get()),
            unanswered: 0,
            unanswered_at: Timestamp::default(),
            native_lanes: Bitset::default(),
            fallback_lanes: Bitset::default(),
            step_lanes: Bitset::default(),
            idle_since: Timestamp::default(),
        }
    }

    pub fn slots(&self) -> usize {
        usize::from(self.profile.slots.get())
    }

    /// Slots in use.
    pub fn used(&self) -> usize {
        (self.owned.len() + self.offers.len() + self.wrapping.len()) * self.weight
    }

    /// Whether one more conversation fits beside so many slots in use.
    pub fn fits(&self, used: usize) -> bool {
        used + self.weight <= self.slots()
    }

    /// Slots that a conversation uses here.
    pub fn weight(&self) -> usize {
        self.weight
    }

    pub fn has_room_but_for_wrap_up(&self) -> bool {
        self.fits(self.used() - self.wrapping.len() * self.weight)
    }

    /// At work for new conversations: on shift, not about to go, and signed in, ready or about to
    /// be. A seat that is away may be so for long, and nobody should wait for it.
    pub fn is_present(&self) -> bool {
        self.shift == Shift::On && matches!(self.state, Some(SeatState::Ready | SeatState::WrapUp))
    }

    fn free_level(&self) -> Option<u8> {
        let open = self.shift == Shift::On && self.state == Some(SeatState::Ready);
        (open && self.fits(self.used())).then_some(self.used() as u8)
    }
}

/// One shop of the scheduler.
#[derive(Debug)]
pub(super) struct Shop {
    pub id: ShopId,
    /// Names its configuration.
    pub rules_version: Arc<str>,
    pub seats: Vec<Seat>,
    pub index: SeatIndex,
    pub lanes: Vec<Lane>,
    /// Lanes in which somebody waits.
    pub waiting_lanes: Bitset,
    /// Lanes whose places are to be told.
    pub untold_lanes: Bitset,
    /// Lanes of the walk that is under way, and how far the first of them is told.
    pub telling: VecDeque<LaneNo>,
    pub told_up_to: usize,
    /// Seats whose shift lets new conversations come.
    pub on_shift: Bitset,
    pub present: Bitset,
    /// Conversations in lanes, held for approval or kept for a seat.
    pub waiting: usize,
    /// Conversations that are held for approval, by skill; no set is empty.
    pub held: BTreeMap<SkillId, BTreeSet<Order>>,
    pub handling: HandlingTime,
    pub told_waits: TrackRecord,
    pub queues: Vec<Queue>,
    queue_of: BTreeMap<SkillId, QueueNo>,
    /// Conversations whose owner is off shift and that no colleague could take yet, with their
    /// lane and owner.
    pub left_behind: BTreeMap<Order, (LaneNo, SeatNo)>,
    /// For each seat, the conversations in the lanes that it works for, at the last walk.
    pub lined_up: Vec<usize>,
    demand: Demand,
    fallback: Option<Language>,
    pub rules: Rules,
    pub translation: Option<Translation>,
    /// Seats for each skill and region, shared by the lanes of all languages. Empty unless the
    /// shop translates.
    pub helpers: Vec<Helpers>,
    helpers_of: BTreeMap<(SkillId, LaneRegion), usize>,
    by_name: BTreeMap<SeatId, SeatNo>,
    /// A key whose language has no seat with the skill leads to the lane of the fallback.
    lane_of: BTreeMap<LaneKey, Option<LaneNo>>,
}

impl Shop {
    pub fn new(roster: Roster, settings: &Settings) -> Self {
        let rules_version = rules_version(settings, &roster);
        let mut names = BTreeSet::new();
        let mut profiles = roster.seats;
        profiles.retain(|seat| names.insert(seat.id.clone()));
        let (profiles, mut index) = SeatIndex::build(profiles);
        index.set_resident(roster.rules.resident.clone());
        let by_name = profiles.iter().enumerate().map(|(no, seat)| (seat.id.clone(), no)).collect();
        let len = profiles.len();
        let (queues, queue_of) = Queue::all(roster.hours);
        Self {
            id: roster.shop,
            rules_version,
            seats: profiles.into_iter().map(|seat| Seat::new(seat, &roster.rules)).collect(),
            index,
            lanes: Vec::new(),
            waiting_lanes: Bitset::default(),
            untold_lanes: Bitset::default(),
            telling: VecDeque::new(),
            told_up_to: 0,
            on_shift: Bitset::with_room(len),
            present: Bitset::with_room(len),
            waiting: 0,
            held: BTreeMap::new(),
            handling: HandlingTime::starting_at(settings.handling_start),
            told_waits: TrackRecord::default(),
            queues,
            queue_of,
            left_behind: BTreeMap::new(),
            lined_up: vec![0; len],
            demand: Demand::default(),
            fallback: roster.fallback_language,
            rules: roster.rules,
            translation: roster.translation,
            helpers: Vec::new(),
            helpers_of: BTreeMap::new(),
            by_name,
            lane_of: BTreeMap::new(),
        }
    }

    pub fn seat_no(&self, seat: &SeatId) -> Option<SeatNo> {
        self.by_name.get(seat).copied()
    }

    pub fn queue_no(&self, skill: &SkillId) -> QueueNo {
        self.queue_of.get(skill).copied().unwrap_or_default()
    }

    pub fn fallback(&self) -> Option<Language> {
        self.fallback
    }

    /// Counts a new conversation, so that seats that are much asked for get dearer.
    pub fn count_demand(&mut self, contact: &Contact, lane: LaneNo) {
        self.demand.count(contact, self.lanes[lane].key.language);
    }

    /// Goes on counting where an old shop stopped.
    pub fn take_over_demand(&mut self, old: &mut Self) {
        self.demand = std::mem::take(&mut old.demand);
        self.demand.keep_known(self.seats.iter().map(|seat| &seat.profile));
    }

    /// Puts the seats in order by what is asked for now. Gives whether prices may still change
    /// without new conversations.
    pub fn reprice(&mut self) -> bool {
        let goes_on = self.demand.fade();
        let profiles = self.seats.iter().map(|seat| &seat.profile);
        self.index.set_prices(self.demand.prices(profiles));
        for lane in &mut self.lanes {
            lane.set_order(&self.index);
        }
        self.helpers.iter_mut().for_each(|helpers| helpers.set_order(&self.index));
        goes_on
    }

    /// The lane of a contact; `None` when no seat of the shop could ever take it.
    pub fn lane_for(&mut self, contact: &Contact, now: Timestamp) -> Option<LaneNo> {
        if !self.index.has_skill(&contact.skill) {
            return None;
        }
        let region = match &contact.region {
            None => LaneRegion::Any,
            Some(region) if self.index.names_region(region) => LaneRegion::Named(region.clone()),
            Some(region) if self.index.is_resident(region) => return None,
            Some(_) => LaneRegion::Unnamed,
        };
        let language = match self.index.speaks(contact.language) {
            true => Some(contact.language),
            false => self.fallback,
        };
        if language.is_none() && self.translation.is_none() {
            return None;
        }
        let key = LaneKey { language, skill: contact.skill.clone(), region };
        if let Some(known) = self.lane_of.get(&key) {
            return *known;
        }
        let lane = self.open_lane(key.clone(), contact, now);
        self.lane_of.insert(key, lane);
        lane
    }

    fn open_lane(&mut self, key: LaneKey, contact: &Contact, now: Timestamp) -> Option<LaneNo> {
        let region = contact.region.as_ref();
        let rules = self.rules.queues.get(&key.skill).cloned().unwrap_or_default();
        let native = self.fitting(&key, region, &rules.needs);
        let steps = self.circles(&key, region, &native, &rules.steps);
        let stand_in = self.fallback.filter(|language| Some(*language) != key.language);
        let helpers = self.helpers_for(&key, region);
        if native.is_empty() && steps.iter().all(Bitset::is_empty) {
            if let Some(language) = stand_in {
                return self.lane_for(&Contact { language, ..contact.clone() }, now);
            }
            helpers?;
        }
        let mut fallback = match stand_in {
            Some(language) => {
                let key = LaneKey { language: Some(language), ..key.clone() };
                self.fitting(&key, region, &rules.needs)
            }
            None => Bitset::default(),
        };
        fallback.take_all(&native);

        let lane = self.lanes.len();
        native.iter().for_each(|seat| self.seats[seat].native_lanes.insert(lane));
        fallback.iter().for_each(|seat| self.seats[seat].fallback_lanes.insert(lane));
        let queue = self.queue_no(&key.skill);
        let mut opened = Lane::new(key, queue, native, fallback, now);
        opened.native_present = opened.native.iter_common(&self.present, 0).count();
        opened.helpers = helpers;
        let mut preferred = Bitset::default();
        if !rules.prefers.is_empty() {
            let has_all = |seat: &SeatNo| {
                let skills = &self.seats[*seat].profile.skills;
                rules.prefers.iter().all(|skill| skills.contains(skill))
            };
            opened.native.iter().filter(has_all).for_each(|seat| preferred.insert(seat));
        }
        steps.iter().flat_map(Bitset::iter).for_each(|no| self.seats[no].step_lanes.insert(lane));
        opened.set_rules(rules.select, preferred, steps);
        opened.able = self.able(&opened.key);
        opened.set_order(&self.index);
        self.lanes.push(opened);
        Some(lane)
    }

    /// How many seats have a lane's skill, and of these how many speak its language and how many the
    /// fallback.
    fn able(&self, key: &LaneKey) -> [u32; 3] {
        let speaking = |language: Option<Language>| match language {
            Some(language) => self.index.eligible(language, &key.skill, None).len() as u32,
            None => 0,
        };
        let skilled = self.index.skilled(&key.skill, None).len() as u32;
        [skilled, speaking(key.language), speaking(self.fallback)]
    }

    /// Seats of a lane's language and skill that have what is asked for.
    fn fitting(&self, key: &LaneKey, region: Option<&RegionId>, needs: &Needs) -> Bitset {
        let Some(language) = key.language else { return Bitset::default() };
        let there = match (&needs.regions, region) {
            // Where customers are resident, nothing opens their region to others.
            (_, Some(region)) if self.index.is_resident(region) => Some(self.index.there(region)),
            (_, None) | (Regions::Any, _) => None,
            (Regions::Own, Some(region)) => Some(self.index.there(region)),
            (Regions::Also(others), Some(region)) => {
                let mut there = self.index.there(region);
                others.iter().for_each(|other| there.add_all(&self.index.there(other)));
                Some(there)
            }
        };
        let mut seats = Bitset::default();
        let able = self.index.eligible(language, &key.skill, None);
        for no in able.iter().filter(|no| there.as_ref().is_none_or(|seats| seats.contains(*no))) {
            let profile = &self.seats[no].profile;
            let fits = profile.level(&key.skill) >= needs.level
                && profile.fluency(language) >= needs.fluency;
            if fits {
                seats.insert(no);
            }
        }
        seats
    }

    /// The seats of each step, without those of the narrower ones.
    fn circles(
        &self,
        key: &LaneKey,
        region: Option<&RegionId>,
        native: &Bitset,
        steps: &[Step],
    ) -> Vec<Bitset> {
        let mut within = native.clone();
        let circle = |step: &Step| {
            let mut seats = self.fitting(key, region, &step.needs);
            seats.take_all(&within);
            within.add_all(&seats);
            seats
        };
        steps.iter().map(circle).collect()
    }

    /// The seats that could help out in a lane; `None` when there is none or the shop does not
    /// translate.
    fn helpers_for(&mut self, key: &LaneKey, region: Option<&RegionId>) -> Option<usize> {
        self.translation?;
        let shared = (key.skill.clone(), key.region.clone());
        if let Some(known) = self.helpers_of.get(&shared) {
            return Some(*known);
        }
        let least = self.rules.queues.get(&key.skill).map_or(1, |rules| rules.needs.level);
        let mut seats = Bitset::default();
        let skilled = self.index.skilled(&key.skill, region);
        let is_able = |no: &SeatNo| self.seats[*no].profile.level(&key.skill) >= least;
        skilled.iter().filter(is_able).for_each(|no| seats.insert(no));
        if seats.is_empty() {
            return None;
        }
        let no = self.helpers.len();
        self.helpers.push(Helpers::new(seats, &self.index));
        self.helpers_of.insert(shared, no);
        Some(no)
    }

    /// Whether any seat has the contact's language and skill and serves its region.
    pub fn speaks_with_skill(&self, contact: &Contact) -> bool {
        let region = contact.region.as_ref();
        !self.index.eligible(contact.language, &contact.skill, region).is_empty()
    }

    /// The seats, by name.
    pub fn seats_by_name(&self) -> impl Iterator<Item = SeatNo> + '_ {
        self.by_name.values().copied()
    }

    /// Seats that are there for a lane: those of its language, by whatever step, and those who
    /// could translate. The
    /// fallback does not count: it stands in for a colleague who is on shift and not there, while
    /// a customer whose language is off shift is told when it is back.
    pub fn takers<'a>(&'a self, lane: &'a Lane) -> impl Iterator<Item = &'a Bitset> {
        let helpers = lane.helpers.map(|no| &self.helpers[no].seats);
        let steps = lane.steps.iter().map(|step| &step.seats);
        std::iter::once(&lane.native).chain(steps).chain(helpers)
    }

    /// Whether the lane's queue is open and somebody who is there for it on shift, now or by
    /// `until`; if not, when both are.
    pub fn reach(&self, lane_no: LaneNo, until: Timestamp) -> Result<(), Option<Timestamp>> {
        let is_on_shift = |seats: &Bitset| seats.meets(&self.on_shift);
        if self.is_open(lane_no) && self.takers(&self.lanes[lane_no]).any(is_on_shift) {
            return Ok(());
        }
        match self.opens_at(lane_no) {
            Some(opens_at) if opens_at <= until => Ok(()),
            opens_at => Err(opens_at),
        }
    }

    /// Brings what is derived from a seat up to date after any change of it. Gives the lanes that
    /// have just lost their last seat of their own language.
    pub fn refresh(&mut self, no: SeatNo) -> Vec<LaneNo> {
        let seat = &self.seats[no];
        self.index.set_load(no, seat.free_level());
        let present = seat.is_present();
        if seat.shift == Shift::On {
            self.on_shift.insert(no);
        } else {
            self.on_shift.remove(no);
        }
        if present == self.present.contains(no) {
            return Vec::new();
        }
        let mut orphaned = Vec::new();
        for lane_no in seat.native_lanes.iter() {
            let lane = &mut self.lanes[lane_no];
            lane.slots_share = None;
            if present {
                lane.native_present += 1;
            } else {
                lane.native_present -= 1;
                if lane.native_present == 0 {
                    orphaned.push(lane_no);
                }
            }
        }
        for lane_no in seat.fallback_lanes.iter() {
            self.lanes[lane_no].slots_share = None;
        }
        if present {
            self.present.insert(no);
        } else {
            self.present.remove(no);
        }
        orphaned
    }

    /// Lanes with waiting conversations that a seat could serve in any ring.
    pub fn waiting_lanes_of(&self, no: SeatNo) -> Vec<LaneNo> {
        let seat = &self.seats[no];
        let native = seat.native_lanes.iter_common(&self.waiting_lanes, 0);
        let steps = seat.step_lanes.iter_common(&self.waiting_lanes, 0);
        let fallback = seat.fallback_lanes.iter_common(&self.waiting_lanes, 0).chain(steps);
        let translates = self.translation.map(|_| {
            self.waiting_lanes.iter().filter(|lane| {
                let lane = &self.lanes[*lane];
                self.helps(lane, no) && !lane.fallback.contains(no)
            })
        });
        native.chain(fallback).chain(translates.into_iter().flatten()).collect()
    }
}
