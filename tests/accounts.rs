//! Shops, seats and keys that are made and taken away while the router works: by commands and over the
//! management address, seen from real sockets.

#[path = "router/mod.rs"]
mod router;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use router::{Client, Router, ask, config, post};
use serde_json::{Value, json};
use tradewind::config::shop::store::{NewShop, ShopFolder};

const PASSWORD: &str = "correct horse battery";

struct World {
    router: Router,
    folder: tempfile::TempDir,
    key: String,
}

impl World {
    /// A router with one shop that has nobody.
    fn new() -> Self {
        Self::with("")
    }

    /// The same with `lines` in its settings.
    fn with(lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shops = ShopFolder::new(folder.path().join("shops"));
        let origins = Vec::new();
        shops.add(&NewShop { id: "cafe".into(), name: "Café".into(), origins }).expect("a shop");
        let router = Router::start(config(folder.path(), lines)).expect("a router");
        let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
        Self { router, folder, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a command prints as JSON.
    fn run(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.output(arguments, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn output(&self, arguments: &[&str], input: &str) -> std::process::Output {
        let settings = self.path("settings.toml");
        let text = format!(
            "data = {:?}\nshops = {:?}\n[server]\nadmin_listen = \"{}\"\n",
            self.path("data"),
            self.path("shops"),
            self.router.admin_address
        );
        std::fs::write(&settings, text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradewind"))
            .args(arguments)
            .args(["--json", "--config"])
            .arg(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        command.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
        command.wait_with_output().expect("an end")
    }

    fn admin(&self, method: &str, path: &str, bearer: &str, body: &Value) -> (u16, Value) {
        let (status, answer) = ask(self.router.admin_address, (method, path), bearer, body);
        (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    fn sign_in(&self, shop: &str, user: &str, password: &str) -> (u16, Value) {
        let asked = json!({"shop": shop, "user": user, "password": password});
        post(self.router.address, "/v1/seat/session", &asked)
    }

    fn seat(&self, shop: &str, user: &str, password: &str) -> Client {
        let (status, granted) = self.sign_in(shop, user, password);
        assert_eq!(status, 201, "{granted}");
        Client::open(self.router.address, "/v1/seat", &granted["token"])
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn commands_make_a_shop_and_a_seat_that_work_at_once_and_take_them_away_again() {
    let world = World::new();

    world.run(
        &["tenant", "add", "tea", "--name", "Tea", "--origin", "https://tea.example", "--reload"],
        "",
    );
    let ann = ["seat", "add", "tea", "ann", "--language", "en", "--role", "supervisor", "--reload"];
    let made = world.run(&ann, PASSWORD);
    assert_eq!(made, json!({"shop": "tea", "seat": "ann", "password": null}));
    let listed = world.run(&["seat", "list", "tea"], "");
    assert_eq!(listed["seats"][0]["role"], "supervisor");
    assert_eq!(mode(&world.path("shops/tea/shop.toml")), 0o600);

    let mut ann = world.seat("tea", "ann", PASSWORD);
    let made = world.run(&["seat", "password", "tea", "ann", "--generate", "--reload"], "");
    assert_eq!(ann.close_code(), 4503);
    assert_eq!(world.sign_in("tea", "ann", PASSWORD).0, 401);
    let mut ann = world.seat("tea", "ann", made["password"].as_str().expect("a password"));
    world.run(&["seat", "revoke", "tea", "ann", "--reload"], "");
    assert_eq!(ann.close_code(), 4503);
    let mut customer = world.router.customer("tea");
    world.run(&["tenant", "remove", "tea", "--reload"], "");
    assert_eq!(customer.close_code(), 4503);
    assert_eq!(world.run(&["tenant", "list"], "")["shops"][0]["shop"], "cafe");
}

#[test]
fn keys_are_made_by_a_command_and_listed_without_their_secret() {
    let world = World::new();

    let made = world.run(&["tenant", "key", "add", "cafe", "--kid", "2026-11", "--reload"], "");
    let listed = world.run(&["tenant", "key", "list", "cafe"], "");
    let removed = world.run(&["tenant", "key", "remove", "cafe", "2026-11", "--reload"], "");

    assert!(made["secret"].as_str().expect("a secret").len() >= 43);
    assert_eq!(listed["keys"], json!([{"kid": "2026-11", "alg": "HS256"}]));
    assert_eq!(removed["kid"], "2026-11");
    assert_eq!(world.run(&["tenant", "key", "list", "cafe"], "")["keys"], json!([]));
}

#[test]
fn the_operator_makes_shops_and_their_admin_looks_after_his_own() {
    let world = World::new();
    let shop = json!({"id": "tea", "name": "Tea", "origins": ["https://tea.example"]});
    let eve = json!({"id": "eve", "password": PASSWORD, "languages": ["en"], "role": "admin"});
    let ann = json!({"id": "ann", "password": PASSWORD, "languages": ["en", "fr:2"]});

    assert_eq!(world.admin("POST", "/v1/shops", "", &shop).0, 401);
    let (status, made) = world.admin("POST", "/v1/shops", &world.key, &shop);
    assert_eq!((status, &made["in_force"]), (201, &true.into()), "{made}");
    assert_eq!(world.admin("POST", "/v1/shops", &world.key, &shop).0, 409);
    assert_eq!(world.admin("POST", "/v1/shops/tea/seats", &world.key, &eve).0, 201);
    let eve = world.sign_in("tea", "eve", PASSWORD).1["token"].as_str().expect("one").to_owned();

    assert_eq!(world.admin("POST", "/v1/shops/tea/seats", &eve, &ann).0, 201);
    assert_eq!(world.admin("POST", "/v1/shops/cafe/seats", &eve, &ann).0, 404);
    assert_eq!(world.admin("DELETE", "/v1/shops/tea", &eve, &Value::Null).0, 404);
    let ann_token = world.sign_in("tea", "ann", PASSWORD).1["token"].clone();
    let seats = "/v1/shops/tea/seats";
    assert_eq!(world.admin("GET", seats, ann_token.as_str().expect("one"), &Value::Null).0, 401);
    let mut open = Client::open(world.router.address, "/v1/seat", &ann_token);
    let (status, _) = world.admin("DELETE", "/v1/shops/tea/seats/ann", &eve, &Value::Null);
    assert_eq!(status, 200);
    assert_eq!(open.close_code(), 4503);

    let (status, key) = world.admin("POST", "/v1/shops/tea/keys", &eve, &json!({"kid": "a"}));
    assert_eq!(status, 201);
    assert!(key["secret"].as_str().is_some_and(|secret| secret.len() >= 43));
    let listed = world.admin("GET", "/v1/shops/tea/keys", &eve, &Value::Null).1;
    assert_eq!(listed["keys"], json!([{"kid": "a", "alg": "HS256"}]));
    assert_eq!(world.admin("DELETE", "/v1/shops/tea/keys/b", &eve, &Value::Null).0, 404);
    assert_eq!(world.admin("DELETE", "/v1/shops/tea/keys/a", &eve, &Value::Null).0, 200);
    let origins = json!({"origins": ["https://a.example"]});
    assert_eq!(world.admin("PUT", "/v1/shops/tea/origins", &eve, &origins).0, 200);
    assert_eq!(world.admin("DELETE", "/v1/shops/tea", &world.key, &Value::Null).0, 200);
}

#[test]
fn changes_that_do_not_fit_say_why_and_change_nothing() {
    let world = World::new();
    let (seats, key) = ("/v1/shops/cafe/seats", &world.key);
    let file = world.path("shops/cafe/shop.toml");
    let before = std::fs::read_to_string(&file).expect("the file");
    let seat = |password: &str, language: &str| json!({"id": "ann", "password": password, "languages": [language]});

    for (body, status) in [
        (seat("short", "en"), 400),
        (seat(PASSWORD, "Klingon"), 400),
        (json!({"id": "ann", "password": PASSWORD}), 400),
        (json!({"id": "a b", "password": PASSWORD, "languages": ["en"]}), 400),
        (json!({"id": "ann", "password": PASSWORD, "languages": ["en"], "colour": 1}), 400),
    ] {
        let (answered, problem) = world.admin("POST", seats, key, &body);
        assert_eq!(answered, status, "{problem}");
        assert!(!problem.to_string().contains(PASSWORD), "{problem}");
    }
    assert_eq!(world.admin("POST", "/v1/shops/none/seats", key, &seat(PASSWORD, "en")).0, 404);
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), before);
}

#[test]
fn a_page_in_a_browser_on_the_machine_is_not_the_operator() {
    let world = World::new();
    let address = world.router.admin_address;
    for head in ["Origin: http://evil.example\r\n", "Host: evil.example\r\n"] {
        let host = if head.starts_with("Host") { "" } else { "Host: localhost\r\n" };
        let asked = format!(
            "POST /v1/shops/reload HTTP/1.1\r\n{host}{head}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(router::request(address, &asked).0, 401, "{head}");
    }
    assert_eq!(world.admin("POST", "/v1/shops/reload", "", &Value::Null).0, 200);
}

/// A shop that keeps the router from taking anything over, and what its files say.
fn break_another_shop(world: &World) -> PathBuf {
    let folder = world.path("shops/broken");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("shop.toml"), "id = \"broken\"\nname = \"B\"\nsurprise = 1\n")
        .expect("a file");
    folder
}

#[test]
fn a_mistake_of_another_shop_is_told_to_the_operator_only() {
    let world = World::new();
    let eve = json!({"id": "eve", "password": PASSWORD, "languages": ["en"], "role": "admin"});
    assert_eq!(world.admin("POST", "/v1/shops/cafe/seats", &world.key, &eve).0, 201);
    let eve = world.sign_in("cafe", "eve", PASSWORD).1["token"].as_str().expect("one").to_owned();
    break_another_shop(&world);
    let origins = json!({"origins": ["https://a.example"]});

    let path = "/v1/shops/cafe/origins";
    let (status, to_admin) = world.admin("PUT", path, &eve, &origins);
    let (_, to_operator) = world.admin("PUT", path, &world.key, &origins);

    assert_eq!((status, &to_admin["in_force"]), (409, &false.into()), "{to_admin}");
    assert!(to_admin["message"].is_string(), "{to_admin}");
    assert!(!to_admin.to_string().contains("broken"), "{to_admin}");
    assert!(to_operator["mistakes"].to_string().contains("surprise"), "{to_operator}");
}

#[test]
fn a_revocation_that_was_not_in_force_holds_when_it_is_asked_for_again() {
    let world = World::new();
    for id in ["ann", "bea"] {
        let seat = json!({"id": id, "password": PASSWORD, "languages": ["en"]});
        assert_eq!(world.admin("POST", "/v1/shops/cafe/seats", &world.key, &seat).0, 201);
    }
    let (mut ann, mut bea) =
        (world.seat("cafe", "ann", PASSWORD), world.seat("cafe", "bea", PASSWORD));
    let broken = break_another_shop(&world);
    let delete = |id: &str| {
        world.admin("DELETE", &format!("/v1/shops/cafe/seats/{id}"), &world.key, &Value::Null)
    };

    for _ in 0..2 {
        let (status, answer) = delete("ann");
        assert_eq!((status, &answer["in_force"]), (409, &false.into()), "{answer}");
    }
    assert_eq!(delete("bea").0, 409);
    std::fs::remove_dir_all(broken).expect("removed");
    assert_eq!(delete("ann").0, 404);
    assert_eq!(ann.close_code(), 4503);
    assert_eq!(bea.close_code(), 4503);
}

#[test]
fn a_command_that_finds_nothing_to_revoke_still_lets_the_router_load_the_shops() {
    let world = World::new();
    world.run(&["seat", "add", "cafe", "ann", "--language", "en", "--reload"], PASSWORD);
    let mut ann = world.seat("cafe", "ann", PASSWORD);
    world.run(&["seat", "revoke", "cafe", "ann"], "");

    let again = world.output(&["seat", "revoke", "cafe", "ann", "--reload"], "");

    assert!(!again.status.success());
    assert_eq!(ann.close_code(), 4503);
}

#[test]
fn the_last_shop_is_not_removed() {
    let world = World::new();

    let (status, answer) = world.admin("DELETE", "/v1/shops/cafe", &world.key, &Value::Null);

    assert_eq!(status, 409, "{answer}");
    assert!(world.path("shops/cafe/shop.toml").is_file());
}

#[test]
fn a_full_public_address_leaves_management_open() {
    let world = World::with("[gateway]\nconnections_max = 1\n");
    let _held = std::net::TcpStream::connect(world.router.address).expect("a connection");

    let mut public = String::new();
    let mut second = std::net::TcpStream::connect(world.router.address).expect("a connection");
    second.read_to_string(&mut public).expect("an answer");
    let asked = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let management = router::request(world.router.admin_address, asked).0;

    assert!(public.starts_with("HTTP/1.1 503"), "{public}");
    assert_eq!(management, 200);
}

#[test]
fn a_seat_of_a_provider_is_made_without_a_password_where_there_is_a_provider() {
    let world = World::new();
    let kim = ["seat", "add", "cafe", "kim", "--language", "ko", "--email", "Kim@Cafe.example"];
    let kim = [&kim[..], &["--no-password"]].concat();

    let refused = world.output(&kim, "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("[openid]"), "{refused:?}");
    let file = world.path("shops/cafe/shop.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    let text = text.replace("origins = []", "origins = [\"https://chat.example\"]");
    let provider = "[openid]\nissuer = \"https://login.example\"\nclient_id = \"tradewind\"\n\
        router = \"https://chat.example\"\n";
    std::fs::write(&file, format!("{text}\n{provider}")).expect("written");
    let made = world.run(&kim, "");

    assert_eq!(made, json!({"shop": "cafe", "seat": "kim", "password": null}));
    let nobody = ["seat", "add", "cafe", "lee", "--language", "ko", "--no-password"];
    let refused = world.output(&nobody, "");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("password: is missing"),
        "{refused:?}"
    );
    // Over the management address as well, where a password may be left out.
    let asked = json!({"id": "may", "languages": ["en"], "subject": "u-may"});
    let (status, answer) = world.admin("POST", "/v1/shops/cafe/seats", &world.key, &asked);
    assert_eq!(status, 201, "{answer}");
}
