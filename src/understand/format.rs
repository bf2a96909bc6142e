//! The model file: what the trainer writes and the router reads.
//!
//! ```text
//! magic (8) · header length (u32 LE) · header (JSON) · zeros up to a multiple of 64
//! records  rows × (gain bf16, weight bf16, dims / 2 bytes)
//! tags     rows × u16 LE: which feature owns the row, 0 for none
//! lexicon  forms × (key u32 LE, concept u16 LE): the words for concepts, see [`Lexicon`]
//! heads    for each task: classes × dims f32 LE, then classes f32 LE
//! crc32c of everything before it (u32 LE)
//! ```
//! A value of a row is four bits: 1 to 15 for -7 to 7 steps, the first half of a row in the lower
//! half of its bytes. Over the hundred rows of a message the rounding averages out: it costs 0.1
//! points of intent and pays for twice as many values. The gain of a row is its step times its
//! attention weight, so reading needs no `exp`.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::lexicon::Lexicon;
use crate::domain::{Intent, Language, Sentiment};

const MAGIC: &[u8; 8] = b"TWMODEL\x01";
/// Version of the meaning of header and features; the features are part of the model.
pub const VERSION: u32 = 4;
/// In the file, records start on a cache line.
const ALIGN: usize = 64;
/// Bytes of a record before its values.
pub const RECORD_HEAD: usize = 4;
/// What is added to the steps of a value so that they fit four bits.
pub const STEP_ZERO: i8 = 8;
/// Most steps of a value to either side.
pub const STEPS_MAX: f32 = 7.0;
/// Values of a row come in blocks of so many, which are summed in one go.
pub const DIMS_STEP: usize = 32;
/// Most forms of a lexicon.
const FORMS_MAX: usize = 1 << 20;
/// Bytes of a form.
const FORM_BYTES: usize = 6;
/// Rows that share a bucket of the table.
pub const BUCKET: usize = 4;
/// Largest file that is read, packed or not, so that a wrong path cannot fill the memory.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file is not there or cannot be read.
    #[error("cannot read {path}: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The file is packed, and damaged or too large.
    #[error("model file cannot be unpacked: {0}")]
    Packed(std::io::Error),
    /// The file starts like something else.
    #[error("not a model file")]
    Magic,
    /// The file was written for another version of the router.
    #[error("model version {found}, this router reads version {VERSION}")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// The file is shorter or longer than its header says.
    #[error("model file of {found} bytes, its header calls for {wanted}")]
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        wanted: usize,
    },
    /// The check sum at the end does not fit.
    #[error("model file is damaged: its check sum does not fit")]
    Damaged,
    /// The header is no description of a model.
    #[error("model header: {0}")]
    Header(String),
    /// Its labels are not those of this router in their order: what it says would be taken for something
    /// else.
    #[error(
        "model labels its {head} otherwise than this router: label {at} is `{found}`, not `{wanted}`; \
         train it anew with this version"
    )]
    Labels {
        /// Whose labels.
        head: &'static str,
        /// The first that differs, from 0.
        at: usize,
        /// What stands there.
        found: String,
        /// What should.
        wanted: String,
    },
    /// The manifest cannot be read.
    #[error("model manifest: {0}")]
    Manifest(String),
    /// The file is not the one that the manifest describes.
    #[error("model file has sha256 {found}, its manifest says {wanted}")]
    Sha256 {
        /// Of the file.
        found: String,
        /// In the manifest.
        wanted: String,
    },
}

/// What a model says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// See [`VERSION`].
    pub version: u32,
    /// Values of a row.
    pub dims: usize,
    /// Rows of the table, a multiple of [`BUCKET`].
    pub rows: usize,
    /// Forms of the lexicon.
    pub forms: usize,
    /// Labels of the language head.
    pub languages: Vec<Language>,
    /// Labels of the intent head.
    pub intents: Vec<Intent>,
    /// Labels of the sentiment head.
    pub sentiments: Vec<Sentiment>,
    /// By what the logits of each head are divided before they become probabilities.
    pub temperatures: Temperatures,
    /// What the intent says about the sentiment, one row an intent: is added to the sentiment's
    /// logits, each row as much as its intent is probable. Who reports a broken cup is not pleased,
    /// though no word of the message says so.
    pub sentiment_by_intent: Vec<[f32; SENTIMENTS]>,
    /// Confidence from which each intent is believed, in the order of the intents.
    pub accept: Vec<f32>,
}

/// Labels of the sentiment head.
pub const SENTIMENTS: usize = Sentiment::ALL.len();

/// The temperature of each head.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperatures {
    /// Of the language head.
    pub language: f32,
    /// Of the intent head.
    pub intent: f32,
    /// Of the sentiment head.
    pub sentiment: f32,
    /// Of the mood head.
    pub mood: f32,
}

/// One linear layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// `classes × dims`, one row a label.
    pub weights: Vec<f32>,
    /// One a label.
    pub bias: Vec<f32>,
}

