//! The model in memory and what it reads out of one message.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::evaluate::Bin;
use super::features;
use super::format::{
    self, FILE_BYTES_MAX, LAYERS, ModelError, Parts, RECORD_HEAD, STEP_ZERO, from_bf16,
};
use super::lanes::{BLOCK_BYTES, GAIN_MAX, Lanes, Plain, Row};
use super::layers::{Heads, divide, dot, softmax};
use super::leaving::Leaving;
use super::packed::unpack;
use super::pii;
use super::table;
use super::text;
use super::tiers::Unsure;
use crate::domain::{Guess, Intent, Language, Meaning, Tier, Understanding};

/// What is known of a message before it is read: a prior for languages that look alike and for
/// messages of one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// Language of the customer's browser.
    pub locale: Option<Language>,
    /// Language of the customer's message before.
    pub previous: Option<Language>,
}

/// Log-odds that the browser's language adds. Customers often browse in a language that they do
/// not write, so a clear sentence outweighs it.
const LOCALE_PRIOR: f32 = 1.0;
/// Log-odds that the message before adds: people seldom change languages in a conversation.
const PREVIOUS_PRIOR: f32 = 1.5;

/// Characters of a script without spaces from which a message counts as written in it.
const DENSE_CHARS_MIN: usize = 4;
/// Log-odds that they add to the languages of such scripts: everybody writes brands in Latin letters,
/// and nobody whose language has those letters writes a clause in others.
const DENSE_PRIOR: f32 = 2.0;
/// The languages of scripts without spaces.
const DENSE_LANGUAGES: [&str; 3] = ["ja", "th", "zh"];

/// Confidence from which on a sentiment is clear: above it the encoder changes nothing for the better
/// (docs/decisions/0018).
const SENTIMENT_CLEAR: f32 = 0.7;

/// Label of the topic head for a text that is no shop message.
const OTHER: usize = 1;

/// Features of a message that is so short that hints count double.
const SHORT_FEATURES: f32 = 20.0;
/// Most that hints count for the shortest messages.
const SHORT_TRUST_MAX: f32 = 3.0;

/// Buffers of one thread that reads messages; reused, so that reading allocates almost nothing.
#[derive(Default)]
pub struct Scratch {
    chars: Vec<char>,
    /// The same as a text.
    normal: String,
    features: Vec<u64>,
    found: Vec<u32>,
    gains: Vec<f32>,
    rows: Vec<Row>,
    pooled: Vec<f32>,
    logits: Vec<f32>,
    languages: Vec<f32>,
    intents: Vec<f32>,
    sentiments: Vec<f32>,
    moods: Vec<f32>,
    topics: Vec<f32>,
}

impl Scratch {
    /// What the last message got: probabilities of languages, intents and sentiments.
    pub(super) fn probabilities(&self) -> [&[f32]; 3] {
        [&self.languages, &self.intents, &self.sentiments]
    }

    /// The vector of the last message, of length one.
    fn direction(&self) -> Vec<f32> {
        let length = dot(&self.pooled, &self.pooled).sqrt().max(f32::MIN_POSITIVE);
        self.pooled.iter().map(|value| value / length).collect()
    }

    /// The last message for the encoder, with what it got here.
    pub(super) fn unsure(&self, text: Arc<str>) -> Unsure {
        Unsure { text, intents: self.intents.clone(), sentiments: self.sentiments.clone() }
    }
}

/// An understanding with what came second.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// The most likely labels.
    pub understanding: Understanding,
    /// The three most likely intents, best first.
    pub alternatives: Vec<Guess<Intent>>,
    /// The three most likely languages, best first.
    pub languages: Vec<Guess<Language>>,
}

/// `models/manifest.toml`: what the model file must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the model file beside the manifest.
    pub file: String,
    /// Of the file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// Under which the weights may be used.
    pub licence: String,
    /// Rows of the table.
    pub rows: usize,
    /// Values of a row.
    pub dims: usize,
    /// Seed of the training.
    pub seed: u64,
    /// How often intents of each confidence were right in the held-out messages.
    #[serde(default)]
    pub reliability: Vec<Bin>,
    /// What the weights were trained on.
    pub data: Vec<DataSource>,
}

/// A data set behind the weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// Name of the set.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Its licence.
    pub licence: String,
    /// Rows that were used.
    pub rows: usize,
    /// What they taught.
    pub teaches: String,
}

/// A trained model, ready to read messages.
pub struct Model {
    parts: Parts,
    heads: Heads,
    /// The vector instructions of this machine.
    arch: pulp::Arch,
}

static EMBEDDED: &[u8] = include_bytes!("../../models/fast.twm");
static EMBEDDED_MANIFEST: &str = include_str!("../../models/manifest.toml");

