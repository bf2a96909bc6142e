//! Good inputs of each kind, which the fuzzing begins with.

use std::collections::BTreeMap;
use std::sync::Arc;

use tradewind::journal::{self, Options};

use tradewind::config::shop::ShopFiles;

use super::entries::{Files, GOLDEN, SEGMENT, SMALL_SHOP, answered, keys, small_shop};

/// Conversations as a snapshot keeps them.
const KEPT: [&[u8]; 2] = [
    include_bytes!("../journal_golden/records/019ad239-e180-7000-8020-d30000000007.kept"),
    include_bytes!("../journal_golden/records/019ad2f7-0000-7000-8000-000000000001.kept"),
];
const ID: &str = "0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10";

fn with(way: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    [&[way], bytes.as_ref()].concat()
}

pub fn letters() -> Vec<Vec<u8>> {
    let letters = [
        "\r\nhello\r\n\r\nOn Mon Ana wrote:\r\n> old\r\n",
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\
         \r\n<p>h=C3=A9llo</p>\r\n--b--\r\n",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n\
         sorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: delayed\r\n--b\r\n\
         Content-Type: message/rfc822\r\n\r\nTo: ana@example.org\r\n\r\nold\r\n--b--\r\n",
        "Content-Type: text/plain; charset=gb18030\r\nContent-Transfer-Encoding: base64\r\n\r\nxOO6ww==",
    ];
    letters.map(answered).to_vec()
}

pub fn frames() -> Vec<Vec<u8>> {
    let frames = [
        r#"{"type":"hello","token":"t","resume":{"session":"ID","last_seq":{"ID":17}}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"send","id":"ID","conversation":null,"text":"¿dónde? \ud83d\ude00 \u0000"}"#,
        r#"{"type":"received","conversation":"ID","seq":19}"#,
        r#"{"type":"rate","id":"ID","conversation":"ID","score":5}"#,
        r#"{"type":"state","state":"wrap_up"}"#,
        r#"{"type":"accept","offer":"ID"}"#,
        r#"{"type":"decline","offer":"ID","reason":"not my product"}"#,
        r#"{"type":"note","conversation":"ID","text":"x"}"#,
        r#"{"type":"transfer","conversation":"ID","to":{"seat":"lucia"}}"#,
        r#"{"type":"transfer","conversation":"ID","to":{"skill":"refunds"}}"#,
        r#"{"type":"assign","conversation":"ID","seat":"lucia"}"#,
        r#"{"type":"floor","watch":true}"#,
        r#"{"shop":"demo","visitor":null,"locale":"es-MX","time_zone":"Etc/UTC","identity":null}"#,
        r#"{"shop":"demo","identity":{"user_id":"7","hmac":"00","profile":"{\"value\":\"vip\"}"}}"#,
        r#"{"shop":"demo","identity":{"jwt":"a.b.c"}}"#,
        r#"{"shop":"demo","user":"mai","password":"demo"}"#,
    ];
    frames.iter().map(|text| text.replace("ID", ID).into_bytes()).collect()
}

