//! Time to read one message, over a mix of messages of the corpus in all its languages, and the time
//! that finding personal data takes of it.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tradewind::understand::{Hint, Model, Scratch, parse_rows, pii};

fn messages() -> Vec<String> {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/corpus"));
    let mut files: Vec<_> = std::fs::read_dir(corpus)
        .expect("the corpus is in the repository")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let read = |path| parse_rows(&std::fs::read_to_string(path).expect("a text")).expect("rows");
    files.iter().flat_map(read).map(|row| row.text).step_by(7).collect()
}

fn understand(criterion: &mut Criterion) {
    let model = Model::embedded().expect("the shipped model fits its manifest");
    let (messages, mut scratch) = (messages(), Scratch::default());
    let mut group = criterion.benchmark_group("understand");
    group.throughput(Throughput::Elements(messages.len() as u64));
    group.bench_function("corpus_messages", |bencher| {
        bencher.iter(|| {
            for text in &messages {
                black_box(model.understand(black_box(text), &Hint::default(), &mut scratch));
            }
        });
    });
    group.finish();
}

/// Messages of a usual length: most have no digit at all, some have two numbers.
const WITHOUT_DIGITS: &str = "Hello, I ordered a pair of running shoes last week and the parcel still \
    has not arrived, could you please check where it is right now? Thanks";
const WITH_NUMBERS: &str = "Hi, where is my order 10482993, it was promised for last friday and nobody \
    answers me, you can call me back on 0151 23456789 please, thanks!";

fn personal_data(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("personal_data");
    for (name, text) in [("without_digits", WITHOUT_DIGITS), ("with_two_numbers", WITH_NUMBERS)] {
        group.bench_function(name, |bencher| bencher.iter(|| pii::find(black_box(text))));
    }
    group.finish();
}

criterion_group!(benches, understand, personal_data);
criterion_main!(benches);
