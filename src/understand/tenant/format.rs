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
use super::mixing::is_weight;
use super::network::{Network, WIDTH};
use super::set::{self, Header, IntentSet, Weights};
use super::space::Space;
use crate::understand::model::sha256_hex;

const MAGIC: &[u8; 8] = b"TWINTENT";
/// Version of the layout and of the features.
const VERSION: u32 = 2;
/// Oldest version that is read, which has no network.
const VERSION_OLDEST: u32 = 1;
/// Room in the header for all but the labels.
const NUMBERS_BYTES_MAX: usize = 1 << 10;
/// Name of the file of a set.
pub const FILE: &str = "tenant.twi";
/// Name of the description beside it.
pub const MANIFEST: &str = "manifest.toml";
/// Largest file of a set that is read, and so that is written.
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
    /// The set is larger than what a router reads.
    #[error(
        "the set takes {bytes} bytes, and {bytes_max} are the most: train on fewer or shorter examples"
    )]
    TooLarge {
        /// Of its file.
        bytes: u64,
        /// Most that are read.
        bytes_max: u64,
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
        let space =
            Space::new(reader.numbers(features, u32::from_le_bytes)?, reader.floats(features)?);
        let lens = reader.numbers(features, u16::from_le_bytes)?;
        let starts = set::starts(&lens).ok_or(MISFIT)?;
        let weights = Weights {
            starts,
            lens,
            labels: reader.numbers(entries, u16::from_le_bytes)?,
            steps: reader.numbers(entries, i8::from_le_bytes)?,
            scales: reader.floats(header.labels.len())?,
            bias: reader.floats(header.labels.len())?,
        };
        let network = match header.network_weight {
            Some(_) => Some(reader.network(features, header.labels.len())?),
            None => None,
        };
        let total: usize = weights.lens.iter().map(|len| usize::from(*len)).sum();
        let known = |label: &u16| usize::from(*label) < header.labels.len();
        if !reader.0.is_empty() || total != entries || !weights.labels.iter().all(known) {
            return Err(MISFIT);
        }
        Ok(Self { header, space, weights, network })
    }
}

/// One that is none would make every score none.
const ENDLESS: SetError = SetError::Damaged("one of its numbers is endless or none");
const MISFIT: SetError = SetError::Damaged("its parts do not fit each other");

/// The version of a set: the oldest that can hold it, so that older routers read what they can.
pub(super) fn version(has_network: bool) -> u32 {
    if has_network { VERSION } else { VERSION_OLDEST }
}

