//! The encoder inside the program.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tradewind::domain::{Guess, Intent, Sentiment, Tier};
use tradewind::understand::encoder::{
    Bounds, CandleEncoder, Encoder, EncoderError, Installed, Seer, compare,
};
use tradewind::understand::tiers::{SecondTier, Unsure};
use tradewind::understand::train::corpus::{Part, parts};
use tradewind::understand::{Model, Row, parse_rows};

/// Everything in `models/` that is inside the program, in bytes.
const SHIPPED_BYTES_MAX: u64 = 30_000_000;

fn models() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models"))
}

fn bytes(folder: &Path) -> u64 {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.metadata().expect("a size").len()).sum()
}

fn held_out() -> Vec<Row> {
    let mut paths: Vec<_> = std::fs::read_dir(models().join("corpus"))
        .expect("the corpus is in the repository")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    paths.sort();
    let read = |path| parse_rows(&std::fs::read_to_string(path).expect("a text")).expect("rows");
    let rows: Vec<Row> = paths.iter().flat_map(read).collect();
    let held = rows.iter().zip(parts(&rows)).filter(|(_, part)| *part == Part::HeldOut);
    held.map(|(row, _)| row.clone()).collect()
}

#[test]
fn all_that_ships_fits_in_thirty_megabytes() {
    let heads = ["head.bin", "usual.bin"].map(|name| models().join("account_bound").join(name));
    let heads = heads.map(|path| std::fs::metadata(path).expect("a head").len());
    let all = bytes(models()) + bytes(&models().join("encoder")) + heads.iter().sum::<u64>();

    assert!(all <= SHIPPED_BYTES_MAX, "{all} bytes");
}

#[test]
fn a_message_gets_the_same_vector_alone_and_in_a_batch() {
    let files = Installed::shipped().expect("the files fit together").files;
    let mut encoder = CandleEncoder::new(files, &Bounds::default()).expect("an encoder");
    let texts = ["hi", "où est mon colis ?", "พัสดุของฉันอยู่ที่ไหน ยังไม่ได้รับเลยค่ะ", "🙃", ""];

    let together = encoder.embed(&texts).expect("vectors");

    for (text, vector) in texts.iter().zip(together) {
        let alone = encoder.embed(&[text]).expect("a vector").remove(0);
        let apart = alone.iter().zip(&vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{text}: {apart}");
    }
}

#[test]
fn a_text_that_is_longer_than_the_encoder_reads_keeps_what_the_fast_tier_made_of_it() {
    let mut tier = SecondTier::installed(Installed::shipped().expect("sound")).expect("a tier");
    let polite = "Good morning, I hope that you are well, and thank you for the quick delivery. ";
    let long = format!("{}So now give me my money back at once!", polite.repeat(8));
    // More characters than are looked at, whatever tokens they make.
    let endless = "ab".repeat(2_000);
    let mut intents = vec![0.0; Intent::ALL.len()];
    intents[Intent::Invoice as usize] = 0.64;
    intents[Intent::Discount as usize] = 0.36;
    let unsure = |text: &str| Unsure {
        text: text.into(),
        intents: intents.clone(),
        sentiments: vec![0.2, 0.2, 0.6],
    };
    let messages = [long.as_str(), endless.as_str(), "where is my order?"].map(unsure);

    let answers = tier.read(&messages, &mut || Duration::ZERO).expect("read").answers;

    let kept = (Guess { label: Intent::Invoice, confidence: 0.64 }, Tier::Fast);
    for answer in &answers[..2] {
        assert_eq!((answer.intent, answer.tier), kept);
        assert_eq!(answer.sentiment, Guess { label: Sentiment::Positive, confidence: 0.6 });
    }
    assert_eq!(answers[2].tier, Tier::Encoder);
    assert_ne!(answers[2].intent.confidence, 0.64);
}

#[test]
fn two_tiers_are_better_than_one_on_messages_that_trained_neither() {
    let Installed { files, heads, measured, .. } = Installed::shipped().expect("sound");
    let mut encoder = CandleEncoder::new(files, &Bounds::default()).expect("an encoder");
    let fast = Model::embedded().expect("the shipped model");
    // A part of them, for time; what the card reports is of all.
    let rows: Vec<Row> = held_out().into_iter().step_by(16).collect();

    let seer = Seer { encoder: &mut encoder, heads: &heads };
    let found = compare(&fast, seer, &rows, &mut || Duration::ZERO).expect("figures");

    let gained = (measured.intents.gained + measured.sentiments.gained) as f64;
    let lost = (measured.intents.lost + measured.sentiments.lost) as f64;
    assert!(gained - lost > 2.0 * (gained + lost).sqrt(), "no more than chance: {measured:?}");
    assert!(measured.intents.gained > measured.intents.lost, "{measured:?}");
    assert!(measured.sentiments.gained > measured.sentiments.lost, "{measured:?}");
    assert!(found.two_tiers.intent >= found.fast.intent, "{found:?}");
    assert!(found.two_tiers.sentiment >= found.fast.sentiment, "{found:?}");
    assert!((found.two_tiers.intent - measured.two_tiers.intent).abs() < 0.06, "{measured:?}");
}

#[test]
fn an_exchanged_or_missing_file_of_an_encoder_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("encoder");
    let shipped = Installed::shipped().expect("sound");
    shipped.write(&folder).expect("written");
    Installed::read(&folder).expect("sound").expect("there");

    for name in [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "heads.twh",
        "incidents.tws",
        "measured.json",
    ] {
        let path = folder.join(name);
        let content = std::fs::read(&path).expect("a file");
        let mut damaged = content.clone();
        damaged[content.len() / 2] ^= 0x20;
        std::fs::write(&path, damaged).expect("written");
        let told = Installed::read(&folder).err().expect("damaged").to_string();
        assert!(told.contains(name) && told.contains("SHA-256"), "{told}");
        std::fs::write(&path, content).expect("written");
    }
    std::fs::remove_file(folder.join("manifest.toml")).expect("removed");
    let told = Installed::read(&folder).err().expect("an older folder");
    assert!(matches!(told, EncoderError::Manifest(_)), "{told}");
    assert!(told.to_string().contains("tradewind model add"), "{told}");
}

/// What `evaluate --bursts` says of messages of incidents that taught nothing.
fn found(extra: &[&str]) -> (f64, u64) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bursts/late/one"));
    let asked = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["evaluate", "--json", "--bursts"])
        .arg(folder)
        .args(extra)
        .output()
        .expect("it runs");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let report: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    let last = &report["final"];
    (last["recall"].as_f64().expect("a share"), last["false_merges"].as_u64().expect("a count"))
}

#[test]
fn incidents_that_nobody_taught_are_found_better_than_by_words_and_no_more_look_alikes_join() {
    let ((by_words, merged_by_words), (by_both, merged)) = (found(&["--fast-only"]), found(&[]));

    // 0.40 and 0.63 when it was written (docs/decisions/0049).
    assert!(by_both > by_words + 0.15, "{by_both} and {by_words}");
    assert!(merged <= merged_by_words, "{merged} and {merged_by_words}");
}
