//! Sentence encoders with real weights, which are too large for the repository.
//!
//! `cargo xtask test --install` puts them below `target/encoders`. Where they are not, these tests say so and
//! end; with `TRADEWIND_ENCODERS` set (a folder, from the root of the repository) their absence is a failure.

mod e5;
mod minilm;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use tradewind::understand::encoder::EncoderFiles;

/// The folder of an encoder, or nothing where it was not installed.
fn installed(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let asked = std::env::var_os("TRADEWIND_ENCODERS");
    let folder = root.join(asked.as_deref().unwrap_or("target/encoders".as_ref())).join(name);
    if folder.join("model.safetensors").exists() {
        return Some(folder);
    }
    let folder = folder.display();
    assert!(asked.is_none(), "TRADEWIND_ENCODERS is set and {folder} has no weights");
    eprintln!("SKIPPED: no weights in {folder}; `cargo xtask test --install` brings them");
    None
}

/// Its files, whose weights must be those that the reference vectors were computed with.
fn files(folder: &Path, weights_sha256: &str) -> EncoderFiles {
    let files = EncoderFiles::read(folder).expect("the files");
    let sha256 = Sha256::digest(&files.weights);
    let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sha256, weights_sha256);
    files
}

/// A vector of numbers as bytes, little-endian, in base64.
fn vector(f32_le: &str) -> Vec<f32> {
    let bytes = BASE64_STANDARD.decode(f32_le).expect("base64");
    let (numbers, odd) = bytes.as_chunks();
    assert!(odd.is_empty(), "whole numbers");
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
