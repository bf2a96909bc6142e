//! Races of real clients at a real router process: whoever comes first, one offer has one owner, one id
//! is one message, one customer has one open conversation, and no seat has more than its slots.
//!
//! Every race is run again and again: what loses it differs from time to time, what must hold does not.

#[path = "../reliability/mod.rs"]
mod reliability;

mod client;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use client::{COMPLAINT, Process, SLOTS, Socket, customer, history, message, seat, seats};

/// Offers that are raced for, in each of the ways of [`Accepts`].
const OFFERS: u64 = 100;
/// Ids that are used twice at once, with the same text and with another.
const IDS: u64 = 300;
/// Customers who open a conversation from several connections at once.
const OPENINGS: u64 = 200;
/// Customers who arrive at once.
const ARRIVALS: u64 = 1_000;

/// After this a seat that has heard nothing ends what it has, and says that it lives.
const NOTHING_COMES: Duration = Duration::from_millis(200);

/// Sends each frame from its socket at the same instant.
async fn at_once(sent: Vec<(Socket, Value)>) -> Vec<Socket> {
    let go = Arc::new(Barrier::new(sent.len()));
    let tasks = sent.into_iter().map(|(mut socket, frame)| {
        let go = go.clone();
        tokio::spawn(async move {
            go.wait().await;
            socket.send(&frame).await;
            socket
        })
    });
    let mut sockets = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        sockets.push(task.await.expect("no panic"));
    }
    sockets
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["kind"] == kind).count()
}

/// A customer who waits for a person; the token, the socket and the conversation.
async fn waiting_customer(address: SocketAddr) -> (Value, Socket, Value) {
    let token = customer(address).await;
    let mut socket = Socket::open(address, "/v1/widget", &token).await;
    socket.send(&message(Uuid::now_v7(), COMPLAINT)).await;
    let conversation = socket.next("ack").await["conversation"].clone();
    socket.send(&json!({"type": "person", "conversation": conversation})).await;
    (token, socket, conversation)
}

