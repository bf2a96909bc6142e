//! What of a full size was finished, so that an interrupted run can go on.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Tally;
use crate::root;

/// The finished parts of one row.
#[derive(Debug, Serialize, Deserialize)]
pub struct Parts {
    /// The commit they were run on: figures of another one are not continued.
    commit: String,
    /// Their sum.
    pub done: Tally,
    /// The time they took.
    pub seconds: f64,
    #[serde(skip)]
    path: PathBuf,
}

impl Parts {
    /// What was finished on this commit.
    pub fn open(name: &str, anew: bool) -> Result<Self> {
        let folder = root().join("target/reliability");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(format!("{name}.json"));
        let commit = commit();
        let kept = std::fs::read(&path).ok().and_then(|it| serde_json::from_slice(&it).ok());
        let kept = kept.filter(|kept: &Self| kept.commit == commit && !anew);
        let parts = match kept {
            Some(kept) => Self { path, ..kept },
            None => Self { commit, done: Tally::default(), seconds: 0.0, path },
        };
        if parts.done.size > 0 {
            eprintln!(
                "    {name}: {} were run before on this commit; --anew forgets them",
                parts.done.size
            );
        }
        Ok(parts)
    }

    /// Adds a part and writes it down.
    pub fn add(&mut self, tally: Tally, seconds: f64) -> Result<()> {
        self.done += tally;
        self.seconds += seconds;
        let aside = self.path.with_extension("new");
        std::fs::write(&aside, serde_json::to_vec(self)?)?;
        Ok(std::fs::rename(&aside, &self.path)?)
    }
}

fn commit() -> String {
    let asked = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()).output();
    let commit = asked.ok().and_then(|it| String::from_utf8(it.stdout).ok());
    commit.map_or("unknown".to_owned(), |commit| commit.trim().to_owned())
}
