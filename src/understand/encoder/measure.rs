//! Whether an encoder pays: it beside the fast tier, on the same messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::heads::{Heads, Reading};
use super::pool::{Pool, Pools, Said};
use super::{BATCH_MAX, Encoder, EncoderError};
use crate::understand::model::{Hint, Model, Scratch};
use crate::understand::train::Row;
use crate::understand::train::corpus::folds;

/// Messages that are encoded one by one to tell the time.
const TIMED_MAX: usize = 1_000;
/// Share of the messages that must be gained for an encoder to be worth its milliseconds.
const GAIN_MIN: f64 = 0.005;
/// Standard errors that a gain must be away from nothing. Two are too few: an encoder that knows
/// one language of 24 reached them with seven messages gained and one lost.
const GAIN_ERRORS_MIN: f64 = 3.0;
/// Standard errors from which on a loss is no chance; sooner than a gain, since nobody has to accept it.
const LOSS_ERRORS_MIN: f64 = 2.0;
/// Parts of the messages: each is judged with weights that were fitted on the others.
const PARTS: usize = 2;

/// Figures of an encoder beside the fast tier; shares of right intents, languages and sentiments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Messages with a known intent; nothing was trained on them.
    pub messages: usize,
    /// The fast tier alone.
    pub fast: Accuracy,
    /// The encoder alone.
    pub encoder: Accuracy,
    /// Both for every message.
    pub pooled: Accuracy,
    /// The fast tier where it is sure; elsewhere both for intent and sentiment: what would run.
    pub two_tiers: Accuracy,
    /// The encoder that would run without this one; missing when that is none.
    pub instead_of: Option<Accuracy>,
    /// Share of the messages for which the encoder is asked, see [`Model::is_unsure`].
    pub asked_share: f64,
    /// Median time of one message on one core.
    pub microseconds_p50: f64,
    /// 99th percentile of that time.
    pub microseconds_p99: f64,
    /// What two tiers change in the intents of what would run without the encoder.
    pub intents: Change,
    /// What they change in the sentiments.
    pub sentiments: Change,
    /// Whether two tiers are better by more than chance, and by enough to matter, in the one or the
    /// other, and worse in neither.
    pub pays: bool,
}

/// Shares of right answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Of the intent.
    pub intent: f64,
    /// Of the language.
    pub language: f64,
    /// Of the sentiment.
    pub sentiment: f64,
}

/// Messages whose answer becomes right, and whose answer becomes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Right now, wrong before.
    pub gained: usize,
    /// Wrong now, right before.
    pub lost: usize,
}

impl Change {
    /// By how many standard errors more is gained than lost; below nothing where more is lost.
    pub fn errors(self) -> f64 {
        self.net() / ((self.gained + self.lost).max(1) as f64).sqrt()
    }

    fn net(self) -> f64 {
        self.gained as f64 - self.lost as f64
    }

    fn is_gain(self, messages: usize) -> bool {
        self.net() >= GAIN_MIN * messages as f64 && self.errors() > GAIN_ERRORS_MIN
    }

    fn is_loss(self) -> bool {
        self.errors() < -LOSS_ERRORS_MIN
    }
}

/// An encoder that reads, and what reads its vectors.
pub struct Seer<'a> {
    /// Gives vectors.
    pub encoder: &'a mut dyn Encoder,
    /// Read labels out of them.
    pub heads: &'a Heads,
}

/// What both tiers read in the messages.
struct Readings<'a> {
    rows: Vec<&'a Row>,
    fast: Vec<Reading>,
    is_unsure: Vec<bool>,
    /// Whether the encoder's word counts when it is asked: it has read the message to its end.
    is_read_whole: Vec<bool>,
    encoder: Vec<Reading>,
    microseconds: Vec<f64>,
}

/// Compares on `rows` with the pools that the heads have; rows without an intent are left out. `clock`
/// gives the time since any fixed instant.
///
/// # Errors
/// When a text cannot be encoded.
pub fn compare(
    model: &Model,
    seer: Seer<'_>,
    rows: &[Row],
    clock: &mut dyn FnMut() -> Duration,
) -> Result<Comparison, EncoderError> {
    let heads = seer.heads;
    let readings = Readings::new(model, seer, rows, clock)?;
    let pools = vec![heads.pools; readings.rows.len()];
    Ok(readings.comparison(heads, &pools, None))
}

