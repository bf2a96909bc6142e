//! Small scenarios of every kind, drawn by chance: shifts, lost connections, ignored offers,
//! regions, skills, VIPs, rare languages, translation and overload.

use serde_json::{Value, json};
use tradewind::sim::Random;

/// One scenario as JSON, the same for the same seed.
pub fn scenario(seed: u64) -> Value {
    let mut random = Random::new(seed, "scenario");
    let seats = 2 + random.below(8);
    let languages = 1 + random.below(5);
    let length_s = 300.0 + random.unit() * 700.0;
    let load = 0.4 + random.unit() * 1.2;
    let gap_s = 120.0 / (load * seats as f64);
    let shifts = random.chance(0.3);
    let mut contacts = Vec::new();
    let mut at_s = 0.0;
    while at_s < length_s {
        contacts.push(contact(&mut random, contacts.len(), at_s, languages));
        at_s += random.exponential(gap_s);
    }
    let mut scenario = json!({
        "about": format!("drawn by seed {seed}"),
        "starts_at": "2026-03-29T00:00Z",
        "measure_from_s": random.below(300),
        "settings": settings(&mut random),
        "seats": (0..seats).map(|no| seat(&mut random, no, languages, shifts)).collect::<Vec<_>>(),
        "contacts": contacts,
    });
    if random.chance(0.4) {
        scenario["settings"]["translation"] = json!({
            "after_s": random.below(20), "work_factor": 1.0 + random.unit() / 2.0,
            "slots_kept_free": random.below(3),
        });
    }
    scenario
}

fn settings(random: &mut Random) -> Value {
    let mut settings = json!({
        "service_rate_by_open_chats": [1, 0.85, 0.7],
        "first_reply_s": random.below(10),
        "first_reply_factor_by_open_chats": [1, 1.2, 1.4],
        "reconnect_grace_s": random.below(40),
        "offer_timeout_s": ([0, 0, 5, 15][random.below(4)]),
    });
    if random.chance(0.5) {
        settings["age_bound_s"] = json!(30 + random.below(120));
    }
    settings
}

fn seat(random: &mut Random, no: usize, languages: usize, shifts: bool) -> Value {
    let mut seat = json!({
        "id": format!("a{no}"),
        "languages": some(random, languages, 3, "l"),
        "skills": some(random, 2, 2, "s"),
        "slots": 1 + random.below(3),
        "idle_since_s": -(random.below(100) as i64),
    });
    if random.chance(0.3) {
        seat["regions"] = json!(some(random, 2, 1, "r"));
    }
    if shifts && random.chance(0.6) {
        // Berlin sets its clocks forward at 01:00 UTC of that day.
        let zone = ["Europe/Berlin", "Asia/Bangkok"][random.below(2)];
        let hour = if zone == "Europe/Berlin" { 1 } else { 7 };
        let (from, to) = (random.below(6), 7 + random.below(12));
        let wall = |minute: usize| format!("2026-03-29T{hour:02}:{minute:02}");
        seat["time_zone"] = json!(zone);
        seat["shifts"] = json!([{ "start": wall(from), "end": wall(to) }]);
    }
    if random.chance(0.4) {
        let at_s = random.below(500);
        let (begins, ends) =
            [("disconnect", "reconnect"), ("ignore_offers", "ready")][random.below(2)];
        let back_s = at_s + 1 + random.below(90);
        seat["events"] = json!([{ "at_s": at_s, "do": begins }, { "at_s": back_s, "do": ends }]);
    }
    seat
}

fn contact(random: &mut Random, no: usize, at_s: f64, languages: usize) -> Value {
    let mut contact = json!({
        "id": format!("c{no}"),
        // Whole seconds, so that many things happen at the same instant.
        "at_s": if random.chance(0.5) { at_s.floor() } else { at_s },
        // The first language is the rule and the last one rare.
        "language": format!("l{}", random.below(languages) * random.below(2)),
        "work_s": random.log_normal(120.0, 1.0),
        "vip": random.chance(0.1),
    });
    if random.chance(0.9) {
        contact["patience_s"] = json!(random.exponential(200.0));
    }
    if random.chance(0.3) {
        contact["skill"] = json!(format!("s{}", random.below(2)));
    }
    if random.chance(0.2) {
        contact["region"] = json!(format!("r{}", random.below(3)));
    }
    if random.chance(0.02) {
        contact["language"] = json!("nobody's");
    }
    contact
}

fn some(random: &mut Random, of: usize, most: usize, prefix: &str) -> Vec<String> {
    let mut some: Vec<usize> = (0..1 + random.below(most)).map(|_| random.below(of)).collect();
    some.sort_unstable();
    some.dedup();
    some.into_iter().map(|no| format!("{prefix}{no}")).collect()
}
