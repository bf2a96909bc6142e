//! Reading back what was acknowledged, oldest first.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::error::JournalError;
use super::find::is_the_beginning;
use super::folder::Folder;
use super::frame::Kind;
use super::scan::{self, Step};
use super::segment::{HEADER_BYTES, Position, SegmentId};

/// Damages that a summary names; more are only counted.
const DAMAGES_MAX: usize = 64;

/// What kind of damage a place has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The header page of the segment does not check; its records may still be whole.
    Header,
    /// Bytes between records do not check.
    Records,
    /// A segment between others is not there.
    MissingSegment,
    /// The disk could not read the segment.
    Unreadable,
    /// The log once went on to where a snapshot was finished, and ends before it.
    LostEnd,
}

impl DamageKind {
    /// The kind in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Header => "broken header",
            Self::Records => "broken records",
            Self::MissingSegment => "missing segment",
            Self::Unreadable => "unreadable segment",
            Self::LostEnd => "lost end",
        }
    }
}

/// Bytes that were acknowledged and can no longer be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// Where it starts.
    pub position: Position,
    /// Bytes from there that are lost; zero where that is unknown.
    pub bytes: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}, {} bytes", self.kind.words(), self.position, self.bytes)
    }
}

/// An interrupted commit at the end of the log; it was never acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Where the log ends.
    pub position: Position,
    /// Bytes behind it that were zeroed.
    pub bytes: u64,
}

/// What a replay met.
#[derive(Clone, Debug, Default)]
pub struct ReplaySummary {
    /// Segments read so far.
    pub segments: u64,
    /// Records handed out so far.
    pub records: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// The commit that the last crash interrupted, if one was found at open.
    pub torn_tail: Option<TornTail>,
    /// Damage met so far, the first 64 of it.
    pub damaged: Vec<Damage>,
    /// Number of damages met so far.
    pub damaged_total: u64,
}

/// A segment of the chain and where its acknowledged bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub segment: SegmentId,
    pub end: u64,
}

/// The acknowledged records, oldest first; blocks on the disk while it reads.
///
/// Holds one segment in memory. Damage comes as an error *in its place* and the iteration goes on
/// behind it, so a reader sees each gap exactly where records are missing.
/// Finish it before the first [`Journal::recycle_below`](super::Journal::recycle_below): a segment
/// recycled under a replay is reported as damage.
pub struct Replay {
    folder: Arc<dyn Folder>,
    links: VecDeque<Link>,
    reading: Option<Reading>,
    known: VecDeque<Damage>,
    /// Where reading begins, when that is not the start of a segment.
    skipped: Option<Position>,
    summary: ReplaySummary,
}

struct Reading {
    segment: SegmentId,
    /// The segment up to its acknowledged end, or less where the file is shorter.
    bytes: Vec<u8>,
    end: usize,
    at: usize,
}

impl Replay {
    pub(super) fn new(
        folder: Arc<dyn Folder>,
        links: VecDeque<Link>,
        known: Vec<Damage>,
        torn_tail: Option<TornTail>,
    ) -> Self {
        Self {
            folder,
            links,
            reading: None,
            known: known.into(),
            skipped: None,
            summary: ReplaySummary { torn_tail, ..ReplaySummary::default() },
        }
    }

    /// What was met so far; final once the iterator returned `None`.
    pub const fn summary(&self) -> &ReplaySummary {
        &self.summary
    }

    /// Leaves out what stands before `from`, a position at which a commit ended. Call it before the
    /// first record is taken.
    pub fn skip_to(&mut self, from: Position) {
        while self.links.front().is_some_and(|link| link.segment < from.segment) {
            self.links.pop_front();
        }
        if self.links.front().is_some_and(|link| link.segment > from.segment) {
            // What stood between is gone; where the log begins says nothing of it.
            let kind = DamageKind::MissingSegment;
            self.known.push_back(Damage { kind, position: from, bytes: 0 });
        }
        self.skipped = Some(from);
    }

