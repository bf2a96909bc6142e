//! What sealing costs: a usual record and a usual conversation of a snapshot, sealed against plain, written
//! and read; 64 records in one commit on disk; and the giving of a key.
//!
//! `cargo bench --bench vault`. Compare rows of one run only.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tradewind::domain::{
    ConversationId, CustomerId, CustomerKey, CustomerValue, Event, EventKind, MessageId, Sender,
    ShopId, Timestamp,
};
use tradewind::flow::{Entry, Fact, Keyring, Opened, Record};
use tradewind::journal::{Batch, Journal, Options, open};
use tradewind::vault::{Key, MasterSource, Vault};

const COMMITTED: usize = 64;

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn customer() -> CustomerId {
    CustomerId::from("a_Wk3J0q8mB2u5yT1xZ7cD")
}

/// A customer's message of usual length.
fn message() -> Record {
    let shop = ShopId::from("demo");
    let at = Timestamp::from_millis(1_764_463_600_000);
    let conversation = ConversationId::new(at.as_millis(), CustomerKey::of(&shop, &customer()), 7);
    let kind = EventKind::Message {
        from: Sender::Customer,
        id: MessageId::from_uuid(uuid::Uuid::from_u128(7)),
        text: "Hi, where is my order TW-10482? It should have come last week.".into(),
        language: None,
    };
    Record { conversation, facts: vec![Fact::Event(Event { seq: 3, at, kind })] }
}

/// The first message of a conversation.
fn first_message() -> Record {
    let mut record = message();
    let opened = Opened {
        shop: ShopId::from("demo"),
        customer: customer(),
        verified: None,
        epoch: 1,
        at: Timestamp::from_millis(1_764_463_600_000),
        locale: "es".parse().ok(),
        time_zone: Some("America/Mexico_City".into()),
        region: None,
        value: CustomerValue::Normal,
    };
    record.facts.insert(0, Fact::Opened(opened));
    record
}

/// A vault with keys to give.
fn vault(folder: &Path) -> Vault {
    let vault = Vault::open(folder, &MasterSource::Beside).expect("an empty folder opens");
    vault.serve([ShopId::from("demo")].iter(), false).expect("keys are made");
    vault
}

fn take(vault: &Vault) -> Key {
    loop {
        if let Some(key) = vault.take(&ShopId::from("demo"), &customer()) {
            return key;
        }
        std::thread::yield_now();
    }
}

fn codec(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(target()).expect("a folder");
    let vault = vault(folder.path());
    let key = take(&vault);
    for (name, record) in [("message", message()), ("first_message", first_message())] {
        let (plain, sealed) = (record.encode(), record.seal(Some(&key)));
        let mut keys = Keyring::new(vault.clone());
        Entry::read(&sealed, &mut keys).expect("it opens");
        println!("{name}: {} bytes plain, {} bytes sealed", plain.len(), sealed.len());
        let mut group = criterion.benchmark_group(format!("vault_{name}"));
        group.bench_function("write_plain", |bencher| bencher.iter(|| black_box(&record).encode()));
        group.bench_function("write_sealed", |bencher| {
            bencher.iter(|| black_box(&record).seal(Some(&key)));
        });
        group.bench_function("read_plain", |bencher| {
            bencher.iter(|| Entry::read(black_box(&plain), &mut keys).expect("a record"));
        });
        group.bench_function("read_sealed", |bencher| {
            bencher.iter(|| Entry::read(black_box(&sealed), &mut keys).expect("a record"));
        });
        group.finish();
    }
    criterion.bench_function("vault_take_key", |bencher| bencher.iter(|| take(&vault)));
}

async fn commit(journal: &Journal, encode: impl Fn() -> Vec<u8>) {
    let mut batch = Batch::new();
    for _ in 0..COMMITTED {
        batch.push(&encode()).expect("it fits");
    }
    let position = journal.append(batch).await.expect("the disk takes it");
    journal.recycle_below(position.segment);
}

/// What a shard's turn of 64 messages costs until they are on disk.
fn turn(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(target()).expect("a folder");
    let key = take(&vault(&folder.path().join("keys")));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be built");
    let options = Options { segment_bytes: 16 << 20, ..Options::default() };
    let (journal, _) = open(&folder.path().join("journal"), options).expect("it opens");
    let record = message();
    let mut group = criterion.benchmark_group("vault_commit_64");
    group.throughput(Throughput::Elements(COMMITTED as u64));
    group.bench_function("plain", |bencher| {
        bencher.iter(|| runtime.block_on(commit(&journal, || record.encode())));
    });
    group.bench_function("sealed", |bencher| {
        bencher.iter(|| runtime.block_on(commit(&journal, || record.seal(Some(&key)))));
    });
    group.finish();
    runtime.block_on(journal.close()).expect("an open journal closes");
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(30);
    targets = codec, turn
}
criterion_main!(benches);