/// Who races for an offer.
#[derive(Clone, Copy, Debug)]
enum Accepts {
    /// Both sockets of the seat that was asked.
    BothSockets,
    /// The seat that was asked and another.
    AnotherSeat,
    /// The seat that was asked, which accepts on one socket and declines on the other.
    AndDeclines,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_is_accepted_twice_at_once_has_one_owner() {
    let router = Process::start(2);
    let address = router.address;
    let tokens = [seat(address, "seat-0").await, seat(address, "seat-1").await];
    let mut raced = 0;

    for accepts in [Accepts::BothSockets, Accepts::AnotherSeat, Accepts::AndDeclines] {
        for _ in 0..OFFERS {
            race_for_an_offer(address, &tokens, accepts).await;
            raced += 1;
        }
    }

    reliability::done(raced);
}

async fn race_for_an_offer(address: SocketAddr, tokens: &[Value; 2], accepts: Accepts) {
    let asked = Socket::ready(address, &tokens[0]).await;
    let mut looking_on = Socket::ready(address, &tokens[0]).await;
    let (token, mut customer, conversation) = waiting_customer(address).await;
    let offer = looking_on.next("offer").await;
    assert_eq!(offer["conversation"], conversation);
    let colleague = Socket::ready(address, &tokens[1]).await;
    let accept = json!({"type": "accept", "offer": offer["offer"]});
    let decline = json!({"type": "decline", "offer": offer["offer"], "reason": null});
    let same_seat = Socket::open(address, "/v1/seat", &tokens[0]).await;

    let (mut asked, mut colleague) = match accepts {
        Accepts::BothSockets => {
            let [asked, _] = race([(asked, accept.clone()), (same_seat, accept)]).await;
            (asked, colleague)
        }
        Accepts::AndDeclines => {
            let [asked, _] = race([(asked, accept), (same_seat, decline)]).await;
            (asked, colleague)
        }
        Accepts::AnotherSeat => {
            let [asked, mut colleague] = race([(asked, accept.clone()), (colleague, accept)]).await;
            let error = colleague.next("error").await;
            assert!(
                ["offer_taken", "forbidden"].iter().any(|code| error["code"] == *code),
                "{error}"
            );
            (asked, colleague)
        }
    };
    // What was declined goes to the colleague.
    let (owner, given) = loop {
        // What the seat that was asked is given, both of its sockets see.
        let (socket, frame, seen_again) = tokio::select! {
            frame = looking_on.any() => (&mut asked, frame, 1),
            frame = colleague.any() => (&mut colleague, frame, 0),
        };
        match frame["type"].as_str() {
            Some("offer") => socket.send(&json!({"type": "accept", "offer": frame["offer"]})).await,
            Some("accepted") => break (socket, seen_again),
            _ => {}
        }
    };
    owner.send(&json!({"type": "close", "conversation": conversation})).await;
    let mut seen = 0;
    owner.until("closed", |frame| seen += usize::from(frame["type"] == "accepted")).await;
    customer.next("closed").await;

    assert_eq!(seen, given, "{accepts:?}: it is given once");
    let events = history(address, &token, &conversation).await;
    assert_eq!(count(&events, "assigned"), 1, "{accepts:?}: {events:?}");
}

/// The same for two.
async fn race(sent: [(Socket, Value); 2]) -> [Socket; 2] {
    at_once(sent.into()).await.try_into().ok().expect("both come back")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_is_sent_twice_at_once_is_one_message() {
    let router = Process::start(1);
    let address = router.address;

    for round in 0..IDS {
        let token = customer(address).await;
        let [one, other] = [
            Socket::open(address, "/v1/widget", &token).await,
            Socket::open(address, "/v1/widget", &token).await,
        ];
        let id = Uuid::now_v7();
        let is_same = round % 2 == 0;
        let second = if is_same { COMPLAINT } else { "Something else altogether." };
        let sent = vec![(one, message(id, COMPLAINT)), (other, message(id, second))];

        let mut answers = Vec::new();
        for mut socket in at_once(sent).await {
            let answer = loop {
                let frame = socket.any().await;
                if ["ack", "error"].iter().any(|kind| frame["type"] == *kind) {
                    break frame;
                }
            };
            answers.push(answer);
        }

        let acks: Vec<_> = answers.iter().filter(|answer| answer["type"] == "ack").collect();
        if is_same {
            assert_eq!(acks.len(), 2, "{answers:?}");
            assert_eq!(acks[0], acks[1], "the same id is the same message");
        } else {
            assert_eq!(acks.len(), 1, "one text wins: {answers:?}");
            let lost = answers.iter().find(|answer| answer["type"] == "error");
            assert_eq!(lost.expect("the other")["code"], "conflict");
        }
        let events = history(address, &token, &acks[0]["conversation"]).await;
        let own = events.iter().filter(|event| event["from"] == "customer").count();
        assert_eq!(own, 1, "{events:?}");
    }

    reliability::done(IDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_opens_from_several_connections_at_once_has_one_open_conversation() {
    let router = Process::start(1);
    let address = router.address;

    for round in 0..OPENINGS {
        let token = customer(address).await;
        let connections = 2 + round % 4;
        let mut sent = Vec::new();
        for number in 0..connections {
            let socket = Socket::open(address, "/v1/widget", &token).await;
            sent.push((socket, message(Uuid::now_v7(), &format!("{COMPLAINT} {number}"))));
        }

        let mut opened = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        let mut first = Value::Null;
        for mut socket in at_once(sent).await {
            let ack = socket.next("ack").await;
            opened.insert(ack["conversation"].to_string());
            numbers.insert(ack["seq"].as_u64().expect("a number"));
            first = ack["conversation"].clone();
        }

        assert_eq!(opened.len(), 1, "one open conversation: {opened:?}");
        assert_eq!(numbers.len() as u64, connections, "each message its own number: {numbers:?}");
        let events = history(address, &token, &first).await;
        let own = events.iter().filter(|event| event["from"] == "customer").count();
        assert_eq!(own as u64, connections);
        for (event, number) in events.iter().zip(1..) {
            assert_eq!(event["seq"], number, "{events:?}");
        }
    }

    reliability::done(OPENINGS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_arrive_at_once_are_all_served_and_no_seat_has_more_than_its_slots() {
    const SEATS: usize = 20;
    let router = Process::start(SEATS);
    let address = router.address;
    let boss = seat(address, "boss").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut at_work = JoinSet::new();
    for number in 0..SEATS {
        let token = seat(address, &format!("seat-{number}")).await;
        let socket = Socket::ready(address, &token).await;
        at_work.spawn(serve(socket, is_over.clone()));
    }
    let go = Arc::new(Barrier::new(ARRIVALS as usize));
    let mut arrivals = JoinSet::new();
    for _ in 0..ARRIVALS {
        let go = go.clone();
        arrivals.spawn(arrive(address, go));
    }
    let watched = tokio::spawn(watch(address, boss, is_over.clone()));

    let mut served = 0;
    while let Some(arrival) = arrivals.join_next().await {
        arrival.expect("each is served once");
        served += 1;
    }
    is_over.store(true, Ordering::Relaxed);

    let busiest = watched.await.expect("never over");
    let mut conversations = BTreeMap::new();
    while let Some(owned) = at_work.join_next().await {
        for conversation in owned.expect("never over") {
            *conversations.entry(conversation).or_insert(0) += 1;
        }
    }
    assert_eq!(served, ARRIVALS);
    assert_eq!(conversations.len() as u64, ARRIVALS, "each conversation was given to a seat");
    assert!(conversations.values().all(|owners| *owners == 1), "and to one alone");
    assert!(busiest > 0, "the watcher saw seats at work");
    reliability::done(ARRIVALS);
}

/// A customer who comes with all the others, is served once and sees the end.
async fn arrive(address: SocketAddr, go: Arc<Barrier>) {
    let token = customer(address).await;
    let mut socket = Socket::open(address, "/v1/widget", &token).await;
    go.wait().await;
    socket.send(&message(Uuid::now_v7(), COMPLAINT)).await;
    let conversation = socket.next("ack").await["conversation"].clone();
    socket.send(&json!({"type": "person", "conversation": conversation})).await;
    let mut owners = 0;
    let count = |frame: &Value| owners += u32::from(frame["kind"] == "assigned");
    socket.until("closed", count).await;
    assert_eq!(owners, 1, "one owner");
}

/// A seat that accepts and answers, and closes the oldest once it has as much as it may have or nothing
/// more comes; the conversations that it owned.
async fn serve(mut socket: Socket, is_over: Arc<AtomicBool>) -> Vec<String> {
    let (mut owned, mut all) = (VecDeque::new(), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        let frame = match tokio::time::timeout(NOTHING_COMES, socket.any()).await {
            Ok(frame) => frame,
            Err(_) => {
                socket.send(&json!({"type": "ping"})).await;
                json!({"type": "nothing"})
            }
        };
        match frame["type"].as_str().expect("a type") {
            "offer" => {
                socket.send(&json!({"type": "accept", "offer": frame["offer"]})).await;
            }
            "accepted" => {
                let conversation = frame["conversation"].clone();
                let id = Uuid::now_v7();
                let text = "I am sorry to hear that. I send you a new one.";
                let answer =
                    json!({"type": "send", "id": id, "conversation": conversation, "text": text});
                socket.send(&answer).await;
                all.push(conversation.to_string());
                owned.push_back(conversation);
                assert!(owned.len() <= SLOTS, "{owned:?} at once");
            }
            "state" => {
                let used = frame["used"].as_u64().expect("a number");
                assert!(used as usize <= SLOTS, "{frame}");
            }
            "error" | "withdrawn" | "taken_back" => panic!("{frame}"),
            _ => {}
        }
        if owned.len() == SLOTS || frame["type"] == "nothing" {
            let to_close = if owned.len() == SLOTS { 1 } else { owned.len() };
            for conversation in owned.drain(..to_close) {
                socket.send(&json!({"type": "close", "conversation": conversation})).await;
            }
        }
    }
    all
}

/// Looks at every seat from outside, again and again; the most slots that one had in use.
async fn watch(address: SocketAddr, boss: Value, is_over: Arc<AtomicBool>) -> u64 {
    let mut busiest = 0;
    while !is_over.load(Ordering::Relaxed) {
        for seat in seats(address, &boss).await {
            let slots = seat["slots"].as_u64().expect("a number");
            let number = |name: &str| seat[name].as_u64().expect("a number");
            let used = number("assigned") + number("offered") + number("wrapping_up");
            assert!(used <= slots, "{seat}");
            let held = seat["conversations"].as_array().expect("a list").len();
            assert!(held as u64 <= slots, "{seat}");
            busiest = busiest.max(used);
        }
    }
    busiest
}
