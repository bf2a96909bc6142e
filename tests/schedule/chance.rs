//! Random times, the same on every machine and with every version of every crate.

use std::time::Duration;

use crate::scan::Random;

pub fn seconds(s: f64) -> Duration {
    Duration::from_millis((s * 1_000.0) as u64)
}

/// Uniform in (0, 1].
pub fn uniform(random: &mut Random) -> f64 {
    (random.below(1 << 30) + 1) as f64 / (1u64 << 30) as f64
}

pub fn exponential(random: &mut Random) -> f64 {
    -uniform(random).ln()
}

/// Log-normal with mean 1 and coefficient of variation 1.17, as measured on real calls.
pub fn varied(random: &mut Random) -> f64 {
    const SIGMA: f64 = 0.93;
    let normal =
        (-2.0 * uniform(random).ln()).sqrt() * (std::f64::consts::TAU * uniform(random)).cos();
    (SIGMA * normal - SIGMA * SIGMA / 2.0).exp()
}