/// Finds how much the encoder's word weighs, and compares: each half of `rows`, which trained neither
/// tier, is judged with weights that were fitted on the other half, and the returned pools are fitted
/// on both. `instead_of` is the encoder that would run without this one.
///
/// # Errors
/// When a text cannot be encoded.
pub fn weigh(
    model: &Model,
    seer: Seer<'_>,
    instead_of: Option<Seer<'_>>,
    rows: &[Row],
    clock: &mut dyn FnMut() -> Duration,
) -> Result<(Pools, Comparison), EncoderError> {
    let heads = seer.heads;
    let readings = Readings::new(model, seer, rows, clock)?;
    let before = match instead_of {
        Some(other) => {
            let heads = other.heads;
            let readings = Readings::new(model, other, rows, &mut || Duration::ZERO)?;
            Some(readings.two_tiers(&vec![heads.pools; readings.rows.len()]))
        }
        None => None,
    };
    let kept: Vec<Row> = readings.rows.iter().map(|row| (*row).clone()).collect();
    let part_of = folds(&kept, PARTS);
    let by_part: Vec<Pools> =
        (0..PARTS).map(|part| readings.fitted(&|at| part_of[at] != part)).collect();
    let pools: Vec<Pools> = part_of.iter().map(|part| by_part[*part]).collect();
    let comparison = readings.comparison(heads, &pools, before.as_deref());
    Ok((readings.fitted(&|_| true), comparison))
}

impl<'a> Readings<'a> {
    fn new(
        model: &Model,
        seer: Seer<'_>,
        rows: &'a [Row],
        clock: &mut dyn FnMut() -> Duration,
    ) -> Result<Self, EncoderError> {
        let Seer { encoder, heads } = seer;
        let rows: Vec<&Row> = rows.iter().filter(|row| row.intent.is_some()).collect();
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let mut vectors = Vec::with_capacity(texts.len());
        let mut is_read_whole = Vec::with_capacity(texts.len());
        let mut see = |texts: &[&str]| -> Result<(), EncoderError> {
            let embedded = encoder.embed_timed(texts, &mut || Duration::ZERO)?;
            vectors.extend(embedded.vectors);
            is_read_whole.extend(embedded.is_cut.iter().map(|is_cut| !is_cut));
            Ok(())
        };
        let mut microseconds = Vec::new();
        for text in texts.iter().take(TIMED_MAX) {
            let start = clock();
            see(&[text])?;
            // Whole ones: they come back from their file as they were, and fractions would say nothing.
            microseconds.push(((clock().saturating_sub(start)).as_secs_f64() * 1e6).round());
        }
        for texts in texts[microseconds.len()..].chunks(BATCH_MAX) {
            see(texts)?;
        }
        microseconds.sort_by(f64::total_cmp);
        let mut scratch = Scratch::default();
        let fast = texts.iter().map(|text| fast_reading(model, text, heads, &mut scratch));
        let (fast, is_unsure) = fast.unzip();
        let encoder = vectors.iter().map(|vector| heads.read(vector)).collect();
        Ok(Self { rows, fast, is_unsure, is_read_whole, encoder, microseconds })
    }

    /// Whether both tiers make the answer to a message.
    fn is_pooled(&self, at: usize) -> bool {
        self.is_unsure[at] && self.is_read_whole[at]
    }

    /// The pools under which the labels of the messages that `is_taken` are least surprising, of those
    /// for which the encoder would be asked and heard.
    fn fitted(&self, is_taken: &dyn Fn(usize) -> bool) -> Pools {
        let heard: Vec<usize> =
            (0..self.rows.len()).filter(|at| self.is_pooled(*at) && is_taken(*at)).collect();
        let pool = |label: &dyn Fn(&Row) -> Option<usize>, of: &dyn Fn(&Reading) -> &[f32]| {
            let said = heard.iter().filter_map(|at| {
                let (fast, encoder) = (of(&self.fast[*at]), of(&self.encoder[*at]));
                Some(Said { fast, encoder, label: label(self.rows[*at])? })
            });
            Pool::fit(&said.collect::<Vec<_>>())
        };
        Pools {
            intent: pool(&|row| row.intent.map(|it| it as usize), &|it| &it.intents),
            sentiment: pool(&|row| row.sentiment.map(|it| it as usize), &|it| &it.sentiments),
        }
    }

    fn pooled(&self, pools: &[Pools]) -> Vec<Reading> {
        let both = self.fast.iter().zip(&self.encoder).zip(pools);
        both.map(|((fast, encoder), pools)| Reading {
            languages: fast.languages.clone(),
            intents: pools.intent.of(&fast.intents, &encoder.intents),
            sentiments: pools.sentiment.of(&fast.sentiments, &encoder.sentiments),
        })
        .collect()
    }

    fn two_tiers(&self, pools: &[Pools]) -> Vec<Reading> {
        let both = self.pooled(pools).into_iter().zip(&self.fast).enumerate();
        both.map(|(at, (pooled, fast))| if self.is_pooled(at) { pooled } else { fast.clone() })
            .collect()
    }

