//! How long one match takes among 10,000 seats, and one whole round of a conversation.
//!
//! `cargo bench --bench schedule`

#[path = "../tests/schedule/scan.rs"]
mod scan;

use std::hint::black_box;
use std::num::NonZeroU8;

use criterion::{Criterion, criterion_group, criterion_main};
use scan::{Centre, Mix, Need, Random};
use tradewind::domain::{
    ConversationId, Hours, Language, Priority, Proficiency, Rules, SeatId, SeatProfile, SeatState,
    ShopId, SkillId, Timestamp,
};
use tradewind::schedule::{
    ByPrice, Command, Contact, Decision, QueueHours, Roster, Scheduler, Settings,
};

const SEATS: usize = 10_000;

/// A match and its effect: the seat takes the slot, another seat gets a random load, so that the
/// occupancy stays.
fn match_among_many(criterion: &mut Criterion) {
    for full in [70, 90, 98] {
        let mut random = Random(1);
        let mix = Mix { seats: SEATS, languages: 30, skills: 10, regions: 8 };
        let mut centre = Centre::random(&mut random, mix);
        for seat in 0..centre.seats() {
            centre.set_random_load(&mut random, seat, full);
        }
        let needs: Vec<Need> = (0..4_096).map(|_| centre.need(&mut random)).collect();
        let lanes: Vec<ByPrice> = needs.iter().map(|need| centre.lane(need)).collect();

        let mut clock = Clock::default();
        print_percentiles(&mut centre, &mut random, &needs, &lanes, (full, &mut clock));
        let mut group = criterion.benchmark_group(format!("match/10000-seats/{full}-full"));
        let mut at = 0;
        group.bench_function("lane", |bencher| {
            bencher.iter(|| {
                at = (at + 1) % needs.len();
                let seat = centre.index.choose(black_box(&lanes[at]), &[]);
                settle(&mut centre, &mut random, seat, (full, &mut clock));
            });
        });
        group.bench_function("scan", |bencher| {
            bencher.iter(|| {
                at = (at + 1) % needs.len();
                let seat = centre.scan(black_box(&needs[at]), &[]);
                settle(&mut centre, &mut random, seat, (full, &mut clock));
            });
        });
        group.finish();
    }
}

/// The rules that a queue may choose in place of the default.
fn match_by_other_rules(criterion: &mut Criterion) {
    for full in [70, 90, 98] {
        let mut random = Random(1);
        let mix = Mix { seats: SEATS, languages: 30, skills: 10, regions: 8 };
        let mut centre = Centre::random(&mut random, mix);
        for seat in 0..centre.seats() {
            centre.set_random_load(&mut random, seat, full);
        }
        let needs: Vec<Need> = (0..4_096).map(|_| centre.need(&mut random)).collect();
        let lanes: Vec<ByPrice> = needs.iter().map(|need| centre.lane(need)).collect();
        let ended_at = |seat: usize| Timestamp::from_millis((seat * 7_919 % 10_007) as u64);
        let any = |_: usize| true;
        let mut group = criterion.benchmark_group(format!("rule/10000-seats/{full}-full"));
        let mut at = 0;
        let mut next = || {
            at = (at + 1) % lanes.len();
            &lanes[at]
        };
        let index = &centre.index;
        group.bench_function("balanced", |bencher| {
            bencher.iter(|| black_box(index.choose(next(), &[])));
        });
        group.bench_function("round-robin", |bencher| {
            bencher.iter(|| black_box(index.round_robin(next(), any)));
        });
        group.bench_function("least-loaded", |bencher| {
            bencher.iter(|| black_box(index.least_loaded(next(), any)));
        });
        group.bench_function("longest-idle", |bencher| {
            bencher.iter(|| black_box(index.longest_idle(next(), any, ended_at)));
        });
        group.finish();
    }
}

/// Time that only goes forward, with several matches at one instant now and then.
#[derive(Default)]
struct Clock(u64);

impl Clock {
    fn next(&mut self) -> Timestamp {
        self.0 += 1;
        Timestamp::from_millis(1 + self.0 / 3)
    }
}

fn settle(
    centre: &mut Centre,
    random: &mut Random,
    seat: Option<usize>,
    (full, clock): (usize, &mut Clock),
) {
    if let Some(seat) = black_box(seat) {
        centre.take_slot(seat, clock.next());
    }
    let other = random.below(centre.seats());
    centre.set_random_load(random, other, full);
}

