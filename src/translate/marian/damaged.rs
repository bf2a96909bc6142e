//! Files that were damaged, or made to do harm: the model is refused, and the router goes on.

use tempfile::TempDir;

use super::super::engine::{EngineError, Job, Translator};
use super::parity::files;
use super::{LocalEngine, ModelFiles};
use crate::config::shop::LocalModel;
use crate::domain::Language;

/// Deeper than any stack of a thread of this program.
const DEEP: usize = 1 << 20;

/// A field of a message of Protocol Buffers that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend(bytes);
    field
}

fn piece(text: &[u8]) -> Vec<u8> {
    field(1, &field(1, text))
}

/// A table that has no sequences, and this one replacement.
fn table(replacement: &[u8]) -> Vec<u8> {
    let table = [&[0; 4][..], b"a\0", replacement, b"\0"].concat();
    field(3, &field(2, &table))
}

fn vocabulary(token: &str) -> Vec<u8> {
    format!(r#"{{"<unk>": 1, "{token}": 2}}"#).into_bytes()
}

fn written(files: &ModelFiles) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let named = [
        ("config.json", &files.config),
        ("vocab.json", &files.vocabulary),
        ("source.spm", &files.source),
        ("model.safetensors", &files.weights),
    ];
    for (name, content) in named {
        std::fs::write(folder.path().join(name), content).expect("a file");
    }
    folder
}

/// What whoever asks is told by an engine with these files.
async fn told(change: impl FnOnce(&mut ModelFiles)) -> String {
    let mut files = files();
    change(&mut files);
    let folder = written(&files);
    let to: Language = "de".parse().expect("a language");
    let model = LocalModel {
        folder: folder.path().to_owned(),
        from: vec![Language::ENGLISH],
        to: vec![to],
    };
    let engine = LocalEngine::start(&model).expect("a thread");
    let texts = vec!["Where is it?".to_owned()];
    let job = Job { texts, from: Language::ENGLISH, to, markup: None };
    match engine.translate(&job).await {
        Err(EngineError::Unavailable(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn pieces_and_tokens_longer_than_any_are_refused_by_the_thread_that_reads_them() {
    let deep = told(|files| files.source.extend(piece(&[b'a'; DEEP]))).await;
    assert_eq!(deep, "source.spm: a piece of 1048576 bytes, at most 256 are read");
    let longer = told(|files| files.source.extend(piece(&[b'a'; 257]))).await;
    assert!(longer.contains("a piece of 257 bytes"), "{longer}");
    let written = told(|files| files.source.extend(table(&[b'a'; 257]))).await;
    assert_eq!(written, "source.spm: the table of replaced characters is damaged");
    let token = told(|files| files.vocabulary = vocabulary(&"a".repeat(257))).await;
    assert_eq!(token, "vocab.json: a token of 257 bytes, at most 256 are read");
}

#[test]
fn the_longest_that_are_read_are_read() {
    let mut files = files();
    files.source.extend(piece(&[b'a'; 256]));
    files.source.extend(table(&[b'a'; 256]));

    super::Model::new(files).map(|_| ()).expect("a model");
}

#[tokio::test]
async fn sizes_that_are_only_claimed_are_refused() {
    let header = |text: &str| {
        let mut file = (text.len() as u64).to_le_bytes().to_vec();
        file.extend(text.as_bytes());
        file
    };
    let claims = [
        u64::MAX.to_le_bytes().to_vec(),
        (1_u64 << 33).to_le_bytes().to_vec(),
        header(
            r#"{"model.shared.weight":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,16]}}"#,
        ),
        header(
            r#"{"model.shared.weight":{"dtype":"F32","shape":[1048576,4096],"data_offsets":[0,17179869184]}}"#,
        ),
        header(r#"{"model.shared.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[16,0]}}"#),
        header(&"[".repeat(DEEP)),
    ];

    for claim in claims {
        let told = told(|files| files.weights = claim).await;
        assert!(told.starts_with("model.safetensors: "), "{told}");
    }
    let layers = told(|files| {
        let text = String::from_utf8_lossy(&files.config)
            .replace("\"encoder_layers\": 2", "\"encoder_layers\": 4000000000");
        files.config = text.into_bytes();
    })
    .await;
    assert_eq!(layers, "config.json: encoder_layers is 4000000000, must be from 1 to 64");
}
