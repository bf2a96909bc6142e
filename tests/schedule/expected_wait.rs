//! Whether nine in ten are served before the upper end that they were told, in centres of many
//! languages, with priorities, customers who give up, and loads on both sides of one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::chance::{exponential, seconds, uniform, varied};
use crate::common::*;
use crate::scan::Random;
use tradewind::domain::{
    ConversationId, Priority, Rules, SeatId, SeatState, Timestamp, WaitReason,
};
use tradewind::schedule::{Command, Contact, Decision, QueueHours, Roster, Scheduler, Settings};

const HANDLING_S: f64 = 240.0;
const PATIENCE_S: f64 = 450.0;
const CONTACTS: u64 = 4_500;
/// Contacts before anything is counted: the scheduler has to learn how long conversations take.
const WARM_UP: u64 = 1_500;

#[derive(Clone, Copy)]
struct Case {
    load: f64,
    seats: usize,
    languages: usize,
}

/// What became of a promise that was made when a customer lined up.
#[derive(Clone, Copy)]
struct Kept {
    waited_s: f64,
    low: u32,
    high: u32,
    is_rare: bool,
}

/// A centre in virtual time: seats of three slots with one to three languages, whose weights fall
/// off like 1/n.
struct Run {
    random: Random,
    case: Case,
    scheduler: Scheduler,
    weights: Vec<f64>,
    now: Timestamp,
    /// Ends of conversations, and of customers' patience.
    closing: BTreeSet<(Timestamp, ConversationId)>,
    patience: BTreeMap<ConversationId, Timestamp>,
    giving_up: BTreeSet<(Timestamp, ConversationId)>,
    promised: BTreeMap<ConversationId, (Timestamp, u32, u32)>,
    language_of: BTreeMap<ConversationId, usize>,
    kept: Vec<Kept>,
}

fn code(language: usize) -> String {
    format!(
        "{}{}",
        char::from(b'a' + (language / 26) as u8),
        char::from(b'a' + (language % 26) as u8)
    )
}

impl Run {
    fn new(seed: u64, case: Case) -> Self {
        let mut random = Random(seed);
        let weights: Vec<f64> = (0..case.languages).map(|n| 1.0 / (n + 1) as f64).collect();
        let seats: Vec<_> = (0..case.seats)
            .map(|n| {
                // Every language has its seats; the rest go by weight.
                let mut spoken = BTreeSet::from([n % case.languages]);
                for _ in 0..random.below(3) {
                    spoken.insert(drawn(&mut random, &weights));
                }
                let codes: Vec<String> = spoken.into_iter().map(code).collect();
                let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
                seat(&format!("{n:03}"), &codes, &["orders"]).slots(3)
            })
            .collect();
        let never = Duration::from_secs(1 << 30);
        let settings =
            Settings { queue_wait_max: never, owner_silence: never, ..Settings::default() };
        let roster = Roster {
            shop: shop(),
            seats,
            fallback_language: None,
            hours: QueueHours::default(),
            rules: Rules::default(),
            translation: None,
        };
        let mut scheduler = Scheduler::new(settings, vec![roster]);
        let now = Timestamp::from_millis(START_MS);
        for n in 0..case.seats {
            let (seat, state) = (SeatId::from(format!("{n:03}")), SeatState::Ready);
            scheduler.apply(now, Command::SignIn { shop: shop(), seat, state });
        }
        Self {
            random,
            case,
            scheduler,
            weights,
            now,
            closing: BTreeSet::new(),
            patience: BTreeMap::new(),
            giving_up: BTreeSet::new(),
            promised: BTreeMap::new(),
            language_of: BTreeMap::new(),
            kept: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<Kept> {
        let gap_s = HANDLING_S / (3.0 * self.case.seats as f64 * self.case.load);
        let mut arrival = self.now;
        for n in 0..CONTACTS {
            arrival = arrival + seconds(gap_s * exponential(&mut self.random));
            self.until(arrival);
            let contact = self.contact(n);
            self.tell(Command::Arrive(contact));
        }
        self.kept
    }

    fn contact(&mut self, n: u64) -> Contact {
        let language = drawn(&mut self.random, &self.weights);
        let is_vip = self.random.below(20) == 0;
        let priority = if is_vip { Priority::Vip } else { Priority::Normal };
        let contact = contact(n).language(&code(language)).priority(priority);
        let gives_up = self.now + seconds(PATIENCE_S * exponential(&mut self.random));
        self.patience.insert(contact.conversation, gives_up);
        self.language_of.insert(contact.conversation, language);
        contact
    }

    /// Lets everything happen that happens before an instant.
    fn until(&mut self, end: Timestamp) {
        loop {
            let closes = self.closing.first().copied();
            let leaves = self.giving_up.first().copied();
            let timer = self.scheduler.next_deadline();
            let times = [closes.map(|c| c.0), leaves.map(|l| l.0), timer];
            let Some(next) = times.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = next;
            if timer == Some(next) {
                let decisions = self.scheduler.on_timer(next);
                self.see(decisions);
            } else if let Some((_, conversation)) = closes.filter(|(at, _)| *at == next) {
                self.closing.pop_first();
                self.tell(Command::Release { conversation });
            } else if let Some((_, conversation)) = leaves {
                self.giving_up.pop_first();
                // Who leaves before the upper end has no part in it; who leaves after it was let
                // down.
                if let Some((at, low, high)) = self.promised.remove(&conversation)
                    && next.since(at).as_secs_f64() > f64::from(high)
                {
                    self.count(conversation, at, (low, high));
                }
                self.tell(Command::Leave { conversation });
            }
        }
        self.now = end;
    }

    fn tell(&mut self, command: Command) {
        let decisions = self.scheduler.apply(self.now, command);
        self.see(decisions);
    }

    fn see(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Offered { offer, shop, seat, conversation, .. } => {
                    if let Some((at, low, high)) = self.promised.remove(&conversation) {
                        self.count(conversation, at, (low, high));
                    }
                    let gives_up = self.patience[&conversation];
                    self.giving_up.remove(&(gives_up, conversation));
                    let takes_s = HANDLING_S * varied(&mut self.random);
                    self.closing.insert((self.now + seconds(takes_s), conversation));
                    self.tell(Command::Accept { shop, seat, offer });
                }
                Decision::Waiting { conversation, wait_s, reason, .. }
                    if reason != WaitReason::Offered && self.is_waiting(conversation) =>
                {
                    let gives_up = self.patience[&conversation];
                    self.giving_up.insert((gives_up, conversation));
                    if let Some((low, high)) = wait_s {
                        let now = self.now;
                        self.promised.entry(conversation).or_insert((now, low, high));
                    }
                }
                _ => {}
            }
        }
    }

