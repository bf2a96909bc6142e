//! Seats that answer in a language they do not speak: when, whom, and what the offer says.

use crate::common::*;
use tradewind::domain::{Rules, SeatId, SeatState};
use tradewind::schedule::{
    Command, Decision, QueueHours, Roster, Scheduler, Settings, Translation,
};

fn two_languages(translation: Option<Translation>) -> Scheduler {
    let seats = vec![
        seat("ann", &["en"], &["orders"]).slots(3),
        seat("tom", &["th"], &["orders"]).slots(1),
    ];
    let roster = Roster {
        shop: shop(),
        seats,
        fallback_language: None,
        hours: QueueHours::default(),
        rules: Rules::default(),
        translation,
    };
    Scheduler::new(Settings::default(), vec![roster])
}

struct Desk(Scheduler);

impl Desk {
    fn open(translation: Option<Translation>) -> Self {
        let mut desk = Self(two_languages(translation));
        for seat in ["ann", "tom"] {
            let (seat, state) = (SeatId::from(seat), SeatState::Ready);
            desk.tell(0, Command::SignIn { shop: shop(), seat, state });
        }
        desk
    }

    /// Applies a command and accepts what is offered. Gives seats and their reasons.
    fn tell(&mut self, at_ms: u64, command: Command) -> Vec<(String, String)> {
        let now = tradewind::domain::Timestamp::from_millis(START_MS + at_ms);
        let decisions = self.0.apply(now, command);
        self.accept_all(now, decisions)
    }

    fn until(&mut self, at_ms: u64) -> Vec<(String, String)> {
        let now = tradewind::domain::Timestamp::from_millis(START_MS + at_ms);
        let decisions = self.0.on_timer(now);
        self.accept_all(now, decisions)
    }

    fn accept_all(
        &mut self,
        now: tradewind::domain::Timestamp,
        decisions: Vec<Decision>,
    ) -> Vec<(String, String)> {
        let mut taken = Vec::new();
        for decision in decisions {
            if let Decision::Offered { offer, shop, seat, why, .. } = decision {
                taken.push((seat.to_string(), why[0].to_string()));
                self.0.apply(now, Command::Accept { shop, seat, offer });
            }
        }
        assert_eq!(self.0.audit(), Vec::<String>::new());
        taken
    }

    fn thai(&mut self, at_ms: u64, n: u64) -> Vec<(String, String)> {
        self.tell(at_ms, Command::Arrive(contact(n).language("th")))
    }
}

const RULE: Translation =
    Translation { after: std::time::Duration::from_secs(5), slots_kept_free: 1 };

#[test]
fn a_busy_language_is_translated_after_the_wait_and_the_offer_says_so() {
    let mut desk = Desk::open(Some(RULE));
    assert_eq!(desk.thai(0, 1)[0].0, "tom");

    assert_eq!(desk.thai(1_000, 2), []);
    assert_eq!(desk.until(5_999), []);

    let translated = desk.until(6_000);
    assert_eq!(translated[0].0, "ann");
    assert_eq!(translated[0].1, "nobody for th is free, translated into en");
}

#[test]
fn a_translating_seat_keeps_slots_free_for_its_own_language() {
    let mut desk = Desk::open(Some(RULE));
    (1..=5).for_each(|n| {
        desk.thai(n, n);
    });

    let translated = desk.until(10_000);

    // Three slots, one kept free.
    assert_eq!(translated.len(), 2);
    assert_eq!(desk.tell(11_000, Command::Arrive(contact(9)))[0].0, "ann");
}

#[test]
fn a_shop_that_does_not_translate_lets_them_wait() {
    let mut desk = Desk::open(None);
    desk.thai(0, 1);
    desk.thai(0, 2);

    assert_eq!(desk.until(60_000), []);
}

#[test]
fn a_language_that_nobody_speaks_waits_for_translation_instead_of_getting_a_ticket() {
    let mut desk = Desk::open(Some(RULE));

    assert_eq!(desk.tell(0, Command::Arrive(contact(1).language("fi"))), []);

    assert_eq!(desk.until(5_000)[0].0, "ann");
}