    /// The oldest segment; `None` when there is none.
    pub fn oldest(&self) -> Option<SegmentId> {
        self.links.front().map(|link| link.segment)
    }

    /// Whether there are segments, and no record stood before the oldest.
    pub fn begins_at_the_beginning(&self) -> bool {
        self.links.front().is_some_and(|link| {
            link.segment == SegmentId::FIRST || is_the_beginning(&self.folder, link.segment)
        })
    }

    fn damaged(&mut self, damage: Damage) -> JournalError {
        self.summary.damaged_total += 1;
        if self.summary.damaged.len() < DAMAGES_MAX {
            self.summary.damaged.push(damage);
        }
        JournalError::Damaged(damage)
    }

    fn load(&mut self, link: Link) -> Result<Reading, Damage> {
        let end = usize::try_from(link.end).unwrap_or(usize::MAX);
        let read = || {
            let file = self.folder.open(&link.segment.journal_name())?;
            let len = usize::try_from(file.len_bytes()?).unwrap_or(usize::MAX).min(end);
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, 0)?;
            Ok::<_, std::io::Error>(bytes)
        };
        match read() {
            Ok(bytes) => {
                self.summary.segments += 1;
                let first = self.skipped.filter(|from| from.segment == link.segment);
                let at = first.map_or(HEADER_BYTES, |from| {
                    usize::try_from(from.offset).unwrap_or(usize::MAX)
                });
                Ok(Reading { segment: link.segment, bytes, end, at })
            }
            Err(_) => Err(Damage {
                kind: DamageKind::Unreadable,
                position: Position { segment: link.segment, offset: HEADER_BYTES as u64 },
                bytes: link.end.saturating_sub(HEADER_BYTES as u64),
            }),
        }
    }
}

/// What one look at the segment under the reader gave.
enum Found {
    Record(Position, Vec<u8>),
    Gap(Damage),
}

impl Reading {
    fn next(&mut self) -> Option<Found> {
        while let Some(step) = scan::step(&self.bytes, self.segment, self.at) {
            self.at = step.end();
            match step {
                Step::Frame { kind: Kind::Opening, .. } => {}
                Step::Frame { offset, payload, .. } => {
                    return Some(Found::Record(self.position(offset), payload.to_vec()));
                }
                Step::Gap { offset, end } => {
                    // A gap up to the end of a short file runs on to where the log once ended.
                    self.at = if end == self.bytes.len() { self.end } else { end };
                    return Some(self.gap(offset));
                }
            }
        }
        if self.at < self.end {
            let from = self.at;
            self.at = self.end;
            return Some(self.gap(from));
        }
        None
    }

    const fn position(&self, offset: usize) -> Position {
        Position { segment: self.segment, offset: offset as u64 }
    }

    /// The gap from `offset` to where reading goes on.
    const fn gap(&self, offset: usize) -> Found {
        Found::Gap(Damage {
            kind: DamageKind::Records,
            position: self.position(offset),
            bytes: (self.at - offset) as u64,
        })
    }
}

impl Iterator for Replay {
    type Item = Result<(Position, Vec<u8>), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(damage) = self.known.pop_front() {
            return Some(Err(self.damaged(damage)));
        }
        loop {
            match self.reading.as_mut().map(Reading::next) {
                Some(Some(Found::Record(position, payload))) => {
                    self.summary.records += 1;
                    self.summary.bytes += payload.len() as u64;
                    return Some(Ok((position, payload)));
                }
                Some(Some(Found::Gap(damage))) => return Some(Err(self.damaged(damage))),
                Some(None) | None => {
                    self.reading = None;
                    let link = self.links.pop_front()?;
                    match self.load(link) {
                        Ok(reading) => self.reading = Some(reading),
                        Err(damage) => return Some(Err(self.damaged(damage))),
                    }
                }
            }
        }
    }
}