impl Model {
    /// The model inside the binary.
    ///
    /// # Errors
    /// When the build took in a file that its manifest does not describe.
    pub fn embedded() -> Result<Arc<Self>, ModelError> {
        Self::from_file(Bytes::from_static(EMBEDDED), EMBEDDED_MANIFEST)
    }

    /// The model in `file`, checked against its manifest.
    ///
    /// # Errors
    /// When the two do not fit, the file is no model of this version, or its labels are others.
    pub fn from_file(file: Bytes, manifest: &str) -> Result<Arc<Self>, ModelError> {
        let manifest = Manifest::parse(manifest)?;
        let found = sha256_hex(&file);
        if found != manifest.sha256 {
            return Err(ModelError::Sha256 { found, wanted: manifest.sha256 });
        }
        let parts = format::decode(&unpack(file, FILE_BYTES_MAX).map_err(ModelError::Packed)?)?;
        parts.header.check_labels()?;
        Ok(Self::from_parts(parts))
    }

    /// A model from its pieces, as the trainer has them.
    pub(super) fn from_parts(parts: Parts) -> Arc<Self> {
        let heads = Heads::new(&parts.heads, parts.header.dims);
        Arc::new(Self { parts, heads, arch: pulp::Arch::new() })
    }

    /// The languages that the model tells apart.
    pub fn languages(&self) -> &[Language] {
        &self.parts.header.languages
    }

    /// Reads `text`. The same text and hint give the same result, alone or in a batch.
    pub fn understand(&self, text: &str, hint: &Hint, scratch: &mut Scratch) -> Understanding {
        self.tokenise(text, scratch);
        self.infer(text, hint, scratch)
    }

    /// The first half of [`Self::understand`]: finds the features of `text`.
    pub(super) fn tokenise(&self, text: &str, scratch: &mut Scratch) {
        text::normalise(text, &mut scratch.chars);
        features::extract(&scratch.chars, &self.parts.lexicon, &mut scratch.features);
    }

    /// The second half of [`Self::understand`]: what the features that were just found say.
    pub(super) fn infer(&self, text: &str, hint: &Hint, scratch: &mut Scratch) -> Understanding {
        self.read(Some(hint), scratch);
        let header = &self.parts.header;
        let Scratch { chars, normal, intents, sentiments, .. } = scratch;
        normal.clear();
        normal.extend(&*chars);
        Understanding {
            leaving: Leaving::embedded().probability(normal, intents, sentiments),
            language: best(&header.languages, &scratch.languages),
            intent: best(&header.intents, &scratch.intents),
            sentiment: best(&header.sentiments, &scratch.sentiments),
            pii: pii::find(text),
            own_intent: None,
            tier: Tier::Fast,
        }
    }

    /// Reads `text` up to the probabilities, which lie in `scratch` then.
    pub(super) fn probe(&self, text: &str, scratch: &mut Scratch) {
        self.tokenise(text, scratch);
        self.read(Some(&Hint::default()), scratch);
    }

    /// Reads `text` and also tells what came second and third.
    pub fn classify(&self, text: &str, hint: &Hint, scratch: &mut Scratch) -> Classified {
        let understanding = self.understand(text, hint, scratch);
        let header = &self.parts.header;
        Classified {
            understanding,
            alternatives: top(&header.intents, &scratch.intents),
            languages: top(&header.languages, &scratch.languages),
        }
    }

    /// Raw outputs of the heads in their order, for calibration.
    pub(super) fn raw_logits(&self, text: &str, scratch: &mut Scratch) -> [Vec<f32>; LAYERS] {
        self.tokenise(text, scratch);
        self.read(None, scratch);
        self.heads.of(&scratch.logits).map(<[f32]>::to_vec)
    }

    /// The vector of a text, of length one: what the heads read, for comparing texts.
    pub(super) fn vector(&self, text: &str, scratch: &mut Scratch) -> Vec<f32> {
        self.tokenise(text, scratch);
        self.read(None, scratch);
        scratch.direction()
    }

    /// What `text` is compared by.
    pub fn meaning(&self, text: &str, scratch: &mut Scratch) -> Meaning {
        self.tokenise(text, scratch);
        self.read(Some(&Hint::default()), scratch);
        Meaning { vector: scratch.direction(), intents: scratch.intents.clone() }
    }

    /// Reads the features up to the outputs of the heads and, with a hint, to probabilities.
    fn read(&self, hint: Option<&Hint>, scratch: &mut Scratch) {
        match self.arch {
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V3(lanes) => {
                lanes.vectorize(Reading { model: self, lanes, hint, scratch });
            }
            _ => self.read_features(Plain, hint, scratch),
        }
    }

    #[inline(always)]
    fn read_features(&self, lanes: impl Lanes, hint: Option<&Hint>, scratch: &mut Scratch) {
        table::find_all(lanes, &self.parts.tags, &scratch.features, &mut scratch.found);
        self.pool_rows(lanes, scratch);
        self.heads.logits(&scratch.pooled, &mut scratch.logits);
        if let Some(hint) = hint {
            self.read_out(hint, scratch);
        }
    }

