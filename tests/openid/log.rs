//! What routers of this process write into the log, from when a test begins to listen.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use tracing::Level;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Listens; once in a process.
pub fn listen() {
    let log = tracing_subscriber::fmt().with_max_level(Level::WARN).with_ansi(false);
    log.with_writer(|| Log).init();
}

/// Lines that hold all of these words.
pub fn lines_with(words: &[&str]) -> usize {
    let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&written);
    text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}
