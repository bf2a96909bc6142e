//! A shop with intents of its own in a running router: served, replaced, refused.

#[path = "router/mod.rs"]
mod router;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use router::{Client, Router, config, metric, post};
use serde_json::{Value, json};
use tradewind::understand::tenant::{Example, examples::Format, examples::parse, train};

const EXAMPLES: &str = "\
rental:
  - can I rent a bike for the weekend
  - how much is a bike for one day
  - do you rent out e-bikes
  - I need two bikes to rent next saturday
  - we want to rent four bikes
  - is there a deposit when I rent a bike
  - rent a bike for a week, what does it cost
repair:
  - my brakes are broken can you fix them
  - how long does a repair take
  - flat tyre, can you repair it today
  - the chain is broken, do you fix chains
  - my gears do not shift, please fix my bike
  - repair of a wheel, what does it cost
  - can you fix a bent wheel
oos:
  - what is the capital of France
  - tell me a joke
";
const RENTAL: &str = "can I rent two bikes on saturday";

/// Trains a set into the folder that the shop names. Swapped, what was a rental is a repair.
fn put_set(folder: &Path, swapped: bool) {
    let mut examples: Vec<Example> = parse(Format::Yaml, EXAMPLES).expect("examples");
    for example in examples.iter_mut().filter(|_| swapped) {
        example.label = match example.label.as_str() {
            "rental" => "repair".to_owned(),
            "repair" => "rental".to_owned(),
            other => other.to_owned(),
        };
    }
    let (set, report) = train(&examples, 7, 1, |_, _| {}).expect("a set");
    set.save(&folder.join("shops/bikes/own"), &report, 7).expect("saved");
}

/// A shop for bicycles with a seat for each of its own intents.
fn put_shop(folder: &Path, intents: &str) {
    let shop = folder.join("shops/bikes");
    let answers = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/answers/en.toml");
    std::fs::create_dir_all(shop.join("answers")).expect("a folder");
    std::fs::copy(answers, shop.join("answers/en.toml")).expect("copied");
    let seat = |id: &str, skill: &str| {
        format!(
            "[[seats]]\nid = \"{id}\"\ndemo_password = \"demo\"\nlanguages = [\"en\"]\n\
             skills = [\"{skill}\"]\n"
        )
    };
    let text = format!(
        "id = \"bikes\"\nname = \"Bikes\"\ndemo = true\norigins = [\"loopback\"]\n\
         default_language = \"en\"\n[own_intents]\nfolder = \"own\"\n[intents]\n{intents}\n{}{}{}",
        seat("rita", "rentals"),
        seat("walt", "workshop"),
        seat("gina", "general"),
    );
    std::fs::write(shop.join("shop.toml"), text).expect("written");
}

const INTENTS: &str = "rental = \"rentals\"\nrepair = \"workshop\"";

fn reload(router: &Router) -> (u16, Value) {
    post(router.admin_address, "/v1/own-intents/reload", &json!({}))
}

fn is_alive(client: &mut Client) {
    client.send(&json!({"type": "ping"}));
    client.next("pong");
}

#[test]
fn a_shop_routes_by_its_own_label_and_a_new_set_is_used_by_the_next_message() {
    let dir = tempfile::tempdir().expect("a folder");
    put_shop(dir.path(), INTENTS);
    put_set(dir.path(), false);
    let router = Router::start(config(dir.path(), "")).expect("a router");
    let (mut rita, mut walt) = (router.seat("bikes", "rita"), router.seat("bikes", "walt"));
    let (mut ana, mut bob) = (router.customer("bikes"), router.customer("bikes"));

    ana.say(RENTAL);
    let offer = rita.next("offer");
    assert_eq!(offer["own_intent"]["label"], "rental");
    assert!(offer["own_intent"]["confidence"].as_f64().expect("a number") > 0.5);
    assert!(offer["intent"].is_string(), "beside the shipped one");

    put_set(dir.path(), true);
    assert_eq!(reload(&router), (200, json!({"shops": [{"shop": "bikes", "labels": 2}]})));
    bob.say(RENTAL);
    assert_eq!(walt.next("offer")["own_intent"]["label"], "repair");
    [&mut ana, &mut bob, &mut rita, &mut walt].into_iter().for_each(is_alive);
}