/// A model in pieces.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Labels and sizes.
    pub header: Header,
    /// See the layout above.
    pub records: Bytes,
    /// The owner of each row.
    pub tags: Vec<u16>,
    /// The words for concepts.
    pub lexicon: Arc<Lexicon>,
    /// See [`Layers`].
    pub heads: Layers,
}

/// The layers of a model, in this order: language, intent, sentiment of a shop message, mood of any
/// other text, and topic: whether a text is a shop message or another. Who writes about a match or
/// a film is pleased or cross by other words than a customer is.
pub type Layers = [Linear; LAYERS];

/// How many layers a model has.
pub const LAYERS: usize = 5;

/// Labels of the topic head: a shop message, another text.
const TOPICS: usize = 2;

impl Header {
    /// Bytes of one record.
    pub fn record_bytes(&self) -> usize {
        RECORD_HEAD + self.dims / 2
    }

    fn classes(&self) -> [usize; LAYERS] {
        let moods = self.sentiments.len();
        [self.languages.len(), self.intents.len(), moods, moods, TOPICS]
    }

    /// Whether its labels are those of this router in their order: what is learned of intents beside the
    /// model finds them by their place.
    ///
    /// # Errors
    /// [`ModelError::Labels`] with the first that is not.
    pub fn check_labels(&self) -> Result<(), ModelError> {
        same_labels("intents", &self.intents, &Intent::ALL)?;
        same_labels("sentiments", &self.sentiments, &Sentiment::ALL)
    }

    fn check(&self) -> Result<(), ModelError> {
        let wrong = |what: &str| Err(ModelError::Header(what.to_owned()));
        if !(DIMS_STEP..=1_024).contains(&self.dims) || !self.dims.is_multiple_of(DIMS_STEP) {
            return wrong("dims must be a multiple of 32, 32 to 1024");
        }
        if !(BUCKET..=1 << 24).contains(&self.rows) || !self.rows.is_multiple_of(BUCKET) {
            return wrong("rows must be a multiple of 4 up to 2^24");
        }
        if self.forms > FORMS_MAX {
            return wrong("too many forms of concepts");
        }
        if self.classes().iter().any(|count| !(1..=1_024).contains(count)) {
            return wrong("each head needs 1 to 1024 labels");
        }
        if self.sentiments.len() != SENTIMENTS
            || [self.sentiment_by_intent.len(), self.accept.len()] != [self.intents.len(); 2]
        {
            return wrong("what intents say of sentiments and when they are believed: one each");
        }
        if !self.accept.iter().all(|least| (0.0..=1.0).contains(least))
            || !self.sentiment_by_intent.iter().flatten().all(|lean| lean.is_finite())
        {
            return wrong("thresholds must be 0 to 1 and leanings finite");
        }
        let Temperatures { language, intent, sentiment, mood } = self.temperatures;
        if [language, intent, sentiment, mood].iter().any(|t| !(0.01..=100.0).contains(t)) {
            return wrong("temperatures must be 0.01 to 100");
        }
        Ok(())
    }
}

fn same_labels<T: PartialEq + ToString>(
    head: &'static str,
    found: &[T],
    wanted: &[T],
) -> Result<(), ModelError> {
    let differs = |at: &usize| found.get(*at) != wanted.get(*at);
    let Some(at) = (0..found.len().max(wanted.len())).find(differs) else { return Ok(()) };
    let name = |labels: &[T]| labels.get(at).map_or_else(|| "none".to_owned(), T::to_string);
    Err(ModelError::Labels { head, at, found: name(found), wanted: name(wanted) })
}

