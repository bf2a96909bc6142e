//! What open does before the first append: find the chain of segments, cut the torn tail.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use super::batch::BATCH_BYTES_MAX;
use super::error::JournalError;
use super::folder::{Folder, FolderFile};
use super::frame::{Kind, OPENING_FRAME_BYTES, Opening, read_opening};
use super::replay::{Damage, DamageKind, Link, TornTail};
use super::scan::{self, Step, Tail};
use super::segment::{
    HEADER_BYTES, Header, Named, Position, SEGMENT_BYTES_MAX, SegmentFile, SegmentId, read_header,
};

/// The state of a folder after its repair.
pub(super) struct Recovered {
    /// Segments that hold records, oldest first.
    pub links: VecDeque<Link>,
    /// The last of them, to go on writing at its link's end.
    pub active: Option<SegmentFile>,
    /// A segment that was prepared and never used.
    pub ready: Option<SegmentFile>,
    /// Files to zero and reuse, or to remove.
    pub spares: Vec<String>,
    /// Number for the next segment.
    pub next: SegmentId,
    pub torn_tail: Option<TornTail>,
    pub damaged: Vec<Damage>,
}

/// Reads the folder and repairs its end.
///
/// Safe to interrupt at any instant: it only zeroes bytes that no acknowledgement covers, rewrites
/// bytes with themselves, and renames segments that the chain does not reach.
pub(super) fn recover(
    folder: &Arc<dyn Folder>,
    segment_bytes: u64,
) -> Result<Recovered, JournalError> {
    let (journals, mut spares) = segments(folder)?;
    let next = journals.last().max(spares.last()).map_or(SegmentId::FIRST, |last| last.next());

    let mut found = Finder { folder, segment_bytes, torn_tail: None, damaged: Vec::new() };
    let (last, unused) = found.last_used(&journals)?;
    let mut links = VecDeque::new();
    let mut active = None;
    if let Some(last) = last {
        links.push_front(Link { segment: last.segment, end: last.tail.end as u64 });
        found.chain(&mut links, last.opening(), &journals)?;
        active = Some(found.repair(last)?);
    }

    let mut ready = None;
    for segment in journals {
        let is_linked = links.iter().any(|link| link.segment == segment);
        if is_linked || found.is_unreadable(segment) {
            continue;
        }
        match unused.iter().find(|candidate| candidate.segment == segment) {
            Some(Unused { state: State::Broken, .. }) => {
                found.rename(&segment.journal_name(), &segment.damaged_name())?;
            }
            Some(Unused { state: State::Prepared, .. }) if ready.is_none() => {
                let file = found.open(segment)?;
                ready = Some(SegmentFile { id: segment, file, bytes: segment_bytes });
            }
            None if !found.damaged.is_empty() => {
                // The chain could not be followed everywhere, so what it does not reach may matter.
                found.rename(&segment.journal_name(), &segment.damaged_name())?;
            }
            _ => {
                found.rename(&segment.journal_name(), &segment.spare_name())?;
                spares.insert(segment);
            }
        }
    }
    folder.sync().map_err(|error| JournalError::from_io("sync the folder", error))?;

    Ok(Recovered {
        links,
        active,
        ready,
        spares: spares.into_iter().map(SegmentId::spare_name).collect(),
        next,
        torn_tail: found.torn_tail,
        damaged: found.damaged,
    })
}

/// What a folder holds, without a repair.
pub(super) struct Seen {
    pub links: VecDeque<Link>,
    pub torn_tail: Option<TornTail>,
    pub damaged: Vec<Damage>,
}

/// Finds the log in a folder and changes nothing.
pub(super) fn look(folder: &Arc<dyn Folder>) -> Result<Seen, JournalError> {
    let (journals, _) = segments(folder)?;
    let mut found = Finder { folder, segment_bytes: 0, torn_tail: None, damaged: Vec::new() };
    let (last, _) = found.last_used(&journals)?;
    let mut links = VecDeque::new();
    if let Some(last) = last {
        links.push_front(Link { segment: last.segment, end: last.tail.end as u64 });
        found.chain(&mut links, last.opening(), &journals)?;
    }
    Ok(Seen { links, torn_tail: found.torn_tail, damaged: found.damaged })
}

