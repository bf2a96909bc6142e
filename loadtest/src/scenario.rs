//! The commands `run` and `day`: from arguments to a scenario, from its outcome to the exit code.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::time::Instant;

use crate::args::{DayArgs, OutputArgs, RunArgs, SeatArgs, Where, WrittenArgs, check_ranges};
use crate::day;
use crate::ledger::Ledger;
use crate::outcome::{Config, Effort, Outcome, Verification};
use crate::process;
use crate::progress::Progress;
use crate::record::Recorder;
use crate::report;
use crate::require::{self, Requirement};
use crate::run::{Pace, Scenario, carry_out};
use crate::schedule::Manners;
use crate::shared::{SeatManners, Shared};
use crate::stats::Stats;
use crate::table;
use crate::texts::Texts;

/// The published day: 10,000 conversations in 24 h.
const PUBLISHED_DAY: f64 = 10_000.0;
const DAY_S: f64 = 86_400.0;
/// A glance at an answer before closing or asking for a person.
const LOOK_S: f64 = 0.5;
/// Enough for the common languages of the demo shop's crew, and quick to sign in.
const SEATS: usize = 40;
/// 50 conversations a day for each.
const SEATS_OF_A_DAY: usize = 200;

/// `run`; false when a threshold or a promise was broken.
///
/// # Errors
/// On wrong use, or when the router cannot be reached.
pub async fn run(args: RunArgs) -> Result<bool> {
    let people = &args.people;
    check_ranges(
        &[
            ("content-share", people.content_share),
            ("close-share", people.close_share),
            ("leave-share", people.leave_share),
            ("reconnect-share", people.reconnect_share),
            ("rate-share", people.rate_share),
        ],
        &[
            ("duration", args.duration),
            ("handling-s", args.handling_s),
            ("first-reply-s", args.first_reply_s),
            ("reply-s", args.reply_s.unwrap_or(0.0)),
            ("turns", people.turns),
            ("think-s", people.think_s),
            ("leave-after-s", people.leave_after_s),
            ("away-s", people.away_s),
            ("patience-s", people.patience_s),
            ("drain-s", args.drain_s),
            ("accept-s", args.seats.accept_s),
        ],
    )?;
    if !(args.rate > 0.0 && args.rate <= 1e6) {
        bail!("--rate {} is not a rate above 0", args.rate);
    }
    let manners = Manners {
        turns: people.turns,
        think_s: people.think_s,
        look_s: LOOK_S,
        content_share: people.content_share,
        closes_share: people.close_share,
        leave_share: people.leave_share,
        leave_after_s: people.leave_after_s,
        reconnect_share: people.reconnect_share,
        away_s: people.away_s,
        rate_share: people.rate_share,
    };
    let seat_manners = SeatManners {
        accept_s: args.seats.accept_s,
        first_reply_s: args.first_reply_s,
        reply_s: args.reply_s.unwrap_or(args.first_reply_s),
        handling_s: args.handling_s,
    };
    let duration = Duration::from_secs_f64(args.duration);
    let plan = Plan {
        command: "run",
        place: &args.place,
        customers: args.customers,
        seats: &args.seats,
        seats_count: args.seats.seats.unwrap_or(SEATS),
        seed: args.seed,
        visits: people.visits,
        written: &args.written,
        manners,
        seat_manners,
        patience: Duration::from_secs_f64(people.patience_s),
        drain: Duration::from_secs_f64(args.drain_s),
        rate_per_s: Some(args.rate),
        duration_s: Some(args.duration),
        conversations_max: args.conversations,
        output: &args.output,
    };
    plan.carry_out(|_| Pace::Open {
        rate_per_s: args.rate,
        duration,
        conversations_max: args.conversations,
    })
    .await
}

/// `day`; false when a threshold or a promise was broken.
///
/// # Errors
/// On wrong use, or when the router cannot be reached.
pub async fn day(args: DayArgs) -> Result<bool> {
    check_ranges(&[], &[("turns", args.turns), ("accept-s", args.seats.accept_s)])?;
    // Nobody takes time: the day is as long as the router needs for it. Customers close once they
    // have said everything, so that each message of the day is sent.
    let manners = Manners {
        turns: args.turns,
        think_s: 0.0,
        look_s: 0.0,
        content_share: 0.6,
        closes_share: 1.0,
        leave_share: 0.0,
        leave_after_s: 0.0,
        reconnect_share: 0.01,
        away_s: 0.1,
        rate_share: 0.5,
    };
    let seat_manners =
        SeatManners { accept_s: 0.0, first_reply_s: 0.0, reply_s: 0.0, handling_s: 60.0 };
    let plan = Plan {
        command: "day",
        place: &args.place,
        customers: args.customers,
        seats: &args.seats,
        seats_count: args.seats.seats.unwrap_or(SEATS_OF_A_DAY),
        seed: args.seed,
        visits: args.visits,
        written: &args.written,
        manners,
        seat_manners,
        patience: Duration::from_secs(300),
        drain: Duration::from_secs(120),
        rate_per_s: None,
        duration_s: None,
        conversations_max: Some(args.conversations),
        output: &args.output,
    };
    plan.carry_out(|texts| Pace::Closed {
        languages: day::order(texts, args.conversations, args.seed),
    })
    .await
}

