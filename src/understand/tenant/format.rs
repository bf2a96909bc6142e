//! The file of a set: what training writes and the router reads.
//!
//! ```text
//! magic (8) · header length (u32 LE) · header (JSON)
//! features  features × u32 LE, sorted
//! rarity    features × f32 LE
//! lens      features × u16 LE: entries of each feature
//! labels    entries × u16 LE
//! steps     entries × i8
//! scales    labels × f32 LE: what a step is worth
//! bias      labels × f32 LE
//! network, when the header has a weight for it:
//!   steps   features × WIDTH × i8
//!   scales  features × f32 LE: what a step is worth
//!   start   WIDTH × f32 LE
//!   heads   labels × WIDTH × f32 LE
//!   bias    labels × f32 LE
//! crc32c of everything before it (u32 LE)
//! ```

use serde::{Deserialize, Serialize};

use super::examples::{LABEL_CHARS_MAX, LABELS_MAX};
use super::network::{Network, WIDTH};
use super::set::{self, Header, IntentSet, Weights};
use super::space::Space;
use crate::understand::model::sha256_hex;

const MAGIC: &[u8; 8] = b"TWINTENT";
/// Version of the layout and of the features. Version 1 had no network.
pub(super) const VERSION: u32 = 2;
/// Oldest version that is read.
const VERSION_OLDEST: u32 = 1;
/// Name of the file of a set.
pub const FILE: &str = "tenant.twi";
/// Name of the description beside it.
pub const MANIFEST: &str = "manifest.toml";
/// Largest file of a set that is read.
pub const SET_BYTES_MAX: u64 = 256 << 20;

/// Why a set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A file is not there, too large, or cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The file starts like something else.
    #[error("not a file of intents")]
    Magic,
    /// The file was written for another version of the router.
    #[error("intents of version {found}, this router reads {VERSION_OLDEST} to {VERSION}")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// The check sum does not fit, or the parts do not fit each other.
    #[error("the file of intents is damaged: {0}")]
    Damaged(&'static str),
    /// The manifest cannot be read.
    #[error("manifest of the intents: {0}")]
    Manifest(String),
    /// The file is not the one that the manifest describes.
    #[error("the file of intents has sha256 {found}, its manifest says {wanted}")]
    Sha256 {
        /// Of the file.
        found: String,
        /// In the manifest.
        wanted: String,
    },
}

/// `manifest.toml` beside the file of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetManifest {
    /// Name of the file.
    pub file: String,
    /// Of the file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// Examples that it was trained on.
    pub examples: usize,
    /// Labels.
    pub labels: usize,
    /// Share of held-out examples whose label was found.
    pub accuracy: f64,
    /// Seed of the training.
    pub seed: u64,
}

impl SetManifest {
    /// Describes `file`.
    pub fn of(file: &[u8], report: &super::TrainReport, seed: u64) -> Self {
        Self {
            file: FILE.to_owned(),
            sha256: sha256_hex(file),
            bytes: file.len() as u64,
            examples: report.examples,
            labels: report.labels,
            accuracy: report.accuracy,
            seed,
        }
    }

    /// Checks that `file` is the one described in `manifest`.
    ///
    /// # Errors
    /// When it is another one, or the manifest cannot be read.
    pub fn check(manifest: &str, file: &[u8]) -> Result<(), SetError> {
        let manifest: Self = toml::from_str(manifest)
            .map_err(|error| SetError::Manifest(error.message().to_owned()))?;
        let found = sha256_hex(file);
        if found != manifest.sha256 {
            return Err(SetError::Sha256 { found, wanted: manifest.sha256 });
        }
        Ok(())
    }
}

impl IntentSet {
    /// The file of the set.
    pub fn encode(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).expect("a header has only plain fields");
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(header.len() as u32).to_le_bytes());
        out.extend_from_slice(&header);
        let Weights { lens, labels, steps, scales, bias, .. } = &self.weights;
        self.space.features().iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
        self.space.rarity().iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
        lens.iter().chain(labels).for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
        steps.iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
        scales.iter().chain(bias).for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
        if let Some(network) = &self.network {
            let Network { steps, scales, start, heads, bias } = network;
            steps.iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
            let numbers = scales.iter().chain(start).chain(heads).chain(bias);
            numbers.for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
        }
        let sum = crc32c::crc32c(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// The set in a file.
    ///
    /// # Errors
    /// When the file is not one, is damaged, or is of another version.
    pub fn decode(file: &[u8]) -> Result<Self, SetError> {
        if file.get(..MAGIC.len()) != Some(MAGIC.as_slice()) {
            return Err(SetError::Magic);
        }
        let (body, sum) = file.split_last_chunk::<4>().ok_or(SetError::Damaged("it is cut off"))?;
        if *sum != crc32c::crc32c(body).to_le_bytes() {
            return Err(SetError::Damaged("its check sum does not fit"));
        }
        let mut reader = Reader(&body[MAGIC.len().min(body.len())..]);
        let header_bytes = reader.numbers(1, u32::from_le_bytes)?[0] as usize;
        let header: Header = serde_json::from_slice(reader.bytes(header_bytes)?)
            .map_err(|_| SetError::Damaged("its header cannot be read"))?;
        check(&header)?;
        let (features, entries) = (header.features, header.entries);
        let space = Space::new(
            reader.numbers(features, u32::from_le_bytes)?,
            reader.numbers(features, f32::from_le_bytes)?,
        );
        let lens = reader.numbers(features, u16::from_le_bytes)?;
        let weights = Weights {
            starts: set::starts(&lens),
            lens,
            labels: reader.numbers(entries, u16::from_le_bytes)?,
            steps: reader.numbers(entries, i8::from_le_bytes)?,
            scales: reader.numbers(header.labels.len(), f32::from_le_bytes)?,
            bias: reader.numbers(header.labels.len(), f32::from_le_bytes)?,
        };
        let network = match header.network_weight {
            Some(_) => Some(reader.network(features, header.labels.len())?),
            None => None,
        };
        let total: usize = weights.lens.iter().map(|len| usize::from(*len)).sum();
        let known = |label: &u16| usize::from(*label) < header.labels.len();
        if !reader.0.is_empty() || total != entries || !weights.labels.iter().all(known) {
            return Err(SetError::Damaged("its parts do not fit each other"));
        }
        Ok(Self { header, space, weights, network })
    }
}

