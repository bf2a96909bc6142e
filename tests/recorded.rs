//! A journal under these and other rules, beside how it was.

mod router;
#[path = "flow/world.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command as Process;
use std::time::Duration;

use router::{Router, config};
use serde_json::{Value, json};
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{SeatId, SeatState};
use tradewind::flow::{CustomerAct, Entry, Record, SeatAct, SeatRecord};
use tradewind::schedule::{Command, QueueHours, Roster, Settings};
use tradewind::sim::{
    Checks, Ending, Moment, PolicyName, Recorded, Recording, Reply, Scenario, SeatEvent, Span,
    assignments, measure, simulate,
};
use world::{Socket, World, shop, text};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn demo_roster() -> Roster {
    let shop = Shop::embedded_demo();
    Roster {
        shop: shop.id.clone(),
        seats: shop.seats.values().map(|account| account.profile.clone()).collect(),
        fallback_language: shop.fallback_language,
        hours: QueueHours::default(),
        rules: shop.rules.clone(),
        translation: None,
    }
}

/// What the journal of a world says, with seats that were there all the time unless told.
fn recording(world: &World, seats: Vec<SeatRecord>) -> Recording {
    let mut recording = Recording::default();
    seats.into_iter().for_each(|seat| recording.take(Entry::Seat(seat)));
    for payload in &world.journal {
        recording.take(Entry::decode(payload).expect("an entry"));
    }
    recording
}

fn centre(recording: &Recording, roster: Roster) -> Recorded {
    recording.centre(roster, Settings::default(), Span::default(), 1).expect("contacts")
}

fn accept(world: &mut World, seat: &Socket) {
    let offer = text(&seat.last("offer"), "offer").parse().expect("an id");
    let at = seat.seat_ref();
    world.schedule(Command::Accept { shop: at.shop, seat: at.id, offer });
}

/// A morning of the only seat that speaks Spanish: `ana` is answered after 2 s and has a reply after 5,
/// `ben` leaves after 40 s because every slot is taken, `cy` comes back to the queue by a transfer.
fn morning() -> (World, Vec<SeatRecord>) {
    let mut world = World::new();
    let lucia = world.seat("lucia");
    let at = world.now;
    let seat = |state| SeatRecord { shop: shop(), seat: SeatId::from("lucia"), at, state };
    let seats = vec![seat(Some(SeatState::Ready))];
    let ana = world.customer("ana");
    world.say(&ana, "quiero mi dinero de vuelta");
    world.pass(seconds(2));
    accept(&mut world, &lucia);
    world.pass(seconds(3));
    let first = world.conversations()[0];
    world.reply(&lucia, first, "Lo miro ahora.");
    for name in ["dia", "eva"] {
        let customer = world.customer(name);
        world.say(&customer, "quiero mi dinero de vuelta");
        accept(&mut world, &lucia);
    }
    let ben = world.customer("ben");
    world.say(&ben, "quiero mi dinero de vuelta");
    world.pass(seconds(40));
    let waiting = world.scheduler.queue(&shop(), 1)[0].conversation;
    world.act(&ben, CustomerAct::Close(waiting));
    world.pass(seconds(15));
    world.seat_acts(&lucia, first, SeatAct::Close);
    (world, seats)
}

