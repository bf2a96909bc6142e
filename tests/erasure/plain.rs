//! What was written before there were keys.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tradewind::domain::{
    ConversationId, CustomerId, CustomerKey, CustomerValue, Event, EventKind, MessageId, Sender,
    ShopId, Timestamp,
};
use tradewind::flow::{Fact, Opened, Record, Shard};
use tradewind::journal;

use super::router::get;
use super::{PATIENCE, Place, Process, dump, files, run, text};

/// A data folder of before there were keys: everything of Ana and Min lies in it as it was said, in three
/// segments and a snapshot.
fn written_in_plain_text(data: &Path) -> [ConversationId; 2] {
    let shop = ShopId::from("demo");
    let at = Timestamp::from_millis(1_764_463_600_000);
    let of = |name: &str, n: u64| {
        let customer = CustomerId::from(format!("u_{name}-Q7"));
        (ConversationId::new(at.as_millis(), CustomerKey::of(&shop, &customer), n), customer)
    };
    let opened = |(id, customer): &(ConversationId, CustomerId)| Record {
        conversation: *id,
        facts: vec![Fact::Opened(Opened {
            shop: shop.clone(),
            customer: customer.clone(),
            verified: Some(customer.clone()),
            epoch: 1,
            at,
            locale: "es".parse().ok(),
            time_zone: Some("America/Mexico_City".into()),
            region: Some("latam".into()),
            value: CustomerValue::Normal,
        })],
    };
    let said = |conversation: ConversationId, seq: u64, text: &str| Record {
        conversation,
        facts: vec![Fact::Event(Event {
            seq,
            at,
            kind: EventKind::Message {
                from: Sender::Customer,
                id: MessageId::from_uuid(uuid::Uuid::new_v4()),
                text: text.into(),
                language: None,
            },
        })],
    };
    let (ana, min) = (of("ana", 1), of("min", 2));
    // Its beginning is gone: nothing says any more whose it was.
    let orphan = ConversationId::new(at.as_millis(), CustomerKey::of(&shop, &ana.1), 3);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let options = journal::Options { segment_bytes: 16 << 10, ..journal::Options::default() };
        let (journal, mut replay) = journal::open(&data.join("journal"), options).unwrap();
        assert!(replay.next().is_none());
        let mut records = vec![opened(&ana), opened(&min)];
        for n in 1..60 {
            // The shortest text has no room for what usually stands in its place.
            let of_ana = if n % 2 == 0 { "Q7".to_owned() } else { format!("ana-said-{n}-Q7") };
            records.push(said(ana.0, n, &of_ana));
            records.push(said(min.0, n, &format!("min-said-{n} {}", "x".repeat(700))));
        }
        records.push(said(orphan, 4, "ana-orphan-Q7"));
        for record in &records {
            let mut batch = journal::Batch::new();
            batch.push(&record.encode()).unwrap();
            journal.append(batch).await.unwrap();
        }
        let end = journal.end().unwrap();
        let mut writer = journal.snapshots().begin(end).unwrap();
        for of in [&ana, &min] {
            let mut shard = Shard::new(settings(), Arc::default(), 1);
            let theirs = records.iter().filter(|record| record.conversation == of.0);
            theirs.for_each(|record| assert!(shard.restore(record)));
            writer.push(end, &shard.keep(of.0).unwrap()).unwrap();
        }
        writer.finish(end).unwrap();
        // What is written from then on is read behind the snapshot.
        let mut batch = journal::Batch::new();
        batch.push(&said(ana.0, 60, "ana-later-Q7").encode()).unwrap();
        journal.append(batch).await.unwrap();
        journal.close().await.unwrap();
    });
    [ana.0, min.0]
}

fn settings() -> tradewind::flow::Settings {
    tradewind::flow::Settings {
        ack_level: "durable",
        conversations_max: 100,
        messages_per_conversation_max: 500,
        resume_for: Duration::from_secs(24 * 3600),
        greeting_wait: Duration::from_secs(4),
        customer_silence_ask: Duration::from_secs(600),
        customer_silence_close: Duration::from_secs(900),
        dedup: tradewind::dedup::Settings::default(),
        email: None,
    }
}

#[test]
fn what_is_older_than_the_keys_is_taken_out_of_a_folder_that_no_router_has() {
    let place = Place::new();
    let data = place.path("data");
    let [ana, min] = written_in_plain_text(Path::new(&data));
    let spare = place.path("data/journal/00000000000000000099.spare");
    std::fs::write(&spare, "u_ana-Q7 was here before").unwrap();
    std::fs::write(place.path("data/journal/00000000000000000098.damaged"), "whatever").unwrap();
    let planted = |word: &str| {
        let mut found = Vec::new();
        files(Path::new(&data), &mut found);
        found.retain(|path| text(&std::fs::read(path).unwrap()).contains(word));
        found.len()
    };
    assert!(planted("ana-said-1-") >= 2 && planted("u_ana") >= 2, "it lies there as it was said");
    let of_min = planted("min-");
    assert!(of_min >= 4, "in every segment and the snapshot: {of_min}");

    let erase =
        || run(&["erase", "--shop", "demo", "--customer", "u_ana-Q7", "--data", &data, "--json"]);
    let erased: Value = serde_json::from_str(&erase()).unwrap();

    assert_eq!((&erased["conversations"], &erased["unsealed"]), (&json!(1), &json!(0)));
    // The beginning, sixty messages, the orphan, and the entry of the snapshot.
    assert_eq!((&erased["emptied"], &erased["set_aside"]), (&json!(63), &json!(1)));
    assert_eq!(planted("ana"), 0);
    assert_eq!(planted("min-"), of_min, "the others lie where they lay");
    assert!(!Path::new(&spare).exists(), "it would have been used again some day");
    let verified = run(&["journal", "verify", &data, "--json"]);
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!((&verified["whole"], &verified["records"]), (&json!(true), &json!(122)));
    let shown = run(&["journal", "dump", &data, "--show-texts"]);
    let lines = |id: ConversationId| {
        let id = id.to_string();
        shown.lines().filter(|line| line.contains(&id)).count()
    };
    assert_eq!((lines(ana), lines(min)), (61, 60), "the order of what happened stays");
    assert!(shown.contains("opened by somebody of demo") && shown.contains("[erased]"), "{shown}");

    // Once more changes nothing, and a router starts on it.
    let again: Value = serde_json::from_str(&erase()).unwrap();
    assert_eq!((&again["conversations"], &again["emptied"]), (&json!(0), &json!(0)));
    let process = Process::start(&place, "data");
    let path = format!("/v1/conversations/{ana}/explanation");
    assert!(!get(process.admin_address, &path, "").1.contains("ana"));
    let (began, keys) = (Instant::now(), place.path("data/keys"));
    // What was open ends, a moment after the start.
    while !dump(&data, &keys).contains(r#"{"closed":{"by":"erasure"}}"#) {
        assert!(began.elapsed() < PATIENCE, "{}", dump(&data, &keys));
    }
}
