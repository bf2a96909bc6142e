//! From a trained net to the pieces of a model file.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{Intent, Language, Sentiment};
use crate::understand::format::{
    Header, Linear, Parts, SENTIMENTS, STEP_ZERO, STEPS_MAX, Temperatures, VERSION, from_bf16,
    to_bf16,
};
use crate::understand::lexicon::Lexicon;

use super::net::Net;

/// The net with rows of four bits a value and a scale for each row.
pub fn quantise(
    net: &Net,
    tags: Vec<u16>,
    lexicon: Arc<Lexicon>,
    languages: Vec<Language>,
) -> Parts {
    let header = Header {
        version: VERSION,
        dims: net.dims,
        rows: tags.len(),
        forms: lexicon.entries().len(),
        languages,
        intents: Intent::ALL.to_vec(),
        sentiments: Sentiment::ALL.to_vec(),
        temperatures: Temperatures { language: 1.0, intent: 1.0, sentiment: 1.0, mood: 1.0 },
        sentiment_by_intent: vec![[0.0; SENTIMENTS]; Intent::ALL.len()],
        accept: vec![1.0; Intent::ALL.len()],
    };
    let mut records = Vec::with_capacity(header.rows * header.record_bytes());
    for (row, tag) in tags.iter().enumerate() {
        if *tag == 0 {
            records.resize(records.len() + header.record_bytes(), 0);
            continue;
        }
        let values = &net.rows[row * net.dims..(row + 1) * net.dims];
        push_record(&mut records, values, net.attention[row].exp());
    }
    let heads = std::array::from_fn(|at| Linear {
        weights: net.heads[at].weights.clone(),
        bias: net.heads[at].bias.clone(),
    });
    Parts { header, records: Bytes::from(records), tags, lexicon, heads }
}

fn push_record(records: &mut Vec<u8>, values: &[f32], weight: f32) {
    let gain = to_bf16(best_scale(values) * weight);
    records.extend_from_slice(&gain);
    records.extend_from_slice(&to_bf16(weight));
    // Against the gain as it will be read: rounding it must not shift all values of the row.
    let scale = from_bf16(gain) / weight;
    let code = |value: &f32| (steps(*value, scale) as i8 + STEP_ZERO) as u8;
    let (first, second) = values.split_at(values.len() / 2);
    records.extend(first.iter().zip(second).map(|(a, b)| code(a) | code(b) << 4));
}

/// The scale with the smallest squared error: cutting off a few large values pays for finer steps
/// of all others.
fn best_scale(values: &[f32]) -> f32 {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let error = |scale: f32| -> f32 {
        values.iter().map(|value| (value - steps(*value, scale) * scale).powi(2)).sum()
    };
    let scales = CUTS.map(|cut| largest * cut / STEPS_MAX);
    let best = scales.into_iter().min_by(|a, b| error(*a).total_cmp(&error(*b)));
    best.unwrap_or(0.0)
}

/// Shares of the largest value that are tried as the largest that is kept.
const CUTS: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

fn steps(value: f32, scale: f32) -> f32 {
    if scale > 0.0 { (value / scale).round().clamp(-STEPS_MAX, STEPS_MAX) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_within_half_a_step() {
        let values = [0.7, -0.35, 0.0, 0.14];
        let mut record = Vec::new();

        push_record(&mut record, &values, 2.0);

        let gain = from_bf16([record[0], record[1]]);
        let read = |code: u8| (f32::from(code) - f32::from(STEP_ZERO)) * gain / 2.0;
        let read = [
            read(record[4] & 15),
            read(record[5] & 15),
            read(record[4] >> 4),
            read(record[5] >> 4),
        ];
        for (value, read) in values.iter().zip(read) {
            assert!((value - read).abs() <= gain / 4.0 + 0.01, "{value} came back as {read}");
        }
    }
}
