//! Fits linear heads on the vectors of an encoder that stays as it is.

use super::Pools;
use super::heads::{Head, Heads};
use crate::domain::{Intent, Language, Sentiment};
use crate::understand::layers::{dot, softmax};
use crate::understand::train::calibrate::{Outcome, temperature};
use crate::understand::train::corpus::folds;
use crate::understand::train::{Chance, Row};

/// Passes over the rows.
const PASSES: usize = 12;
/// The first step; it falls with what a label has seen.
const RATE: f32 = 0.5;
/// Parts of the rows; heads fitted on all but one show on that one how far they can be believed.
const FOLDS: usize = 12;

/// Heads for the vectors of `rows`, calibrated on rows that the calibrated heads had not seen. What
/// they say counts for nothing until [`super::weigh`] has found how much it should.
/// `vectors` holds one for each row. The same input and seed give the same heads.
pub fn fit(vectors: &[Vec<f32>], rows: &[Row], encoder_sha256: &str, seed: u64) -> Heads {
    assert_eq!(vectors.len(), rows.len(), "each row has its vector");
    let dims = vectors.first().map_or(0, Vec::len);
    let mut languages: Vec<Language> = rows.iter().filter_map(|row| row.language).collect();
    languages.sort_unstable();
    languages.dedup();
    let fold_of = folds(rows, FOLDS);
    let head = |labels: usize, label: &dyn Fn(&Row) -> Option<usize>| {
        let all: Vec<Example> = rows
            .iter()
            .zip(vectors)
            .zip(&fold_of)
            .filter_map(|((row, vector), fold)| Some((label(row)?, vector.as_slice(), *fold)))
            .map(|(label, vector, fold)| Example { label, vector, fold })
            .collect();
        calibrated(&all, labels, dims, seed)
    };
    let heads = [
        head(languages.len(), &|row| languages.binary_search(&row.language?).ok()),
        head(Intent::ALL.len(), &|row| Some(row.intent? as usize)),
        head(Sentiment::ALL.len(), &|row| Some(row.sentiment? as usize)),
    ];
    let encoder_sha256 = encoder_sha256.to_owned();
    Heads { dims, encoder_sha256, languages, heads, pools: Pools::FAST_ALONE }
}

struct Example<'a> {
    label: usize,
    vector: &'a [f32],
    fold: usize,
}

fn calibrated(examples: &[Example], labels: usize, dims: usize, seed: u64) -> Head {
    let (asked, taught): (Vec<&Example>, Vec<&Example>) =
        examples.iter().partition(|example| example.fold == 0);
    let judge = softmax_regression(&taught, labels, dims, seed);
    let outcomes: Vec<Outcome> = asked
        .iter()
        .map(|example| Outcome { logits: judge.logits(example.vector), label: example.label })
        .collect();
    let all: Vec<&Example> = examples.iter().collect();
    Head { temperature: temperature(&outcomes), ..softmax_regression(&all, labels, dims, seed) }
}

/// Softmax regression by single steps, each label's smaller the more it has moved (Adagrad).
fn softmax_regression(examples: &[&Example], labels: usize, dims: usize, seed: u64) -> Head {
    let mut head =
        Head { weights: vec![0.0; labels * dims], bias: vec![0.0; labels], temperature: 1.0 };
    let mut moved = vec![1.0_f32; labels];
    let mut chance = Chance::new(seed);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    // Vectors have length one; steps are for values of about one.
    let scale = (dims as f32).sqrt();
    for _ in 0..PASSES {
        chance.shuffle(&mut order);
        for &at in &order {
            let Example { label, vector, .. } = *examples[at];
            let mut errors: Vec<f32> = (0..labels)
                .map(|label| {
                    scale * dot(&head.weights[label * dims..(label + 1) * dims], vector)
                        + head.bias[label]
                })
                .collect();
            softmax(&mut errors);
            errors[label] -= 1.0;
            for (label, error) in errors.into_iter().enumerate() {
                moved[label] += error * error;
                let step = RATE * error / moved[label].sqrt();
                head.bias[label] -= step;
                let row = &mut head.weights[label * dims..(label + 1) * dims];
                row.iter_mut()
                    .zip(vector)
                    .for_each(|(weight, value)| *weight -= step * scale * value);
            }
        }
    }
    head.weights.iter_mut().for_each(|weight| *weight *= scale);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors around one direction for each intent, and rows with those intents.
    fn clusters() -> (Vec<Vec<f32>>, Vec<Row>) {
        let mut chance = Chance::new(3);
        let mut vectors = Vec::new();
        let mut rows = Vec::new();
        for at in 0..480 {
            let intent = [Intent::TrackOrder, Intent::Invoice, Intent::Greeting][at % 3];
            let mut vector: Vec<f32> = (0..16).map(|_| chance.normal() * 0.3).collect();
            vector[at % 3] += 1.0;
            let length = dot(&vector, &vector).sqrt();
            vectors.push(vector.into_iter().map(|value| value / length).collect());
            let language = Some(Language::ENGLISH);
            rows.push(Row {
                text: at.to_string(),
                language,
                intent: Some(intent),
                sentiment: None,
                spans: Vec::new(),
            });
        }
        (vectors, rows)
    }

    #[test]
    fn heads_find_the_directions_of_the_labels_the_same_way_each_time() {
        let (vectors, rows) = clusters();

        let heads = fit(&vectors, &rows, "00", 7);

        let right = vectors.iter().zip(&rows).filter(|(vector, row)| {
            let intents = heads.read(vector).intents;
            let best = (0..intents.len()).max_by(|a, b| intents[*a].total_cmp(&intents[*b]));
            best == row.intent.map(|intent| intent as usize)
        });
        assert!(right.count() > 470);
        assert_eq!(heads, fit(&vectors, &rows, "00", 7));
    }
}