#[test]
fn a_journal_tells_waits_replies_work_and_endings_as_they_were() {
    let (world, seats) = morning();

    let recorded = centre(&recording(&world, seats), demo_roster());

    let Recorded { scenario, as_it_was, notes } = &recorded;
    let at = Moment::from_s;
    let waited: Vec<_> = scenario.contacts.iter().map(|contact| contact.at).collect();
    assert_eq!(waited, [at(0.0), at(5.0), at(5.0), at(5.0)]);
    let ana = &as_it_was.fates[0];
    assert_eq!((ana.ending, ana.answered_at), (Ending::Answered, Some(at(2.0))));
    assert_eq!((ana.offered_at, ana.closed_at), (Some(at(0.0)), Some(at(60.0))));
    assert_eq!((ana.reply, ana.open_then), (Reply::At(at(5.0)), 1));
    assert!((scenario.contacts[0].work_s - 58.0).abs() < 1e-9);
    assert_eq!(scenario.seats[ana.seat.expect("a seat")].id, "lucia");
    let ben = as_it_was.fates.iter().position(|fate| fate.ending == Ending::Abandoned);
    let ben = ben.expect("one has left");
    assert_eq!(as_it_was.fates[ben].closed_at, Some(at(45.0)));
    assert_eq!(scenario.contacts[ben].patience, Some(at(40.0)));
    let open = as_it_was.fates.iter().filter(|fate| fate.ending == Ending::Open);
    assert!(open.clone().all(|fate| fate.reply == Reply::Never) && open.count() == 2);
    // Who was answered would have waited longer than that, if they ever had left.
    assert!(scenario.contacts[0].patience.is_none_or(|patience| patience > at(2.0)));
    let lucia = scenario.seats.iter().find(|seat| seat.id == "lucia").expect("a seat");
    assert_eq!(lucia.events, []);
    let mai = scenario.seats.iter().find(|seat| seat.id == "mai").expect("a seat");
    assert_eq!(mai.events, [(Moment::START, SeatEvent::Away)], "she was not there");
    assert!(notes.iter().any(|note| note.starts_with("1 customers left")), "{notes:?}");
    assert!(notes.iter().any(|note| note.starts_with("2 contacts were open")), "{notes:?}");
}

#[test]
fn who_still_waits_at_the_end_of_a_journal_has_waited_until_then() {
    let mut world = World::new();
    let _lucia = world.seat("lucia");
    let ana = world.customer("ana");
    world.say(&ana, "quiero mi dinero de vuelta");
    let mut recording = recording(&world, Vec::new());
    let at = world.now + seconds(600);
    let seat = SeatRecord { shop: shop(), seat: SeatId::from("lucia"), at, state: None };
    recording.take(Entry::Seat(seat));

    let Recorded { scenario, as_it_was, .. } = centre(&recording, demo_roster());

    assert_eq!(as_it_was.fates[0].ending, Ending::Open);
    let (figures, _) = measure(&scenario, PolicyName::AsItWas, &as_it_was);
    assert!((figures.max_wait_s - 600.0).abs() < 1e-9, "{figures:?}");
    assert!(figures.answered_within_15s.abs() < 1e-9, "{figures:?}");
}

#[test]
fn the_same_rules_give_the_same_seats_and_others_give_others() {
    let (world, seats) = morning();
    let recording = recording(&world, seats);
    let run = |roster| {
        let recorded = centre(&recording, roster);
        let policy = PolicyName::Default;
        let outcome = simulate(&recorded.scenario, policy, Checks::EveryStep, &mut |_| {});
        assert_eq!(outcome.broken, Vec::<String>::new());
        let endings: Vec<Ending> = outcome.fates.iter().map(|fate| fate.ending).collect();
        let figures = measure(&recorded.scenario, policy, &outcome).0;
        (endings, figures, recorded)
    };

    let (endings, figures, recorded) = run(demo_roster());
    assert_eq!(endings.iter().filter(|ending| **ending == Ending::Abandoned).count(), 1);
    assert!((figures.abandoned - 0.25).abs() < 1e-9);
    let was = measure(&recorded.scenario, PolicyName::AsItWas, &recorded.as_it_was).0;
    assert!((was.abandoned - 0.25).abs() < 1e-9);

    let mut roomy = demo_roster();
    let lucia = roomy.seats.iter_mut().find(|seat| seat.id.as_str() == "lucia").expect("a seat");
    lucia.slots = 4.try_into().expect("some");
    let (endings, ..) = run(roomy);
    assert!(endings.iter().all(|ending| *ending == Ending::Answered), "{endings:?}");

    let mut nobody = demo_roster();
    nobody.seats.retain(|seat| seat.id.as_str() == "minji");
    nobody.fallback_language = None;
    let (endings, ..) = run(nobody);
    assert!(endings.iter().all(|ending| *ending == Ending::Ticket), "{endings:?}");
}