/// The numbers of the journal files and of the spare ones.
fn segments(
    folder: &Arc<dyn Folder>,
) -> Result<(BTreeSet<SegmentId>, BTreeSet<SegmentId>), JournalError> {
    let (mut journals, mut spares) = (BTreeSet::new(), BTreeSet::new());
    for name in folder.list().map_err(|error| JournalError::from_io("list the folder", error))? {
        match Named::parse(&name) {
            Some(Named::Journal(segment)) => journals.insert(segment),
            Some(Named::Spare(segment)) => spares.insert(segment),
            None => continue,
        };
    }
    Ok((journals, spares))
}

struct Finder<'a> {
    folder: &'a Arc<dyn Folder>,
    segment_bytes: u64,
    torn_tail: Option<TornTail>,
    damaged: Vec<Damage>,
}

/// A segment above the last used one.
struct Unused {
    segment: SegmentId,
    state: State,
}

enum State {
    /// Header whole, rest zero, right size: can be written at once.
    Prepared,
    /// Must be zeroed first.
    Reusable,
    /// Not one of ours, or its header is lost: kept for a person to look at.
    Broken,
}

/// A segment in memory.
struct Loaded {
    segment: SegmentId,
    bytes: Vec<u8>,
    header: Header,
    tail: Tail,
}

impl Loaded {
    fn opening(&self) -> Option<Opening> {
        opening_in(&self.bytes, self.segment)
    }
}

fn opening_in(bytes: &[u8], segment: SegmentId) -> Option<Opening> {
    match scan::step(bytes, segment, HEADER_BYTES)? {
        Step::Frame { payload, kind: Kind::Opening, .. } => read_opening(payload),
        _ => None,
    }
}

