//! A segment file: its number, its name and its header page.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::error::JournalError;
use super::folder::FolderFile;

/// Version written into every header. The bytes of segments are as in version 1; what records hold may be
/// sealed since version 2, which a program that reads version 1 would take for empty texts.
/// Since version 3 each segment has its opening twice.
pub const FORMAT_VERSION: u32 = 3;
/// The oldest version that is read.
const FORMAT_VERSION_MIN: u32 = 1;

/// Bytes before the first frame. A page of its own, so that no commit ever rewrites the header.
pub(super) const HEADER_BYTES: usize = 4096;

/// Smallest and largest segment. Frames hold offsets in 32 bits and recovery reads a whole segment
/// into memory, so a gibibyte is the end.
pub(super) const SEGMENT_BYTES_MIN: u64 = 16 << 10;
pub(super) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const MAGIC: [u8; 8] = *b"TWJRNL\r\n";
const CRC_AT: usize = HEADER_BYTES - 4;

/// Number of a segment; later segments have higher numbers, numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentId(NonZeroU64);

impl SegmentId {
    /// The first segment of a journal.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The segment with this number; numbers start at one.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The segment after this one.
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Name of the file while it belongs to the journal.
    pub(super) fn journal_name(self) -> String {
        format!("{:020}{JOURNAL_SUFFIX}", self.get())
    }

    /// Name of the file while it waits to be zeroed and reused.
    pub(super) fn spare_name(self) -> String {
        format!("{:020}{SPARE_SUFFIX}", self.get())
    }

    /// Name of a file that is kept for a person to look at.
    pub(super) fn damaged_name(self) -> String {
        format!("{:020}{DAMAGED_SUFFIX}", self.get())
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in the journal; a later place is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The segment.
    pub segment: SegmentId,
    /// Byte offset in the segment's file.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

const JOURNAL_SUFFIX: &str = ".journal";
const SPARE_SUFFIX: &str = ".spare";
/// How the names of files end, snapshots among them, that were set aside for a person to look at.
pub(super) const DAMAGED_SUFFIX: &str = ".damaged";

/// What a file name in the folder means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Journal(SegmentId),
    Spare(SegmentId),
}

impl Named {
    /// Reads a file name; `None` for files that are not ours.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (digits, wrap): (_, fn(SegmentId) -> Self) =
            if let Some(digits) = name.strip_suffix(JOURNAL_SUFFIX) {
                (digits, Self::Journal)
            } else {
                (name.strip_suffix(SPARE_SUFFIX)?, Self::Spare)
            };
        if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().and_then(SegmentId::new).map(wrap)
    }
}

/// A segment file that is open for writing.
pub(super) struct SegmentFile {
    pub id: SegmentId,
    pub file: Box<dyn FolderFile>,
    /// Bytes of the file, all of them allocated.
    pub bytes: u64,
}

/// The header page of `segment`.
pub(super) fn encode_header(segment: SegmentId, segment_bytes: u64) -> Vec<u8> {
    let mut page = vec![0; HEADER_BYTES];
    page[..8].copy_from_slice(&MAGIC);
    page[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    page[16..24].copy_from_slice(&segment.get().to_le_bytes());
    page[24..32].copy_from_slice(&segment_bytes.to_le_bytes());
    let crc = crc32c::crc32c(&page[..CRC_AT]);
    page[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    page
}

/// What a header page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The page is whole and belongs to this segment.
    Good {
        segment_bytes: u64,
        /// Whether it is of the version that is written now.
        is_current: bool,
    },
    /// The page does not check, or belongs elsewhere.
    Bad,
}

/// Reads the header page of `segment`; `bytes` may be shorter than a page.
///
/// # Errors
/// [`JournalError::UnsupportedVersion`] when the page is whole but of a later format.
pub(super) fn read_header(bytes: &[u8], segment: SegmentId) -> Result<Header, JournalError> {
    let Some(page) = bytes.get(..HEADER_BYTES) else { return Ok(Header::Bad) };
    let u64_at = |at: usize| {
        u64::from_le_bytes(page[at..at + 8].try_into().expect("a range of eight is eight bytes"))
    };
    let u32_at = |at: usize| {
        u32::from_le_bytes(page[at..at + 4].try_into().expect("a range of four is four bytes"))
    };
    if page[..8] != MAGIC || crc32c::crc32c(&page[..CRC_AT]) != u32_at(CRC_AT) {
        return Ok(Header::Bad);
    }
    let found = u32_at(8);
    if !(FORMAT_VERSION_MIN..=FORMAT_VERSION).contains(&found) {
        return Err(JournalError::UnsupportedVersion { segment: segment.get(), found });
    }
    let segment_bytes = u64_at(24);
    let fits = (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment_bytes);
    Ok(if fits && u64_at(16) == segment.get() {
        Header::Good { segment_bytes, is_current: found == FORMAT_VERSION }
    } else {
        Header::Bad
    })
}
