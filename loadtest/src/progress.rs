//! The bar on standard error; lines instead of a bar where that is not a terminal.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::stats::{Count, Stats, lock};

/// Without a terminal: time between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What a run shows while it goes on.
pub struct Progress {
    bar: ProgressBar,
    lines: Option<Mutex<Instant>>,
    began: Mutex<Option<Instant>>,
}

impl Progress {
    /// Nothing to see yet.
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        bar.set_style(style("{spinner} {elapsed_precise} {msg}"));
        let lines = (!terminal).then(|| Mutex::new(Instant::now()));
        Self { bar, lines, began: Mutex::default() }
    }

    /// Says in words what goes on.
    pub fn phase(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        if self.lines.is_some() {
            eprintln!("{what}");
        }
    }

    /// Seats that are ready.
    pub fn seats(&self, ready: usize, of: usize) {
        self.bar.set_message(format!("{ready} of {of} seats are ready"));
        if ready == of && self.lines.is_some() {
            eprintln!("{of} seats are ready");
        }
    }

    /// A phase whose length in time is known.
    pub fn begin_timed(&self, length: Duration) {
        *lock(&self.began) = Some(Instant::now());
        self.bar.set_style(style("{elapsed_precise} [{bar:30}] {msg}"));
        self.bar.set_length(length.as_millis() as u64);
        self.bar.set_position(0);
    }

    /// A phase of so many conversations.
    pub fn begin_counted(&self, conversations: u64) {
        self.bar.set_style(style("{elapsed_precise} [{bar:30}] {pos}/{len} {msg}"));
        self.bar.set_length(conversations);
        self.bar.set_position(0);
    }

    /// The figures of the moment.
    pub fn tick(&self, stats: &Stats) {
        match *lock(&self.began) {
            Some(began) => self.bar.set_position(began.elapsed().as_millis() as u64),
            None => self.bar.set_position(stats.get(Count::Arrived)),
        }
        if let Some(last) = &self.lines {
            let mut last = lock(last);
            if last.elapsed() < LINE_EVERY {
                return;
            }
            *last = Instant::now();
            eprintln!("{}", figures(stats));
        } else {
            self.bar.set_message(figures(stats));
        }
    }

    /// The re-read of so many customers.
    pub fn begin_audit(&self, customers: u64) {
        self.phase("everything is read again");
        self.bar.set_style(style("{elapsed_precise} [{bar:30}] {pos}/{len} {msg}"));
        self.bar.set_length(customers);
        self.bar.set_position(0);
    }

    /// Customers read again so far.
    pub fn audited(&self, customers: usize) {
        self.bar.set_position(customers as u64);
    }

    /// A bar of `length` steps for what has no figures of its own.
    pub fn begin_steps(&self, what: &str, length: u64) {
        self.phase(what);
        self.bar.set_style(style("{elapsed_precise} [{bar:30}] {pos}/{len} {msg}"));
        self.bar.set_length(length);
        self.bar.set_position(0);
    }

    /// Steps done.
    pub fn step(&self, at: u64) {
        self.bar.set_position(at);
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are ours")
}

fn figures(stats: &Stats) -> String {
    let errors: u64 = stats.errors().values().sum();
    format!(
        "{} arrived, {} opened, {} messages, machine {}, person {}, errors {errors}",
        stats.get(Count::Arrived),
        stats.get(Count::Conversations),
        stats.get(Count::Messages),
        stats.get(Count::AnsweredByMachine),
        stats.get(Count::PersonAnswered),
    )
}