impl Finder<'_> {
    /// The highest segment that holds a frame, and the unused ones above it.
    fn last_used(
        &mut self,
        journals: &BTreeSet<SegmentId>,
    ) -> Result<(Option<Loaded>, Vec<Unused>), JournalError> {
        let mut unused = Vec::new();
        for &segment in journals.iter().rev() {
            let loaded = self.load(segment)?;
            let Tail { end, dirty_end } = loaded.tail;
            if loaded.tail.is_used() {
                if dirty_end > end {
                    self.torn_tail = Some(torn(segment, loaded.tail));
                }
                return Ok((Some(loaded), unused));
            }
            let state = match loaded.header {
                Header::Bad => State::Broken,
                Header::Good { .. } if dirty_end > end => {
                    // The very first commit of the segment was interrupted.
                    self.torn_tail = Some(torn(segment, loaded.tail));
                    State::Reusable
                }
                Header::Good { segment_bytes }
                    if segment_bytes == self.segment_bytes
                        && loaded.bytes.len() as u64 == segment_bytes =>
                {
                    State::Prepared
                }
                Header::Good { .. } => State::Reusable,
            };
            unused.push(Unused { segment, state });
        }
        Ok((None, unused))
    }

    /// Follows the openings from the last segment back to the first that still exists.
    fn chain(
        &mut self,
        links: &mut VecDeque<Link>,
        last: Option<Opening>,
        journals: &BTreeSet<SegmentId>,
    ) -> Result<(), JournalError> {
        let mut opening = last;
        let Some(&Link { segment: mut current, .. }) = links.front() else { return Ok(()) };
        loop {
            // A lost opening is reported by the replay, as a gap where it stood.
            let (segment, end) = match opening {
                Some(Opening { previous: None, .. }) => break,
                Some(Opening { previous: Some(previous), previous_end })
                    if previous < current && journals.contains(&previous) =>
                {
                    (previous, Some(previous_end))
                }
                Some(Opening { previous: Some(previous), .. }) => {
                    // Nothing below the missing one: it was recycled, the log starts here.
                    let Some(lower) = journals.range(..previous.min(current)).next_back() else {
                        break;
                    };
                    self.damage(DamageKind::MissingSegment, previous, 0);
                    (*lower, None)
                }
                None => match journals.range(..current).next_back() {
                    Some(lower) => (*lower, None),
                    None => break,
                },
            };
            current = segment;
            if let Some(end) = end {
                opening = self.opening_of(segment)?;
                links.push_front(Link { segment, end: end.min(SEGMENT_BYTES_MAX) });
                continue;
            }
            match self.load(segment) {
                Ok(loaded) => {
                    opening = loaded.opening();
                    links.push_front(Link { segment, end: loaded.tail.end as u64 });
                }
                Err(JournalError::Io { .. }) => {
                    opening = None;
                    self.damage(DamageKind::Unreadable, segment, 0);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads only the header and the first frame. A segment that cannot be read counts as one
    /// whose opening is lost: the replay reports it.
    fn opening_of(&mut self, segment: SegmentId) -> Result<Option<Opening>, JournalError> {
        let mut bytes = vec![0; HEADER_BYTES + OPENING_FRAME_BYTES];
        let read = self
            .folder
            .open(&segment.journal_name())
            .and_then(|file| file.read_exact_at(&mut bytes, 0));
        if read.is_err() {
            return Ok(None);
        }
        self.header(&bytes, segment)?;
        Ok(opening_in(&bytes, segment))
    }

    /// Makes everything the replay will hand out durable, and the bytes behind it zero.
    ///
    /// A killed process leaves bytes in the page cache that were never synced, and after a failed
    /// sync the operating system may hold pages as clean that the disk never got. Whatever is
    /// replayed must survive the next power cut, so the last commit's worth is written once more.
    fn repair(&self, last: Loaded) -> Result<SegmentFile, JournalError> {
        let Loaded { segment, mut bytes, header, tail } = last;
        let file = self.open(segment)?;
        let len = bytes.len();
        let full = match header {
            Header::Good { segment_bytes } => segment_bytes.max(len as u64),
            Header::Bad => len as u64,
        };
        let rewrite_from = tail.end.saturating_sub(BATCH_BYTES_MAX).max(HEADER_BYTES);

        bytes[tail.end..tail.dirty_end].fill(0);
        file.write_all_at(&bytes[rewrite_from..tail.dirty_end], rewrite_from as u64)
            .and_then(|()| fill_zero(&*file, len as u64, full))
            .and_then(|()| file.sync_data())
            .map_err(|error| JournalError::from_io("repair the last segment", error))?;
        Ok(SegmentFile { id: segment, file, bytes: full })
    }

    fn load(&mut self, segment: SegmentId) -> Result<Loaded, JournalError> {
        let file = self.open(segment)?;
        let read = || {
            // A file beyond the largest segment is not one of ours; what fits is judged.
            let len = file.len_bytes()?.min(SEGMENT_BYTES_MAX);
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| JournalError::from_io("read a segment", error))?;
        let header = self.header(&bytes, segment)?;
        let tail = scan::find_tail(&bytes, segment);
        Ok(Loaded { segment, bytes, header, tail })
    }

    fn open(&self, segment: SegmentId) -> Result<Box<dyn FolderFile>, JournalError> {
        self.folder
            .open(&segment.journal_name())
            .map_err(|error| JournalError::from_io("open a segment", error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        self.folder
            .rename(from, to)
            .map_err(|error| JournalError::from_io("set a segment aside", error))
    }

    fn header(&mut self, bytes: &[u8], segment: SegmentId) -> Result<Header, JournalError> {
        let header = read_header(bytes, segment)?;
        if header == Header::Bad {
            self.damage(DamageKind::Header, segment, HEADER_BYTES as u64);
        }
        Ok(header)
    }

    fn is_unreadable(&self, segment: SegmentId) -> bool {
        self.damaged.iter().any(|damage| {
            damage.kind == DamageKind::Unreadable && damage.position.segment == segment
        })
    }

    fn damage(&mut self, kind: DamageKind, segment: SegmentId, bytes: u64) {
        self.damaged.push(Damage { kind, position: Position { segment, offset: 0 }, bytes });
    }
}

fn torn(segment: SegmentId, tail: Tail) -> TornTail {
    TornTail {
        position: Position { segment, offset: tail.end as u64 },
        bytes: (tail.dirty_end - tail.end) as u64,
    }
}

/// Writes zeros over `from..to` in blocks.
pub(super) fn fill_zero(file: &dyn FolderFile, from: u64, to: u64) -> io::Result<()> {
    static BLOCK: [u8; 64 << 10] = [0; 64 << 10];
    let mut at = from;
    while at < to {
        let len = (to - at).min(BLOCK.len() as u64);
        file.write_all_at(&BLOCK[..usize::try_from(len).unwrap_or(BLOCK.len())], at)?;
        at += len;
    }
    Ok(())
}
