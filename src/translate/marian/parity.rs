//! The same numbers as the reference implementation: MarianMTModel of Hugging Face's transformers. The
//! weights are random; `tests/python/marian_reference.py` made them and what is compared.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use serde::Deserialize;

use super::model::Saying;
use super::*;

/// Tokens that the reference said at most.
const NEW_TOKENS_MAX: usize = 20;
const LOGIT_TOLERANCE: f32 = 1e-4;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/translate/marian/", $name))
    };
}

/// A text, and what the reference makes of it.
#[derive(Deserialize)]
struct Case {
    text: String,
    source: Vec<u32>,
    /// From the token that starts to the one that ends, if one does.
    target: Vec<u32>,
    ended: bool,
    said: String,
}

pub(super) fn files() -> ModelFiles {
    ModelFiles {
        config: fixture!("model/config.json").to_vec(),
        vocabulary: fixture!("model/vocab.json").to_vec(),
        source: fixture!("model/source.spm").to_vec(),
        weights: fixture!("model/model.safetensors").to_vec(),
    }
}

fn model() -> Model {
    Model::new(files()).expect("the model of the tests")
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(fixture!("reference.json")).expect("the committed answers")
}

/// The logits of each case, tokens said × tokens known.
fn logits() -> HashMap<String, Tensor> {
    let bytes = fixture!("reference.safetensors");
    candle_core::safetensors::load_buffer(bytes, &Device::Cpu).expect("the committed logits")
}

/// The reference reads the language that is wanted off the text; the router never does.
fn encoded(model: &Model, text: &str) -> Vec<u32> {
    let (target, text) = match text.strip_prefix(">>de<< ") {
        Some(rest) => (model.tokens.target("de".parse().expect("a language")), rest),
        None => (None, text),
    };
    model.tokens.encode(text, target).expect("tokens")
}

#[test]
fn texts_are_cut_into_the_tokens_of_the_reference() {
    let model = model();

    for case in cases() {
        assert_eq!(encoded(&model, &case.text), case.source, "{:?}", case.text);
    }
}

#[test]
fn every_logit_is_that_of_the_reference() {
    let (model, logits) = (model(), logits());
    let mut furthest = 0_f32;

    for (at, case) in cases().into_iter().enumerate() {
        let wanted: Vec<Vec<f32>> = logits[&format!("logits.{at}")].to_vec2().expect("a matrix");
        let read = model.marian.read(&case.source).expect("a sentence");
        let mut saying = Saying::default();
        assert_eq!(wanted.len(), case.target.len() - 1);
        for (token, wanted) in case.target.iter().zip(wanted) {
            let found = model.marian.next(&read, &mut saying, *token).expect("logits");
            assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.iter().zip(&wanted) {
                furthest = furthest.max((found - wanted).abs());
            }
        }
    }

    println!("furthest logit from the reference: {furthest:e}");
    assert!(furthest < LOGIT_TOLERANCE, "{furthest:e}");
}

#[test]
fn the_tokens_that_are_said_are_those_of_the_reference() {
    let model = model();
    let (mut ended, mut different) = (0, std::collections::HashSet::new());

    for case in cases() {
        let said = model.marian.say(&case.source, NEW_TOKENS_MAX, &|| true).expect("tokens");
        let wanted = case.target[1..].strip_suffix(&[0]).unwrap_or(&case.target[1..]);
        assert_eq!((&said.ids[..], said.has_ended), (wanted, case.ended), "{:?}", case.text);
        assert_eq!(model.tokens.decode(&said.ids), case.said, "{:?}", case.text);
        ended += usize::from(case.ended);
        different.extend(said.ids);
    }

    assert!(ended >= 4 && different.len() >= 12, "the cases say too little");
}

#[test]
fn what_finds_no_end_and_what_nobody_waits_for_is_not_said() {
    let model = model();
    let to = "de".parse().expect("a language");

    assert!(matches!(model.translate("hi", to, &|| false), Err(Unsaid::Unwanted)));
    let cases = cases();
    let endless = cases
        .iter()
        .filter(|case| !case.ended)
        .any(|case| matches!(model.translate(&case.text, to, &|| true), Err(Unsaid::Endless)));
    assert!(endless);
    assert!(!model.knows_marks());
    assert!(model.says(to) && !model.says("ja".parse().expect("a language")));
}

#[test]
fn files_that_do_not_fit_together_are_told_by_name() {
    let told = |change: &dyn Fn(&mut ModelFiles)| {
        let mut files = files();
        change(&mut files);
        Model::new(files).err().expect("must be refused").to_string()
    };
    let config = |from: &str, to: &str| {
        let text = String::from_utf8_lossy(fixture!("model/config.json")).replace(from, to);
        told(&|files| files.config = text.clone().into_bytes())
    };

    assert!(config("\"d_model\": 32", "\"d_model\": 64").starts_with("model.safetensors: "));
    assert!(config("\"encoder_layers\": 2", "\"encoder_layers\": 3").contains("layers.2"));
    assert!(told(&|files| files.vocabulary = b"{}".to_vec()).contains("vocab.json: no `<unk>`"));
    assert!(told(&|files| files.vocabulary = br#"{"<unk>": 9999}"#.to_vec()).contains("9999"));
    assert!(told(&|files| files.source.truncate(1_000)).starts_with("source.spm: "));
    assert!(told(&|files| files.weights.truncate(1_000)).starts_with("model.safetensors: "));
}
