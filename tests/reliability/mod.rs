//! How a test of `cargo xtask reliability` learns how much to do, and tells what it did.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::Duration;

/// How much to do; a plain test run does `default`.
pub fn size(default: u64) -> u64 {
    number("TRADEWIND_SIZE").unwrap_or(default)
}

/// Where the seeds begin, so that the parts of a long run differ.
pub fn first_seed() -> u64 {
    number("TRADEWIND_SEED").unwrap_or(0)
}

/// Longest that it may go on; a plain test run stops after `default`.
pub fn longest(default: Duration) -> Duration {
    number("TRADEWIND_SECONDS").map_or(default, Duration::from_secs)
}

/// What must be done even where it takes longer.
pub fn least() -> u64 {
    number("TRADEWIND_LEAST").unwrap_or(0)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Tells that so much was done and nothing was wrong: what is wrong fails the test.
pub fn done(size: u64) {
    println!("\nreliability: {{\"size\":{size}}}");
}
