//! The model in memory and what it reads out of one message.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::evaluate::Bin;
use super::features;
use super::format::{self, ModelError, Parts, RECORD_HEAD, STEP_ZERO, from_bf16};
use super::pii;
use super::table;
use super::text;
use crate::domain::{Guess, Intent, Language, Understanding};

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
    features: Vec<u64>,
    rows: Vec<u32>,
    records: Vec<Record>,
    pooled: Vec<f32>,
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
}

/// The record of a feature.
#[derive(Clone, Copy)]
struct Record {
    /// Where its values begin.
    values: usize,
    /// What its values are multiplied by.
    gain: f32,
    /// What it counts in the sum.
    weight: f32,
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
    /// The vector instructions of this machine.
    arch: pulp::Arch,
}

/// The bytes of a file at the start of a cache line, where records are to begin.
#[repr(align(64))]
struct Aligned<T: ?Sized>(T);

static EMBEDDED: &Aligned<[u8]> = &Aligned(*include_bytes!("../../models/fast.twm"));
static EMBEDDED_MANIFEST: &str = include_str!("../../models/manifest.toml");

impl Model {
    /// The model inside the binary.
    ///
    /// # Errors
    /// When the build took in a file that its manifest does not describe.
    pub fn embedded() -> Result<Arc<Self>, ModelError> {
        Self::from_file(Bytes::from_static(&EMBEDDED.0), EMBEDDED_MANIFEST)
    }

    /// The model in `file`, checked against its manifest.
    ///
    /// # Errors
    /// When the two do not fit or the file is no model of this version.
    pub fn from_file(file: Bytes, manifest: &str) -> Result<Arc<Self>, ModelError> {
        let manifest = Manifest::parse(manifest)?;
        let found = sha256_hex(&file);
        if found != manifest.sha256 {
            return Err(ModelError::Sha256 { found, wanted: manifest.sha256 });
        }
        Ok(Self::from_parts(format::decode(&file)?))
    }

    /// A model from its pieces, as the trainer has them.
    pub(super) fn from_parts(parts: Parts) -> Arc<Self> {
        Arc::new(Self { parts, arch: pulp::Arch::new() })
    }

    /// The languages that the model tells apart.
    pub fn languages(&self) -> &[Language] {
        &self.parts.header.languages
    }

