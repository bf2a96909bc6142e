//! What a run measured: one HDR histogram per question, counters, errors by code, a time series.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency that is told apart; longer ones count as this.
const LONGEST: Duration = Duration::from_secs(3600);
/// Seconds of time series kept: a day.
const SERIES_MAX: usize = 86_400;

/// The questions, each with a histogram of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Measure {
    /// Scheduled moment of a message → its acknowledgement.
    Ack,
    /// Leaving of a message → its acknowledgement.
    AckSinceSent,
    /// Scheduled moment of the first message → first frame that shows it was understood.
    Understood,
    /// Scheduled moment of the first message → the offer reaches a seat.
    Offered,
    /// A full seat's slot frees → the next offer reaches it, while that conversation was waiting.
    SlotToOffer,
    /// Scheduled moment of the first message → a machine's answer.
    FirstResponseMachine,
    /// Scheduled moment (or the wish for a person) → a person's first message.
    FirstResponsePerson,
    /// Accepting → the event `closed`, at the seat.
    Handling,
    /// Session, connection and welcome.
    Connect,
    /// A broken connection's next hello → its welcome.
    Resume,
    /// How late the harness itself was.
    Lag,
}

const MEASURES: usize = Measure::Lag as usize + 1;

/// Counters without a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Count {
    Arrived,
    NoFreeCustomer,
    Conversations,
    Messages,
    MessagesCustomer,
    MessagesSeat,
    MessagesMachine,
    Tickets,
    Left,
    AnsweredByMachine,
    AskedForPerson,
    NeededPerson,
    NeededPersonOffShift,
    PersonAnswered,
    PersonWithin15s,
    MachineWithin15s,
    ClosedByCustomer,
    ClosedBySeat,
    GaveUp,
    Unfinished,
    Unacknowledged,
    Resumed,
    Reconnected,
    NotRecovered,
    Resent,
    RacedClose,
    TakenBack,
    OffersAccepted,
    OffersWithdrawn,
    Rated,
}

const COUNTS: usize = Count::Rated as usize + 1;

/// What a second of the run saw.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Second {
    pub arrivals: u32,
    pub acknowledged: u32,
    pub first_machine: u32,
    pub first_person: u32,
    pub errors: u32,
}

/// How the customers of one language fared: a mean over all hides the rare ones.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct OfLanguage {
    pub conversations: u64,
    pub needed_person: u64,
    pub within_15s_person: u64,
    pub longest_first_response_person_s: f64,
}

/// Shared by all clients of a run.
#[derive(Debug)]
pub struct Stats {
    histograms: [Mutex<Histogram<u64>>; MEASURES],
    counts: [AtomicU64; COUNTS],
    errors: Mutex<BTreeMap<String, u64>>,
    languages: Mutex<BTreeMap<String, OfLanguage>>,
    series: Mutex<Vec<Second>>,
    start: tokio::time::Instant,
}

impl Stats {
    /// Empty, with the series beginning at `start`.
    pub fn new(start: tokio::time::Instant) -> Self {
        Self {
            histograms: std::array::from_fn(|_| Mutex::new(histogram())),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            errors: Mutex::default(),
            languages: Mutex::default(),
            series: Mutex::default(),
            start,
        }
    }

    /// Records one latency.
    pub fn record(&self, measure: Measure, took: Duration) {
        lock(&self.histograms[measure as usize]).saturating_record(micros(took));
    }

    /// Counts one.
    pub fn count(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a conversation that began by the schedule.
    pub fn arrived(&self) {
        self.count(Count::Arrived);
        self.second(|second| second.arrivals += 1);
    }

    /// The count so far.
    pub fn get(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// Counts an error by its code.
    pub fn error(&self, code: &str) {
        let mut errors = lock(&self.errors);
        // The server could send anything as a code.
        let code = if errors.len() < 100 || errors.contains_key(code) { code } else { "other" };
        *errors.entry(code.into()).or_default() += 1;
        drop(errors);
        self.second(|second| second.errors += 1);
    }

    /// All errors by code.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        lock(&self.errors).clone()
    }

    /// Changes the figures of a language.
    pub fn language(&self, language: &str, change: impl FnOnce(&mut OfLanguage)) {
        change(lock(&self.languages).entry(language.into()).or_default());
    }

    /// The figures by language.
    pub fn languages(&self) -> BTreeMap<String, OfLanguage> {
        lock(&self.languages).clone()
    }

    /// Changes the current second of the time series.
    pub fn second(&self, change: impl FnOnce(&mut Second)) {
        let at = self.start.elapsed().as_secs() as usize;
        let mut series = lock(&self.series);
        if at < SERIES_MAX {
            if series.len() <= at {
                series.resize(at + 1, Second::default());
            }
            change(&mut series[at]);
        }
    }

    /// The time series.
    pub fn series(&self) -> Vec<Second> {
        lock(&self.series).clone()
    }

    /// A copy of one histogram.
    pub fn histogram(&self, measure: Measure) -> Histogram<u64> {
        lock(&self.histograms[measure as usize]).clone()
    }
}

/// An empty histogram of microseconds, to 3 digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST.as_micros() as u64, 3).expect("an hour fits three digits")
}

/// Whole microseconds, at least one.
pub fn micros(took: Duration) -> u64 {
    (took.as_micros() as u64).max(1)
}

/// Percentiles of a histogram in the unit that its name says.
#[derive(Clone, Debug, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub mean: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

impl Percentiles {
    /// In milliseconds.
    pub fn ms(histogram: &Histogram<u64>) -> Self {
        Self::new(histogram, 1e3)
    }

    /// In seconds.
    pub fn s(histogram: &Histogram<u64>) -> Self {
        Self::new(histogram, 1e6)
    }

    fn new(histogram: &Histogram<u64>, unit_us: f64) -> Self {
        let some = !histogram.is_empty();
        let rounded = |us: f64| some.then(|| (us / unit_us * 1e4).round() / 1e4);
        let at = |quantile: f64| rounded(histogram.value_at_quantile(quantile) as f64);
        Self {
            count: histogram.len(),
            mean: rounded(histogram.mean()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: rounded(histogram.max() as f64),
        }
    }
}

/// Locks; a poisoned lock means that another client of this run panicked, and its panic is shown.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_keep_three_digits_in_their_unit() {
        let mut histogram = histogram();
        for ms in 1..=1000 {
            histogram.saturating_record(ms * 1000);
        }

        let percentiles = Percentiles::ms(&histogram);

        assert!((percentiles.p50.expect("recorded") - 500.0).abs() < 1.0);
        assert!((percentiles.p99.expect("recorded") - 990.0).abs() < 1.0);
        assert_eq!(percentiles.count, 1000);
    }

    #[test]
    fn nothing_measured_is_not_zero() {
        assert_eq!(Percentiles::s(&histogram()).p99, None);
    }

    #[tokio::test]
    async fn strange_codes_cannot_grow_the_errors_without_bound() {
        let stats = Stats::new(tokio::time::Instant::now());

        for code in 0..1000 {
            stats.error(&code.to_string());
        }

        assert!(stats.errors().len() <= 101);
        assert_eq!(stats.errors().values().sum::<u64>(), 1000);
    }
}
