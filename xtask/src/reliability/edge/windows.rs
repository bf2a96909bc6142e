//! Latencies in windows with and without trouble, by turns in one run, and what the trouble does to
//! them.
//!
//! The machine is shared and its noise comes in bursts, so each window with trouble is held against its
//! quiet neighbour: a burst spoils the ratio of its pair and no other. The order changes from pair to
//! pair, so that what only grows or shrinks cancels out. The median of the ratios is the figure. A promise
//! counts as broken when the ratio is above what is promised beyond chance: by the sign test, which
//! supposes nothing about the noise, at one in twenty.

use std::time::{Duration, Instant};

/// The worst that the others may notice: p99 with trouble over p99 without.
pub const RATIO_MAX: f64 = 1.2;

/// Whether there is trouble in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Air {
    Quiet,
    Troubled,
}

/// The order of the windows of a pair.
pub const fn order(pair: usize) -> [Air; 2] {
    if pair.is_multiple_of(2) { [Air::Quiet, Air::Troubled] } else { [Air::Troubled, Air::Quiet] }
}

/// A window that is over.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub air: Air,
    pub from: Instant,
    pub to: Instant,
}

/// A message: when it was to be sent, and how long after that its acknowledgement came.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub scheduled: Instant,
    pub took: Duration,
}

/// p99 with trouble over p99 without, for each pair of neighbouring windows that both have messages.
pub fn ratios(windows: &[Window], samples: &[Sample]) -> Vec<f64> {
    let p99s: Vec<_> = windows.iter().map(|window| (window.air, p99(window, samples))).collect();
    let pairs = p99s.chunks_exact(2).filter_map(|pair| {
        let of = |air| pair.iter().find(|window| window.0 == air).and_then(|window| window.1);
        Some(of(Air::Troubled)?.as_secs_f64() / of(Air::Quiet)?.as_secs_f64())
    });
    pairs.collect()
}

/// The 99th percentile of a window's messages.
pub fn p99(window: &Window, samples: &[Sample]) -> Option<Duration> {
    let is_in = |sample: &&Sample| (window.from..window.to).contains(&sample.scheduled);
    let mut took: Vec<Duration> = samples.iter().filter(is_in).map(|sample| sample.took).collect();
    took.sort_unstable();
    took.get((took.len() * 99).div_ceil(100).checked_sub(1)?).copied()
}

/// The middle one.
pub fn median(mut ratios: Vec<f64>) -> Option<f64> {
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len().checked_sub(1)? / 2).copied()
}

/// Whether so many of the ratios are above `limit` that chance gives as many, or more, less than once in
/// twenty while the true ratio is not.
pub fn is_above(limit: f64, ratios: &[f64]) -> bool {
    let above = ratios.iter().filter(|ratio| **ratio > limit).count();
    let mut ways = 1.0;
    let mut as_many_or_more = 0.0;
    for at_or_below in 0..=ratios.len() - above {
        as_many_or_more += ways;
        ways *= (ratios.len() - at_or_below) as f64 / (at_or_below + 1) as f64;
    }
    as_many_or_more / 2_f64.powi(i32::try_from(ratios.len()).unwrap_or(i32::MAX)) < 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Windows of a second, and a hundred messages in each, of which the slowest take `slow` ms.
    fn run(slow: &[(Air, u32)]) -> (Vec<Window>, Vec<Sample>) {
        let began = Instant::now();
        let (mut windows, mut samples) = (Vec::new(), Vec::new());
        for (at, (air, slow)) in (0_u32..).zip(slow) {
            let from = began + 1_000 * MS * at;
            windows.push(Window { air: *air, from, to: from + 1_000 * MS });
            for n in 0..100 {
                let took = if n < 98 { MS } else { MS * *slow };
                samples.push(Sample { scheduled: from + 9 * MS * n, took });
            }
        }
        (windows, samples)
    }

    #[test]
    fn one_burst_of_noise_does_not_hide_or_make_trouble() {
        use Air::{Quiet, Troubled};
        let calm =
            [(Quiet, 10), (Troubled, 11), (Troubled, 10), (Quiet, 10), (Quiet, 10), (Troubled, 90)];
        let (windows, samples) = run(&calm);
        assert_eq!(ratios(&windows, &samples), [1.1, 1.0, 9.0]);
        assert!(median(ratios(&windows, &samples)).is_some_and(|ratio| ratio <= RATIO_MAX));

        let bad =
            [(Quiet, 10), (Troubled, 15), (Troubled, 20), (Quiet, 90), (Quiet, 10), (Troubled, 15)];
        let (windows, samples) = run(&bad);
        assert!(median(ratios(&windows, &samples)).is_some_and(|ratio| ratio > RATIO_MAX));
    }

    #[test]
    fn a_ratio_is_above_when_chance_does_not_explain_it() {
        assert!(is_above(1.2, &[1.3, 9.0, 1.5, 1.4, 1.3]), "five of five");
        assert!(!is_above(1.2, &[1.3, 9.0, 1.5, 1.4]), "four of four are a chance of 1 in 16");
        assert!(!is_above(1.2, &[1.3, 9.0, 1.5, 1.4, 1.1]));
        assert!(is_above(1.2, &[1.3, 9.0, 1.5, 1.4, 1.1, 2.0, 1.6, 1.3]), "seven of eight");
        assert!(!is_above(1.2, &[1.0, 1.1]));
    }

    #[test]
    fn a_window_without_messages_gives_no_ratio() {
        let (windows, _) = run(&[(Air::Quiet, 10), (Air::Troubled, 10)]);

        assert_eq!(ratios(&windows, &[]), [0.0; 0]);
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_order_within_a_pair_changes() {
        assert_eq!(
            [order(0), order(1)].concat(),
            [Air::Quiet, Air::Troubled, Air::Troubled, Air::Quiet]
        );
    }
}
