//! How long reading a message takes.

use std::time::Duration;

use super::model::{Hint, Model, Scratch};
use super::train::Row;

/// Passes over the messages. The fastest of them tells the time of a message: what makes the others
/// slower is the machine, not the message.
pub const PASSES: usize = 5;

/// Microseconds that most messages take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// Reads every row [`PASSES`] times and keeps the fastest time of each. `clock` gives the time since
/// any fixed instant.
pub fn times(model: &Model, rows: &[Row], clock: &mut dyn FnMut() -> Duration) -> Times {
    let mut scratch = Scratch::default();
    let mut fastest = vec![Duration::MAX; rows.len()];
    for _ in 0..PASSES {
        for (row, fastest) in rows.iter().zip(&mut fastest) {
            let start = clock();
            std::hint::black_box(model.understand(&row.text, &Hint::default(), &mut scratch));
            *fastest = clock().saturating_sub(start).min(*fastest);
        }
    }
    fastest.sort_unstable();
    Times { p50: percentile(&fastest, 0.50), p99: percentile(&fastest, 0.99) }
}

/// Microseconds that `share` of the sorted times do not exceed.
fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_pass_of_each_message_counts() {
        let model = Model::embedded().expect("the shipped model");
        let rows =
            crate::understand::parse_rows("{\"text\":\"a\"}\n{\"text\":\"b\"}").expect("rows");
        // The first message takes 9, 8, 7, 6 and 5 µs, the second one more each time.
        let mut taken = (0..PASSES as u64).flat_map(|pass| [9 - pass, 10 - pass]);
        let (mut now, mut starts) = (Duration::ZERO, true);

        let times = times(&model, &rows, &mut || {
            if !starts {
                now += Duration::from_micros(taken.next().expect("two readings a message"));
            }
            starts = !starts;
            now
        });

        assert_eq!((times.p50.round(), times.p99.round()), (5.0, 6.0));
    }
}
