//! Shops drawn by chance, the same for the same seed.

use std::time::Duration;

use tradewind::domain::{
    AfterHold, ApprovalRule, Hours, Needs, QueueRules, RegionId, Regions, Rules, Select, ShopId,
    SkillId, Step,
};
use tradewind::schedule::{QueueHours, Roster, Translation};

use crate::common::*;
use crate::scan::Random;

pub const LANGUAGES: [&str; 6] = ["en", "es", "th", "vi", "pt", "sw"];
pub const SKILLS: [&str; 4] = ["orders", "refunds", "returns", "alchemy"];
pub const REGIONS: [&str; 3] = ["sea", "latam", "nowhere"];
const SPANS: [&str; 6] = [
    "always",
    "Mon-Fri 09:00-17:00",
    "Wed 08:00-10:08",
    "Wed 10:04-10:50",
    "Wed-Thu 22:00-10:12",
    "Sun 00:00-24:00",
];
const ZONES: [&str; 6] =
    ["UTC", "UTC", "UTC", "Asia/Bangkok", "America/Sao_Paulo", "Europe/Berlin"];

impl Random {
    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

fn level(random: &mut Random) -> u8 {
    1 + random.below(5) as u8
}

pub fn rosters(random: &mut Random) -> Vec<Roster> {
    (0..3)
        .map(|shop| {
            let seats = (0..4 + 5 * shop).map(|n| {
                let mut languages = vec![random.pick(&LANGUAGES[..5])];
                languages.extend((0..2).filter_map(|_| {
                    let more = random.pick(&LANGUAGES[..5]);
                    random.one_in(2).then_some(more)
                }));
                languages.sort_unstable();
                languages.dedup();
                let mut skills = vec![random.pick(&SKILLS[..3]), random.pick(&SKILLS[..3])];
                skills.sort_unstable();
                skills.dedup();
                let regions =
                    if random.one_in(3) { vec![random.pick(&REGIONS[..2])] } else { vec![] };
                let spans = if random.one_in(2) { "always" } else { random.pick(&SPANS) };
                let mut seat = seat(&format!("seat-{n}"), &languages, &skills)
                    .slots(1 + random.below(3) as u8)
                    .regions(&regions)
                    .hours(random.pick(&ZONES), &[spans]);
                let levels = skills.iter().map(|skill| (SkillId::from(*skill), level(random)));
                seat.proficiency.skills = levels.collect();
                seat
            });
            Roster {
                shop: ShopId::from(format!("shop-{shop}")),
                seats: seats.collect(),
                hours: queue_hours(random),
                rules: if shop == 2 { busy_rules() } else { Rules::default() },
                fallback_language: (shop != 1).then(|| "en".parse().expect("a language")),
                translation: (shop > 0).then(|| Translation {
                    after: std::time::Duration::from_secs(5),
                    slots_kept_free: shop as u8 - 1,
                }),
            }
        })
        .collect()
}

/// Mostly open; sometimes the shop or one of its skills has hours of its own.
fn queue_hours(random: &mut Random) -> QueueHours {
    let mut hours = QueueHours::default();
    let drawn = |random: &mut Random| {
        let (zone, spans) = (random.pick(&ZONES), random.pick(&SPANS));
        Hours::parse(zone, &[spans]).expect("hours")
    };
    if random.one_in(8) {
        hours.shop = drawn(random);
    }
    if random.one_in(3) {
        hours.by_skill.insert(SkillId::from(random.pick(&SKILLS)), drawn(random));
    }
    hours
}

/// What a shop may ask for beside the defaults.
fn busy_rules() -> Rules {
    let seconds = Duration::from_secs;
    let needs = |level, regions| Needs { level, fluency: 1, regions };
    let step = |needs| Step { needs, ..Step::default() };
    let orders = QueueRules {
        needs: needs(3, Regions::Own),
        select: Select::RoundRobin,
        steps: vec![
            Step { after: Some(seconds(10)), ..step(needs(1, Regions::Own)) },
            Step { longer_than: Some(1), ..step(needs(1, Regions::Any)) },
        ],
        ..QueueRules::default()
    };
    let refunds = QueueRules {
        prefers: vec!["orders".into()],
        select: Select::LongestIdle,
        waiting_max: Some(3),
        wrap_up: Some(seconds(5)),
        ..QueueRules::default()
    };
    let approval = ApprovalRule { hold_max: seconds(30), then: AfterHold::Release };
    let returns = QueueRules {
        approval: Some(approval),
        select: Select::LeastLoaded,
        steps: vec![Step { if_nobody_there: true, ..step(needs(1, Regions::Any)) }],
        ..QueueRules::default()
    };
    let queues = [("orders", orders), ("refunds", refunds), ("returns", returns)];
    Rules {
        wrap_up: seconds(20),
        resident: [RegionId::from("latam")].into(),
        queues: queues.map(|(skill, rules)| (SkillId::from(skill), rules)).into(),
        ..Rules::default()
    }
}
