//! The data folder, and how many files may be open.

use std::fs;
use std::io::{self, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Finding, Verdict};
use crate::config::Config;

/// Open files besides the sockets of customers and seats: journal, listeners, standard streams, and
/// the sockets of those who are about to be refused.
const OTHER_FILES: u64 = 200;

/// Raises the limit of open files as far as the system lets this process, and gives what it is then;
/// `None` is without limit. Each socket is an open file, and the usual 1,024 are soon used up.
///
/// # Errors
/// When the system refuses.
pub fn raise_open_files() -> io::Result<Option<u64>> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum)
}

pub(super) fn open_files(config: &Config) -> Finding {
    const CHECK: &str = "open files";
    let needed = (config.gateway.connections_max.get() as u64).saturating_add(OTHER_FILES);
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < needed => {
            let text = format!(
                "at most {limit}, but {needed} are needed for gateway.connections_max: raise the \
                 hard limit (`ulimit -Hn`, LimitNOFILE=) or lower the setting"
            );
            Finding::new(CHECK, Verdict::Wrong, text)
        }
        limit => {
            let limit = limit.map_or("no limit".to_owned(), |limit| format!("at most {limit}"));
            let text = format!("{limit}, {needed} are needed for gateway.connections_max");
            Finding::new(CHECK, Verdict::Good, text)
        }
    }
}

pub(super) fn data_folder(config: &Config) -> Finding {
    const CHECK: &str = "data folder";
    let folder = &config.paths.data;
    let probe = folder.join(format!("doctor-{}.tmp", std::process::id()));
    let write = || {
        fs::create_dir_all(folder)?;
        let mut file = fs::File::create_new(&probe)?;
        file.write_all(b"probe")?;
        file.sync_data()?;
        fs::remove_file(&probe)
    };
    match write() {
        Ok(()) => {
            let text = format!("{} can be written", folder.display());
            Finding::new(CHECK, Verdict::Good, text)
        }
        Err(error) => {
            let _ = fs::remove_file(&probe);
            let text = format!("{} cannot be written: {error}", folder.display());
            Finding::new(CHECK, Verdict::Wrong, text)
        }
    }
}

/// Below this many files of the journal there is no room to finish what was begun.
const SEGMENTS_NEEDED: u64 = 4;
/// Below this many a busy day may not fit.
const SEGMENTS_WANTED: u64 = 64;

pub(super) fn free_space(config: &Config) -> Finding {
    const CHECK: &str = "free space";
    let folder = &config.paths.data;
    match rustix::fs::statvfs(folder) {
        Ok(disk) => space_verdict(
            disk.f_bavail.saturating_mul(disk.f_frsize),
            config.journal.segment as u64,
        ),
        Err(error) => {
            let text = format!("{} cannot be asked: {error}", folder.display());
            Finding::new(CHECK, Verdict::Wrong, text)
        }
    }
}

fn space_verdict(free: u64, segment: u64) -> Finding {
    let verdict = match free / segment.max(1) {
        segments if segments < SEGMENTS_NEEDED => Verdict::Wrong,
        segments if segments < SEGMENTS_WANTED => Verdict::Odd,
        _ => Verdict::Good,
    };
    let text = format!(
        "{} MiB free in the data folder, the journal grows by {} MiB at a time",
        free >> 20,
        segment >> 20
    );
    Finding::new("free space", verdict, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_made_is_wrong_and_one_that_can_is_good_and_left_empty() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::default();

        config.paths.data = folder.path().join("new");
        assert_eq!(data_folder(&config).verdict, Verdict::Good);
        let left = fs::read_dir(&config.paths.data).expect("the folder was made");
        assert_eq!(left.count(), 0);

        fs::write(folder.path().join("file"), "").expect("a file");
        config.paths.data = folder.path().join("file");
        assert_eq!(data_folder(&config).verdict, Verdict::Wrong);
    }

    #[test]
    fn little_space_is_odd_and_none_is_wrong() {
        let segment = 16 << 20;

        assert_eq!(space_verdict(3 * segment, segment).verdict, Verdict::Wrong);
        assert_eq!(space_verdict(4 * segment, segment).verdict, Verdict::Odd);
        assert_eq!(space_verdict(64 * segment, segment).verdict, Verdict::Good);
    }

    #[test]
    fn more_connections_than_open_files_are_wrong() {
        let mut config = Config::default();
        config.gateway.connections_max = std::num::NonZeroUsize::MAX;

        let finding = open_files(&config);

        let unlimited = getrlimit(Resource::Nofile).maximum.is_none();
        assert_eq!(finding.verdict == Verdict::Good, unlimited, "{}", finding.text);
    }
}