#[test]
fn a_transfer_is_one_contact_whose_work_is_that_of_both_seats() {
    let mut world = World::new();
    let lucia = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &lucia);
    world.pass(seconds(10));
    world.reply(&lucia, conversation, "Le paso con una colega.");
    world.pass(seconds(10));
    let kofi = world.seat("kofi");
    let to = tradewind::domain::TransferTarget::Seat(SeatId::from("kofi"));
    world.seat_acts(&lucia, conversation, SeatAct::Transfer(to));
    world.pass(seconds(1));
    accept(&mut world, &kofi);
    world.pass(seconds(30));
    world.seat_acts(&kofi, conversation, SeatAct::Close);

    let Recorded { scenario, as_it_was, .. } =
        centre(&recording(&world, Vec::new()), demo_roster());

    assert_eq!(scenario.contacts.len(), 1);
    assert!((scenario.contacts[0].work_s - 50.0).abs() < 1e-9, "{:?}", scenario.contacts[0]);
    let fate = &as_it_was.fates[0];
    assert_eq!(scenario.seats[fate.seat.expect("a seat")].id, "lucia", "who answered");
    assert_eq!(fate.reply, Reply::At(Moment::from_s(10.0)));
    let busy: BTreeMap<&str, f64> =
        scenario.seats.iter().map(|seat| seat.id.as_str()).zip(as_it_was.busy_s).collect();
    assert_eq!(
        (busy["lucia"], busy["kofi"]),
        (0.0, 0.0),
        "nothing is measured after the last arrival"
    );
}

#[test]
fn a_seat_that_came_before_the_journal_begins_is_known_from_a_snapshot() {
    let (world, seats) = morning();
    let whole = centre(&recording(&world, seats.clone()), demo_roster());

    let mut begun_later = recording(&world, Vec::new());
    seats.into_iter().for_each(|seat| begun_later.take_kept(seat));

    let known = centre(&begun_later, demo_roster()).scenario;
    assert_eq!(known.to_json(), whole.scenario.to_json());

    // What the journal itself says goes first.
    let at = world.now;
    let away = SeatState::Away;
    let seat = SeatRecord { shop: shop(), seat: SeatId::from("lucia"), at, state: Some(away) };
    begun_later.take_kept(seat);
    let known = centre(&begun_later, demo_roster()).scenario;
    assert_eq!(known.to_json(), whole.scenario.to_json());
}

#[test]
fn a_written_scenario_is_read_back_as_it_was() {
    let (world, seats) = morning();
    let Recorded { scenario, .. } = centre(&recording(&world, seats), demo_roster());

    let written = scenario.to_json().to_string();
    let read = Scenario::parse(&written).expect("a scenario");

    assert_eq!(read.to_json().to_string(), written);
    let run = |scenario: &Scenario| {
        let outcome = simulate(scenario, PolicyName::LeastLoaded, Checks::Offers, &mut |_| {});
        assignments(scenario, &outcome)
    };
    assert_eq!(run(&read), run(&scenario));
}

#[test]
fn records_whose_beginning_is_gone_are_counted_and_left_out() {
    let (world, _) = morning();
    let mut recording = Recording::default();
    for payload in &world.journal {
        let record = Record::decode(payload).expect("a record");
        if record.conversation != world.conversations()[0] || record.facts.len() == 1 {
            recording.take(Entry::Conversation(record));
        }
    }

    let recorded = centre(&recording, demo_roster());

    assert_eq!(recorded.scenario.contacts.len(), 3);
    let notes = &recorded.notes;
    assert!(notes.iter().any(|note| note.contains("that began before")), "{notes:?}");
}

fn put_demo(folder: &Path, from: &str, to: &str) {
    for (path, text) in ShopFiles::demo().0 {
        let file = folder.join("demo").join(&path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        assert!(path != "shop.toml" || text.contains(from), "{from} is not in the demo shop");
        std::fs::write(file, text.replacen(from, to, 1)).expect("a file");
    }
}

fn tradewind(arguments: &[&str]) -> (String, bool) {
    let mut process = Process::new(env!("CARGO_BIN_EXE_tradewind"));
    let output = process.arg("simulate").args(arguments).output().expect("it runs");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (format!("{out}{err}"), output.status.success())
}

/// Every file of a folder.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one"));
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).expect("a file"))
    };
    entries.map(read).collect()
}

