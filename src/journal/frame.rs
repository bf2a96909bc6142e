//! One record as bytes: a 16-byte head, then the payload.
//!
//! The payload's checksum is computed by the caller that fills a [`Batch`](super::Batch); the
//! head's checksum binds the record to its place (segment, offset, commit) and is computed by the
//! writer, who alone knows the place. Bytes of a recycled segment or of another offset therefore
//! never pass as a record, and a broken payload still tells where the next record starts.

use super::segment::{HEADER_BYTES, SegmentId};

/// Most bytes of payload in one record: 1 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Bytes before each payload.
pub(super) const HEAD_BYTES: usize = 16;

/// Payload bytes of an opening frame: previous segment and where it ended.
const OPENING_BYTES: usize = 16;

/// Whole opening frame.
pub(super) const OPENING_FRAME_BYTES: usize = HEAD_BYTES + OPENING_BYTES;

/// Times that a segment says what stood before it: where that is lost, what the disk refused at the
/// end of the one before would count as acknowledged.
pub(super) const OPENINGS: usize = 2;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A record with more of its batch behind it.
    Record,
    /// The last record of its batch: the batch counts from here on.
    BatchEnd,
    /// First frames of a segment: each names the predecessor and its end.
    Opening,
}

impl Kind {
    const fn code(self) -> u32 {
        match self {
            Self::Record => 1,
            Self::BatchEnd => 2,
            Self::Opening => 3,
        }
    }

    const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Record),
            2 => Some(Self::BatchEnd),
            3 => Some(Self::Opening),
            _ => None,
        }
    }
}

/// Appends a frame whose place is not known yet: [`place`] completes it.
pub(super) fn push_unplaced(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    let len = u32::try_from(payload.len()).expect("payload size is checked before it is framed");
    out.extend_from_slice(&(len | kind.code() << 24).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Changes the kind of the unplaced frame at `at`.
pub(super) fn set_kind(frames: &mut [u8], at: usize, kind: Kind) {
    // The kind is the high byte of the little-endian first word.
    frames[at + 3] = u8::try_from(kind.code()).expect("kind codes are small");
}

/// Appends the frames that open a segment.
pub(super) fn push_opening(out: &mut Vec<u8>, opening: Opening) {
    let mut payload = [0; OPENING_BYTES];
    payload[..8].copy_from_slice(&opening.previous.map_or(0, SegmentId::get).to_le_bytes());
    payload[8..].copy_from_slice(&opening.previous_end.to_le_bytes());
    for _ in 0..OPENINGS {
        push_unplaced(out, Kind::Opening, &payload);
    }
}

/// Completes every head in `frames`, which will be written at `offset` of `segment` by the commit
/// that starts at `commit`.
pub(super) fn place(frames: &mut [u8], segment: SegmentId, offset: u64, commit: u64) {
    let commit = u32::try_from(commit).expect("segments are at most 1 GiB");
    let mut at = 0;
    while at < frames.len() {
        let head = &mut frames[at..at + HEAD_BYTES];
        head[4..8].copy_from_slice(&commit.to_le_bytes());
        let crc = head_crc(head, segment, offset + at as u64);
        head[12..16].copy_from_slice(&crc.to_le_bytes());
        at += HEAD_BYTES + payload_len(head);
    }
}

/// Puts something else in place of the payload of the frame at `offset`, filled up with zeros. `bytes` is
/// the segment from its first byte.
pub(super) fn replace_payload(bytes: &mut [u8], segment: SegmentId, offset: usize, new: &[u8]) {
    let (head, behind) = bytes[offset..].split_at_mut(HEAD_BYTES);
    let payload = &mut behind[..payload_len(head)];
    payload[..new.len()].copy_from_slice(new);
    payload[new.len()..].fill(0);
    head[8..12].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let crc = head_crc(head, segment, offset as u64);
    head[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// Bytes of payload behind a head that was made here.
pub(super) fn payload_len(head: &[u8]) -> usize {
    (word(head, 0) & 0x00ff_ffff) as usize
}

/// What an opening frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The segment that was written before; `None` for the very first.
    pub previous: Option<SegmentId>,
    /// Where its acknowledged bytes end: what stands behind belongs to a failed commit.
    pub previous_end: u64,
}

/// A head whose checksum fits its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub kind: Kind,
    /// Bytes of payload.
    pub len: usize,
    /// Offset at which the commit that wrote this frame started.
    pub commit: u64,
    payload_crc: u32,
}

impl Head {
    /// The head at `offset`, if one stands there that belongs there and whose payload ends in
    /// `bytes`. `bytes` is the segment from its first byte.
    pub(super) fn read(bytes: &[u8], segment: SegmentId, offset: usize) -> Option<Self> {
        let head = bytes.get(offset..offset.checked_add(HEAD_BYTES)?)?;
        let first = word(head, 0);
        let len = (first & 0x00ff_ffff) as usize;
        let commit = u64::from(word(head, 4));
        let kind = Kind::from_code(first >> 24)?;

        let plausible = (1..=PAYLOAD_BYTES_MAX).contains(&len)
            && len <= bytes.len() - offset - HEAD_BYTES
            && (HEADER_BYTES as u64..=offset as u64).contains(&commit)
            && (kind != Kind::Opening || len == OPENING_BYTES);
        if !plausible || head_crc(head, segment, offset as u64) != word(head, 12) {
            return None;
        }
        Some(Self { kind, len, commit, payload_crc: word(head, 8) })
    }

    /// Bytes from the head to the end of the payload.
    pub(super) const fn frame_bytes(&self) -> usize {
        HEAD_BYTES + self.len
    }

    /// The payload behind the head at `offset`, if its checksum fits.
    pub(super) fn payload<'a>(&self, bytes: &'a [u8], offset: usize) -> Option<&'a [u8]> {
        let start = offset + HEAD_BYTES;
        let payload = bytes.get(start..start + self.len)?;
        (crc32c::crc32c(payload) == self.payload_crc).then_some(payload)
    }
}