struct Plan<'a> {
    command: &'static str,
    place: &'a Where,
    customers: usize,
    seats: &'a SeatArgs,
    seats_count: usize,
    seed: u64,
    visits: u32,
    written: &'a WrittenArgs,
    manners: Manners,
    seat_manners: SeatManners,
    patience: Duration,
    drain: Duration,
    rate_per_s: Option<f64>,
    duration_s: Option<f64>,
    conversations_max: Option<u64>,
    output: &'a OutputArgs,
}

impl Plan<'_> {
    async fn carry_out(&self, pace: impl FnOnce(&Texts) -> Pace) -> Result<bool> {
        let target = self.place.target()?;
        if self.customers == 0 || self.visits == 0 {
            bail!("--customers and --visits are at least 1");
        }
        process::check_open_files(self.customers + self.seats_count)?;
        let config = self.config();
        check_requirements(&self.output.require, &config)?;
        let texts = match &self.written.messages {
            Some(path) => Texts::load(path)?,
            None => Texts::sample(),
        };
        let mix = &self.written.mix;
        let texts = if mix.is_empty() { texts } else { texts.mixed(mix)? };
        let ledger = self.output.ledger.as_deref().map(Ledger::create).transpose()?;
        target.listens().await?;
        let pace = pace(&texts);
        let start = Instant::now();
        let shared = Arc::new(Shared {
            target,
            seed: self.seed,
            texts,
            manners: self.manners,
            seat_manners: self.seat_manners,
            patience: self.patience,
            stats: Stats::new(start),
            recorder: Recorder::new(start, ledger),
            identities: Default::default(),
            owned: Default::default(),
        });
        let scenario = Scenario {
            pace,
            customers: self.customers,
            seats: self.seats_count,
            seat_user: self.seats.seat_user.clone(),
            seat_from: self.seats.seat_from,
            seat_password: self.seats.seat_password.clone(),
            visits_per_customer: self.visits,
            drain: self.drain,
            config,
        };
        let progress = Progress::new();
        let outcome = carry_out(shared.clone(), scenario, &progress).await;
        progress.end();
        let mut outcome = outcome?;
        if self.command == "day" {
            let day_of_this_size = DAY_S * outcome.conversations as f64 / PUBLISHED_DAY;
            outcome.factor_to_a_day = Some((day_of_this_size / outcome.elapsed_s).round());
        }
        self.tell(&outcome, &shared.stats)
    }

    fn config(&self) -> Config {
        Config {
            command: self.command,
            version: env!("CARGO_PKG_VERSION"),
            machine: process::machine(),
            url: self.place.url.clone(),
            shop: self.place.shop.clone(),
            seed: self.seed,
            customers: self.customers,
            seats: self.seats_count,
            slots: self.seats.slots,
            rate_per_s: self.rate_per_s,
            duration_s: self.duration_s,
            conversations_max: self.conversations_max,
            visits_per_customer: self.visits,
            messages: self.written.describe(),
            customer_manners: self.manners,
            seat_manners: self.seat_manners,
        }
    }

    fn tell(&self, outcome: &Outcome, stats: &Stats) -> Result<bool> {
        let value = serde_json::to_value(outcome)?;
        let checked: Vec<_> =
            self.output.require.iter().map(|requirement| requirement.check(&value)).collect();
        if let Some(path) = &self.output.report {
            std::fs::write(path, report::html(outcome, stats, &checked))
                .with_context(|| format!("writing the report {}", path.display()))?;
        }
        if self.output.json {
            println!("{value}");
        } else {
            print!("{}", table::text(&table::rows(outcome)));
        }
        for finding in &outcome.findings {
            eprintln!("finding: {finding}");
        }
        for warning in &outcome.warnings {
            eprintln!("warning: {warning}");
        }
        let broken = outcome.broken_promises();
        for promise in &broken {
            eprintln!("failed: {promise}");
        }
        let passed = tell_requirements(&checked);
        Ok(broken.is_empty() && passed)
    }
}

/// Refuses a threshold on a figure that no result has, before the run rather than after it.
fn check_requirements(requirements: &[Requirement], config: &Config) -> Result<()> {
    let effort =
        Effort { elapsed_s: 1.0, arriving_s: 1.0, cpu_share: None, cpu_s: None, occupancy: None };
    let stats = Stats::new(Instant::now());
    let mut empty = Outcome::new(&stats, Verification::default(), effort, config.clone());
    empty.factor_to_a_day = Some(0.0);
    check_requirements_in(requirements, &serde_json::to_value(&empty)?)
}

/// As above, for any result.
pub fn check_requirements_in(requirements: &[Requirement], example: &Value) -> Result<()> {
    for requirement in requirements {
        if !requirement.exists_in(example) {
            bail!(
                "--require: there is no figure `{}`; there are: {}",
                requirement.path(),
                require::figures(example).join(" ")
            );
        }
    }
    Ok(())
}

/// Tells which thresholds failed; true when none did.
pub fn tell_requirements(checked: &[require::Outcome]) -> bool {
    for outcome in checked.iter().filter(|outcome| !outcome.passed) {
        let value = outcome.value.map_or("was not measured".into(), |value| format!("is {value}"));
        eprintln!("failed: {} ({value})", outcome.require);
    }
    checked.iter().all(|outcome| outcome.passed)
}
