//! Holds the examples of `docs/protocol.md` against the code: what the page shows a client sending is
//! read by the real parser, and what it shows the server sending has the fields that the server writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tradewind::domain::{
    By, ConversationId, Event, EventKind, Intent, Language, MessageId, OfferId, Pair, Priority,
    Said, SeatId, SeatState, Sender, Sentiment, SkillId, Timestamp, TransferTarget, Translated,
    Untranslated, WaitReason,
};
use tradewind::protocol::{
    ClientFrame, CloseCode, ErrorCode, EventFrame, FloorFrame, FloorGone, FloorTotals, Held, Join,
    Note, Offer, RunningRow, SeatRow, ServerFrame, WaitingRow, encode,
};
use uuid::Uuid;

const PAGE: &str = include_str!("../docs/protocol.md");

/// The examples behind `arrow`, with the page's shortened values made whole.
fn examples(arrow: char) -> Vec<Value> {
    let mut found = Vec::new();
    for (at, _) in PAGE.match_indices(&format!("{arrow} {{\"type\"")) {
        let line = PAGE[at..].lines().next().unwrap_or_default();
        let text = line.trim_start_matches(arrow).trim().split('`').next().unwrap_or_default();
        found.push(whole(text));
    }
    found
}

/// `"0190…c1"` becomes an id, `"…"` a text, and lists or objects that end in `…` are closed there.
fn whole(text: &str) -> Value {
    let id = format!("\"{}\"", Uuid::from_u128(0x0190_f3a2 << 96));
    let mut out = String::new();
    for (n, part) in text.split('"').enumerate() {
        if n % 2 == 0 {
            out.push_str(&part.replace(",…", "").replace('…', ""));
        } else if part.contains('…') && part.len() > '…'.len_utf8() {
            out.push_str(&id);
        } else {
            out.push_str(&format!("\"{part}\""));
        }
    }
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
}

/// What tells frames apart: the type, and the kind of an event.
fn name(frame: &Value) -> String {
    let kind = frame["kind"].as_str().map(|kind| format!("/{kind}")).unwrap_or_default();
    format!("{}{kind}", frame["type"].as_str().unwrap_or_default())
}

fn fields(frame: &Value) -> BTreeSet<String> {
    frame.as_object().expect("an object").keys().cloned().collect()
}

#[test]
fn every_example_of_a_client_is_read_by_the_parser() {
    let examples = examples('→');
    let types: BTreeSet<String> = examples.iter().map(name).collect();

    for example in &examples {
        let text = example.to_string();
        if let Err((_, error)) = ClientFrame::parse(&text) {
            panic!("{error}: {text}");
        }
    }
    for kind in [
        "hello",
        "ping",
        "send",
        "received",
        "typing",
        "close",
        "person",
        "helpful",
        "rate",
        "state",
        "accept",
        "decline",
        "note",
        "transfer",
        "assign",
        "take_over",
        "approve",
        "part",
        "floor",
        "incidents",
        "confirm_incident",
        "answer_incident",
        "join_incidents",
        "part_incidents",
        "close_incident",
    ] {
        assert!(types.contains(kind), "no example of `{kind}` on the page");
    }
}

#[test]
fn every_example_of_the_server_has_the_fields_that_the_server_writes() {
    let written = server_frames();
    let mut shown = BTreeSet::new();

    for example in examples('←') {
        let name = name(&example);
        shown.insert(example["type"].to_string());
        let Some(fields_written) = written.get(&name) else {
            // An event that the page cuts short before its kind.
            assert_eq!(name, "event", "the server never writes `{name}`");
            continue;
        };
        assert_eq!(&fields(&example), fields_written, "`{name}`");
    }
    for name in written.keys() {
        let kind = name.split('/').next().unwrap_or_default();
        assert!(shown.contains(&format!("\"{kind}\"")), "no example of `{kind}` on the page");
    }
}

#[test]
fn every_event_kind_error_and_close_code_is_on_the_page() {
    for name in server_frames().keys() {
        let word = name.rsplit('/').next().unwrap_or_default();
        assert!(PAGE.contains(&format!("`{word}`")), "`{word}` is not on the page");
    }
    for code in ErrorCode::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.http_status());
        assert!(PAGE.contains(&row), "no row `{row}` on the page");
    }
    for code in CloseCode::ALL {
        let row = format!("| `{}` | `{}`", code.number(), code.as_str());
        assert!(PAGE.contains(&row), "no row `{row}` on the page");
    }
}

#[test]
fn rows_of_the_floor_on_the_page_have_the_fields_that_the_server_writes() {
    let (waiting, running, row) = floor_rows();
    let fields_of = |row: Value| fields(&row);
    let frame = examples('←').into_iter().find(|frame| frame["type"] == "floor").expect("one");
    let shown = |begins: &str| {
        let at = PAGE.find(begins).unwrap_or_else(|| panic!("no row {begins} on the page"));
        fields_of(whole(PAGE[at..].split('`').next().unwrap_or_default()))
    };

    let written = serde_json::to_value(&waiting).expect("JSON");
    assert_eq!(fields_of(frame["waiting"][0].clone()), fields_of(written));
    let written = serde_json::to_value(&running).expect("JSON");
    assert_eq!(
        shown("{\"conversation\":\"0190…c1\",\"seat\":\"lucia\",\"language\""),
        fields_of(written)
    );
    let written = serde_json::to_value(&row).expect("JSON");
    assert_eq!(shown("{\"seat\":\"lucia\",\"state\":\"ready\",\"on_shift\""), fields_of(written));
}

