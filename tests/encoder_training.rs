//! A tiny encoder from corpus to folder: trained, read back, taken for another architecture,
//! damaged.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tradewind::understand::encoder::train::{
    Options, Texts, TrainedEncoder, read_translations, train, weigh_again,
};
use tradewind::understand::encoder::{
    Bounds, CandleEncoder, Encoder, EncoderFiles, HEADS_FILE, Heads, Installed,
};
use tradewind::understand::{Model, Row, parse_rows};

const TEXTS: [(&str, &[&str]); 3] = [
    ("track_order", &["where is my parcel", "track order please", "has my package shipped"]),
    ("invoice", &["i need an invoice", "send me the receipt", "tax document for my company"]),
    ("greeting", &["hello there", "good morning", "hi anyone here"]),
];
const ENDS: [&str; 8] = ["", "!", " please", " 4471", " thanks", "??", " today", " now"];

/// Short messages with three intents; enough to find words, too few to be good at anything.
fn rows() -> Vec<Row> {
    let mut lines = String::new();
    for end in ENDS {
        for (intent, texts) in TEXTS {
            for text in texts {
                let labels =
                    format!(r#""language":"en","intent":"{intent}","sentiment":"neutral""#);
                lines += &format!("{{\"text\":\"{text}{end}\",{labels}}}\n");
            }
        }
    }
    parse_rows(&lines).expect("rows")
}

fn options(seed: u64) -> Options {
    Options {
        vocab_size: 150,
        hidden_size: 16,
        layers: 2,
        heads: 2,
        intermediate_size: 32,
        epochs: 30,
        batch: 16,
        rate: 5e-3,
        seed,
        ..Options::default()
    }
}

fn trained(output: &Path, seed: u64) -> TrainedEncoder {
    let fast = Model::embedded().expect("the shipped model");
    let texts = Texts { corpus: rows(), ..Texts::default() };
    train(&texts, &fast, output, &options(seed), &mut |_| {}).expect("an encoder")
}

fn vectors(files: EncoderFiles, texts: &[&str]) -> Vec<Vec<f32>> {
    let mut encoder = CandleEncoder::new(files, &Bounds::default()).expect("an encoder");
    encoder.embed(texts).expect("vectors")
}

fn farthest(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let apart = a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f32::max)
}

#[test]
fn training_learns_and_the_same_seed_gives_the_same_files() {
    let [first, second, other] = [7, 7, 8].map(|seed| {
        let dir = tempfile::tempdir().expect("a folder");
        let report = trained(dir.path(), seed);
        let heads = std::fs::read(dir.path().join(HEADS_FILE)).expect("heads");
        (report, EncoderFiles::read(dir.path()).expect("the files"), heads)
    });

    assert_eq!((&first.1, &first.2), (&second.1, &second.2));
    assert_ne!(first.1.weights, other.1.weights);
    // A third is chance.
    let held_out = first.0.held_out;
    assert!(held_out.messages > 0 && held_out.encoder.intent > 0.8, "{held_out:?}");
    let heads = Heads::decode(&first.2).expect("heads");
    let vector = &vectors(first.1, &["where is my package"])[0];
    let intents = heads.read(vector).intents;
    assert!(intents[0] > 0.5, "{intents:?}");
}

#[test]
fn the_weights_of_the_words_are_fitted_anew_without_training() {
    let dir = tempfile::tempdir().expect("a folder");
    trained(dir.path(), 7);
    let before = Installed::read(dir.path()).expect("sound").expect("there");
    let card = std::fs::read_to_string(dir.path().join("README.md")).expect("a card");
    assert!(card.contains(&before.heads.encoder_sha256), "{card}");
    let fast = Model::embedded().expect("the shipped model");
    let texts = Texts { corpus: rows(), other: rows(), ..Texts::default() };

    let again = weigh_again(&texts, &fast, dir.path()).expect("weighed");

    let after = Installed::read(dir.path()).expect("sound").expect("there");
    assert_eq!((&after.files, &after.heads), (&before.files, &before.heads));
    assert_eq!((again.pools, again.trained_on), (after.heads.pools, 64));
    assert_eq!(again.other.map(|other| other.messages), Some(72));
}