/// The file of a model.
pub fn encode(parts: &Parts) -> Vec<u8> {
    let header = serde_json::to_vec(&parts.header).expect("a header has only plain fields");
    let mut out = Vec::with_capacity(parts.records.len() + parts.tags.len() * 2 + (1 << 16));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(header.len() as u32).to_le_bytes());
    out.extend_from_slice(&header);
    out.resize(out.len().next_multiple_of(ALIGN), 0);
    out.extend_from_slice(&parts.records);
    parts.tags.iter().for_each(|tag| out.extend_from_slice(&tag.to_le_bytes()));
    for (key, concept) in parts.lexicon.entries() {
        out.extend_from_slice(&key.to_le_bytes());
        out.extend_from_slice(&concept.to_le_bytes());
    }
    for head in &parts.heads {
        let values = head.weights.iter().chain(&head.bias);
        values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    }
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// What the headers of all versions have.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The pieces of a model file.
///
/// # Errors
/// When the file is not one, is damaged, or is of another version.
pub fn decode(file: &Bytes) -> Result<Parts, ModelError> {
    if file.get(..MAGIC.len()) != Some(MAGIC.as_slice()) {
        return Err(ModelError::Magic);
    }
    let start = MAGIC.len() + 4;
    let too_short = || ModelError::Length { found: file.len(), wanted: start };
    let len = file.get(MAGIC.len()..start).ok_or_else(too_short)?;
    let len = u32::from_le_bytes(len.try_into().expect("four bytes were taken")) as usize;
    // The check sum comes first: a damaged header then says so and not something about JSON.
    let (body, sum) = file.split_at(file.len() - 4);
    if sum != crc32c::crc32c(body).to_le_bytes() {
        return Err(ModelError::Damaged);
    }
    let header = body.get(start..start.saturating_add(len)).ok_or_else(too_short)?;
    let wrong = |error: serde_json::Error| ModelError::Header(error.to_string());
    // The version first: a header of another one may lack fields of this.
    let Versioned { version } = serde_json::from_slice(header).map_err(wrong)?;
    if version != VERSION {
        return Err(ModelError::Version { found: version });
    }
    let header: Header = serde_json::from_slice(header).map_err(wrong)?;
    header.check()?;

    let records_at = (start + len).next_multiple_of(ALIGN);
    let tags_at = records_at + header.rows * header.record_bytes();
    let lexicon_at = tags_at + header.rows * 2;
    let heads_at = lexicon_at + header.forms * FORM_BYTES;
    let values: usize = header.classes().iter().map(|count| count * (header.dims + 1)).sum();
    let wanted = heads_at + values * 4 + 4;
    if file.len() != wanted {
        return Err(ModelError::Length { found: file.len(), wanted });
    }
    let tags = body[tags_at..lexicon_at].chunks_exact(2);
    let tags = tags.map(|tag| u16::from_le_bytes([tag[0], tag[1]])).collect();
    let entry = |form: &[u8]| {
        let key = u32::from_le_bytes([form[0], form[1], form[2], form[3]]);
        (key, u16::from_le_bytes([form[4], form[5]]))
    };
    let entries: Vec<_> = body[lexicon_at..heads_at].chunks_exact(FORM_BYTES).map(entry).collect();
    if entries.iter().any(|(key, _)| *key == 0) {
        return Err(ModelError::Header("a form of a concept without a key".to_owned()));
    }
    let lexicon = Arc::new(Lexicon::new(&entries));
    let mut values = body[heads_at..]
        .chunks_exact(4)
        .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]));
    let heads = header.classes().map(|count| Linear {
        weights: values.by_ref().take(count * header.dims).collect(),
        bias: values.by_ref().take(count).collect(),
    });
    Ok(Parts { records: file.slice(records_at..tags_at), tags, lexicon, heads, header })
}

/// The upper half of an `f32`: eight bits of precision, which attention does not need more of.
pub fn to_bf16(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    let rounded = bits.saturating_add(0x7fff + ((bits >> 16) & 1));
    ((rounded >> 16) as u16).to_le_bytes()
}

/// The inverse of [`to_bf16`].
pub fn from_bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        let header = Header {
            version: VERSION,
            dims: DIMS_STEP,
            rows: 4,
            forms: 2,
            languages: vec![Language::ENGLISH],
            intents: vec![Intent::Other],
            sentiments: Sentiment::ALL.to_vec(),
            temperatures: Temperatures { language: 1.0, intent: 1.5, sentiment: 2.0, mood: 1.0 },
            sentiment_by_intent: vec![[0.5, 0.0, -0.5]],
            accept: vec![0.6],
        };
        let head = Linear { weights: vec![0.5; DIMS_STEP], bias: vec![1.0] };
        let of = |count: usize| Linear {
            weights: vec![-0.5; count * DIMS_STEP],
            bias: vec![1.0; count],
        };
        Parts {
            records: Bytes::from(vec![7; 4 * header.record_bytes()]),
            tags: vec![1, 2, 3, 4],
            lexicon: Arc::new(Lexicon::new(&[(5, 0), (1_000_000, 1)])),
            heads: [head.clone(), head, of(3), of(3), of(2)],
            header,
        }
    }

    #[test]
    fn a_model_reads_back_as_it_was_written() {
        let parts = parts();

        let read = decode(&Bytes::from(encode(&parts))).expect("a model");

        assert_eq!(read.header, parts.header);
        assert_eq!(read.records, parts.records);
        assert_eq!(read.tags, parts.tags);
        assert_eq!(read.lexicon.entries(), parts.lexicon.entries());
        assert_eq!(read.heads, parts.heads);
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_an_error() {
        let file = encode(&parts());

        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x40;
            assert!(decode(&Bytes::from(damaged)).is_err(), "byte {at} flipped");
            assert!(decode(&Bytes::copy_from_slice(&file[..at])).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_version_is_named_in_the_error() {
        let mut parts = parts();
        parts.header.version = VERSION + 1;

        let error = decode(&Bytes::from(encode(&parts))).expect_err("another version");

        assert_eq!(error.to_string(), "model version 5, this router reads version 4");
    }

    #[test]
    fn half_precision_keeps_two_digits() {
        for value in [0.0_f32, 1.0, -3.25, 0.001_234, 987.6] {
            assert!((from_bf16(to_bf16(value)) - value).abs() <= value.abs() / 250.0);
        }
    }
}
