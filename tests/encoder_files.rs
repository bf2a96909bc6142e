//! An encoder and its folder: alone and in batches, under another architecture's names, installed, damaged.

use std::collections::HashMap;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tradewind::understand::encoder::{Bounds, CandleEncoder, Encoder, EncoderFiles, Installed};

#[path = "tiny_encoder/mod.rs"]
mod tiny_encoder;

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
fn a_text_gives_the_same_vector_alone_and_beside_longer_and_shorter_ones() {
    let files = tiny_encoder::files();
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
    let bert = tiny_encoder::files();
    let roberta = EncoderFiles {
        config: bert
            .config
            .replace("\"bert\"", "\"xlm-roberta\"")
            .replace("\"max_position_embeddings\":64", "\"max_position_embeddings\":65"),
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
    let mut shifted = vec![0; 16 * 4];
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
    let plain = tiny_encoder::files();
    let prefixed = EncoderFiles { prefix: "track order ".to_owned(), ..plain.clone() };
    prefixed.write(dir.path()).expect("written");
    let read_back = EncoderFiles::read(dir.path()).expect("the files");

    let by_encoder = vectors(read_back, &["please"]);

    assert!(farthest(&by_encoder, &vectors(plain, &["track order please"])) < 1e-6);
}

#[test]
fn an_installed_encoder_is_read_back_and_one_with_other_weights_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let tiny = tiny_encoder::installed();
    let folder = dir.path().join("models").join("encoder");
    assert!(Installed::read(&folder).expect("nothing is no error").is_none());

    // Twice: the second takes the place of the first.
    for _ in 0..2 {
        tiny.write(&folder).expect("installed");
    }

    let found = Installed::read(&folder).expect("sound").expect("there");
    assert_eq!((&found.files, &found.heads), (&tiny.files, &tiny.heads));
    assert_eq!((found.measured, found.origin), (tiny.measured, tiny.origin));
    let mut other = tiny.files.weights;
    *other.last_mut().expect("weights") ^= 1;
    std::fs::write(folder.join("model.safetensors"), other).expect("written");
    let error = Installed::read(&folder).err().expect("other weights").to_string();
    assert!(error.contains("model.safetensors"), "{error}");
}