fn check(header: &Header) -> Result<(), SetError> {
    if !(VERSION_OLDEST..=VERSION).contains(&header.version) {
        return Err(SetError::Version { found: header.version });
    }
    let labels = &header.labels;
    let named = labels.iter().all(|label| label.chars().count() <= LABEL_CHARS_MAX);
    if !(2..=LABELS_MAX).contains(&labels.len()) || !named {
        return Err(SetError::Damaged("its labels are too many, too few or too long"));
    }
    if !header.calibration.is_sane() || header.network_weight.is_some_and(|it| !it.is_finite()) {
        return Err(SetError::Damaged("its calibration is none"));
    }
    Ok(())
}

/// What is left of a file.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], SetError> {
        let split = self.0.split_at_checked(count);
        let (taken, rest) = split.ok_or(SetError::Damaged("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn numbers<const N: usize, T>(
        &mut self,
        count: usize,
        from: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, SetError> {
        let bytes = self.bytes(count.saturating_mul(N))?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)).collect())
    }
    fn network(&mut self, features: usize, labels: usize) -> Result<Network, SetError> {
        Ok(Network {
            steps: self.numbers(features.saturating_mul(WIDTH), i8::from_le_bytes)?,
            scales: self.numbers(features, f32::from_le_bytes)?,
            start: self.numbers(WIDTH, f32::from_le_bytes)?,
            heads: self.numbers(labels * WIDTH, f32::from_le_bytes)?,
            bias: self.numbers(labels, f32::from_le_bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::network;
    use super::super::{Example, Prepared, SetScratch};
    use super::*;

    const TEXTS: [(&str, &str); 3] =
        [("where is my parcel", "track"), ("it has not come", "track"), ("a refund", "refund")];

    /// A set without a network.
    fn plain() -> IntentSet {
        let example =
            |(text, label): (&str, &str)| Example { text: text.into(), label: label.into() };
        let prepared = Prepared::new(&TEXTS.map(example), 7).expect("two labels");
        prepared.finish(&[]).0
    }

    fn with_network() -> IntentSet {
        let mut set = plain();
        let points: Vec<_> = (0..400).map(|at| vec![(at % 2, 1.0)]).collect();
        let owners: Vec<_> = (0..400).map(|at| Some(at % 2)).collect();
        set.network = network::learn(&points, &owners, set.header.features, 2, 7);
        assert!(set.network.is_some());
        set.header.network_weight = Some(0.4);
        set
    }

    #[test]
    fn a_set_comes_back_with_its_network() {
        let set = with_network();

        let back = IntentSet::decode(&set.encode()).expect("a set");

        assert_eq!(back.network, set.network);
        let read = |set: &IntentSet| {
            let mut scratch = SetScratch::default();
            TEXTS.map(|(text, _)| format!("{:?}", set.read(text, &mut scratch)))
        };
        assert_eq!(read(&back), read(&set));
    }

    #[test]
    fn a_file_of_version_1_is_read_and_one_of_a_later_version_is_not() {
        let mut set = plain();
        set.header.version = 1;
        let file = set.encode();
        assert!(!String::from_utf8_lossy(&file).contains("network"), "version 1 knew none");

        let back = IntentSet::decode(&file).expect("a set of version 1");

        assert_eq!((back.network, back.weights), (None, set.weights.clone()));
        set.header.version = VERSION + 1;
        let error = IntentSet::decode(&set.encode()).expect_err("a later version");
        assert_eq!(error.to_string(), "intents of version 3, this router reads 1 to 2");
    }

    #[test]
    fn a_network_that_the_header_does_not_name_or_that_is_missing_is_damage() {
        let mut unnamed = with_network();
        unnamed.header.network_weight = None;
        let mut missing = plain();
        missing.header.network_weight = Some(0.4);
        let mut endless = with_network();
        endless.header.network_weight = Some(f32::INFINITY);

        for set in [unnamed, missing, endless] {
            let error = IntentSet::decode(&set.encode()).expect_err("damage");
            assert!(matches!(error, SetError::Damaged(_)), "{error}");
        }
    }
}
