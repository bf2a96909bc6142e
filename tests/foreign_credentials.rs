//! Every route and every type of message with the credentials of another shop: refused. The tables
//! below have a row for each; a route or a type without a row fails the test.

#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use router::{Client, Router, ask, config, post};
use serde_json::{Value, json};
use tradewind::config::shop::ShopFiles;
use tradewind::protocol::ClientFrame;

const COMPLAINT: &str = "Quiero que me devuelvan el dinero de mi pedido, es una vergüenza";
const ID: &str = "0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10";

/// A provider of identities that is not there.
const PROVIDER: &str = "\n[openid]\nissuer = \"https://127.0.0.1:1\"\nclient_id = \"x\"\n\
    router = \"http://localhost:8080\"\n";

/// What a route does with the credentials of another shop.
enum Answer {
    /// Refuses them, whatever they are.
    Refuses,
    /// Shows nothing of any shop, or what anybody may see; why that is so.
    Open(&'static str),
    /// Is looked at by a test of its own here.
    Apart(fn(&World)),
}
use Answer::{Apart, Open, Refuses};

const PAGE: Answer = Open("a built file, the same for everybody");

/// Every route: of the main address by its path, of management with `admin` before it.
const ROUTES: &[(&str, Answer)] = &[
    ("POST /v1/widget/session", Apart(a_visitor_of_another_shop_is_a_new_visitor)),
    ("POST /v1/seat/session", Apart(a_password_opens_the_own_shop_only)),
    ("GET /v1/widget", Apart(a_widget_token_of_another_origin_or_role_opens_nothing)),
    ("GET /v1/seat", Apart(a_seat_token_opens_no_widget)),
    ("GET /v1/seat/queue", Apart(the_queue_is_that_of_the_token)),
    ("GET /v1/seat/gaps", Apart(the_unanswered_are_those_of_the_token)),
    ("GET /v1/seat/conversations/{conversation}/explanation", Refuses),
    ("GET /v1/openid/{shop}", Open("the words of a button, and of this browser only who is in")),
    ("GET /v1/openid/{shop}/start", Open("sends anybody to the provider of a shop")),
    ("GET /v1/openid/{shop}/callback", Open("wants the sign-in of this browser: tests/openid.rs")),
    ("POST /v1/openid/{shop}/session", Refuses),
    ("POST /v1/openid/{shop}/sign-out", Refuses),
    ("POST /v1/openid/{shop}/logged-out", Open("wants the provider's word: tests/openid.rs")),
    ("GET /v1/demo", Open("the public passwords of a demo shop, for this machine")),
    ("GET /healthz", Open("no shop in it")),
    ("GET /readyz", Open("no shop in it")),
    ("GET /metrics", Open("labels are closed sets without shops")),
    ("GET /", PAGE),
    ("GET /widget", PAGE),
    ("GET /seat", PAGE),
    ("GET /supervisor", PAGE),
    ("GET /assets/index.js", PAGE),
    ("GET /assets/widget.js", PAGE),
    ("GET /assets/seat.js", PAGE),
    ("GET /assets/tick.js", PAGE),
    ("GET /assets/style.css", PAGE),
    ("GET /assets/icon.svg", PAGE),
    ("admin GET /healthz", Open("no shop in it")),
    ("admin GET /metrics", Refuses),
    ("admin GET /v1/shops", Refuses),
    ("admin POST /v1/shops", Refuses),
    ("admin DELETE /v1/shops/{shop}", Refuses),
    ("admin GET /v1/shops/{shop}/queue", Refuses),
    ("admin PUT /v1/shops/{shop}/origins", Refuses),
    ("admin GET /v1/shops/{shop}/seats", Refuses),
    ("admin POST /v1/shops/{shop}/seats", Refuses),
    ("admin DELETE /v1/shops/{shop}/seats/{seat}", Refuses),
    ("admin PUT /v1/shops/{shop}/seats/{seat}/password", Refuses),
    ("admin GET /v1/shops/{shop}/keys", Refuses),
    ("admin POST /v1/shops/{shop}/keys", Refuses),
    ("admin DELETE /v1/shops/{shop}/keys/{kid}", Refuses),
    ("admin GET /v1/shops/{shop}/articles", Refuses),
    ("admin GET /v1/shops/{shop}/articles/gaps", Refuses),
    ("admin GET /v1/shops/{shop}/articles/{id}/{language}", Refuses),
    ("admin PUT /v1/shops/{shop}/articles/{id}/{language}", Refuses),
    ("admin DELETE /v1/shops/{shop}/articles/{id}/{language}", Refuses),
    ("admin POST /v1/shops/{shop}/articles/{id}/{language}/rollback", Refuses),
    ("admin POST /v1/shops/{shop}/erasures", Refuses),
    ("admin GET /v1/conversations/{conversation}/explanation", Refuses),
    ("admin POST /v1/backup/holds", Refuses),
    ("admin POST /v1/backup/holds/{id}", Refuses),
    ("admin DELETE /v1/backup/holds/{id}", Refuses),
    ("admin POST /v1/email", Refuses),
    ("admin POST /v1/own-intents/reload", Refuses),
    ("admin POST /v1/shops/reload", Refuses),
];

/// The types of a client, each by its name: a type that is added without a name here does not compile,
/// and one without a row in [`FRAMES`] fails.
macro_rules! types {
    ($($variant:ident $name:literal),+ $(,)?) => {
        const TYPES: &[&str] = &[$($name),+];
        fn type_of(frame: &ClientFrame<'_>) -> &'static str {
            match frame { $(ClientFrame::$variant { .. } => $name),+ }
        }
    };
}
types![
    Hello "hello", Ping "ping", Send "send", Received "received", Typing "typing", Close "close",
    Person "person", Helpful "helpful", Rate "rate", State "state", Accept "accept", Decline "decline", Note "note",
    Transfer "transfer", Assign "assign", TakeOver "take_over", Floor "floor",
    Approve "approve", Part "part", Incidents "incidents", ConfirmIncident "confirm_incident",
    AnswerIncident "answer_incident", JoinIncidents "join_incidents",
    PartIncidents "part_incidents", CloseIncident "close_incident", Translate "translate",
];

/// Who sends a frame with the ids of another shop.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Customer,
    /// A supervisor: the seat that may do most.
    Seat,
}
use Side::{Customer, Seat};

/// `CONVERSATION` and `OFFER` are those of the other shop. The last is the code that refuses; an empty
/// one says that the frame has no id in it and is looked at apart.
const FRAMES: &[(Side, &str, &str)] = &[
    (Customer, r#"{"type":"hello","token":"x","resume":null}"#, "bad_frame"),
    (Customer, r#"{"type":"ping"}"#, ""),
    (
        Customer,
        r#"{"type":"send","id":"ID","conversation":"CONVERSATION","text":"x"}"#,
        "not_found",
    ),
    (Customer, r#"{"type":"received","conversation":"CONVERSATION","seq":1}"#, "not_found"),
    (Customer, r#"{"type":"typing","conversation":"CONVERSATION"}"#, "not_found"),
    (Customer, r#"{"type":"close","conversation":"CONVERSATION"}"#, "not_found"),
    (Customer, r#"{"type":"person","conversation":"CONVERSATION"}"#, "not_found"),
    (Customer, r#"{"type":"helpful","conversation":"CONVERSATION","helpful":false}"#, "not_found"),
    (Customer, r#"{"type":"rate","conversation":"CONVERSATION","score":1}"#, "not_found"),
    (Seat, r#"{"type":"send","id":"ID","conversation":"CONVERSATION","text":"x"}"#, "not_found"),
    (Seat, r#"{"type":"received","conversation":"CONVERSATION","seq":1}"#, "not_found"),
    (Seat, r#"{"type":"typing","conversation":"CONVERSATION"}"#, "not_found"),
    (Seat, r#"{"type":"close","conversation":"CONVERSATION"}"#, "not_found"),
    (Seat, r#"{"type":"state","state":"away"}"#, ""),
    (Seat, r#"{"type":"accept","offer":"OFFER"}"#, "not_found"),
    (Seat, r#"{"type":"decline","offer":"OFFER"}"#, "not_found"),
    (Seat, r#"{"type":"note","conversation":"CONVERSATION","text":"x"}"#, "not_found"),
    (Seat, r#"{"type":"transfer","conversation":"CONVERSATION","to":{"seat":"mai"}}"#, "not_found"),
    (Seat, r#"{"type":"assign","conversation":"CONVERSATION","seat":"mai"}"#, "not_found"),
    (Seat, r#"{"type":"take_over","conversation":"CONVERSATION"}"#, "not_found"),
    (Seat, r#"{"type":"part","conversation":"CONVERSATION"}"#, "not_found"),
    (Seat, r#"{"type":"approve","conversation":"CONVERSATION"}"#, "not_found"),
    (Seat, r#"{"type":"translate","conversation":"CONVERSATION","seq":1}"#, "not_found"),
    (Seat, r#"{"type":"floor","watch":true}"#, ""),
    (Seat, r#"{"type":"incidents","watch":true}"#, ""),
    (
        Seat,
        r#"{"type":"confirm_incident","incident":1,"conversations":["CONVERSATION"]}"#,
        "not_found",
    ),
    (
        Seat,
        r#"{"type":"answer_incident","incident":1,"texts":{"en":"x"},"fallback":"en"}"#,
        "not_found",
    ),
    (Seat, r#"{"type":"join_incidents","incident":1,"into":2}"#, "not_found"),
    (Seat, r#"{"type":"part_incidents","incident":1,"from":2}"#, "not_found"),
    (Seat, r#"{"type":"close_incident","incident":1}"#, "not_found"),
];

/// Two shops that differ in their names only. The first has a conversation with a seat and one on
/// offer; `wei`, who does everything that a seat may do, attacks from the second.
struct World {
    router: Router,
    folder: tempfile::TempDir,
    lucia: Client,
    customer: Client,
    conversation: String,
    offer: String,
    /// The visitor handle of a customer of the first shop.
    visitor: String,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for shop in ["first", "second"] {
            write_shop(folder.path(), shop);
        }
        let router = Router::start(config(folder.path(), "[timers]\noffer = \"14s\"\n"));
        let router = router.expect("a router");
        let mut lucia = router.seat("first", "lucia");
        let asked = json!({"shop": "first", "locale": "es-MX"});
        let granted = post(router.address, "/v1/widget/session", &asked).1;
        let mut customer = Client::open(router.address, "/v1/widget", &granted["token"]);
        customer.say(COMPLAINT);
        let offer = lucia.next("offer");
        lucia.send(&json!({"type": "accept", "offer": offer["offer"]}));
        let conversation = lucia.next("accepted")["conversation"].clone();
        router.customer("first").say(COMPLAINT);
        let offer = lucia.next("offer")["offer"].clone();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (conversation, offer) = (text(&conversation), text(&offer));
        let visitor = text(&granted["visitor"]);
        Self { router, folder, lucia, customer, conversation, offer, visitor }
    }

    fn token_of_second(&self) -> String {
        let asked = json!({"shop": "second", "user": "wei", "password": "demo"});
        let granted = post(self.router.address, "/v1/seat/session", &asked).1;
        granted["token"].as_str().expect("a token").to_owned()
    }

    /// The conversation goes on as if nothing had been tried.
    fn is_untouched(&mut self) {
        let id = uuid::Uuid::from_u128(4_711);
        let (text, conversation) = ("Sigo aquí", &self.conversation);
        let send = json!({"type": "send", "id": id, "conversation": conversation, "text": text});
        self.lucia.send(&send);
        self.lucia.next("ack");
        loop {
            let frame = self.customer.next_of_any(&["message", "closed", "transferred"]);
            assert_eq!(frame["kind"], "message", "{frame}");
            assert_ne!(frame["text"], "x", "{frame}");
            if frame["text"] == text {
                break;
            }
        }
    }
}

fn write_shop(folder: &Path, id: &str) {
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.join("shops").join(id).join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let text = text
            .replace("id = \"demo\"", &format!("id = \"{id}\""))
            .replace("supervisor = true", "role = \"admin\"");
        let provider = match file.as_str() {
            "shop.toml" => PROVIDER,
            _ => "",
        };
        std::fs::write(path, text + provider).expect("a file");
    }
}

/// Every route in the sources, as the table names it.
fn routes_in_the_sources() -> BTreeSet<String> {
    let route = Regex::new(r#"\.route\(\s*"([^"]+)",\s*(get|post|put|delete|patch|any|built!)"#);
    let route = route.expect("an expression");
    let mut found = BTreeSet::new();
    let mut declared = 0;
    for (folder, prefix) in [("src/gateway", ""), ("src/admin", "admin ")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).expect("the sources") {
            let path = entry.expect("an entry").path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            declared += text.matches(".route(").count();
            for found_in in route.captures_iter(&text) {
                let method = found_in[2].to_uppercase().replace("BUILT!", "GET");
                found.insert(format!("{prefix}{method} {}", &found_in[1]));
            }
        }
    }
    assert_eq!(found.len(), declared, "a route is written in a form that this test cannot read");
    found
}

#[test]
fn every_route_refuses_the_credentials_of_another_shop() {
    let mut world = World::new();
    let rows: BTreeSet<String> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert_eq!(rows, routes_in_the_sources(), "the table needs a row for every route");
    let token = world.token_of_second();
    let data = world.folder.path().join("data");
    let key = std::fs::read_to_string(data.join("admin.key")).expect("the key of management");
    let backup = |route: (&str, &str), bearer: &str| {
        ask(world.router.admin_address, route, bearer, &Value::Null)
    };
    let (_, hold) = backup(("POST", "/v1/backup/holds"), &key);
    let hold: Value = serde_json::from_str(&hold).expect("a hold");
    let hold = hold["hold"].to_string();

    for (route, answer) in ROUTES {
        let (is_admin, route) = match route.strip_prefix("admin ") {
            Some(route) => (true, route),
            None => (false, *route),
        };
        let address = if is_admin { world.router.admin_address } else { world.router.address };
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let path = path
            .replace("{conversation}", &world.conversation)
            .replace("{shop}", "first")
            .replace("{seat}", "lucia")
            .replace("{kid}", "a")
            .replace("{language}", "en")
            .replace("{id}", &hold);
        match answer {
            Refuses => {
                let body = json!({"id": "third", "name": "x", "kid": "x", "password": "12345678",
                    "languages": ["en"], "origins": []});
                let (status, answer) = ask(address, (method, &path), &token, &body);
                assert!([401, 403, 404].contains(&status), "{route}: {status} {answer}");
                // A guess at a token is no better.
                let (status, _) = ask(address, (method, &path), "guess", &body);
                assert!([401, 403, 404].contains(&status), "{route}: {status}");
            }
            Open(why) => {
                let (_, answer) = ask(address, (method, &path), &token, &Value::Null);
                assert!(!answer.contains(&world.conversation), "{route}: not {why}");
            }
            Apart(check) => check(&world),
        }
    }
    let of_hold = format!("/v1/backup/holds/{hold}");
    assert_eq!(backup(("DELETE", &of_hold), "").0, 401, "whoever is on this machine has no key");
    assert_eq!(backup(("DELETE", &of_hold), &key).0, 204, "nobody has ended it");
    world.is_untouched();
    reliability::done(ROUTES.len() as u64);
}

#[test]
fn every_type_of_message_refuses_the_ids_of_another_shop() {
    let mut world = World::new();
    let mut customer = world.router.customer("second");
    let mut seat = world.router.seat("second", "wei");
    let mut rows = BTreeSet::new();

    for (from, frame, code) in FRAMES {
        let text = frame
            .replace("CONVERSATION", &world.conversation)
            .replace("OFFER", &world.offer)
            .replace("\"ID\"", &format!("\"{ID}\""));
        let (_, parsed) = ClientFrame::parse(&text).unwrap_or_else(|_| panic!("{text}"));
        rows.insert(type_of(&parsed));
        let client = if *from == Customer { &mut customer } else { &mut seat };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        if !code.is_empty() {
            assert_eq!(client.refused(&frame), *code, "{text}");
        }
    }

    assert_eq!(rows, TYPES.iter().copied().collect(), "the table needs a row for every type");
    seat.send(&json!({"type": "floor", "watch": true}));
    let floor = seat.next("floor").to_string();
    assert!(!floor.contains(&world.conversation) && !floor.contains("lucia\",\"state\":\"ready"));
    world.is_untouched();
    reliability::done(FRAMES.len() as u64);
}

fn a_visitor_of_another_shop_is_a_new_visitor(world: &World) {
    let asked = json!({"shop": "second", "visitor": world.visitor});
    let (status, granted) = post(world.router.address, "/v1/widget/session", &asked);

    assert_eq!(status, 201);
    assert_ne!(granted["visitor"], world.visitor.as_str());
    let mut client = Client::connect(world.router.address, "/v1/widget");
    let resume = json!({"session": null, "last_seq": {world.conversation.clone(): 0}});
    client.send(&json!({"type": "hello", "token": granted["token"], "resume": resume}));
    let welcome = client.next("welcome");
    assert_eq!((&welcome["recovered"], &welcome["conversations"]), (&false.into(), &json!([])));
}

fn a_password_opens_the_own_shop_only(world: &World) {
    let asked = json!({"shop": "third", "user": "wei", "password": "demo"});
    assert_eq!(post(world.router.address, "/v1/seat/session", &asked).0, 404);
}

fn a_widget_token_of_another_origin_or_role_opens_nothing(world: &World) {
    let token = world.token_of_second();
    let mut client = Client::connect(world.router.address, "/v1/widget");
    client.send(&json!({"type": "hello", "token": token, "resume": null}));
    assert_eq!(client.close_code(), 4503);
}

fn a_seat_token_opens_no_widget(world: &World) {
    let asked = json!({"shop": "first"});
    let token = post(world.router.address, "/v1/widget/session", &asked).1["token"].clone();
    let mut client = Client::connect(world.router.address, "/v1/seat");
    client.send(&json!({"type": "hello", "token": token, "resume": null}));
    assert_eq!(client.close_code(), 4503);
    // A seat of the other shop resumes nothing of this one.
    let mut client = Client::connect(world.router.address, "/v1/seat");
    let resume = json!({"session": null, "last_seq": {world.conversation.clone(): 0}});
    let token = world.token_of_second();
    client.send(&json!({"type": "hello", "token": token, "resume": resume}));
    let welcome = client.next("welcome");
    assert_eq!((&welcome["recovered"], &welcome["conversations"]), (&false.into(), &json!([])));
}

fn the_unanswered_are_those_of_the_token(world: &World) {
    let route = ("GET", "/v1/seat/gaps");
    let (status, gaps) = ask(world.router.address, route, &world.token_of_second(), &Value::Null);
    assert_eq!(status, 200);
    let gaps: Value = serde_json::from_str(&gaps).expect("JSON");
    assert_eq!((&gaps["shop"], &gaps["questions"]), (&json!("second"), &json!(0)));
    assert_eq!(ask(world.router.address, route, "", &Value::Null).0, 401);
}

fn the_queue_is_that_of_the_token(world: &World) {
    let route = ("GET", "/v1/seat/queue");
    let (status, queue) = ask(world.router.address, route, &world.token_of_second(), &Value::Null);
    assert_eq!(status, 200);
    assert!(!queue.contains("lucia") && !queue.contains(&world.conversation), "{queue}");
    assert_eq!(ask(world.router.address, route, "", &Value::Null).0, 401);
}
