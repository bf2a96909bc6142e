//! What this process may use and has used, from `/proc`.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Clock ticks a second in `/proc/*/stat`: fixed at 100 on every Linux that a user can meet.
const TICKS_PER_S: f64 = 100.0;
/// Files that are open beside the connections: standard streams, epoll, the session calls under way.
const FILES_BESIDE: u64 = 200;

/// Refuses more connections than the process may have open files.
///
/// # Errors
/// When the limit is lower, with what to do.
pub fn check_open_files(connections: usize) -> Result<()> {
    let Some(limit) = open_files_max() else { return Ok(()) };
    let needed = connections as u64 + FILES_BESIDE;
    if needed > limit {
        bail!(
            "{connections} connections need {needed} open files, this process may have {limit}: \
             raise it (`ulimit -n {needed}`) or ask for at most {} connections",
            limit.saturating_sub(FILES_BESIDE)
        );
    }
    Ok(())
}

fn open_files_max() -> Option<u64> {
    parse_open_files(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn parse_open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Measures the share of the machine's processor time that this process takes.
#[derive(Debug)]
pub struct CpuMeter {
    started: Instant,
    used_before: Option<Duration>,
}

impl CpuMeter {
    /// Begins now.
    pub fn start() -> Self {
        Self { started: Instant::now(), used_before: cpu_time("self") }
    }

    /// Processor time since the start over wall time × cores: 1 is the whole machine.
    pub fn share(&self) -> Option<f64> {
        let used = self.used()?;
        Some(used.as_secs_f64() / (self.started.elapsed().as_secs_f64() * cores() as f64))
    }

    /// Processor time since the start.
    pub fn used(&self) -> Option<Duration> {
        cpu_time("self")?.checked_sub(self.used_before?)
    }
}

/// Cores that this process may run on.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// Processor time that a process has used so far; `"self"` for this one.
pub fn cpu_time(pid: &str) -> Option<Duration> {
    parse_cpu_time(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// What the measurement was made on, in words.
pub fn machine() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|info| {
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    format!(
        "{} cores, {}, {} {}",
        cores(),
        model.as_deref().unwrap_or("unknown processor"),
        std::env::consts::OS,
        kernel.as_deref().unwrap_or("").trim()
    )
}

/// Resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

fn parse_cpu_time(stat: &str) -> Option<Duration> {
    // The name may hold spaces and brackets; the fields after it are counted from its last bracket.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_secs_f64(ticks as f64 / TICKS_PER_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "12 (a) b) S 1 1 1 0 -1 4194304 10 0 0 0 150 50 0 0 20 0 1 0 100 1 1";

        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(2)));
    }

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            20000                30000                files\n";

        assert_eq!(parse_open_files(limits), Some(20_000));
    }

    #[test]
    fn too_many_connections_are_refused_with_a_figure_that_fits() {
        let refused = check_open_files(usize::MAX / 2).expect_err("no machine has that many");

        assert!(refused.to_string().contains("ulimit -n"));
    }
}