/// Reads the payload of an opening frame.
pub(super) fn read_opening(payload: &[u8]) -> Option<Opening> {
    let (previous, end) = payload.split_first_chunk::<8>()?;
    Some(Opening {
        previous: SegmentId::new(u64::from_le_bytes(*previous)),
        previous_end: u64::from_le_bytes(*end.first_chunk::<8>()?),
    })
}

/// Checksum over the place and the first twelve bytes of the head.
fn head_crc(head: &[u8], segment: SegmentId, offset: u64) -> u32 {
    let mut covered = [0; 28];
    covered[..8].copy_from_slice(&segment.get().to_le_bytes());
    covered[8..16].copy_from_slice(&offset.to_le_bytes());
    covered[16..].copy_from_slice(&head[..12]);
    crc32c::crc32c(&covered)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::batch::Batch;
    use super::super::scan::{Step, step};
    use super::*;

    /// A segment that holds `batch` alone, right behind its header.
    fn segment_with(batch: &Batch, segment: SegmentId) -> Vec<u8> {
        let mut frames = batch.frames().to_vec();
        place(&mut frames, segment, HEADER_BYTES as u64, HEADER_BYTES as u64);
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(&frames);
        bytes
    }

    #[test]
    fn a_frame_passes_only_at_its_own_place() {
        let batch = Batch::of(b"payload").expect("seven bytes fit");
        let bytes = segment_with(&batch, SegmentId::FIRST);
        let mut moved = bytes.clone();
        moved.splice(HEADER_BYTES..HEADER_BYTES, [0; 8]);

        assert!(Head::read(&bytes, SegmentId::FIRST, HEADER_BYTES).is_some());
        assert!(Head::read(&bytes, SegmentId::FIRST.next(), HEADER_BYTES).is_none());
        assert!(Head::read(&moved, SegmentId::FIRST, HEADER_BYTES + 8).is_none());
    }

    #[test]
    fn an_opening_says_what_was_put_into_it() {
        let opening = Opening { previous: SegmentId::new(7), previous_end: 12_345 };
        let mut bytes = vec![0; HEADER_BYTES];
        push_opening(&mut bytes, opening);
        place(&mut bytes[HEADER_BYTES..], SegmentId::FIRST, HEADER_BYTES as u64, 4096);

        let Some(Step::Frame { kind: Kind::Opening, payload, .. }) =
            step(&bytes, SegmentId::FIRST, HEADER_BYTES)
        else {
            panic!("the opening is a whole frame");
        };

        assert_eq!(read_opening(payload), Some(opening));
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..8),
        ) {
            let mut batch = Batch::new();
            for payload in &payloads {
                batch.push(payload).expect("the payload fits");
            }
            let bytes = segment_with(&batch, SegmentId::FIRST);

            let (mut at, mut found, mut kinds) = (HEADER_BYTES, Vec::new(), Vec::new());
            while let Some(next) = step(&bytes, SegmentId::FIRST, at) {
                at = next.end();
                if let Step::Frame { kind, payload, .. } = next {
                    found.push(payload.to_vec());
                    kinds.push(kind);
                }
            }

            prop_assert_eq!(&found, &payloads);
            prop_assert_eq!(kinds.pop(), Some(Kind::BatchEnd));
            prop_assert!(kinds.iter().all(|kind| *kind == Kind::Record));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..6000),
            at in 0usize..7000,
        ) {
            let _ = step(&bytes, SegmentId::FIRST, at);
            let _ = super::super::scan::find_tail(&bytes, SegmentId::FIRST);
        }
    }
}