/// Criterion reports means; the tail of single matches is what a customer meets.
fn print_percentiles(
    centre: &mut Centre,
    random: &mut Random,
    needs: &[Need],
    lanes: &[ByPrice],
    (full, clock): (usize, &mut Clock),
) {
    let mut histograms = [(); 2].map(|()| {
        hdrhistogram::Histogram::<u64>::new_with_max(1_000_000_000, 3).expect("three digits")
    });
    for at in (0..needs.len()).cycle().take(100_000) {
        let started = std::time::Instant::now();
        let seat = black_box(centre.index.choose(black_box(&lanes[at]), &[]));
        histograms[0].saturating_record(started.elapsed().as_nanos() as u64);
        if at % 10 == 0 {
            let started = std::time::Instant::now();
            let same = black_box(centre.scan(black_box(&needs[at]), &[]));
            histograms[1].saturating_record(started.elapsed().as_nanos() as u64);
            assert_eq!(same, seat, "the index and the scan agree");
        }
        settle(centre, random, seat, (full, clock));
    }
    for (name, histogram) in ["lane", "scan"].iter().zip(&histograms) {
        println!(
            "match/10000-seats/{full}-full/{name}: p50 {} ns, p99 {} ns, p99.9 {} ns",
            histogram.value_at_quantile(0.5),
            histogram.value_at_quantile(0.99),
            histogram.value_at_quantile(0.999),
        );
    }
}

/// Arrive, offer, accept, reply, close, with `waiting` others in the queue all the time; with what is
/// remembered to explain each decision, and without.
fn whole_round(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round/500-seats");
    for waiting in [0, 1_000, 20_000] {
        for (name, records_max) in [("", 100_000), ("-unexplained", 0)] {
            let mut round = Round::new(waiting, records_max);
            group.bench_function(format!("{waiting}-waiting{name}"), |bencher| {
                bencher.iter(|| round.turn());
            });
        }
    }
    group.finish();
}

struct Round {
    scheduler: Scheduler,
    random: Random,
    languages: Vec<Language>,
    now_ms: u64,
    next: u64,
    owned: std::collections::VecDeque<ConversationId>,
}

impl Round {
    fn new(waiting: usize, records_max: usize) -> Self {
        let languages: Vec<Language> = ["en", "es", "pt", "fr", "de", "th", "vi", "id", "ar", "ru"]
            .iter()
            .map(|code| code.parse().expect("a language"))
            .collect();
        let seats: Vec<SeatProfile> = (0..500)
            .map(|n| SeatProfile {
                id: SeatId::from(format!("seat-{n:03}")),
                languages: vec![languages[n % 10], languages[(n * 7 + 3) % 10]],
                skills: vec![SkillId::from("orders"), SkillId::from("refunds")],
                proficiency: Proficiency::default(),
                regions: Vec::new(),
                slots: NonZeroU8::new(3).expect("not zero"),
                hours: Hours::always(),
            })
            .collect();
        let shop = ShopId::from("demo");
        let roster = Roster {
            shop: shop.clone(),
            seats: seats.clone(),
            fallback_language: None,
            hours: QueueHours::default(),
            rules: Rules::default(),
            translation: None,
        };
        let settings = Settings {
            queue_wait_max: std::time::Duration::from_secs(1 << 40),
            owner_silence: std::time::Duration::from_secs(1 << 40),
            waiting_max: usize::MAX,
            records_max,
            ..Settings::default()
        };
        let mut round = Self {
            scheduler: Scheduler::new(settings, vec![roster]),
            random: Random(3),
            languages,
            now_ms: 1_795_600_800_000,
            next: 0,
            owned: std::collections::VecDeque::new(),
        };
        for seat in seats {
            let (shop, seat) = (shop.clone(), seat.id);
            round.tell(Command::SignIn { shop, seat, state: SeatState::Ready });
        }
        while round.owned.len() < 1_350 || round.scheduler.totals().waiting < waiting {
            round.arrive();
        }
        round
    }

    /// One conversation comes, one closes; whatever is offered is accepted.
    fn turn(&mut self) {
        self.arrive();
        if let Some(oldest) = self.owned.pop_front() {
            self.tell(Command::SeatSpoke { conversation: oldest });
            self.tell(Command::Release { conversation: oldest });
        }
    }

    fn arrive(&mut self) {
        self.next += 1;
        self.now_ms += 5;
        let contact = Contact {
            conversation: ConversationId::from_uuid(uuid::Uuid::from_u128(self.next.into())),
            shop: ShopId::from("demo"),
            language: self.languages[self.random.below(10)],
            skill: SkillId::from(if self.random.below(2) == 0 { "orders" } else { "refunds" }),
            region: None,
            priority: Priority::ALL[self.random.below(3)],
            arrived_at: Timestamp::from_millis(self.now_ms),
            hops: 0,
            only: None,
            last_seat: None,
            approval: tradewind::schedule::Approval::None,
        };
        self.tell(Command::Arrive(contact));
    }

    fn tell(&mut self, command: Command) {
        let mut decisions = self.scheduler.apply(Timestamp::from_millis(self.now_ms), command);
        while let Some(decision) = decisions.pop() {
            match decision {
                Decision::Offered { offer, shop, seat, .. } => {
                    let now = Timestamp::from_millis(self.now_ms);
                    let accept = Command::Accept { shop, seat, offer };
                    decisions.extend(self.scheduler.apply(now, accept));
                }
                Decision::Assigned { conversation, .. } => self.owned.push_back(conversation),
                _ => {}
            }
        }
    }
}

criterion_group!(benches, match_among_many, match_by_other_rules, whole_round);
criterion_main!(benches);