#[test]
fn a_message_outside_the_set_goes_by_its_shipped_intent_and_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    put_shop(dir.path(), INTENTS);
    put_set(dir.path(), false);
    let router = Router::start(config(dir.path(), "")).expect("a router");
    let mut gina = router.seat("bikes", "gina");
    let mut ana = router.customer("bikes");

    ana.say("your courier was rude to my mother, this is a scandal");

    let offer = gina.next("offer");
    assert_eq!(offer["own_intent"]["label"], Value::Null);
    assert_eq!(offer["intent"], "complaint");
}

#[test]
fn a_damaged_set_is_refused_and_the_old_one_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    put_shop(dir.path(), INTENTS);
    put_set(dir.path(), false);
    let router = Router::start(config(dir.path(), "")).expect("a router");
    let mut rita = router.seat("bikes", "rita");
    let mut ana = router.customer("bikes");
    let file = dir.path().join("shops/bikes/own/tenant.twi");
    let mut bytes = std::fs::read(&file).expect("a set");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("written");

    let (status, body) = reload(&router);
    assert_eq!(status, 422);
    let error = body["shops"][0]["error"].as_str().expect("an error");
    assert!(error.contains("sha256"), "{error}");

    ana.say(RENTAL);
    assert_eq!(rita.next("offer")["own_intent"]["label"], "rental");
    let refused = "tradewind_understand_own_intents_reloads_total{result=\"refused\"}";
    assert_eq!(router.metric(refused), 1.0);
}

#[test]
fn a_start_tells_every_label_that_the_set_does_not_have() {
    let dir = tempfile::tempdir().expect("a folder");
    put_shop(dir.path(), "rentl = \"rentals\"\nrepairs = \"workshop\"\ninvoice = \"general\"");
    put_set(dir.path(), false);

    let error = Router::start(config(dir.path(), "")).err().expect("mistakes").to_string();

    for wrong in ["intents.rentl", "intents.repairs"] {
        assert!(error.contains(wrong), "{error}");
    }
    assert!(error.contains("one of rental, repair"), "{error}");
    assert!(!error.contains("intents.invoice"), "{error}");
    std::fs::remove_dir_all(dir.path().join("shops/bikes/own")).expect("removed");
    let error = Router::start(config(dir.path(), "")).err().expect("no set").to_string();
    assert!(error.contains("own_intents.folder") && error.contains("tradewind train"), "{error}");
}

/// The program itself, ended with the test.
struct Program {
    child: Child,
    admin_address: std::net::SocketAddr,
}

impl Program {
    fn serve(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tradewind"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .arg("--shops")
            .arg(folder.join("shops"))
            .arg("--data")
            .arg(folder.join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.map_while(Result::ok).find(|line| line.contains("management"));
        let line = line.expect("it says where management is");
        let (_, address) = line.split_once("http://").expect("an address");
        Self { child, admin_address: address.trim().parse().expect("an address") }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_hang_up_loads_the_sets_anew_and_ends_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    put_shop(dir.path(), INTENTS);
    put_set(dir.path(), false);
    let mut program = Program::serve(dir.path());
    let loaded = "tradewind_understand_own_intents_reloads_total{result=\"loaded\"}";
    assert_eq!(metric(program.admin_address, loaded), 0.0);

    let pid = rustix::process::Pid::from_child(&program.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("it is there");

    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while metric(program.admin_address, loaded) < 1.0 {
        assert!(std::time::Instant::now() < until, "it was not heard");
        assert!(program.child.try_wait().expect("asked").is_none(), "it ended");
        std::thread::yield_now();
    }
}
