//! From a trained net to the pieces of a model file.

use bytes::Bytes;

use crate::domain::{Intent, Language, Sentiment};
use crate::understand::format::{Header, Linear, Parts, Temperatures, VERSION, from_bf16, to_bf16};

use super::net::Net;

/// The net with rows of one byte a value and a scale for each row.
pub fn quantise(net: &Net, tags: Vec<u16>, languages: Vec<Language>) -> Parts {
    let header = Header {
        version: VERSION,
        dims: net.dims,
        rows: tags.len(),
        languages,
        intents: Intent::ALL.to_vec(),
        sentiments: Sentiment::ALL.to_vec(),
        temperatures: Temperatures { language: 1.0, intent: 1.0, sentiment: 1.0 },
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
    let head = |at: usize| Linear {
        weights: net.heads[at].weights.clone(),
        bias: net.heads[at].bias.clone(),
    };
    Parts { header, records: Bytes::from(records), tags, heads: [head(0), head(1), head(2)] }
}

fn push_record(records: &mut Vec<u8>, values: &[f32], weight: f32) {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let gain = to_bf16(largest / 127.0 * weight);
    records.extend_from_slice(&gain);
    records.extend_from_slice(&to_bf16(weight));
    // Against the gain as it will be read: rounding it must not shift all values of the row.
    let scale = from_bf16(gain) / weight;
    records.extend(values.iter().map(|value| {
        let steps = if scale > 0.0 { (value / scale).round() } else { 0.0 };
        steps.clamp(-127.0, 127.0) as i8 as u8
    }));
}