#[test]
fn translations_lie_closer_together_after_they_were_taught() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("shop-strings/ecommerce_i18n");
    std::fs::create_dir_all(&folder).expect("a folder");
    let strings = [
        ("Basket", "Warenkorb"),
        ("Refund", "Erstattung"),
        ("Delivery address", "Lieferadresse"),
        ("Password", "Kennwort"),
        ("Gift card", "Gutschein"),
        ("Opening hours", "Öffnungszeiten"),
    ];
    let table = |of: &dyn Fn(&(&str, &str)) -> String| {
        let lines = strings.iter().enumerate().map(|(key, pair)| format!("{}\t{key}\n", of(pair)));
        format!("text\tkey\n{}", lines.collect::<String>())
    };
    std::fs::write(folder.join("bagisto.en.tsv"), table(&|pair| pair.0.to_owned()))
        .expect("written");
    std::fs::write(folder.join("bagisto.de.tsv"), table(&|pair| pair.1.to_owned()))
        .expect("written");
    let mut corpus = rows();
    for row in corpus.iter_mut().step_by(2) {
        row.language = Some("de".parse().expect("a language"));
    }
    let translations = read_translations(dir.path(), &corpus).expect("strings");
    assert_eq!(translations.len(), strings.len());
    let fast = Model::embedded().expect("the shipped model");
    // How much closer a string is to its translation than to those of others.
    let margin = |name: &str, translations: Vec<_>| {
        let texts = Texts { corpus: corpus.clone(), translations, ..Texts::default() };
        let output = dir.path().join(name);
        let options = Options { translation: 1.0, ..options(7) };
        train(&texts, &fast, &output, &options, &mut |_| {}).expect("an encoder");
        let files = EncoderFiles::read(&output).expect("the files");
        let english = vectors(files.clone(), &strings.map(|pair| pair.0));
        let german = vectors(files, &strings.map(|pair| pair.1));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let own: f32 = english.iter().zip(&german).map(|(a, b)| dot(a, b)).sum();
        let all: f32 = english.iter().flat_map(|a| german.iter().map(|b| dot(a, b))).sum();
        (own - all / strings.len() as f32) / strings.len() as f32
    };

    let (without, with) = (margin("without", Vec::new()), margin("with", translations));

    assert!(with > without + 0.1, "{without} before, {with} after");
}

#[test]
fn a_text_gives_the_same_vector_alone_and_beside_longer_and_shorter_ones() {
    let dir = tempfile::tempdir().expect("a folder");
    trained(dir.path(), 7);
    let files = EncoderFiles::read(dir.path()).expect("the files");
    let long = "where is my parcel ".repeat(500);
    let texts = ["hi", "", "where is my parcel", &long, "\u{0}\u{fffd} 🙃 \u{202e}"];

    let together = vectors(files.clone(), &texts);

    let alone: Vec<_> = texts.iter().flat_map(|text| vectors(files.clone(), &[text])).collect();
    assert!(farthest(&together, &alone) < 1e-5);
    let length = |vector: &Vec<f32>| vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    assert!(together.iter().all(|vector| (length(vector) - 1.0).abs() < 1e-4));
}

#[test]
fn an_xlm_roberta_with_the_same_weights_gives_the_same_vectors() {
    let dir = tempfile::tempdir().expect("a folder");
    trained(dir.path(), 7);
    let bert = EncoderFiles::read(dir.path()).expect("the files");
    let roberta = EncoderFiles {
        config: bert
            .config
            .replace("\"bert\"", "\"xlm-roberta\"")
            .replace("\"max_position_embeddings\": 64", "\"max_position_embeddings\": 65"),
        weights: as_roberta(&bert.weights),
        ..bert.clone()
    };
    let texts = ["hello there", "i need an invoice for my company, please"];

    let apart = farthest(&vectors(bert, &texts), &vectors(roberta, &texts));

    assert!(apart < 1e-6, "{apart}");
}

/// The weights under `roberta.` and with positions that begin after the padding's, which is 0 here.
fn as_roberta(weights: &[u8]) -> Vec<u8> {
    let file = SafeTensors::deserialize(weights).expect("weights");
    let mut tensors = HashMap::new();
    let mut shifted = vec![0; 16 * 2];
    for (name, tensor) in file.iter() {
        let mut shape = tensor.shape().to_vec();
        let mut data = tensor.data();
        if name == "embeddings.position_embeddings.weight" {
            shape[0] += 1;
            shifted.extend(data);
            data = &[];
        }
        tensors.insert(format!("roberta.{name}"), (tensor.dtype(), shape, data));
    }
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        let data = if data.is_empty() { shifted.as_slice() } else { data };
        (name, TensorView::new(*dtype, shape.clone(), data).expect("a tensor"))
    });
    safetensors::serialize(views, None).expect("weights")
}

#[test]
fn a_prefix_stands_before_each_text_and_is_installed_with_the_encoder() {
    let dir = tempfile::tempdir().expect("a folder");
    trained(dir.path(), 7);
    let plain = EncoderFiles::read(dir.path()).expect("the files");
    let prefixed = EncoderFiles { prefix: "track order ".to_owned(), ..plain.clone() };
    prefixed.write(dir.path()).expect("written");
    let read_back = EncoderFiles::read(dir.path()).expect("the files");

    let by_encoder = vectors(read_back, &["please"]);

    assert!(farthest(&by_encoder, &vectors(plain, &["track order please"])) < 1e-6);
}

#[test]
fn an_installed_encoder_is_read_back_and_one_with_other_weights_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    trained(dir.path(), 7);
    let trained = Installed::read(dir.path()).expect("sound").expect("there");
    let folder = dir.path().join("models").join("encoder");
    assert!(Installed::read(&folder).expect("nothing is no error").is_none());

    // Twice: the second takes the place of the first.
    for _ in 0..2 {
        trained.write(&folder).expect("installed");
    }

    let found = Installed::read(&folder).expect("sound").expect("there");
    assert_eq!((&found.files, &found.heads), (&trained.files, &trained.heads));
    assert_eq!((found.measured, found.origin), (trained.measured, trained.origin));
    let mut other = trained.files.weights;
    *other.last_mut().expect("weights") ^= 1;
    std::fs::write(folder.join("model.safetensors"), other).expect("written");
    let error = Installed::read(&folder).err().expect("other weights").to_string();
    assert!(error.contains("model.safetensors"), "{error}");
}
