//! Which letters' ends have begun to be written, in a file that outlives the process.
//!
//! The journal says before the end of a letter that it comes next. If the process dies then, this file
//! says whether it still came: the note is written with the very next instruction in front of it. It is
//! not synced, so it counts only as long as the machine has not been started anew; for that it holds the
//! id that the system gives each start.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::domain::{EffectKey, Timestamp};

const FILE: &str = "letters.begun";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Beyond this a start begins the file anew: some 30,000 letters.
const FILE_BYTES_MAX: usize = 1 << 20;

/// The file.
#[derive(Debug)]
pub struct Begun {
    file: File,
    /// It knows of every letter since then.
    since: Timestamp,
    /// Letters that were begun by earlier processes.
    before: HashSet<EffectKey>,
}

impl Begun {
    /// The file in the folder `data`, made when it is missing, large, or of an earlier start of the
    /// machine.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(data: &Path, now: Timestamp) -> io::Result<Self> {
        let path = data.join(FILE);
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let known = (!boot.is_empty() && text.len() <= FILE_BYTES_MAX)
            .then(|| parse(&text, &boot))
            .flatten();
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600);
        if let Some((since, before)) = known {
            return Ok(Self { file: options.append(true).open(path)?, since, before });
        }
        // Aside, so that a half-written head is never read.
        let new = data.join(format!("{FILE}.new"));
        let mut file = options.write(true).truncate(true).open(&new)?;
        file.write_all(format!("{boot} {}\n", now.as_millis()).as_bytes())?;
        fs::rename(&new, &path)?;
        Ok(Self { file, since: now, before: HashSet::new() })
    }

    /// Notes that the end of a letter is about to be written.
    ///
    /// # Errors
    /// When that cannot be noted; nothing may be written then.
    pub fn note(&self, key: EffectKey) -> io::Result<()> {
        // One write: lines of several sessions do not mix. It begins with the end of a line, because a full
        // disk may have cut the note before it short.
        (&self.file).write_all(format!("\n{key}\n").as_bytes())
    }

    /// Whether it is sure that the end of a letter was not written, which was to come next at `at`.
    pub fn rules_out(&self, key: EffectKey, at: Timestamp) -> bool {
        at >= self.since && !self.before.contains(&key)
    }
}

/// Since when the file knows, and what; `None` when it is of another start of the machine.
fn parse(text: &str, boot: &str) -> Option<(Timestamp, HashSet<EffectKey>)> {
    let (head, keys) = text.split_once('\n')?;
    let since = head.strip_prefix(boot)?.trim().parse().ok()?;
    // A line may have been cut short; then no end of a letter was written behind it.
    let keys = keys.lines().filter(|line| line.len() == 32);
    let keys = keys.filter_map(|line| line.to_owned().try_into().ok()).collect();
    Some((Timestamp::from_millis(since), keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ConversationId, Purpose};
    use uuid::Uuid;

    fn key(version: u64) -> EffectKey {
        let conversation = ConversationId::from_uuid(Uuid::from_u128(1));
        EffectKey::of(conversation, 1, Purpose::Answer, version)
    }

    const EARLIER: Timestamp = Timestamp::from_millis(1_000);
    const LATER: Timestamp = Timestamp::from_millis(2_000);

    #[test]
    fn what_was_begun_is_known_to_the_next_process_and_the_one_after() {
        let folder = tempfile::tempdir().expect("a folder");
        Begun::open(folder.path(), EARLIER).expect("a file").note(key(1)).expect("noted");

        let second = Begun::open(folder.path(), LATER).expect("the file");
        second.note(key(2)).expect("noted");
        let third = Begun::open(folder.path(), LATER).expect("the file");

        assert!(!third.rules_out(key(1), EARLIER) && !third.rules_out(key(2), LATER));
        assert!(third.rules_out(key(3), EARLIER), "it would know of it");
    }

    #[test]
    fn a_note_behind_one_that_was_cut_short_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let begun = Begun::open(folder.path(), EARLIER).expect("a file");
        begun.note(key(1)).expect("noted");
        let cut = key(2).to_string();
        (&begun.file).write_all(&cut.as_bytes()[..20]).expect("written");

        begun.note(key(3)).expect("noted");

        let next = Begun::open(folder.path(), LATER).expect("the file");
        assert!(!next.rules_out(key(1), EARLIER) && !next.rules_out(key(3), EARLIER));
        assert!(next.rules_out(key(2), EARLIER), "its end was never written");
    }

    #[test]
    fn nothing_is_ruled_out_of_a_time_that_the_file_does_not_know() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), "another-start 500\n").expect("a file");

        let begun = Begun::open(folder.path(), LATER).expect("a file");
        let again = Begun::open(folder.path(), LATER).expect("the file");

        assert!(!begun.rules_out(key(1), EARLIER), "the machine was started anew since");
        assert!(!again.rules_out(key(1), EARLIER), "and that is not forgotten");
        assert!(again.rules_out(key(1), LATER));
    }
}