    fn is_waiting(&self, conversation: ConversationId) -> bool {
        self.scheduler.owner(conversation).is_none()
    }

    fn count(&mut self, conversation: ConversationId, at: Timestamp, (low, high): (u32, u32)) {
        if number(conversation) < WARM_UP {
            return;
        }
        let waited_s = self.now.since(at).as_secs_f64();
        let is_rare = self.language_of[&conversation] >= self.case.languages / 3;
        self.kept.push(Kept { waited_s, low, high, is_rare });
    }
}

/// One of the languages by its weight.
fn drawn(random: &mut Random, weights: &[f64]) -> usize {
    let mut at = uniform(random) * weights.iter().sum::<f64>();
    for (language, weight) in weights.iter().enumerate() {
        at -= weight;
        if at <= 0.0 {
            return language;
        }
    }
    weights.len() - 1
}

fn share(kept: &[Kept], is_so: impl Fn(&Kept) -> bool) -> f64 {
    kept.iter().filter(|kept| is_so(kept)).count() as f64 / kept.len().max(1) as f64
}

#[test]
fn nine_in_ten_are_served_before_the_upper_end_in_every_centre_and_load() {
    let mut broken = Vec::new();
    for (seats, languages) in [(90, 30), (30, 6), (12, 2)] {
        for load in [0.8, 0.95, 1.05, 1.2] {
            let case = Case { load, seats, languages };
            let kept: Vec<Kept> = (0..2).flat_map(|seed| Run::new(seed + 11, case).run()).collect();

            let in_time = share(&kept, |kept| kept.waited_s <= f64::from(kept.high));
            let not_early = share(&kept, |kept| kept.waited_s >= f64::from(kept.low));
            let rare: Vec<Kept> = kept.iter().filter(|kept| kept.is_rare).copied().collect();
            let rare_in_time = share(&rare, |kept| kept.waited_s <= f64::from(kept.high));
            let mut width: Vec<u32> = kept.iter().map(|kept| kept.high - kept.low).collect();
            width.sort_unstable();
            println!(
                "{seats} seats, {languages} languages, load {load}: {} waited, {in_time:.3} before the \
                 upper end (rare languages {rare_in_time:.3}), {not_early:.3} after the lower, half of \
                 the intervals under {} s",
                kept.len(),
                width.get(width.len() / 2).copied().unwrap_or_default(),
            );
            if kept.len() < 200 || in_time < 0.9 || not_early < 0.8 {
                broken.push((seats, load, in_time, not_early));
            }
        }
    }
    assert_eq!(broken, []);
}