    /// Reads `text`. The same text and hint give the same result, alone or in a batch.
    pub fn understand(&self, text: &str, hint: &Hint, scratch: &mut Scratch) -> Understanding {
        self.score(text, hint, scratch);
        let header = &self.parts.header;
        Understanding {
            language: best(&header.languages, &scratch.languages),
            intent: best(&header.intents, &scratch.intents),
            sentiment: best(&header.sentiments, &scratch.sentiments),
            pii: pii::find(text),
        }
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

    fn score(&self, text: &str, hint: &Hint, scratch: &mut Scratch) {
        self.gather(text, scratch);
        // The same sums in the same order, with the widest registers that this machine has.
        self.arch.dispatch(Sums { model: self, hint, scratch });
    }

    #[inline(always)]
    fn read_out(&self, hint: &Hint, scratch: &mut Scratch) {
        let temperatures = self.parts.header.temperatures;
        let [language, intent, sentiment, mood, topic] = &self.parts.heads;
        let pooled = &scratch.pooled;
        language.logits(pooled, temperatures.language, &mut scratch.languages);
        let evidence = scratch.features.len();
        self.lean(hint, evidence, &mut scratch.languages);
        self.lean_by_script(&scratch.chars, &mut scratch.languages);
        softmax(&mut scratch.languages);
        intent.logits(pooled, temperatures.intent, &mut scratch.intents);
        softmax(&mut scratch.intents);
        sentiment.logits(pooled, temperatures.sentiment, &mut scratch.sentiments);
        for (probability, lean) in
            scratch.intents.iter().zip(&self.parts.header.sentiment_by_intent)
        {
            for (logit, lean) in scratch.sentiments.iter_mut().zip(lean) {
                *logit += probability * lean;
            }
        }
        softmax(&mut scratch.sentiments);
        mood.logits(pooled, temperatures.mood, &mut scratch.moods);
        softmax(&mut scratch.moods);
        topic.logits(pooled, 1.0, &mut scratch.topics);
        softmax(&mut scratch.topics);
        let other = scratch.topics[OTHER];
        for (sentiment, mood) in scratch.sentiments.iter_mut().zip(&scratch.moods) {
            *sentiment += other * (mood - *sentiment);
        }
    }

    /// Finds the features of `text`.
    fn gather(&self, text: &str, scratch: &mut Scratch) {
        text::normalise(text, &mut scratch.chars);
        features::extract(&scratch.chars, &mut scratch.features);
    }

    /// Finds the records of the features. A feature that the model does not keep has none.
    #[inline(always)]
    fn find_records(&self, scratch: &mut Scratch) {
        let record_bytes = self.parts.header.record_bytes();
        table::find_all(&self.parts.tags, &scratch.features, &mut scratch.rows);
        // The table is larger than the caches near the core. One byte of each record, all at once,
        // lets the memory fetch them side by side instead of one after the other.
        let mut touched = 0;
        scratch.records.clear();
        for row in &scratch.rows {
            let start = *row as usize * record_bytes;
            let head = &self.parts.records[start..start + RECORD_HEAD];
            let gain = from_bf16([head[0], head[1]]);
            let weight = from_bf16([head[2], head[3]]);
            touched ^= self.parts.records[start + record_bytes - 1];
            scratch.records.push(Record { values: start + RECORD_HEAD, gain, weight });
        }
        std::hint::black_box(touched);
    }

    /// The weighted sum of the rows of the features, see [`pooling_scale`].
    #[inline(always)]
    fn pool_rows(&self, scratch: &mut Scratch) {
        self.find_records(scratch);
        let half = self.parts.header.dims / 2;
        scratch.pooled.clear();
        scratch.pooled.resize(2 * half, 0.0);
        let (first, second) = scratch.pooled.split_at_mut(half);
        let mut at = 0;
        while at + BLOCK_BYTES <= half {
            let range = at..at + BLOCK_BYTES;
            let (first, second) = (&mut first[range.clone()], &mut second[range]);
            sum_block(&self.parts.records, &scratch.records, at, first, second);
            at += BLOCK_BYTES;
        }
        for byte in at..half {
            for record in &scratch.records {
                let pair = self.parts.records[record.values + byte];
                first[byte] += record.gain * f32::from(pair & 0x0f);
                second[byte] += record.gain * f32::from(pair >> 4);
            }
        }
        let (mut total, mut gains) = (0.0, 0.0);
        for record in &scratch.records {
            total += record.weight;
            gains += record.gain;
        }
        if total > 0.0 {
            // The zero of each value was added along; it goes once, for all rows together.
            let zero = gains * f32::from(STEP_ZERO);
            let scale = pooling_scale(total);
            for sum in &mut scratch.pooled {
                *sum = (*sum - zero) * scale;
            }
        }
    }

    /// Raw outputs of the heads in their order, for calibration.
    pub(super) fn raw_logits(&self, text: &str, scratch: &mut Scratch) -> [Vec<f32>; 5] {
        self.gather(text, scratch);
        self.pool_rows(scratch);
        self.parts.heads.each_ref().map(|head| {
            let mut logits = Vec::new();
            head.logits(&scratch.pooled, 1.0, &mut logits);
            logits
        })
    }

    /// Whether `intent` is sure enough to act on it without asking.
    pub fn accepts(&self, intent: &Guess<Intent>) -> bool {
        let header = &self.parts.header;
        let at = header.intents.iter().position(|label| *label == intent.label);
        at.is_some_and(|at| intent.confidence >= header.accept[at])
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
struct Sums<'a> {
    model: &'a Model,
    hint: &'a Hint,
    scratch: &'a mut Scratch,
}

impl pulp::NullaryFnOnce for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.model.pool_rows(self.scratch);
        self.model.read_out(self.hint, self.scratch);
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

impl format::Linear {
    #[inline(always)]
    fn logits(&self, pooled: &[f32], temperature: f32, out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.bias.len(), 0.0);
        for (label, out) in out.iter_mut().enumerate() {
            let row = &self.weights[label * pooled.len()..(label + 1) * pooled.len()];
            *out = (dot(row, pooled) + self.bias[label]) / temperature;
        }
    }
}

/// Bytes of a record that are summed in one pass over the records: their sums stay in registers.
const BLOCK_BYTES: usize = 16;

/// Adds one block of each record, times its gain. Plain loops over arrays: they are what the
/// compiler turns into vector instructions.
#[inline(always)]
fn sum_block(table: &[u8], records: &[Record], at: usize, first: &mut [f32], second: &mut [f32]) {
    let mut low = [0.0_f32; BLOCK_BYTES];
    let mut high = [0.0_f32; BLOCK_BYTES];
    for record in records {
        let start = record.values + at;
        // A panic here would have to find the sums in memory, so they would be kept there. A record
        // that lies in the table has its block.
        let Some(pairs) = table.get(start..start + BLOCK_BYTES) else { continue };
        for i in 0..BLOCK_BYTES {
            low[i] += record.gain * f32::from(pairs[i] & 0x0f);
            high[i] += record.gain * f32::from(pairs[i] >> 4);
        }
    }
    first.copy_from_slice(&low);
    second.copy_from_slice(&high);
}

/// Sums that run beside each other: enough for the widest registers in use.
const LANES: usize = 8;

/// The scalar product, with sums in a fixed order: quick, and the same on every machine.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let whole = a.len() / LANES * LANES;
    let mut at = 0;
    while at < whole {
        let (x, y) = (&a[at..at + LANES], &b[at..at + LANES]);
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
        at += LANES;
    }
    let mut total = 0.0;
    for sum in sums {
        total += sum;
    }
    let mut rest = 0.0;
    for i in whole..a.len() {
        rest += a[i] * b[i];
    }
    total + rest
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

/// Turns logits into probabilities in place.
pub(super) fn softmax(logits: &mut [f32]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - max).exp();
        total += *logit;
    }
    logits.iter_mut().for_each(|logit| *logit /= total);
}

fn best<T: Copy>(labels: &[T], probabilities: &[f32]) -> Guess<T> {
    let mut at = 0;
    for (i, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[at] {
            at = i;
        }
    }
    Guess { label: labels[at], confidence: probabilities[at] }
}

fn top<T: Copy>(labels: &[T], probabilities: &[f32]) -> Vec<Guess<T>> {
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
    fn codes_that_browsers_use_become_those_of_the_model() {
        let code = |text: &str| canonical(text.parse().expect("a language")).to_string();

        assert_eq!((code("fil"), code("no"), code("es")), ("tl".into(), "nb".into(), "es".into()));
    }

    #[test]
    fn the_scalar_product_takes_what_is_left_over_beside_whole_lanes() {
        let values: Vec<f32> = (1..=11).map(|n| n as f32).collect();

        assert_eq!(dot(&values, &values), 506.0);
    }
}
