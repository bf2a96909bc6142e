//! Finding records in the bytes of a segment. Pure.

use super::frame::{Head, Kind};
use super::segment::{HEADER_BYTES, SegmentId};

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A whole frame.
    Frame { offset: usize, kind: Kind, commit: u64, payload: &'a [u8], end: usize },
    /// Bytes up to `end` that are no frame.
    Gap { offset: usize, end: usize },
}

impl Step<'_> {
    /// Where the next step starts.
    pub(super) const fn end(&self) -> usize {
        match self {
            Self::Frame { end, .. } | Self::Gap { end, .. } => *end,
        }
    }
}

/// The frame or gap at `offset` of a segment whose acknowledged bytes are exactly `bytes`; `None`
/// at their end.
pub(super) fn step(bytes: &[u8], segment: SegmentId, offset: usize) -> Option<Step<'_>> {
    if offset >= bytes.len() {
        return None;
    }
    Some(frame(bytes, segment, offset).unwrap_or_else(|| Step::Gap {
        offset,
        end: next_frame(bytes, segment, offset).unwrap_or(bytes.len()),
    }))
}

/// Where the acknowledged bytes of the last segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// End of the last whole batch.
    pub end: usize,
    /// End of the last byte behind `end` that is not zero; equal to `end` after a clean stop.
    pub dirty_end: usize,
}

impl Tail {
    /// True when the segment holds at least one whole frame.
    pub(super) const fn is_used(&self) -> bool {
        self.end > HEADER_BYTES
    }
}

/// Tells a torn tail from damage in the segment that was written last.
///
/// Commits are synced one after the other, so a frame of a commit that *starts* at c proves that
/// everything before c was on disk and acknowledged. A hole before such a c is damage: the log goes
/// on behind it. A hole with no such proof behind it is the commit that the crash interrupted: the
/// log ends with the last whole batch before it, whatever order the disk wrote the rest in.
pub(super) fn find_tail(bytes: &[u8], segment: SegmentId) -> Tail {
    let mut end = HEADER_BYTES.min(bytes.len());
    let mut at = end;
    let mut last_commit = None;
    loop {
        if let Some(Step::Frame { kind, commit, end: frame_end, .. }) = frame(bytes, segment, at) {
            at = frame_end;
            end = end.max(usize::try_from(commit).unwrap_or(0));
            if kind != Kind::Record {
                end = at;
            }
            continue;
        }
        if is_zero(&bytes[at..]) {
            break;
        }
        let last = *last_commit.get_or_insert_with(|| last_commit_behind(bytes, segment, at));
        if last <= at as u64 {
            break;
        }
        match next_frame(bytes, segment, at) {
            Some(next) => at = next,
            None => break,
        }
    }
    Tail { end, dirty_end: end + used_bytes(&bytes[end..]) }
}

/// Start of the latest commit of which a frame stands behind `from`; zero without one.
fn last_commit_behind(bytes: &[u8], segment: SegmentId, from: usize) -> u64 {
    let mut last = 0;
    let mut at = from;
    while let Some(next) = next_frame(bytes, segment, at) {
        at = next;
        while let Some(Step::Frame { commit, end, .. }) = frame(bytes, segment, at) {
            last = last.max(commit);
            at = end;
        }
        if at >= bytes.len() {
            break;
        }
    }
    last
}

/// The whole frame at `offset`, if one stands there.
fn frame(bytes: &[u8], segment: SegmentId, offset: usize) -> Option<Step<'_>> {
    let head = Head::read(bytes, segment, offset)?;
    let payload = head.payload(bytes, offset)?;
    let end = offset + head.frame_bytes();
    Some(Step::Frame { offset, kind: head.kind, commit: head.commit, payload, end })
}

/// The first whole frame behind the broken one at `offset`.
fn next_frame(bytes: &[u8], segment: SegmentId, offset: usize) -> Option<usize> {
    // A good head over a broken payload still says where the next frame starts. Without it every
    // byte is tried; the head's checksum covers its own place, so payload bytes do not pass.
    let from =
        Head::read(bytes, segment, offset).map_or(offset + 1, |head| offset + head.frame_bytes());
    (from..bytes.len()).find(|&at| frame(bytes, segment, at).is_some())
}

const ZEROS: [u8; 4096] = [0; 4096];

/// True when every byte is zero. Compares blocks, which is quick in builds without optimisation too.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(ZEROS.len()).all(|block| block == &ZEROS[..block.len()])
}

/// Bytes up to and including the last that is not zero.
fn used_bytes(bytes: &[u8]) -> usize {
    let Some((index, block)) = bytes
        .chunks(ZEROS.len())
        .enumerate()
        .rev()
        .find(|(_, block)| *block != &ZEROS[..block.len()])
    else {
        return 0;
    };
    let in_block = block.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    index * ZEROS.len() + in_block
}