    #[inline(always)]
    fn read_out(&self, hint: &Hint, scratch: &mut Scratch) {
        let temperatures = self.parts.header.temperatures;
        let Scratch { logits, languages, intents, sentiments, moods, topics, .. } = scratch;
        let [language, intent, sentiment, mood, topic] = self.heads.of(logits);
        divide(language, temperatures.language, languages);
        self.lean(hint, scratch.features.len(), languages);
        self.lean_by_script(&scratch.chars, languages);
        softmax(languages);
        divide(intent, temperatures.intent, intents);
        softmax(intents);
        divide(sentiment, temperatures.sentiment, sentiments);
        for (probability, lean) in intents.iter().zip(&self.parts.header.sentiment_by_intent) {
            for (logit, lean) in sentiments.iter_mut().zip(lean) {
                *logit += probability * lean;
            }
        }
        softmax(sentiments);
        divide(mood, temperatures.mood, moods);
        softmax(moods);
        divide(topic, 1.0, topics);
        softmax(topics);
        let other = topics[OTHER];
        for (sentiment, mood) in sentiments.iter_mut().zip(moods) {
            *sentiment += other * (*mood - *sentiment);
        }
    }

    /// The weighted sum of the rows of the features, see [`pooling_scale`]. What the rows count is
    /// rounded to whole parts of the largest, finer than the values of most of them are.
    #[inline(always)]
    fn pool_rows(&self, lanes: impl Lanes, scratch: &mut Scratch) {
        let half = self.parts.header.dims / 2;
        let (weights, largest) = self.weigh(scratch);
        scratch.pooled.clear();
        scratch.pooled.resize(2 * half, 0.0);
        if weights <= 0.0 || largest <= 0.0 {
            return;
        }
        let part = largest / f32::from(GAIN_MAX);
        let record_bytes = self.parts.header.record_bytes();
        scratch.rows.clear();
        scratch.rows.extend(scratch.found.iter().zip(&scratch.gains).map(|(row, gain)| Row {
            values: *row * record_bytes as u32 + RECORD_HEAD as u32,
            gain: (gain / part + 0.5) as u8,
        }));
        // The zero of each value was added along; it goes once, for all rows together.
        let zero: i32 = scratch.rows.iter().map(|row| i32::from(row.gain)).sum();
        let zero = zero * i32::from(STEP_ZERO);
        let scale = part * pooling_scale(weights);
        let (first, second) = scratch.pooled.split_at_mut(half);
        for at in (0..half).step_by(BLOCK_BYTES) {
            let [low, high] = lanes.sum_block(&self.parts.records, &scratch.rows, at);
            for (into, sums) in [(&mut *first, low), (&mut *second, high)] {
                for (value, sum) in into[at..].iter_mut().zip(sums) {
                    *value = (sum - zero) as f32 * scale;
                }
            }
        }
    }

    /// Reads what each row that was found counts; the sum of the weights and the largest gain.
    #[inline(always)]
    fn weigh(&self, scratch: &mut Scratch) -> (f32, f32) {
        let record_bytes = self.parts.header.record_bytes();
        let (mut weights, mut largest, mut touched) = (0.0, 0.0_f32, 0);
        scratch.gains.clear();
        scratch.gains.resize(scratch.found.len(), 0.0);
        for (row, gain) in scratch.found.iter().zip(&mut scratch.gains) {
            let start = *row as usize * record_bytes;
            let record = &self.parts.records[start..start + record_bytes];
            *gain = from_bf16([record[0], record[1]]);
            largest = largest.max(*gain);
            weights += from_bf16([record[2], record[3]]);
            // The table is larger than the caches near the core. The ends of all records at once let
            // the memory fetch them side by side instead of one after the other.
            touched ^= record[record_bytes - 1];
        }
        std::hint::black_box(touched);
        (weights, largest)
    }

    /// Whether `intent` is sure enough to act on it without asking.
    pub fn accepts(&self, intent: &Guess<Intent>) -> bool {
        let header = &self.parts.header;
        let at = header.intents.iter().position(|label| *label == intent.label);
        at.is_some_and(|at| intent.confidence >= header.accept[at])
    }

    /// Whether the encoder is worth asking: the intent is not accepted, or the sentiment not clear.
    pub fn is_unsure(&self, understanding: &Understanding) -> bool {
        !self.accepts(&understanding.intent) || understanding.sentiment.confidence < SENTIMENT_CLEAR
    }