fn floor_rows() -> (WaitingRow, RunningRow, SeatRow) {
    let conversation = ConversationId::from_uuid(Uuid::from_u128(1));
    let (seat, at) = (SeatId::from("mai"), Timestamp::from_millis(0));
    let waiting = WaitingRow {
        conversation,
        place: 1,
        language: Language::ENGLISH,
        skill: "refunds".into(),
        region: None,
        priority: Priority::Normal,
        reason: WaitReason::Capacity,
        wait_s: None,
        arrived_at: at,
        deadline: at,
        held_until: None,
        seat: None,
        hops: 0,
    };
    let running = RunningRow {
        conversation,
        seat: seat.clone(),
        language: Language::ENGLISH,
        skill: "refunds".into(),
        region: None,
        priority: Priority::Normal,
        arrived_at: at,
        deadline: at,
        since: at,
        replied: true,
        owes_reply: false,
        hops: 0,
    };
    let row = SeatRow {
        seat,
        state: Some(SeatState::Ready),
        on_shift: true,
        ending: false,
        shift_ends_at: None,
        slots: 3,
        assigned: 0,
        offered: 0,
        wrapping_up: 0,
        languages: Vec::new(),
        skills: Vec::new(),
    };
    (waiting, running, row)
}

/// The fields of every frame that the server can write.
fn server_frames() -> BTreeMap<String, BTreeSet<String>> {
    let conversation = ConversationId::from_uuid(Uuid::from_u128(1));
    let offer = OfferId::from_uuid(Uuid::from_u128(2));
    let id = MessageId::from_uuid(Uuid::from_u128(3));
    let skill = SkillId::from("legal");
    let seat = SeatId::from("mai");
    let at = Timestamp::from_millis(0);
    let held = [Held { conversation, epoch: 1, seq: 1 }];
    let (waiting, running, row) = floor_rows();
    let pair = Pair { from: Language::ENGLISH, to: Language::ENGLISH };
    let translated = Translated { pair, said: Said::AsWritten(Untranslated::Late) };
    let join = || Join { seq: 1, at, to: "named", earlier: None, ms_ago: None, same_order: false };
    let note = || Note { conversation, at, seat: &seat, text: "x" };
    let kinds = [
        EventKind::Message { from: Sender::Seat, id, text: "x".into(), language: None },
        EventKind::Queued { place: 1, wait_s: None, reason: WaitReason::Hours },
        EventKind::Assigned { seat: seat.clone() },
        EventKind::AnsweredByMachine { source: "faq/x".into() },
        EventKind::Ticket { reference: "T-1".into(), opens_at: None },
        EventKind::Transferred { to: TransferTarget::Seat(seat.clone()) },
        EventKind::FoundHelpful { helpful: true },
        EventKind::Rated { score: 5 },
        EventKind::Closed { by: By::Customer },
    ];
    let events: Vec<Event> = kinds.into_iter().map(|kind| Event { seq: 1, at, kind }).collect();
    let mut frames: Vec<ServerFrame<'_>> = events
        .iter()
        .map(|event| ServerFrame::Event(EventFrame::new(conversation, 1, event, None)))
        .collect();
    frames.extend([
        ServerFrame::Closing { reason: "draining", retry_after_ms: 1_830 },
        ServerFrame::Welcome {
            session: Uuid::nil(),
            heartbeat_ms: 5_000,
            recovered: false,
            conversations: &held,
        },
        ServerFrame::Pong,
        ServerFrame::Ack { id, conversation, epoch: 1, seq: 1, level: "durable" },
        ServerFrame::Typing { conversation, from: Sender::Seat },
        ServerFrame::Received { conversation, seq: 1, from: Sender::Seat },
        ServerFrame::Error {
            id: None,
            code: ErrorCode::Conflict,
            message: "x",
            retry_after_ms: None,
        },
        ServerFrame::State { state: SeatState::Ready, slots: 3, used: 1 },
        ServerFrame::Offer(Offer {
            offer,
            conversation,
            expires_at: at,
            waiting_ms: 1,
            deadline: at,
            language: Language::ENGLISH,
            intent: Intent::Other,
            sentiment: Sentiment::Neutral,
            confidence: 0.5,
            own_intent: None,
            why: &[],
        }),
        ServerFrame::Withdrawn { offer, reason: "expired" },
        ServerFrame::Accepted {
            offer: Some(offer),
            conversation,
            epoch: 1,
            fence: 1,
            history: Vec::new(),
            notes: vec![note()],
            joins: vec![join()],
        },
        ServerFrame::TakenBack { conversation, reason: "silent" },
        ServerFrame::Escalated { conversation, hops: 3 },
        ServerFrame::Held { conversation, skill: &skill, until: None },
        ServerFrame::Note(note()),
        ServerFrame::Joined { conversation, joins: vec![join()] },
        ServerFrame::Floor(FloorFrame {
            full: true,
            waiting: vec![&waiting],
            running: vec![&running],
            seats: vec![&row],
            gone: FloorGone::default(),
            totals: FloorTotals::default(),
        }),
        ServerFrame::Translated { conversation, seq: 1, id, translation: (&translated).into() },
        ServerFrame::Incidents {
            incidents: &[],
            translates: false,
            automatic: false,
            decisions: 0,
            fallback: Language::ENGLISH,
        },
    ]);
    frames
        .iter()
        .map(|frame| serde_json::from_str(&encode(frame)).expect("JSON"))
        .map(|frame: Value| (name(&frame), fields(&frame)))
        .collect()
}
