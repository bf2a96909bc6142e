//! How long the disk of the data folder takes to keep a write.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Writes that are timed.
const SAMPLES: usize = 200;

/// Bytes of each write: a page, what the commit of a few messages dirties.
const WRITE_BYTES: usize = 4096;

/// Name of the file while it is measured.
const PROBE_NAME: &str = "fsync-probe.tmp";

/// Times of a write and its `fdatasync` into a pre-allocated file, as the journal commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsyncLatency {
    /// Writes that were timed.
    pub samples: usize,
    /// Half of them were at most this long.
    pub p50: Duration,
    /// All but one in a hundred were at most this long.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl FsyncLatency {
    /// Reduces times to percentiles (nearest rank); `None` without any.
    pub fn from_samples(mut samples: Vec<Duration>) -> Option<Self> {
        samples.sort_unstable();
        let rank = |percent: usize| {
            let rank = (samples.len() * percent).div_ceil(100);
            samples.get(rank.saturating_sub(1)).copied()
        };
        Some(Self { samples: samples.len(), p50: rank(50)?, p99: rank(99)?, max: rank(100)? })
    }
}

/// Times 200 writes, each with its `fdatasync`, in a file of its own in `folder`; the file is
/// removed afterwards, also after an error.
///
/// Blocks for as long as the disk takes: 20 ms on a quick one, seconds on a bad one.
///
/// # Errors
/// What the operating system says, for example that the folder is missing or cannot be written.
pub fn probe(folder: &Path) -> io::Result<FsyncLatency> {
    let probe = ProbeFile { path: folder.join(PROBE_NAME) };
    // A probe that was killed leaves its file; this one takes its place.
    let file = File::create(&probe.path)?;
    for sample in 0..SAMPLES {
        file.write_all_at(&[0; WRITE_BYTES], offset(sample))?;
    }
    file.sync_all()?;

    let mut samples = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES {
        let started = Instant::now();
        file.write_all_at(&[1; WRITE_BYTES], offset(sample))?;
        file.sync_data()?;
        samples.push(started.elapsed());
    }
    Ok(FsyncLatency::from_samples(samples).expect("200 writes were timed"))
}

const fn offset(sample: usize) -> u64 {
    (sample * WRITE_BYTES) as u64
}

/// Removes the file on every way out.
struct ProbeFile {
    path: PathBuf,
}

impl Drop for ProbeFile {
    fn drop(&mut self) {
        // Nothing better can be done with a file that does not go; the next probe reuses it.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let samples = (1..=200).rev().map(Duration::from_micros).collect();

        let latency = FsyncLatency::from_samples(samples);

        let expected = FsyncLatency {
            samples: 200,
            p50: Duration::from_micros(100),
            p99: Duration::from_micros(198),
            max: Duration::from_micros(200),
        };
        assert_eq!(latency, Some(expected));
        assert_eq!(FsyncLatency::from_samples(Vec::new()), None);
    }

    #[test]
    fn the_probe_measures_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");

        let latency = probe(dir.path()).expect("a temporary folder can be written");

        assert_eq!(latency.samples, SAMPLES);
        assert!(Duration::ZERO < latency.p50 && latency.p50 <= latency.p99);
        assert!(latency.p99 <= latency.max);
        assert_eq!(fs::read_dir(dir.path()).expect("the folder is there").count(), 0);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");

        assert!(probe(&dir.path().join("missing")).is_err());
    }
}