    fn lean_by_script(&self, chars: &[char], logits: &mut [f32]) {
        let dense = chars.iter().filter(|c| text::class_of(**c) == text::Class::Dense);
        if dense.take(DENSE_CHARS_MIN).count() < DENSE_CHARS_MIN {
            return;
        }
        for (language, logit) in self.parts.header.languages.iter().zip(logits) {
            if DENSE_LANGUAGES.contains(&language.as_str()) {
                *logit += DENSE_PRIOR;
            }
        }
    }

    fn lean(&self, hint: &Hint, evidence: usize, logits: &mut [f32]) {
        let trust = (1.0 + SHORT_FEATURES / evidence.max(1) as f32).min(SHORT_TRUST_MAX);
        let priors = [(hint.locale, LOCALE_PRIOR), (hint.previous, PREVIOUS_PRIOR)];
        for (language, prior) in priors {
            let Some(language) = language.map(canonical) else { continue };
            let at = self.parts.header.languages.iter().position(|label| *label == language);
            if let Some(at) = at {
                logits[at] += prior * trust;
            }
        }
    }
}

/// The arithmetic of one message. A type and not a closure: only what is inlined into the function
/// with the wide registers uses them, and the shim around a closure is not.
#[cfg(target_arch = "x86_64")]
struct Reading<'a> {
    model: &'a Model,
    lanes: pulp::x86::V3,
    hint: Option<&'a Hint>,
    scratch: &'a mut Scratch,
}

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for Reading<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.model.read_features(self.lanes, self.hint, self.scratch);
    }
}

impl Manifest {
    /// Reads `models/manifest.toml`.
    ///
    /// # Errors
    /// When a field is missing or of the wrong type.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        toml::from_str(text).map_err(|error| ModelError::Manifest(error.message().to_owned()))
    }
}

/// The code that the model uses for a language that browsers write in several ways.
fn canonical(language: Language) -> Language {
    let code = match language.as_str() {
        "fil" => "tl",
        "no" | "nn" => "nb",
        "in" => "id",
        "iw" => "he",
        "cmn" | "yue" => "zh",
        _ => return language,
    };
    code.parse().unwrap_or(language)
}

/// What the weighted sum of the rows is multiplied by: the root of the sum of the weights divides.
/// Between a sum, which shouts in long messages, and a mean, in which the few telling words of a
/// long message drown.
pub(super) fn pooling_scale(total: f32) -> f32 {
    1.0 / (total * USUAL_WEIGHT).sqrt()
}

/// Sum of the weights of a usual message; keeps the pooled vector about as large as a mean.
const USUAL_WEIGHT: f32 = 150.0;

/// Lower-case hexadecimal digits of the SHA-256 of `bytes`.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn best<T: Copy>(labels: &[T], probabilities: &[f32]) -> Guess<T> {
    let mut at = 0;
    for (i, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[at] {
            at = i;
        }
    }
    Guess { label: labels[at], confidence: probabilities[at] }
}

pub(super) fn top<T: Copy>(labels: &[T], probabilities: &[f32]) -> Vec<Guess<T>> {
    let guesses = labels.iter().zip(probabilities);
    let mut guesses: Vec<Guess<T>> =
        guesses.map(|(&label, &confidence)| Guess { label, confidence }).collect();
    guesses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    guesses.truncate(3);
    guesses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_with_other_labels_or_another_order_of_them_is_refused_by_name() {
        let file = unpack(Bytes::from_static(EMBEDDED), FILE_BYTES_MAX).expect("packed");
        let parts = format::decode(&file).expect("a model");
        let loaded = |edit: &dyn Fn(&mut format::Header)| {
            let mut parts = parts.clone();
            edit(&mut parts.header);
            let file = Bytes::from(format::encode(&parts));
            let mut manifest = Manifest::parse(EMBEDDED_MANIFEST).expect("a manifest");
            manifest.sha256 = sha256_hex(&file);
            let manifest = toml::to_string(&manifest).expect("a manifest has plain fields");
            Model::from_file(file, &manifest).err().map(|error| error.to_string())
        };

        assert_eq!(loaded(&|_| {}), None);
        let swapped = loaded(&|header| header.intents.swap(2, 3)).expect("refused");
        assert!(swapped.contains("intents otherwise than this router: label 2 is"), "{swapped}");
        assert!(swapped.contains("`shipping_options`, not `delivery_time`"), "{swapped}");
        let swapped = loaded(&|header| header.sentiments.swap(0, 2)).expect("refused");
        assert!(swapped.contains("sentiments otherwise") && swapped.contains("label 0"));
        // Languages are looked up by name: any order of them does.
        assert_eq!(loaded(&|header| header.languages.swap(0, 1)), None);
    }

    #[test]
    fn codes_that_browsers_use_become_those_of_the_model() {
        let code = |text: &str| canonical(text.parse().expect("a language")).to_string();

        assert_eq!((code("fil"), code("no"), code("es")), ("tl".into(), "nb".into(), "es".into()));
    }
}
