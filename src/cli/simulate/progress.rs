//! How far a long simulation is, on a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Short runs show nothing.
const SILENT: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(200);

/// One line on standard error that is written over and goes away at the end.
pub(super) struct Progress {
    what: String,
    shown: bool,
    next: Instant,
}

impl Progress {
    pub(super) fn of(what: &str) -> Self {
        Self { what: what.to_owned(), shown: false, next: Instant::now() + SILENT }
    }

    /// Shows the share that is done.
    pub(super) fn at(&mut self, share: f64) {
        if Instant::now() < self.next || !std::io::stderr().is_terminal() {
            return;
        }
        self.next = Instant::now() + BETWEEN;
        self.shown = true;
        eprint!("\r\x1b[2K{}: {:.0} %", self.what, share * 100.0);
        let _ = std::io::stderr().flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[2K");
        }
    }
}
