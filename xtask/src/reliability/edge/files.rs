//! How many files this process may have open.

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside the connections: the runtime's, standard streams, connections under way.
const BESIDE: u64 = 400;

/// Makes room for so many connections of this process.
///
/// # Errors
/// When the machine does not let it: a smaller run would not be the one that was asked for.
pub fn make_room(connections: u64) -> Result<()> {
    let needed = connections + BESIDE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let is_enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
    ensure!(
        is_enough,
        "{needed} open files are needed: raise the hard limit (ulimit -Hn {needed})"
    );
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(needed), ..limit })?)
}