pub fn tokens() -> Vec<Vec<u8>> {
    let keys = keys();
    vec![
        with(0, &keys.token),
        with(1, &keys.handle),
        with(2, &keys.jwt),
        with(
            3,
            r#"{"sub":"user-7","aud":"demo","exp":1800000300,"nbf":1,"profile":{"value":"vip","country":"MX","time_zone":"Etc/UTC"}}"#,
        ),
        with(3, r#"{"sub":"u","aud":["demo","x"],"iss":"i","exp":1800000300.5}"#),
        with(4, keys.signed_id.to_string()),
        with(4, format!(r#"{{"jwt":"{}"}}"#, keys.jwt)),
    ]
}

pub fn configuration() -> Vec<Vec<u8>> {
    let settings = "data = \"d\"\nshops = \"s\"\n[server]\nlisten = \"127.0.0.1:0\"\n\
        [gateway]\nframe_bytes_max = \"64KiB\"\nmessages_per_s = 10\n[timers]\noffer = \"6s\"\n\
        [understand]\nencoder = \"auto\"\nencoder_share = 0.05\n[log]\nlevel = \"info\"\n";
    let files = &small_shop().0;
    let mut seeds = vec![
        with(0, settings),
        with(1, "TRADEWIND_GATEWAY_MESSAGES_PER_S=10\nTRADEWIND_TIMERS_OFFER=6s\nPATH=x\n"),
        with(2, "gateway.frame_bytes_max=64KiB\ntimers.offer=6s\nserver.listen=[::1]:1\n"),
        with(4, &files["answers/en.toml"]),
        with(5, &files["orders.csv"]),
    ];
    seeds.extend(sections().iter().map(|section| with(3, format!("{SMALL_SHOP}{section}"))));
    seeds
}

/// Each part of the demo shop's file, without its comments, and keys of customers.
fn sections() -> Vec<String> {
    let demo = ShopFiles::demo();
    let lines = demo.0["shop.toml"].lines();
    let mut sections: Vec<(&str, String)> = vec![(
        "identity",
        "[[identity.keys]]\nkid = \"a\"\nalg = \"HS256\"\n\
         secret = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n"
            .to_owned(),
    )];
    let mut is_inside = false;
    for line in lines.filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(header) = line.strip_prefix('[') {
            let name = header.trim_start_matches('[').split(['.', ']']).next().unwrap_or_default();
            is_inside = name != "hours";
            if is_inside && sections.last().is_none_or(|(last, _)| *last != name) {
                sections.push((name, String::new()));
            }
        }
        if let (true, Some((_, section))) = (is_inside, sections.last_mut()) {
            *section += line;
            section.push('\n');
        }
    }
    sections.into_iter().map(|(_, section)| section.replace("seats = 200", "seats = 40")).collect()
}

pub fn journal() -> Vec<Vec<u8>> {
    let segment = GOLDEN;
    let mut seeds: Vec<_> = golden_records().iter().map(|record| with(0, record)).collect();
    seeds.extend(KEPT.map(|kept| with(1, kept)));
    // Zeros behind the last record are more of the same.
    let used = segment.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 64);
    let short = &segment[..used.min(segment.len())];
    seeds.extend([with(2, short), with(3, short), with(4, snapshot())]);
    seeds
}

pub fn http() -> Vec<Vec<u8>> {
    let requests = [
        "GET /v1/widget HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: tradewind.v1.json\r\nOrigin: http://localhost:1\r\n\r\n",
        "POST /v1/widget/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: 35\r\n\r\n{\"shop\":\"demo\",\"time_zone\":\"Etc/UTC\"}",
        "POST /v1/seat/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\n{}\r\n0\r\n\r\n",
        "GET /v1/seat/queue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer abc.def\r\n\r\n",
        "GET /v1/seat/conversations/0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10/explanation HTTP/1.1\r\n\
         Host: x\r\nAccept: text/plain\r\n\r\n",
        "GET /readyz HTTP/1.0\r\n\r\n",
        "HEAD /widget HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"x\"\r\nRange: bytes=0-1\r\n\r\n",
        "GET /assets/widget.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\n\r\n",
    ];
    requests.iter().map(|request| request.as_bytes().to_vec()).collect()
}

/// The payloads of the golden journal.
fn golden_records() -> Vec<Vec<u8>> {
    let files = BTreeMap::from([(SEGMENT.to_owned(), GOLDEN.to_vec())]);
    let look = journal::look_in(Arc::new(Files(files))).expect("a whole journal");
    look.replay.map(|record| record.expect("a whole record").1).collect()
}

/// A snapshot with the golden conversations.
fn snapshot() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(SEGMENT), GOLDEN).expect("a file");
    let options = Options { segment_bytes: GOLDEN.len() as u64, ..Options::default() };
    let (journal, replay) = journal::open(folder.path(), options).expect("a journal");
    drop(replay);
    let end = journal.end().expect("it holds records");
    let mut writer = journal.snapshots().begin(end).expect("a snapshot");
    for kept in KEPT {
        writer.push(end, kept).expect("room");
    }
    writer.finish(end).expect("a file");
    let file = std::fs::read_dir(folder.path()).expect("a folder").filter_map(Result::ok);
    let file = file
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "snapshot"));
    std::fs::read(file.expect("the snapshot")).expect("a file")
}
