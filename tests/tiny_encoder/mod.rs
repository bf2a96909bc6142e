//! A tiny encoder of one layer whose weights are drawn by chance, the same each time: what it says of a text is
//! of no use, and heads tell its texts apart.

use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;
use tradewind::understand::encoder::{
    Bounds, CandleEncoder, Encoder, EncoderFiles, Heads, Installed, Origin, Seer, fit, weigh,
};
use tradewind::understand::{Model, Row, parse_rows};

const HIDDEN: usize = 16;
const WIDE: usize = 24;
const POSITIONS: usize = 64;
/// Marks, then whole words; what is none of them is the second mark.
const WORDS: [&str; 12] = [
    "[PAD]", "[UNK]", "[CLS]", "track", "order", "please", "send", "an", "invoice", "where", "is",
    "parcel",
];

pub fn files() -> EncoderFiles {
    let config = json!({"model_type": "bert", "vocab_size": WORDS.len(), "hidden_size": HIDDEN,
        "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": WIDE,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 1, "pad_token_id": 0});
    let vocab: BTreeMap<_, _> = WORDS.iter().zip(0..).collect();
    let mark = json!({"SpecialToken": {"id": "[CLS]", "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let tokenizer = json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
        "post_processor": {"type": "TemplateProcessing", "single": [mark, text], "pair": [mark, text],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}});
    EncoderFiles {
        config: config.to_string(),
        tokenizer: tokenizer.to_string().into_bytes(),
        weights: weights(),
        pooling: None,
        prefix: String::new(),
    }
}

fn weights() -> Vec<u8> {
    let mut tensors: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![1, HIDDEN]),
    ];
    let mut map = |name: &str, rows: usize, columns: Option<usize>| {
        let shape = [rows].into_iter().chain(columns).collect();
        tensors.push((format!("{name}.weight"), shape));
        tensors.push((format!("{name}.bias"), vec![rows]));
    };
    map("embeddings.LayerNorm", HIDDEN, None);
    for square in ["self.query", "self.key", "self.value", "output.dense"] {
        map(&format!("encoder.layer.0.attention.{square}"), HIDDEN, Some(HIDDEN));
    }
    map("encoder.layer.0.attention.output.LayerNorm", HIDDEN, None);
    map("encoder.layer.0.intermediate.dense", WIDE, Some(HIDDEN));
    map("encoder.layer.0.output.dense", HIDDEN, Some(WIDE));
    map("encoder.layer.0.output.LayerNorm", HIDDEN, None);
    let mut state = 1_u32;
    // Uniform from −1 to 1, by a generator that is the same everywhere.
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, shape)| {
            let numbers = (0..shape.iter().product::<usize>()).flat_map(|_| number().to_le_bytes());
            let numbers = numbers.collect();
            (name, shape, numbers)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, numbers)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), numbers).expect("a tensor"))
    });
    safetensors::serialize(views, None).expect("weights")
}

/// Forty messages about an order and as many about an invoice.
fn rows() -> Vec<Row> {
    let row = |text: &str, intent: &str| {
        let labels = format!(r#""language":"en","intent":"{intent}","sentiment":"neutral""#);
        format!("{{\"text\":\"{text}\",{labels}}}\n")
    };
    let lines = (0..40).map(|n| {
        row(&format!("track order {n}"), "track_order") + &row("send an invoice", "invoice")
    });
    parse_rows(&lines.collect::<String>()).expect("rows")
}

/// The same with heads that were fitted on these messages.
pub fn installed() -> Installed {
    let (files, rows) = (files(), rows());
    let mut encoder = CandleEncoder::new(files.clone(), &Bounds::default()).expect("an encoder");
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let vectors = encoder.embed(&texts).expect("vectors");
    let heads = fit(&vectors, &rows, &files.sha256(), 7);
    let fast = Model::embedded().expect("the shipped model");
    let seer = Seer { encoder: &mut encoder, heads: &heads };
    let zero = &mut || std::time::Duration::ZERO;
    let (pools, measured) = weigh(&fast, seer, None, &rows, zero).expect("figures");
    let heads = Heads { pools, ..heads };
    Installed { files, heads, sense: None, measured, origin: Origin::default() }
}
