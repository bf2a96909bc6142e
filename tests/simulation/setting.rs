//! What is the same for every seed: the shop, the settings, and tokens that outlive every clock.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tradewind::app::{Core, CoreParts};
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::config::{Config, Sources};
use tradewind::domain::{HookEvent, ShopId, Timestamp};
use tradewind::flow::{Board, Library, Shops};
use tradewind::gateway::{
    self, Accepted, Gateway, OpenIdSignIns, PasswordChecks, Secret, SignInLimits, SignedOut,
};
use tradewind::journal::open_stepped;
use tradewind::metrics::Metrics;
use tradewind::openid::Providers;
use tradewind::runtime::{Clock, Internet};
use tradewind::understand::Model;

use super::disk::SimulatedDisk;
use super::model::SimulatedModel;
use super::process::options;

/// Where the clocks of every seed begin: a Monday morning.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_795_600_000_000);
pub const CUSTOMERS: [&str; 4] = ["ana", "eva", "bob", "min"];
/// Between them they speak every language of the texts, some only one of them.
pub const SEATS: [&str; 4] = ["lucia", "mai", "kofi", SUPERVISOR];
pub const SUPERVISOR: &str = "wei";
/// Conversations of each seat at a time.
pub const SLOTS: u32 = 2;
/// What hooks are signed with.
pub const HOOK_KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// How long webhooks and letters are tried.
pub const RETRY_FOR: Duration = Duration::from_secs(90);
/// The pause after the first try, of which chance takes up to a half.
pub const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
pub const RETRY_LONGEST: Duration = Duration::from_secs(10);

/// A hook of the shop.
pub struct Hook {
    pub name: &'static str,
    pub url: &'static str,
    pub events: &'static [HookEvent],
    pub has_text: bool,
}

pub const HOOK_COUNT: usize = 2;

/// One is told everything, the other little.
pub static HOOKS: [Hook; HOOK_COUNT] = [
    Hook {
        name: "crm",
        url: "https://crm.shop.example/in",
        events: &HookEvent::ALL,
        has_text: true,
    },
    Hook {
        name: "figures",
        url: "https://figures.shop.example/in",
        events: &[HookEvent::Opened, HookEvent::Closed, HookEvent::MessageSent],
        has_text: false,
    },
];

const IDENTITY_SECRET: &str = "a secret of the shop's own server";

pub struct Setting {
    pub config: Config,
    pub shops: Shops,
    pub secret: Secret,
    pub password_checks: PasswordChecks,
    model: Arc<Model>,
    pub library: Arc<Library>,
    /// By user id and by seat.
    pub tokens: BTreeMap<&'static str, String>,
}

pub fn shop_id() -> ShopId {
    ShopId::from("demo")
}