#[test]
fn the_journal_of_a_router_is_replayed_while_it_runs_and_after_and_is_only_read() {
    let folder = tempfile::tempdir().expect("a folder");
    put_demo(&folder.path().join("shops"), "demo = true", "demo = true");
    put_demo(&folder.path().join("other"), "id = \"mai\"", "id = \"mei\"");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let router = Router::start(config(folder.path(), "")).expect("a router");
    let mut mai = router.seat("demo", "mai");
    let mut ana = router.customer("demo");
    ana.say("I want to talk to a person");
    let offer = mai.next("offer");
    mai.send(&json!({"type": "accept", "offer": offer["offer"]}));
    mai.next("accepted");
    let conversation = &offer["conversation"];
    let hello = "0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10";
    mai.send(&json!({"type": "send", "id": hello, "conversation": conversation, "text": "Hello!"}));
    ana.next("message");
    mai.send(&json!({"type": "close", "conversation": conversation}));
    ana.next("closed");
    mai.send(&json!({"type": "state", "state": "wrap_up"}));
    mai.next("state");
    let mut ben = router.customer("demo");
    ben.say("I want to talk to a person");
    let queued = ben.next("queued");
    ben.send(&json!({"type": "close", "conversation": queued["conversation"]}));
    ben.next("closed");

    let replay = |shops: &str, more: &[&str]| {
        let (data, shops) = (path("data"), path(shops));
        let asked = ["--journal", &data, "--shops", &shops];
        tradewind(&[&asked[..], more].concat())
    };
    let (running, right) = replay("shops", &["--json", "--compare", "--check"]);
    assert!(right, "{running}");
    drop((mai, ana, ben));
    drop(router);
    let before = bytes(&folder.path().join("data/journal"));
    let (report, scenario) = (path("day.html"), path("day.json"));
    let more = ["--report", &report, "--write-scenario", &scenario];
    let (table, right) = replay("shops", &more);
    assert!(right && table.contains("as-it-was") && table.contains("customers left"), "{table}");
    let (stopped, _) = replay("shops", &["--json", "--compare", "--check"]);
    let (others, right) = replay("other", &["--json"]);
    assert!(right, "{others}");
    assert_eq!(bytes(&folder.path().join("data/journal")), before, "nothing was written");

    let [running, stopped, others] =
        [running, stopped, others].map(|text| serde_json::from_str::<Value>(&text).expect("JSON"));
    assert_eq!(running["as_it_was"], stopped["as_it_was"]);
    assert_eq!(running["policies"].as_array().map(Vec::len), Some(7));
    assert_eq!(running["policies"], stopped["policies"]);
    let was = &running["as_it_was"];
    assert_eq!((&was["policy"], &was["contacts"]), (&json!("as-it-was"), &json!(2)));
    assert_eq!((&was["answered"], &was["abandoned"]), (&json!(0.5), &json!(0.5)));
    let notes = others["notes"].to_string();
    assert!(notes.contains("left out of simulations: seats mai"), "{notes}");
    assert_eq!(others["policies"][0]["answered"], json!(0.0), "mei was never there");
    let page = std::fs::read_to_string(&report).expect("a page");
    assert!(page.contains("As it was, the first reply came after"), "{page}");
    let written: Value =
        serde_json::from_str(&std::fs::read_to_string(&scenario).expect("a file")).expect("JSON");
    let seats = written["seats"].as_array().expect("seats");
    let mai = seats.iter().find(|seat| seat["id"] == "mai").expect("a seat");
    assert_eq!(mai["events"][0]["do"], "away", "from wrap-up on: {mai}");
    let (again, right) = tradewind(&[&scenario, "--json"]);
    assert!(right, "{again}");
    let (refused, right) = replay("shops", &["--shop", "none"]);
    assert!(!right && refused.contains("holds nothing of `none`, but of: demo"), "{refused}");
    let (refused, right) = tradewind(&["--shop", "demo"]);
    assert!(!right, "{refused}");
}
