//! One answer for many in every language that incidents are known in: translated once for each language, and
//! told how long the last of those who asked have waited for it.

#[path = "engine/mod.rs"]
mod engine;
#[path = "router/mod.rs"]
mod router;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use engine::{Engine, said};
use router::{Client, Router, always_at_work, config, write_shop};
use serde_json::{Value, json};

/// What customers write when no card is taken.
const ASKED: [(&str, &str); 24] = [
    ("en", "card payments fail at checkout for all of us, known problem?"),
    ("es", "la tarjeta da error al pagar, ¿les pasa a todos?"),
    ("fr", "le paiement par carte ne marche plus, panne ?"),
    ("pt", "erro ao pagar com cartão de crédito, é geral?"),
    ("ko", "카드결제 오류인데 다들 그런가요"),
    ("zh", "信用卡付款失败，系统出错了吗"),
    ("ar", "الدفع بالبطاقة لا يعمل، هل هناك عطل عند الجميع؟"),
    ("id", "pembayaran dengan kartu gagal terus, lagi error ya?"),
    ("ru", "оплата картой не проходит, ошибка у всех?"),
    ("bn", "কার্ড দিয়ে পেমেন্ট হচ্ছে না, সবার কি একই সমস্যা?"),
    ("de", "zahlung mit karte schlägt fehl, fehler bei allen?"),
    ("he", "תשלום בכרטיס אשראי נכשל, תקלה אצל כולם?"),
    ("hi", "कार्ड से भुगतान फेल हो रहा है, क्या सबके साथ यही समस्या है?"),
    ("it", "il pagamento con carta non funziona, è un guasto?"),
    ("ja", "カード決済がエラーになります、みなさん同じですか"),
    ("ms", "sistem pembayaran kad ada masalah ke?"),
    ("nl", "betalen met kaart werkt niet, is er een storing?"),
    ("pl", "płatność kartą nie działa, awaria u wszystkich?"),
    ("sv", "kortbetalning fungerar inte, är det fel hos alla?"),
    ("th", "จ่ายด้วยบัตรเครดิตไม่ได้ ระบบล่มหรือเปล่า"),
    ("tl", "hindi gumagana ang bayad sa card, lahat ba may problema?"),
    ("tr", "kartla ödeme hata veriyor, herkeste mi sorun var?"),
    ("uk", "чому не проходить оплата карткою, це у всіх так?"),
    ("vi", "thanh toán bằng thẻ bị lỗi, mọi người có bị không?"),
];
const ANSWER: &str = "Cards work again this evening. Other ways work now.";
/// What the engine takes for a text.
const TAKES: Duration = Duration::from_millis(200);

/// How many customers there are; `TRADEWIND_FOLLOWERS=1000` for the figure.
fn followers() -> usize {
    std::env::var("TRADEWIND_FOLLOWERS").ok().and_then(|n| n.parse().ok()).unwrap_or(48)
}

/// The only incident of the first showing in which `field` is `count`.
fn incident_until(seat: &mut Client, field: &str, count: usize) -> Value {
    loop {
        let frame = seat.next("incidents");
        let shown = frame["incidents"].as_array().filter(|it| it.len() == 1);
        if let Some(incident) = shown.map(|it| &it[0])
            && incident[field] == count
        {
            return incident.clone();
        }
    }
}

/// Confirms everybody, fifty at a time as they are shown. Gives the incident.
fn confirm_all(seat: &mut Client, count: usize) -> Value {
    let mut incident = incident_until(seat, "followers", count);
    for before in (0..count).step_by(50) {
        let shown = incident["shown"].as_array().expect("followers").iter();
        let unconfirmed = shown.filter(|it| it["confirmed"] == false);
        let shown: Vec<&Value> = unconfirmed.map(|it| &it["conversation"]).collect();
        seat.send(&json!({"type": "confirm_incident", "incident": incident["incident"],
            "conversations": shown, "wrong": []}));
        incident = incident_until(seat, "reaches", (before + 50).min(count));
    }
    incident
}

/// What the answer says to a customer beside its original.
fn hears(customer: &mut Client) -> Value {
    loop {
        let event = customer.next("event");
        if event["text"] == ANSWER {
            return event["translation"]["text"].clone();
        }
    }
}

#[test]
fn an_answer_in_every_language_is_translated_once_for_each_side_by_side_and_reaches_all() {
    let engine = Engine::start(TAKES);
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", |text| always_at_work(text) + &engine.lines());
    let lines = "[admission]\nshop_messages_per_s = 5000\n[timers]\npeer_dead_after = \"60s\"\n";
    let router = Router::start(config(folder.path(), lines)).expect("a router");
    let mut seat = router.seat("demo", "lucia");
    seat.send(&json!({"type": "state", "state": "away"}));
    seat.next("state");
    seat.send(&json!({"type": "incidents", "watch": true}));
    let count = followers();
    let ask = |n: usize| {
        let mut customer = router.customer("demo");
        customer.say(ASKED[n % ASKED.len()].1);
        customer
    };
    let mut customers: Vec<Client> = (0..count).map(ask).collect();
    let incident = confirm_all(&mut seat, count);
    assert_eq!(incident["languages"].as_object().map(|it| it.len()), Some(ASKED.len()));

    let sent_at = Instant::now();
    seat.send(&json!({"type": "answer_incident", "incident": incident["incident"],
        "texts": {"en": ANSWER}, "fallback": "en"}));
    let mut waits: Vec<Duration> = Vec::new();
    for (n, customer) in customers.iter_mut().enumerate() {
        let wanted = match ASKED[n % ASKED.len()].0 {
            "en" => Value::Null,
            language => said(language, ANSWER).into(),
        };
        assert_eq!(hears(customer), wanted);
        waits.push(sent_at.elapsed());
    }

    let asked = engine.asked();
    let languages: BTreeSet<&str> = asked.iter().map(|it| it.to.as_str()).collect();
    assert_eq!((asked.len(), languages.len()), (ASKED.len() - 1, ASKED.len() - 1), "{asked:?}");
    assert!(engine.most_at_once() > 1, "one language waits for another");
    waits.sort();
    let p99 = waits[(waits.len() * 99 / 100).min(waits.len() - 1)];
    println!("{count} followers in {} languages, {TAKES:?} a text: p99 {p99:?}", ASKED.len());
}
