//! Counts tests from the closing lines of their runners.

use std::ops::AddAssign;

/// Whose closing lines a step prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// None: the step is one check.
    Plain,
    /// `cargo test`.
    Cargo,
    /// Python's `unittest`.
    Unittest,
    /// Node's test runner with its `spec` reporter.
    Node,
}

/// How many checks and tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ran, and was right.
    pub passed: u64,
    /// Ran, and was wrong.
    pub failed: u64,
    /// Did not run.
    pub skipped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl Tally {
    /// One check that was right.
    pub const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// One check that was wrong.
    pub const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    /// One check that did not run.
    pub const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };
}

/// Reads the output of one command line by line.
#[derive(Debug)]
pub struct Counter {
    runner: Runner,
    tally: Tally,
    /// `unittest` tells how many ran before it tells how they ended.
    ran: u64,
    failures: Vec<String>,
}

/// Failed tests that are named again at the end.
const FAILURES_NAMED_MAX: usize = 50;

impl Counter {
    /// A counter for the output of `runner`.
    pub fn new(runner: Runner) -> Self {
        Self { runner, tally: Tally::default(), ran: 0, failures: Vec::new() }
    }

    /// Takes the next line of the output.
    pub fn read(&mut self, line: &str) {
        if self.names_a_failure(line) && self.failures.len() < FAILURES_NAMED_MAX {
            self.failures.push(line.trim().to_owned());
        }
        match self.runner {
            Runner::Plain => {}
            Runner::Cargo => {
                if let Some(rest) = line.strip_prefix("test result: ") {
                    self.tally += Tally {
                        passed: number_before(rest, " passed"),
                        failed: number_before(rest, " failed"),
                        skipped: number_before(rest, " ignored"),
                    };
                }
            }
            Runner::Unittest => self.read_unittest(line),
            Runner::Node => {
                let Some(rest) = line.strip_prefix("ℹ ") else { return };
                let number = |word| number_after(rest, word).unwrap_or(0);
                self.tally += Tally {
                    passed: number("pass "),
                    failed: number("fail ") + number("cancelled "),
                    skipped: number("skipped ") + number("todo "),
                };
            }
        }
    }

    /// Lines that name a test that failed, to be shown again where nobody has to look for them.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    fn names_a_failure(&self, line: &str) -> bool {
        match self.runner {
            Runner::Plain => false,
            Runner::Cargo => line.starts_with("test ") && line.ends_with("... FAILED"),
            Runner::Unittest => line.starts_with("FAIL: ") || line.starts_with("ERROR: "),
            // Node marks a failed test where it runs, and all of them once more at the end.
            Runner::Node => {
                line.trim_start().starts_with("✖ ")
                    && line != "✖ failing tests:"
                    && !self.failures.iter().any(|it| it == line.trim())
            }
        }
    }

    fn read_unittest(&mut self, line: &str) {
        if let Some(ran) = number_after(line, "Ran ") {
            self.ran = ran;
        } else if line == "OK" || line.starts_with("OK (") || line.starts_with("FAILED (") {
            let number =
                |word| line.split(['(', ' ', ',', ')']).find_map(|part| number_after(part, word));
            let failed = ["failures=", "errors=", "unexpected"].iter().filter_map(|it| number(it));
            let failed = failed.sum();
            let skipped = number("skipped=").unwrap_or(0);
            let passed = self.ran.saturating_sub(failed + skipped);
            self.tally += Tally { passed, failed, skipped };
            self.ran = 0;
        }
    }

    /// What was counted, given whether every command ended well. A suite that ran no test, and a
    /// command that failed without naming a test, count as one failure.
    pub fn finish(self, ended_well: bool) -> Tally {
        let Tally { passed, failed, skipped } = self.tally;
        let silent = failed == 0 && !ended_well;
        let empty = passed + failed + skipped == 0;
        match self.runner {
            Runner::Plain if ended_well => Tally::PASSED,
            Runner::Plain => Tally::FAILED,
            _ if silent || empty => Tally { failed: failed + 1, ..self.tally },
            _ => self.tally,
        }
    }
}

/// The number that stands before `word`, as in `3 passed`.
fn number_before(text: &str, word: &str) -> u64 {
    let Some(end) = text.find(word) else { return 0 };
    let digits = text[..end].rsplit(|letter: char| !letter.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The number that follows `word` at the start of `text`, as in `skipped=2`.
fn number_after(text: &str, word: &str) -> Option<u64> {
    let rest = text.strip_prefix(word)?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(runner: Runner, output: &str, ended_well: bool) -> String {
        let mut counter = Counter::new(runner);
        output.lines().for_each(|line| counter.read(line));
        counter.finish(ended_well).to_string()
    }

    #[test]
    fn the_results_of_all_test_binaries_are_added_up() {
        let output = "\
            test result: ok. 19 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.14s\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.14s\n";

        assert_eq!(count(Runner::Cargo, output, false), "29 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn unittest_tells_first_how_many_ran_and_then_how_they_ended() {
        let failed = "Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n";

        assert_eq!(
            count(Runner::Unittest, "Ran 7 tests in 0.1s\n\nOK\n", true),
            "7 passed, 0 failed, 0 skipped"
        );
        assert_eq!(
            count(Runner::Unittest, "Ran 7 tests in 0.1s\n\nOK (skipped=2)\n", true),
            "5 passed, 0 failed, 2 skipped"
        );
        assert_eq!(count(Runner::Unittest, failed, false), "3 passed, 3 failed, 1 skipped");
    }

    #[test]
    fn node_counts_cancelled_tests_as_failed() {
        let output =
            "ℹ tests 6\nℹ suites 0\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 0\n";

        assert_eq!(count(Runner::Node, output, false), "3 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn failed_tests_are_named_once() {
        for (runner, output, name) in [
            (Runner::Cargo, "test a::b ... ok\ntest a::c ... FAILED\n", "test a::c ... FAILED"),
            (Runner::Unittest, "FAIL: test_x (m.C)\nTraceback\n", "FAIL: test_x (m.C)"),
            (
                Runner::Node,
                "✔ one (1ms)\n✖ two (2ms)\nℹ fail 1\n✖ failing tests:\n✖ two (2ms)\n",
                "✖ two (2ms)",
            ),
        ] {
            let mut counter = Counter::new(runner);
            output.lines().for_each(|line| counter.read(line));
            assert_eq!(counter.failures(), [name]);
        }
    }

    #[test]
    fn a_suite_without_tests_and_a_crash_without_a_failed_test_are_failures() {
        assert_eq!(count(Runner::Cargo, "", true), "0 passed, 1 failed, 0 skipped");
        let crashed = "test result: ok. 2 passed; 0 failed; 0 ignored\nerror: could not compile\n";
        assert_eq!(count(Runner::Cargo, crashed, false), "2 passed, 1 failed, 0 skipped");
        assert_eq!(count(Runner::Plain, "anything", true), "1 passed, 0 failed, 0 skipped");
        assert_eq!(count(Runner::Plain, "anything", false), "0 passed, 1 failed, 0 skipped");
    }
}
