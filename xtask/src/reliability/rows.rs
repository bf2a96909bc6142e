//! The table of rows.

use super::edge;

/// A row of the table.
pub struct Spec {
    /// As it stands in the result.
    pub name: &'static str,
    /// What one unit of the size is.
    pub unit: &'static str,
    /// Size in CI.
    pub ci: u64,
    /// Full size.
    pub full: u64,
    /// Most that is done at a time of the full size.
    pub part: u64,
    /// Ends the row early.
    pub time: Option<Time>,
    /// Whether another such row may run at the same time: each keeps one core busy at most, and the time
    /// of others is not what it measures.
    pub beside: bool,
    /// How it is run.
    pub how: How,
}

/// Time that a row may take. It ends with its size, or after this with the least.
pub struct Time {
    /// In CI, and longest part of the full run.
    pub ci_s: u64,
    /// In full.
    pub full_s: u64,
    /// What it must have done to pass.
    pub least: u64,
}

/// How a row is run.
pub enum How {
    /// Real processes that are killed.
    Kill,
    /// A real process that is stormed.
    Edge(edge::Kind),
    /// Tests of this file: one of them, or all.
    Tests { file: &'static str, test: Option<&'static str> },
    /// A module of `tests/python`.
    Python { module: &'static str },
}

impl Spec {
    /// Whether `name` is this row or the family that it belongs to.
    pub fn is_in(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// What most rows have.
const ROW: Spec =
    Spec { name: "", unit: "", ci: 1, full: 1, part: 1, time: None, beside: false, how: How::Kill };

/// One test of a file.
const fn test(file: &'static str, test: &'static str) -> How {
    How::Tests { file, test: Some(test) }
}

/// All tests of a file.
const fn tests(file: &'static str) -> How {
    How::Tests { file, test: None }
}

/// A row of fuzzing: inputs of one kind, by number or by time.
const fn fuzz(name: &'static str, unit: &'static str, test_name: &'static str) -> Spec {
    Spec {
        name,
        unit,
        ci: 1_000_000,
        full: 10_000_000,
        part: 1_000_000,
        time: Some(Time { ci_s: 60, full_s: 900, least: 100_000 }),
        beside: true,
        how: test("fuzz", test_name),
    }
}

/// Every row. Add one here and nowhere else.
pub const ROWS: &[Spec] = &[
    Spec {
        name: "kill-9",
        unit: "kills of the running router under load",
        ci: 100,
        full: 1_000,
        part: 100,
        how: How::Kill,
        ..ROW
    },
    Spec {
        name: "power-cuts",
        unit: "simulated power cuts, also during the recovery from the one before",
        ci: 2_000,
        full: 10_000,
        part: 2_500,
        beside: true,
        how: test("journal_simulated", "power_cut::no_acknowledged_record_is_lost_to_a_power_cut"),
        ..ROW
    },
    Spec {
        name: "fsync-errors",
        unit: "lives of a journal with failed syncs and a full disk at any moment",
        ci: 300,
        full: 5_000,
        part: 1_000,
        beside: true,
        how: test(
            "journal_simulated",
            "refusals::what_the_disk_refused_never_comes_back_and_the_rest_is_kept_in_order",
        ),
        ..ROW
    },
    Spec {
        name: "bit-flips",
        unit: "flipped bits",
        ci: 600,
        full: 10_000,
        part: 2_500,
        beside: true,
        how: test(
            "journal_simulated",
            "damage::a_flipped_bit_never_changes_a_record_and_never_hides_one_in_silence",
        ),
        ..ROW
    },
    Spec {
        name: "whole-flow",
        unit: "simulated days of a router with its clients, under 40 kinds of faults",
        ci: 500,
        full: 10_000,
        part: 1_000,
        how: test("simulation", "promises_hold_in_every_simulated_day"),
        ..ROW
    },
    Spec {
        name: "disk-full",
        unit: "real process whose disk fills up and has room again",
        ci: 1,
        full: 1,
        part: 1,
        how: test(
            "disk_full",
            "a_full_disk_stops_acknowledgements_but_not_reads_and_recovers_by_itself",
        ),
        ..ROW
    },
    Spec {
        name: "half-open-handshakes",
        unit: "half-open handshakes at once, beside 1,000 customers",
        ci: 2_000,
        full: 15_000,
        part: 15_000,
        how: How::Edge(edge::Kind::HalfOpen),
        ..ROW
    },
    Spec {
        name: "slow-readers",
        unit: "seconds with 10 readers that do not read, beside 1,000 customers",
        ci: 30,
        full: 300,
        part: 30,
        how: How::Edge(edge::Kind::SlowReaders),
        ..ROW
    },
    Spec {
        name: "reconnect-storm",
        unit: "customers who come back at once, without jitter",
        ci: 2_000,
        full: 15_000,
        part: 15_000,
        how: How::Edge(edge::Kind::Storm),
        ..ROW
    },
    Spec {
        name: "clock-jumps",
        unit: "restarts under a clock that was set",
        ci: 5,
        full: 5,
        part: 5,
        how: test("clock", "a_clock_that_was_set_changes_no_order_and_loses_nothing"),
        ..ROW
    },
    Spec {
        name: "erasure",
        unit: "routers in which a customer is erased and looked for in every file and by every tool",
        ci: 3,
        full: 50,
        part: 5,
        beside: true,
        how: test("erasure", "an_erased_customer_is_in_no_file_and_no_backup_and_the_others_are"),
        ..ROW
    },
    Spec {
        name: "effects-once",
        unit: "kills at a step between a ticket and its e-mail, each step in turn",
        ci: 50,
        full: 1_000,
        part: 100,
        beside: true,
        how: test(
            "email_once",
            "a_kill_at_any_step_between_ticket_and_email_leaves_exactly_one_email",
        ),
        ..ROW
    },
    Spec {
        name: "webhooks-once",
        unit: "kills at a step of telling a shop's own system what happened, each step in turn",
        ci: 30,
        full: 1_000,
        part: 100,
        beside: true,
        how: test(
            "webhooks_once",
            "a_kill_at_any_step_of_a_webhook_loses_none_and_tells_each_under_one_id",
        ),
        ..ROW
    },
    Spec {
        name: "mailbox-once",
        unit: "kills at a step of reading a mailbox, each step in turn",
        ci: 34,
        full: 1_000,
        part: 51,
        beside: true,
        how: test(
            "imap_once",
            "a_kill_at_any_step_of_reading_a_mailbox_loses_no_letter_and_takes_none_twice",
        ),
        ..ROW
    },
    Spec {
        name: "answer-once",
        unit: "kills at a step between one answer for many and its last follower, each step in turn",
        ci: 12,
        full: 1_000,
        part: 30,
        beside: true,
        how: test(
            "answer_once",
            "a_kill_at_any_step_between_the_click_and_the_last_follower_brings_everybody_the_answer_once",
        ),
        ..ROW
    },
    Spec {
        name: "translations",
        unit: "kills at a step between a message and its translation, each step in turn",
        ci: 18,
        full: 1_000,
        part: 45,
        beside: true,
        how: test(
            "translated_once",
            "a_kill_at_any_step_of_a_translation_loses_nothing_shows_nothing_twice_and_keeps_the_order",
        ),
        ..ROW
    },
    Spec {
        name: "races",
        unit: "races of real clients at one router: one offer, one id, one customer, one slot",
        ci: 1_800,
        full: 1_800,
        part: 1_800,
        how: tests("races"),
        ..ROW
    },
    Spec {
        name: "planted-data",
        unit: "fields with planted personal data and tokens, looked for in log, metrics and errors",
        ci: 221,
        full: 221,
        part: 221,
        how: How::Python { module: "test_privacy" },
        ..ROW
    },
    Spec {
        name: "foreign-credentials",
        unit: "routes and types of message tried with what belongs to another shop",
        ci: 61,
        full: 61,
        part: 61,
        how: tests("foreign_credentials"),
        ..ROW
    },
    Spec {
        name: "interleavings",
        unit: "orders of steps of the queues between threads",
        ci: 80_000,
        full: 4_000_000,
        part: 400_000,
        how: tests("queues"),
        ..ROW
    },
    fuzz("fuzz-frames", "texts as frames of a client", "frames"),
    fuzz("fuzz-tokens", "tokens of ours, JWTs, signed ids and handles", "tokens"),
    // Two threads each, or more.
    Spec {
        beside: false,
        ..fuzz("fuzz-config", "settings of a router and files of a shop", "configuration")
    },
    fuzz("fuzz-journal", "segments, snapshots and records of a journal", "journal_bytes"),
    fuzz("fuzz-letters", "e-mails of strangers", "letters"),
    Spec {
        beside: false,
        ..fuzz("fuzz-http", "heads of HTTP requests to a running router", "http_heads")
    },
];
