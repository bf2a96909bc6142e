//! What the detector of incidents reads out of an encoder's vectors: a point for what a message is about,
//! which is the same in every language, and whether the message is its writer's own matter.
//!
//! A vector of an encoder says first in which language a text is written. So the middle of its language is taken
//! away, and what is left is turned so that texts about one incident lie together (linear discriminant
//! analysis). Own matters are told by small networks of one hidden layer.

mod fit;

use serde::{Deserialize, Serialize};

use super::EncoderError;
use super::sealed::Kind;
use crate::domain::{Language, Sensed};
use crate::understand::layers::dot;
use crate::understand::model::sha256_hex;

pub use fit::{LEAKS_PERCENT, SenseFigures, SenseRow, fit_sense};

/// The file, beside those of the encoder.
pub const SENSE_FILE: &str = "incidents.tws";
/// Numbers: the middles, the turn, then each network.
const KIND: Kind = Kind { magic: *b"TWSE", version: 1, name: SENSE_FILE };
/// Most bytes of the file; vectors of 1,024 values in 100 languages take 1.6 MB.
pub(super) const SENSE_BYTES_MAX: u64 = 32 << 20;
/// Values of a vector and of a point, hidden values of a network, and networks, that a file may have.
const DIMS_MAX: usize = 4096;
const SMALL_MAX: usize = 512;

/// Reads vectors of one encoder for the detector of incidents.
#[derive(Clone, Debug, PartialEq)]
pub struct Sense {
    dims: usize,
    /// Of the weights of the encoder that it was fitted on, in hexadecimal digits.
    encoder_sha256: String,
    languages: Vec<Language>,
    /// The middle of each language, and of all behind them: for the languages that it does not know.
    middles: Vec<Vec<f32>>,
    /// Points × dims, one row a value of a point.
    turn: Vec<f32>,
    networks: Vec<Network>,
    bound_from: f32,
    figures: SenseFigures,
}

/// A network of one hidden layer whose values are never below nothing.
#[derive(Clone, Debug, PartialEq)]
struct Network {
    /// Hidden × dims.
    inner: Vec<f32>,
    inner_bias: Vec<f32>,
    outer: Vec<f32>,
    outer_bias: f32,
}

impl Network {
    fn log_odds(&self, vector: &[f32]) -> f32 {
        let rows = self.inner.chunks_exact(vector.len().max(1));
        let hidden =
            rows.zip(&self.inner_bias).map(|(row, bias)| (dot(row, vector) + bias).max(0.0));
        hidden.zip(&self.outer).map(|(value, weight)| value * weight).sum::<f32>() + self.outer_bias
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    dims: usize,
    encoder_sha256: String,
    languages: Vec<Language>,
    points: usize,
    hidden: usize,
    networks: usize,
    bound_from: f32,
    figures: SenseFigures,
}

impl Sense {
    /// What `vector`, of length one, says of a message in this language.
    pub fn read(&self, vector: &[f32], language: Language) -> Sensed {
        let centred = self.centred(vector, language);
        let mut point: Vec<f32> =
            self.turn.chunks_exact(self.dims).map(|row| dot(row, &centred)).collect();
        to_unit(&mut point);
        Sensed { point, bound: self.bound(&centred), bound_from: self.bound_from }
    }

    /// What it was measured to be worth when it was fitted.
    pub const fn figures(&self) -> &SenseFigures {
        &self.figures
    }

    /// What points can be compared by: those of another one mean something else.
    pub fn fingerprint(&self) -> String {
        sha256_hex(&self.encode())
    }

    pub(super) fn encoder_sha256(&self) -> &str {
        &self.encoder_sha256
    }

    pub(super) const fn dims(&self) -> usize {
        self.dims
    }

    fn centred(&self, vector: &[f32], language: Language) -> Vec<f32> {
        let of = self.languages.binary_search(&language).unwrap_or(self.languages.len());
        centred(vector, &self.middles[of])
    }

    fn bound(&self, centred: &[f32]) -> f32 {
        let sum: f32 = self.networks.iter().map(|it| it.log_odds(centred)).sum();
        sum / self.networks.len().max(1) as f32
    }

