//! What stands in the folder: the chain of segments, the interrupted commit at its end, damage.
//! Changes nothing.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use super::error::JournalError;
use super::folder::{Folder, FolderFile};
use super::frame::{Kind, OPENING_FRAME_BYTES, OPENINGS, Opening, read_opening};
use super::options::Unreadable;
use super::replay::{Damage, DamageKind, Link, TornTail};
use super::scan::{self, Step, Tail};
use super::segment::{
    HEADER_BYTES, Header, Named, Position, SEGMENT_BYTES_MAX, SegmentId, read_header,
};
use super::snapshot::SnapshotId;

/// What a look at a folder found.
pub(super) struct Found {
    /// Every file that belongs to the journal.
    pub journals: BTreeSet<SegmentId>,
    /// Files that wait to be used again.
    pub spares: BTreeSet<SegmentId>,
    /// Segments that hold records, oldest first.
    pub links: VecDeque<Link>,
    /// The last of them; `None` in an empty journal.
    pub last: Option<Loaded>,
    /// Segments above the last used one.
    pub unused: Vec<Unused>,
    pub torn_tail: Option<TornTail>,
    pub damaged: Vec<Damage>,
}

/// Looks at the whole journal. A segment counts as prepared when it has `segment_bytes`.
pub(super) fn find(
    folder: &Arc<dyn Folder>,
    segment_bytes: u64,
    unreadable: Unreadable,
) -> Result<Found, JournalError> {
    let (journals, spares) = names(folder)?;
    let mut finder =
        Finder { folder, segment_bytes, unreadable, torn_tail: None, damaged: Vec::new() };
    let (last, unused) = finder.last_used(&journals)?;
    let mut links = VecDeque::new();
    if let Some(last) = &last {
        links.push_front(Link { segment: last.segment, end: last.tail.end as u64 });
        finder.chain(&mut links, last.opening(), &journals)?;
    }
    let Finder { torn_tail, damaged, .. } = finder;
    Ok(Found { journals, spares, links, last, unused, torn_tail, damaged })
}

/// The chain of segments from `first` on whose acknowledged bytes end at `end`, whatever stands
/// behind it: for reading beside a running writer.
pub(super) fn find_until(
    folder: &Arc<dyn Folder>,
    first: SegmentId,
    end: Position,
) -> Result<(VecDeque<Link>, Vec<Damage>), JournalError> {
    let (journals, _) = names(folder)?;
    let journals = journals.range(first..=end.segment).copied().collect();
    let mut finder = Finder {
        folder,
        segment_bytes: 0,
        unreadable: Unreadable::PassOver,
        torn_tail: None,
        damaged: Vec::new(),
    };
    let mut links = VecDeque::from([Link { segment: end.segment, end: end.offset }]);
    let opening = finder.opening_of(end.segment)?;
    finder.chain(&mut links, opening, &journals)?;
    Ok((links, finder.damaged))
}

/// The newest snapshot, when the log no longer reaches it: a power cut took what was only in memory,
/// or the end of the log is damaged.
pub(super) fn ahead_of(
    end: Option<Position>,
    newest: Option<SnapshotId>,
) -> Option<(SnapshotId, Damage)> {
    let id = newest.filter(|id| end.is_none_or(|end| end < id.end()))?;
    let position = end.unwrap_or(Position { segment: SegmentId::FIRST, offset: 0 });
    Some((id, Damage { kind: DamageKind::LostEnd, position, bytes: 0 }))
}

/// Where the acknowledged bytes of a chain end.
pub(super) fn end_of(links: &VecDeque<Link>) -> Option<Position> {
    links.back().map(|link| Position { segment: link.segment, offset: link.end })
}

