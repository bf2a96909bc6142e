//! The random commands of a day.

use tradewind::domain::{
    ConversationId, OfferId, Priority, SeatId, SeatState, ShopId, SkillId, Timestamp,
    TransferTarget,
};
use tradewind::schedule::{Command, Contact, Decision, Roster, Scheduler};

use super::settings;
use crate::common::*;
use crate::scan::Random;
use crate::shops::{LANGUAGES, REGIONS, SKILLS, rosters};

/// Seeds of days on which seats are often free, and the shifts of every second one end.
pub const QUIET_DAYS: std::ops::Range<u64> = 16..20;
const QUIET_SHIFTS: [&str; 4] =
    ["Wed 08:00-10:05", "Wed 10:06-10:11", "Wed 10:12-10:17", "Wed 10:18-10:23"];

/// What the random commands are made from.
pub struct World {
    pub random: Random,
    pub rosters: Vec<Roster>,
    /// Offers and assignments that came up so far, the latest last.
    pub offers: Vec<(ShopId, SeatId, OfferId)>,
    pub owned: Vec<(ShopId, SeatId, ConversationId)>,
    /// Number of the last conversation.
    pub last: u64,
    /// A day on which seats are often free, and the shift of every second one ends.
    pub is_quiet: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut rosters = rosters(&mut random);
        let is_quiet = QUIET_DAYS.contains(&seed);
        if is_quiet {
            let seats = rosters.iter_mut().flat_map(|roster| &mut roster.seats);
            seats.step_by(2).for_each(|seat| *seat = seat.clone().hours("UTC", &QUIET_SHIFTS));
        }
        Self { random, rosters, offers: Vec::new(), owned: Vec::new(), last: 0, is_quiet }
    }

    pub fn scheduler(&self) -> Scheduler {
        Scheduler::new(settings(), self.rosters.clone())
    }

    pub fn see(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            match decision {
                Decision::Offered { offer, shop, seat, .. } => {
                    self.offers.push((shop.clone(), seat.clone(), *offer));
                }
                Decision::Assigned { conversation, shop, seat, .. } => {
                    self.owned.push((shop.clone(), seat.clone(), *conversation));
                }
                _ => {}
            }
        }
    }

    pub fn seat(&mut self) -> (ShopId, SeatId) {
        let roster = &self.rosters[self.random.below(self.rosters.len())];
        let seat = &roster.seats[self.random.below(roster.seats.len())];
        (roster.shop.clone(), seat.id.clone())
    }

    /// An owned conversation, mostly; sometimes one that is no longer, or never was.
    pub fn owned(&mut self) -> (ShopId, SeatId, ConversationId) {
        if self.owned.is_empty() || self.random.one_in(10) {
            let (shop, seat) = self.seat();
            return (shop, seat, conversation(self.last));
        }
        let at = self.owned.len() - 1 - self.random.below(self.owned.len().min(20));
        self.owned[at].clone()
    }

    pub fn command(&mut self, now: Timestamp) -> Command {
        let (shop, seat) = self.seat();
        let state = match self.random.below(8) {
            0 => SeatState::Away,
            1 => SeatState::WrapUp,
            _ => SeatState::Ready,
        };
        match self.random.below(45) {
            1..=5 if self.is_quiet => {
                if self.random.one_in(2) {
                    return Command::SeatSpoke { conversation: self.owned().2 };
                }
                Command::SignIn { shop, seat, state: SeatState::Ready }
            }
            33..=38 if self.is_quiet => Command::SeatSpoke { conversation: self.owned().2 },
            0..=7 => {
                self.last += 1;
                Command::Arrive(self.contact(now, &shop, &seat, self.last))
            }
            8 => {
                let n = self.last.saturating_sub(self.random.below(20) as u64);
                Command::Arrive(self.contact(now, &shop, &seat, n))
            }
            9..=12 => Command::SignIn { shop, seat, state },
            13 => Command::SignOut { shop, seat },
            14 => Command::SetState { shop, seat, state },
            15..=27 if !self.offers.is_empty() => {
                let at = self.offers.len() - 1 - self.random.below(self.offers.len().min(4));
                let (shop, asked, offer) = self.offers[at].clone();
                match self.random.below(12) {
                    0..=1 => Command::Decline { shop, seat: asked, offer },
                    2 => {
                        let seats = &self.rosters.iter().find(|r| r.shop == shop);
                        let seat = seats.expect("a shop").seats[0].id.clone();
                        Command::Accept { shop, seat, offer }
                    }
                    _ => Command::Accept { shop, seat: asked, offer },
                }
            }
            28..=30 => Command::SeatSpoke { conversation: self.owned().2 },
            31..=32 => Command::CustomerSpoke { conversation: self.owned().2 },
            33..=34 => {
                let to = if self.random.one_in(2) {
                    TransferTarget::Seat(seat)
                } else {
                    TransferTarget::Skill(SkillId::from(self.random.pick(&SKILLS)))
                };
                let (shop, from, conversation) = self.owned();
                Command::Transfer { shop, conversation, from, to }
            }
            35 => {
                let n = self.last.saturating_sub(self.random.below(20) as u64);
                Command::Leave { conversation: conversation(n) }
            }
            36..=37 => {
                let n = self.last.saturating_sub(self.random.below(20) as u64);
                let contact = self.contact(now, &shop, &seat, n);
                Command::Assign { contact, by: seat.clone(), to: seat }
            }
            // Supervisors look at what is held in their shop.
            42..=44 => {
                let shop = self.rosters[2].shop.clone();
                let n = self.last.saturating_sub(self.random.below(60) as u64);
                Command::Approve { shop, conversation: conversation(n), by: seat }
            }
            _ => Command::Release { conversation: self.owned().2 },
        }
    }

    pub fn contact(&mut self, now: Timestamp, shop: &ShopId, seat: &SeatId, n: u64) -> Contact {
        let random = &mut self.random;
        let mut contact =
            contact(n).language(random.pick(&LANGUAGES)).skill(random.pick(&SKILLS[..3]));
        contact.shop = shop.clone();
        contact.arrived_at = now;
        contact.priority = Priority::ALL[random.below(Priority::ALL.len())];
        if random.one_in(3) {
            contact = contact.region(random.pick(&REGIONS));
        }
        if random.one_in(100) {
            contact = contact.skill("alchemy");
        }
        if random.one_in(30) {
            contact.only = Some(seat.clone());
        }
        if random.one_in(5) {
            contact.last_seat = Some(seat.clone());
        }
        contact
    }
}
