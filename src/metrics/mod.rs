//! What the router tells of itself: counters, levels and histograms by name.
//!
//! Handles are made once at start, so recording is an index and an atomic add. Labels come from the
//! small closed sets in [`names`], never from a message, a customer or a seat.

mod labels;
pub mod names;

use std::time::Duration;

use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use names::{Counter, Gauge, Histogram};

/// Handles to every metric.
pub struct Metrics {
    counters: Vec<(Counter, metrics::Counter)>,
    histograms: [metrics::Histogram; Histogram::ALL.len()],
    gauges: [metrics::Gauge; Gauge::ALL.len()],
    exposition: PrometheusHandle,
}

impl Metrics {
    /// A fresh set, every counter at 0.
    ///
    /// # Errors
    /// When a histogram has no buckets.
    pub fn new() -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new();
        for histogram in Histogram::ALL {
            let matcher = Matcher::Full(histogram.name().to_owned());
            builder = builder.set_buckets_for_metric(matcher, histogram.buckets())?;
        }
        let recorder = builder.build_recorder();
        Ok(Self {
            counters: Counter::all().into_iter().map(|c| (c, counter(&recorder, c))).collect(),
            histograms: Histogram::ALL
                .map(|h| recorder.register_histogram(&Key::from_static_name(h.name()), &META)),
            gauges: Gauge::ALL
                .map(|g| recorder.register_gauge(&Key::from_static_name(g.name()), &META)),
            exposition: recorder.handle(),
        })
    }

    /// Adds one to a counter.
    pub fn count(&self, counter: Counter) {
        self.count_many(counter, 1);
    }

    /// Adds `n` to a counter.
    pub fn count_many(&self, counter: Counter, n: u64) {
        if let Some((_, handle)) = self.counters.iter().find(|(known, _)| *known == counter) {
            handle.increment(n);
        }
    }

    /// Records a duration in seconds.
    pub fn record(&self, histogram: Histogram, took: Duration) {
        self.record_value(histogram, took.as_secs_f64());
    }

    /// Records a plain value.
    pub fn record_value(&self, histogram: Histogram, value: f64) {
        self.histograms[histogram as usize].record(value);
    }

    /// Moves a gauge by `delta`.
    pub fn shift(&self, gauge: Gauge, delta: i32) {
        self.gauges[gauge as usize].increment(f64::from(delta));
    }

    /// Sets a gauge.
    pub fn set(&self, gauge: Gauge, value: f64) {
        self.gauges[gauge as usize].set(value);
    }

    /// Counts what was recorded since the last time into the buckets of its histogram, and lets go of
    /// it: until then each value is kept by itself.
    pub fn upkeep(&self) {
        self.exposition.run_upkeep();
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        self.upkeep();
        self.exposition.render()
    }
}

const META: Metadata<'static> = Metadata::new("tradewind", Level::INFO, None);

fn counter(recorder: &PrometheusRecorder, counter: Counter) -> metrics::Counter {
    let (name, label) = counter.name();
    let labels: Vec<Label> =
        label.into_iter().map(|(key, value)| Label::from_static_parts(key, value)).collect();
    recorder.register_counter(&Key::from_parts(name, labels), &META)
}

#[cfg(test)]
mod tests {
    use super::names::{From, Repeat};
    use super::*;

    #[test]
    fn every_metric_is_exposed_and_counts() {
        let metrics = Metrics::new().expect("metrics");

        metrics.count(Counter::Acknowledged(From::Customer));
        metrics.count_many(Counter::Repeated(Repeat::Joined), 3);
        metrics.record(Histogram::FirstResponsePerson, Duration::from_secs(14));
        metrics.set(Gauge::JournalHealthy, 1.0);

        let text = metrics.render();
        assert!(
            text.contains("tradewind_gateway_messages_acknowledged_total{from=\"customer\"} 1"),
            "{text}"
        );
        assert!(text.contains("tradewind_gateway_messages_acknowledged_total{from=\"seat\"} 0"));
        assert!(text.contains("tradewind_dedup_repeats_total{kind=\"joined\"} 3"));
        assert!(text.contains("tradewind_flow_first_response_person_seconds_bucket{le=\"15\"} 1"));
        assert!(text.contains("tradewind_journal_healthy 1"));
    }
}