    /// `pools` has those that judge each message.
    fn comparison(
        &self,
        heads: &Heads,
        pools: &[Pools],
        instead_of: Option<&[Reading]>,
    ) -> Comparison {
        let (rows, messages) = (&self.rows, self.rows.len());
        let two_tiers = self.two_tiers(pools);
        let before = instead_of.unwrap_or(&self.fast);
        let intents = change(rows, before, &two_tiers, &is_intent_right);
        let sentiments = change(rows, before, &two_tiers, &is_sentiment_right);
        let unsure = self.is_unsure.iter().filter(|unsure| **unsure).count();
        Comparison {
            messages,
            fast: accuracy(rows, &self.fast, heads),
            encoder: accuracy(rows, &self.encoder, heads),
            pooled: accuracy(rows, &self.pooled(pools), heads),
            two_tiers: accuracy(rows, &two_tiers, heads),
            instead_of: instead_of.map(|readings| accuracy(rows, readings, heads)),
            asked_share: unsure as f64 / messages.max(1) as f64,
            microseconds_p50: self.percentile(0.5),
            microseconds_p99: self.percentile(0.99),
            intents,
            sentiments,
            pays: (intents.is_gain(messages) || sentiments.is_gain(messages))
                && !intents.is_loss()
                && !sentiments.is_loss(),
        }
    }

    fn percentile(&self, share: f64) -> f64 {
        let at = (self.microseconds.len() as f64 * share) as usize;
        let last = self.microseconds.len().saturating_sub(1);
        self.microseconds.get(at.min(last)).copied().unwrap_or(0.0)
    }
}

/// What the fast tier reads, its languages in the order of the heads, and whether it is unsure. A
/// language that the heads do not know is left out.
fn fast_reading(
    model: &Model,
    text: &str,
    heads: &Heads,
    scratch: &mut Scratch,
) -> (Reading, bool) {
    let understanding = model.understand(text, &Hint::default(), scratch);
    let [languages, intents, sentiments] = scratch.probabilities();
    let language = |wanted| {
        let at = model.languages().iter().position(|language| *language == wanted);
        at.map_or(0.0, |at| languages[at])
    };
    let reading = Reading {
        languages: heads.languages.iter().map(|wanted| language(*wanted)).collect(),
        intents: intents.to_vec(),
        sentiments: sentiments.to_vec(),
    };
    (reading, model.is_unsure(&understanding))
}

/// Whether an answer to a row is right; nothing where the row does not tell.
type Judge<'a> = &'a dyn Fn(&Row, &Reading) -> Option<bool>;

fn is_intent_right(row: &Row, reading: &Reading) -> Option<bool> {
    Some(best(&reading.intents) == row.intent? as usize)
}

fn is_sentiment_right(row: &Row, reading: &Reading) -> Option<bool> {
    Some(best(&reading.sentiments) == row.sentiment? as usize)
}

fn change(rows: &[&Row], before: &[Reading], after: &[Reading], judge: Judge<'_>) -> Change {
    let mut change = Change::default();
    for ((row, before), after) in rows.iter().zip(before).zip(after) {
        let (before, after) = (judge(row, before), judge(row, after));
        change.gained += usize::from(before == Some(false) && after == Some(true));
        change.lost += usize::from(before == Some(true) && after == Some(false));
    }
    change
}

fn accuracy(rows: &[&Row], readings: &[Reading], heads: &Heads) -> Accuracy {
    let share = |judge: Judge<'_>| {
        let pairs = rows.iter().zip(readings);
        let judged: Vec<bool> = pairs.filter_map(|(row, reading)| judge(row, reading)).collect();
        judged.iter().filter(|right| **right).count() as f64 / judged.len().max(1) as f64
    };
    Accuracy {
        intent: share(&is_intent_right),
        language: share(&|row, read| {
            let label = row.language?;
            Some(heads.languages.get(best(&read.languages)) == Some(&label))
        }),
        sentiment: share(&is_sentiment_right),
    }
}

fn best(probabilities: &[f32]) -> usize {
    let mut at = 0;
    for (i, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[at] {
            at = i;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(gained: usize, lost: usize) -> Change {
        Change { gained, lost }
    }

    #[test]
    fn a_gain_must_matter_and_be_no_chance_and_a_loss_only_the_latter() {
        assert!(change(180, 120).is_gain(5_600));
        assert!(!change(180, 120).is_gain(20_000), "too little to matter");
        assert!(!change(170, 120).is_gain(5_600), "may be chance");
        assert!(change(120, 155).is_loss());
        assert!(!change(120, 150).is_loss());
        assert!(!change(0, 0).is_gain(0) && !change(0, 0).is_loss());
    }
}