    /// The bytes of its file.
    pub fn encode(&self) -> Vec<u8> {
        let header = Header {
            dims: self.dims,
            encoder_sha256: self.encoder_sha256.clone(),
            languages: self.languages.clone(),
            points: self.turn.len() / self.dims.max(1),
            hidden: self.networks.first().map_or(0, |it| it.outer.len()),
            networks: self.networks.len(),
            bound_from: self.bound_from,
            figures: self.figures.clone(),
        };
        let of_networks = self.networks.iter().flat_map(|it| {
            let bias = std::iter::once(&it.outer_bias);
            it.inner.iter().chain(&it.inner_bias).chain(&it.outer).chain(bias)
        });
        let numbers = self.middles.iter().flatten().chain(&self.turn).chain(of_networks);
        KIND.seal(&header, numbers)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is damaged, of another version, or does not have what its header says.
    pub fn decode(file: &[u8]) -> Result<Self, EncoderError> {
        let (header, numbers) = KIND.open(file)?;
        Self::from_numbers(header, numbers)
            .ok_or_else(|| KIND.wrong("not the numbers of its header"))
    }

    fn from_numbers(header: Header, numbers: Vec<f32>) -> Option<Self> {
        let Header { dims, points, hidden, networks, bound_from, .. } = header;
        let small = [points, hidden, networks].iter().all(|it| (1..=SMALL_MAX).contains(it));
        if !small || !(1..=DIMS_MAX).contains(&dims) || !header.languages.is_sorted() {
            return None;
        }
        let of_network = hidden * (dims + 2) + 1;
        let middles = header.languages.len() + 1;
        let wanted = middles * dims + points * dims + networks * of_network;
        if numbers.len() != wanted || !bound_from.is_finite() {
            return None;
        }
        let mut numbers = numbers.into_iter();
        let mut take = |count: usize| numbers.by_ref().take(count).collect::<Vec<f32>>();
        Some(Self {
            dims,
            encoder_sha256: header.encoder_sha256,
            languages: header.languages,
            middles: (0..middles).map(|_| take(dims)).collect(),
            turn: take(points * dims),
            networks: (0..networks)
                .map(|_| Network {
                    inner: take(hidden * dims),
                    inner_bias: take(hidden),
                    outer: take(hidden),
                    outer_bias: take(1)[0],
                })
                .collect(),
            bound_from,
            figures: header.figures,
        })
    }
}

/// `vector` from there, of length one.
fn centred(vector: &[f32], middle: &[f32]) -> Vec<f32> {
    let mut centred: Vec<f32> = vector.iter().zip(middle).map(|(a, b)| a - b).collect();
    to_unit(&mut centred);
    centred
}

fn to_unit(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::understand::train::Chance;

    pub const DIMS: usize = 8;

    /// A vector about the incident of this number, with what makes it somebody's own matter or not, and the
    /// language: none of it can be seen by itself.
    pub fn vector(chance: &mut Chance, incident: usize, own: bool, language: usize) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..DIMS).map(|_| chance.normal() * 0.1).collect();
        vector[incident] += 1.0;
        vector[5] += if own { 0.6 } else { -0.6 };
        vector[6 + language] += 3.0;
        to_unit(&mut vector);
        vector
    }

    pub fn languages() -> [Language; 2] {
        ["de", "en"].map(|code| code.parse().expect("a language"))
    }

    /// One fitted on five incidents in two languages, as if their words said nothing.
    pub fn sense() -> Sense {
        static FITTED: LazyLock<Sense> = LazyLock::new(fitted);
        FITTED.clone()
    }

    fn fitted() -> Sense {
        let mut chance = Chance::new(5);
        let (mut vectors, mut rows) = (Vec::new(), Vec::new());
        for n in 0..1_500 {
            let (incident, own, language) = (n % 5, n % 3 == 0, n / 5 % 2);
            vectors.push(vector(&mut chance, incident, own, language));
            rows.push(SenseRow {
                language: languages()[language],
                incident: Some(incident.to_string()),
                own,
                by_words: chance.normal(),
                fold: n % 7 % 5,
                chooses: true,
            });
        }
        fit_sense(&vectors, &rows, "00ff", 3).expect("enough rows")
    }

    #[test]
    fn messages_about_one_incident_are_near_in_any_language_and_those_about_two_are_not() {
        let sense = sense();
        let mut chance = Chance::new(9);
        let mut point = |incident, language: usize| {
            let vector = vector(&mut chance, incident, false, language);
            sense.read(&vector, languages()[language]).point
        };

        for incident in 0..5 {
            let (german, english) = (point(incident, 0), point(incident, 1));
            let other = point((incident + 1) % 5, 0);
            assert!(dot(&german, &english) > 0.8, "{incident}");
            assert!(dot(&german, &other) < 0.3, "{incident}");
        }
    }

    #[test]
    fn own_matters_are_told_by_the_vector_and_how_well_is_told_of_incidents_held_back() {
        let sense = sense();
        let mut chance = Chance::new(11);
        let mut bound = |own| {
            let vector = vector(&mut chance, 2, own, 1);
            let Sensed { bound, bound_from, .. } = sense.read(&vector, languages()[1]);
            bound >= bound_from
        };

        assert!((0..20).all(|_| bound(true) && !bound(false)));
        let figures = sense.figures();
        assert_eq!(figures.messages, [1_500, 0]);
        assert!(figures.passes_by_words_percent < 20.0 && figures.passes_percent > 80.0);
    }

    #[test]
    fn a_language_that_it_was_not_taught_is_read_from_the_middle_of_all() {
        let vector = vector(&mut Chance::new(1), 1, false, 0);

        let sensed = sense().read(&vector, "fi".parse().expect("a language"));

        assert!((dot(&sensed.point, &sensed.point) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn it_comes_back_from_its_file_and_a_damaged_file_is_refused() {
        let sense = sense();
        let file = sense.encode();

        assert_eq!(Sense::decode(&file).expect("a file"), sense);
        for at in (0..file.len()).step_by(97) {
            let mut damaged = file.clone();
            damaged[at] ^= 0x40;
            assert!(Sense::decode(&damaged).is_err(), "byte {at}");
            assert!(Sense::decode(&file[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_teaches_too_little_is_an_error_and_no_panic() {
        let row = |incident: &str, own| SenseRow {
            language: Language::ENGLISH,
            incident: Some(incident.to_owned()),
            own,
            by_words: 0.0,
            fold: 0,
            chooses: true,
        };
        let one = vec![vec![1.0, 0.0]; 4];

        assert!(fit_sense(&[], &[], "", 1).is_err());
        let same = [row("a", false), row("a", false), row("a", true), row("a", true)];
        assert!(fit_sense(&one, &same, "", 1).is_err(), "one incident");
        let alike = [row("a", false), row("a", false), row("b", false), row("b", true)];
        assert!(fit_sense(&one, &alike, "", 1).is_err(), "all are the same");
    }
}
