//! Linear heads that read labels out of an encoder's vectors, and their file.

use serde::{Deserialize, Serialize};

use super::sealed::Kind;
use super::{EncoderError, HEADS_FILE, Pools};
use crate::domain::{Intent, Language, Sentiment};
use crate::understand::layers::{dot, softmax};

/// Numbers: the weights and biases of each head.
const KIND: Kind = Kind { magic: *b"TWHD", version: 2, name: HEADS_FILE };
/// Most bytes of the file; 100 languages on vectors of 4096 values take 2.3 MB.
pub(super) const HEADS_BYTES_MAX: u64 = 16 << 20;

/// One linear map to the labels of a question, and what makes its confidence a probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Labels × dims, one row a label.
    pub weights: Vec<f32>,
    /// One a label.
    pub bias: Vec<f32>,
    /// Divides the outputs.
    pub temperature: f32,
}

/// The heads of one encoder. Intents and sentiments are those of [`crate::domain`], in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// Values of a vector.
    pub dims: usize,
    /// Of the `model.safetensors` that the heads were fitted on, in hexadecimal digits.
    pub encoder_sha256: String,
    /// Labels of the language head.
    pub languages: Vec<Language>,
    /// Language, intent, sentiment.
    pub heads: [Head; 3],
    /// How much their word weighs beside the fast tier's.
    pub pools: Pools,
}

/// Probabilities that the heads give the labels of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// In the order of [`Heads::languages`].
    pub languages: Vec<f32>,
    /// In the order of [`Intent::ALL`].
    pub intents: Vec<f32>,
    /// In the order of [`Sentiment::ALL`].
    pub sentiments: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    dims: usize,
    encoder_sha256: String,
    languages: Vec<Language>,
    intents: usize,
    sentiments: usize,
    temperatures: [f32; 3],
    pools: Pools,
}

impl Head {
    /// The outputs for a vector, before they are probabilities.
    pub fn logits(&self, vector: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(vector.len()).zip(&self.bias);
        rows.map(|(row, bias)| dot(row, vector) + bias).collect()
    }

    fn probabilities(&self, vector: &[f32]) -> Vec<f32> {
        let mut outputs = self.logits(vector);
        outputs.iter_mut().for_each(|output| *output /= self.temperature);
        softmax(&mut outputs);
        outputs
    }
}

impl Heads {
    /// What the heads read out of `vector`.
    pub fn read(&self, vector: &[f32]) -> Reading {
        assert_eq!(vector.len(), self.dims, "heads read vectors of their own encoder");
        let [languages, intents, sentiments] = &self.heads;
        Reading {
            languages: languages.probabilities(vector),
            intents: intents.probabilities(vector),
            sentiments: sentiments.probabilities(vector),
        }
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let [language, intent, sentiment] = &self.heads;
        let header = Header {
            dims: self.dims,
            encoder_sha256: self.encoder_sha256.clone(),
            languages: self.languages.clone(),
            intents: intent.bias.len(),
            sentiments: sentiment.bias.len(),
            temperatures: [language.temperature, intent.temperature, sentiment.temperature],
            pools: self.pools,
        };
        let numbers = self.heads.iter().flat_map(|head| head.weights.iter().chain(&head.bias));
        KIND.seal(&header, numbers)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is damaged, of another version, or does not have what its header says.
    pub fn decode(file: &[u8]) -> Result<Self, EncoderError> {
        let (header, numbers) = KIND.open(file)?;
        Self::from_numbers(header, numbers)
    }

    fn from_numbers(header: Header, numbers: Vec<f32>) -> Result<Self, EncoderError> {
        let wrong = |told| KIND.wrong(told);
        if (header.intents, header.sentiments) != (Intent::ALL.len(), Sentiment::ALL.len()) {
            return Err(wrong("other intents or sentiments than this program knows"));
        }
        let labels = [header.languages.len(), header.intents, header.sentiments];
        let dims_max = 4096;
        let wanted: usize =
            labels.iter().map(|labels| labels * (header.dims.min(dims_max) + 1)).sum();
        if !(1..=dims_max).contains(&header.dims) || numbers.len() != wanted {
            return Err(wrong("not as many weights as the header says"));
        }
        let mut numbers = numbers.into_iter();
        let mut take = |count: usize| numbers.by_ref().take(count).collect::<Vec<f32>>();
        let heads = [0, 1, 2].map(|at| Head {
            weights: take(labels[at] * header.dims),
            bias: take(labels[at]),
            temperature: header.temperatures[at],
        });
        if !heads.iter().all(|head| head.temperature > 0.0 && head.temperature.is_finite()) {
            return Err(wrong("a temperature has to be above 0"));
        }
        let Header { dims, encoder_sha256, languages, pools, .. } = header;
        if !pools.intent.is_sound() || !pools.sentiment.is_sound() {
            return Err(wrong("the word of a tier weighs what it cannot"));
        }
        Ok(Self { dims, encoder_sha256, languages, heads, pools })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::encoder::Pool;

    fn heads() -> Heads {
        let head = |labels: usize| Head {
            weights: (0..labels * 3).map(|at| at as f32 / 7.0 - 1.0).collect(),
            bias: (0..labels).map(|at| at as f32 / 5.0).collect(),
            temperature: 1.5,
        };
        Heads {
            dims: 3,
            encoder_sha256: "00ff".to_owned(),
            languages: ["en", "th"].map(|code| code.parse().expect("a language")).to_vec(),
            heads: [head(2), head(Intent::ALL.len()), head(Sentiment::ALL.len())],
            pools: Pools {
                intent: Pool { fast: 0.9, encoder: 0.3 },
                sentiment: Pool { fast: 0.8, encoder: 0.5 },
            },
        }
    }

    #[test]
    fn heads_come_back_from_their_file_as_they_were() {
        let heads = heads();

        assert_eq!(Heads::decode(&heads.encode()).expect("a file"), heads);
    }

    #[test]
    fn heads_that_cannot_be_are_refused_though_their_file_is_whole() {
        let refused = |heads: &Heads| Heads::decode(&heads.encode()).expect_err("odd").to_string();

        let mut odd = heads();
        odd.pools.sentiment.encoder = -0.5;
        assert!(refused(&odd).contains("weighs"));
        let mut odd = heads();
        odd.heads[1].temperature = 0.0;
        assert!(refused(&odd).contains("temperature"));
        let mut odd = heads();
        odd.heads[0].bias.pop();
        assert!(refused(&odd).contains("as many weights"));
    }

    #[test]
    fn probabilities_sum_to_one_and_follow_the_outputs() {
        let reading = heads().read(&[0.2, -0.1, 0.4]);

        assert_eq!(reading.intents.len(), Intent::ALL.len());
        assert!((reading.intents.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(reading.languages[1] > reading.languages[0]);
    }
}