fn names(
    folder: &Arc<dyn Folder>,
) -> Result<(BTreeSet<SegmentId>, BTreeSet<SegmentId>), JournalError> {
    let mut journals = BTreeSet::new();
    let mut spares = BTreeSet::new();
    for name in folder.list().map_err(|error| JournalError::from_io("list the folder", error))? {
        match Named::parse(&name) {
            Some(Named::Journal(segment)) => journals.insert(segment),
            Some(Named::Spare(segment)) => spares.insert(segment),
            None => continue,
        };
    }
    Ok((journals, spares))
}

/// Opens a segment of the journal.
pub(super) fn open_segment(
    folder: &Arc<dyn Folder>,
    segment: SegmentId,
) -> Result<Box<dyn FolderFile>, JournalError> {
    folder
        .open(&segment.journal_name())
        .map_err(|error| JournalError::from_io("open a segment", error))
}

struct Finder<'a> {
    folder: &'a Arc<dyn Folder>,
    segment_bytes: u64,
    unreadable: Unreadable,
    torn_tail: Option<TornTail>,
    damaged: Vec<Damage>,
}

/// A segment above the last used one.
pub(super) struct Unused {
    pub segment: SegmentId,
    pub state: State,
}

pub(super) enum State {
    /// Header whole, rest zero, right size: can be written at once.
    Prepared,
    /// Must be zeroed first.
    Reusable,
    /// Not one of ours, or its header is lost: kept for a person to look at.
    Broken,
}

/// A segment in memory.
pub(super) struct Loaded {
    pub segment: SegmentId,
    pub bytes: Vec<u8>,
    pub header: Header,
    pub tail: Tail,
}

impl Loaded {
    fn opening(&self) -> Option<Opening> {
        opening_in(&self.bytes, self.segment)
    }
}

/// Whether a segment says that it is the first of its log. It need not be number one: a segment is given
/// up when its first commit fails.
pub(super) fn is_the_beginning(folder: &Arc<dyn Folder>, segment: SegmentId) -> bool {
    let opening = read_start(folder, segment).ok().and_then(|bytes| opening_in(&bytes, segment));
    matches!(opening, Some(Opening { previous: None, .. }))
}

/// The header and the frames that are openings where none is missing.
fn read_start(folder: &Arc<dyn Folder>, segment: SegmentId) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES + OPENINGS * OPENING_FRAME_BYTES];
    folder.open(&segment.journal_name())?.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn opening_in(bytes: &[u8], segment: SegmentId) -> Option<Opening> {
    (0..OPENINGS).find_map(|copy| {
        match scan::step(bytes, segment, HEADER_BYTES + copy * OPENING_FRAME_BYTES)? {
            Step::Frame { payload, kind: Kind::Opening, .. } => read_opening(payload),
            _ => None,
        }
    })
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
                Header::Good { segment_bytes, is_current: true }
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
                Err(JournalError::Io { .. }) if self.unreadable == Unreadable::PassOver => {
                    opening = None;
                    self.damage(DamageKind::Unreadable, segment, 0);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads only the header and the openings. A segment that is too short for them, or cannot be
    /// read and is passed over, counts as one whose opening is lost: the replay reports it.
    fn opening_of(&mut self, segment: SegmentId) -> Result<Option<Opening>, JournalError> {
        match read_start(self.folder, segment) {
            Ok(bytes) => {
                self.header(&bytes, segment)?;
                Ok(opening_in(&bytes, segment))
            }
            Err(error)
                if self.unreadable == Unreadable::Refuse
                    && error.kind() != io::ErrorKind::UnexpectedEof =>
            {
                Err(JournalError::from_io("read a segment", error))
            }
            Err(_) => Ok(None),
        }
    }

    fn load(&mut self, segment: SegmentId) -> Result<Loaded, JournalError> {
        let file = open_segment(self.folder, segment)?;
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

    fn header(&mut self, bytes: &[u8], segment: SegmentId) -> Result<Header, JournalError> {
        let header = read_header(bytes, segment)?;
        if header == Header::Bad {
            self.damage(DamageKind::Header, segment, HEADER_BYTES as u64);
        }
        Ok(header)
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