/// The demo shop without its crew of 200, whose seats have `slots` slots.
fn shops(slots: u32) -> Shops {
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    text.truncate(text.find("# --- a crew").expect("the crew is the last part"));
    let id = "id = \"demo\"\n";
    *text = text.replacen(id, &format!("{id}identity_secret = \"{IDENTITY_SECRET}\"\n"), 1);
    for usual in ["slots = 3", "slots = 4"] {
        *text = text.replace(usual, &format!("slots = {slots}"));
    }
    text.push_str(
        "\n[translation]\nenabled = true\nafter_s = 3\nslots_kept_free = 0\n\
         [[translation.engines]]\nkind = \"libretranslate\"\nurl = \"https://words.shop.example\"\n",
    );
    for Hook { name, url, events, has_text } in &HOOKS {
        let events: Vec<_> = events.iter().map(|event| event.as_str()).collect();
        text.push_str(&format!(
            "\n[[webhooks]]\nname = \"{name}\"\nurl = \"{url}\"\nevents = {events:?}\n\
             secret_file = \"hook.key\"\ninclude_text = {has_text}\n"
        ));
    }
    files.0.insert("hook.key".to_owned(), HOOK_KEY.to_owned());
    // Keys are read only of a shop that lies in a folder.
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in &files.0 {
        let path = folder.path().join("demo").join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let shops = Shop::load_dir(folder.path()).expect("a shop");
    Arc::new(shops.into_iter().map(|shop| (shop.id.clone(), Arc::new(shop))).collect())
}

impl Setting {
    /// Starts a router once to have it grant tokens by its own calls.
    pub fn new() -> Self {
        Self::with_slots(SLOTS)
    }

    /// The same where seats have so many slots.
    pub fn with_slots(slots: u32) -> Self {
        let retry = format!(
            "retry_first = \"{}s\"\nretry_longest = \"{}s\"\nretry_for = \"{}s\"\n",
            RETRY_FIRST.as_secs(),
            RETRY_LONGEST.as_secs(),
            RETRY_FOR.as_secs(),
        );
        let text = format!(
            "[flow]\nshards = \"2\"\n[timers]\ntoken_ttl = \"24h\"\n[webhooks]\nrest = \"15s\"\n{retry}\
             [email]\nserver = \"127.0.0.1:25\"\ntls = \"none\"\nfrom = \"chat@shop.example\"\n\
             step_max = \"10s\"\n{retry}"
        );
        let file = Some((PathBuf::from("simulation.toml"), text));
        let sources = Sources { file, ..Sources::default() };
        let config = Config::resolve(&sources).expect("settings").config;
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::load_or_create(folder.path()).expect("a secret");
        let model = Model::embedded().expect("the shipped model");
        let password_checks = PasswordChecks::start(SignInLimits {
            shop_max: 256,
            address_max: 256,
            loopback_max: 256,
        })
        .expect("a thread");
        let shops = shops(slots);
        let library = Library::new(model.clone(), &shops).expect("an index");
        let library = Arc::new(library);
        let mut setting = Self {
            config,
            shops,
            secret,
            password_checks,
            model,
            library,
            tokens: BTreeMap::new(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        setting.tokens = runtime.expect("a runtime").block_on(setting.granted());
        setting
    }

    async fn granted(&self) -> BTreeMap<&'static str, String> {
        let disk = Arc::new(SimulatedDisk::new());
        let (journal, replay, _steps) = open_stepped(disk, options()).expect("a journal");
        // No seed lives to see these tokens end.
        let later = BEGINNING + Duration::from_secs(365 * 24 * 3600);
        let parts = CoreParts {
            phrases: None,
            shops: self.shops.clone(),
            metrics: Arc::new(Metrics::new().expect("metrics")),
            understanders: SimulatedModel::new(0),
            sensing: None,
            journal,
            // Keys lie in files of their own, which are not simulated.
            vault: None,
            replay,
            secret: self.secret.clone(),
            password_checks: self.password_checks.clone(),
            openid: no_provider(),
            outside: Arc::new(Internet),
            board: self.board(),
            library: self.library.clone(),
            clock: Box::new(move |_| Clock::start_at(later, later)),
            seed: 0,
        };
        let core = Core::build(&self.config, parts).await.expect("a router");
        let mut tokens = BTreeMap::new();
        for customer in CUSTOMERS {
            let identity = json!({"user_id": customer, "hmac": proof(customer)});
            let asked = json!({
                "shop": "demo", "locale": "en-GB", "time_zone": "Europe/London", "identity": identity,
            });
            tokens.insert(customer, grant(&core.gateway, "/v1/widget/session", &asked).await);
        }
        for seat in SEATS {
            let asked = json!({"shop": "demo", "user": seat, "password": "demo"});
            tokens.insert(seat, grant(&core.gateway, "/v1/seat/session", &asked).await);
        }
        tokens
    }
}

fn proof(user: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(IDENTITY_SECRET.as_bytes()).expect("any length is good");
    mac.update(user.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn grant(gateway: &Arc<Gateway>, path: &str, asked: &Value) -> String {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .extension(from_this_machine())
        .body(Body::from(asked.to_string()))
        .expect("a request");
    let response = gateway::router(gateway.clone()).oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("a body");
    assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    let granted: Value = serde_json::from_slice(&body).expect("JSON");
    granted["token"].as_str().expect("a token").to_owned()
}

/// A connection that is not counted.
fn from_this_machine() -> Arc<Accepted> {
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("nobody else has it");
    Arc::new(Accepted::uncounted(Ipv4Addr::LOCALHOST.into(), place))
}

impl Setting {
    /// The board of a process that starts.
    pub fn board(&self) -> Board {
        Board::new(self.model.clone(), &self.shops)
    }
}

/// Sign-ins at a provider, of which no shop of the simulation has one.
pub fn no_provider() -> OpenIdSignIns {
    let nowhere = SignedOut::load(Path::new("no such folder")).expect("nothing was ended");
    OpenIdSignIns::new(Providers::new(Duration::from_secs(1)), nowhere)
}