/// Most bytes of the file of a set with a network.
pub(super) fn bytes_with_network(labels: &[String], features: usize, entries: usize) -> u64 {
    let header = serde_json::to_vec(labels).expect("labels are plain texts").len();
    let of_labels = labels.len() * (4 + 4 + WIDTH * 4 + 4);
    let of_features = features * (4 + 4 + 2 + WIDTH + 4);
    let rest = MAGIC.len() + 4 + NUMBERS_BYTES_MAX + entries * 3 + WIDTH * 4 + 4;
    (header + of_labels + of_features + rest) as u64
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
    if !header.calibration.is_sane() {
        return Err(SetError::Damaged("its calibration is none"));
    }
    match header.network_weight {
        Some(_) if header.version < VERSION => {
            Err(SetError::Damaged("its version knows no network"))
        }
        Some(weight) if !is_weight(weight) => {
            Err(SetError::Damaged("the weight of its network is none"))
        }
        _ => Ok(()),
    }
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

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, SetError> {
        let floats = self.numbers(count, f32::from_le_bytes)?;
        if floats.iter().all(|it| it.is_finite()) { Ok(floats) } else { Err(ENDLESS) }
    }

    fn network(&mut self, features: usize, labels: usize) -> Result<Network, SetError> {
        Ok(Network {
            steps: self.numbers(features.saturating_mul(WIDTH), i8::from_le_bytes)?,
            scales: self.floats(features)?,
            start: self.floats(WIDTH)?,
            heads: self.floats(labels * WIDTH)?,
            bias: self.floats(labels)?,
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
        let points = [vec![(0, 1.0)], vec![(1, 1.0)]];
        let features = set.header.features;
        set.network = Some(network::learn(&points, &[Some(0), Some(1)], features, 2, 7));
        set.header.network_weight = Some(0.4);
        set.header.version = VERSION;
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
    fn a_set_without_a_network_is_of_the_version_that_knew_none() {
        let set = plain();
        let file = set.encode();

        assert_eq!(set.header.version, 1);
        assert!(!String::from_utf8_lossy(&file).contains("network"));
        let back = IntentSet::decode(&file).expect("a set of version 1");
        assert_eq!((back.network, back.weights), (None, set.weights));
    }

    #[test]
    fn a_file_of_a_later_version_says_which_are_read() {
        let mut set = plain();
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
        missing.header.version = VERSION;

        for set in [unnamed, missing] {
            let error = IntentSet::decode(&set.encode()).expect_err("damage");
            assert!(matches!(error, SetError::Damaged(_)), "{error}");
        }
    }

    /// Why the file of `set` is refused.
    fn damage(set: &IntentSet) -> String {
        IntentSet::decode(&set.encode()).expect_err("damage").to_string()
    }

    #[test]
    fn a_header_says_a_weight_of_a_network_that_can_be_and_a_temperature_that_is_one() {
        let header = with_network().header;
        let reason = |change: &dyn Fn(&mut Header)| {
            let mut header = header.clone();
            change(&mut header);
            check(&header).map_err(|error| error.to_string())
        };
        let told = |reason: &str| Err(format!("the file of intents is damaged: {reason}"));

        assert_eq!(reason(&|_| {}), Ok(()));
        for weight in [f32::INFINITY, f32::NAN, -0.1, 1.7] {
            let changed = reason(&|header| header.network_weight = Some(weight));
            assert_eq!(changed, told("the weight of its network is none"), "{weight}");
        }
        for temperature in [f32::INFINITY, f32::NAN, 0.0] {
            let changed = reason(&|header| header.calibration.temperature = temperature);
            assert_eq!(changed, told("its calibration is none"), "{temperature}");
        }
        let changed = reason(&|header| header.calibration.scope[2] = f64::NAN);
        assert_eq!(changed, told("its calibration is none"));
        let changed = reason(&|header| header.version = 1);
        assert_eq!(changed, told("its version knows no network"));
    }

    #[test]
    fn a_number_that_is_endless_or_none_is_damage_wherever_it_stands() {
        fn network(set: &mut IntentSet) -> &mut Network {
            set.network.as_mut().expect("a set with a network")
        }
        let changes: [fn(&mut IntentSet); 7] = [
            |set| {
                let features = set.space.features().to_vec();
                set.space = Space::new(features.clone(), vec![f32::NAN; features.len()]);
            },
            |set| set.weights.scales[0] = f32::INFINITY,
            |set| set.weights.bias[1] = f32::NAN,
            |set| network(set).scales[0] = f32::INFINITY,
            |set| network(set).start[WIDTH - 1] = f32::NEG_INFINITY,
            |set| network(set).heads[5] = f32::NAN,
            |set| network(set).bias[1] = f32::NAN,
        ];

        for (at, change) in changes.into_iter().enumerate() {
            let mut set = with_network();
            change(&mut set);
            assert_eq!(damage(&set), ENDLESS.to_string(), "change {at}");
        }
    }

    #[test]
    fn entries_beyond_all_numbers_are_damage_and_not_a_crash() {
        let mut set = plain();
        let features = 1 + u32::MAX / u32::from(u16::MAX) + 1;
        set.space = Space::new((0..features).collect(), vec![1.0; features as usize]);
        set.weights.lens = vec![u16::MAX; features as usize];
        set.header.features = features as usize;

        assert_eq!(damage(&set), MISFIT.to_string());
    }

    #[test]
    fn the_size_of_a_file_with_a_network_is_known_before_there_is_one() {
        let set = with_network();
        let (features, entries) = (set.header.features, set.header.entries);

        let told = bytes_with_network(set.labels(), features, entries);

        let bytes = set.encode().len() as u64;
        assert!((bytes..bytes + NUMBERS_BYTES_MAX as u64).contains(&told), "{told} {bytes}");
    }
}
