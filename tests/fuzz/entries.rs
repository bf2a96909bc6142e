//! What is fuzzed: each takes any bytes, must not panic, and checks what must hold whatever they are.
//! `fuzz/` feeds the same functions with what coverage finds.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tradewind::channels::email::{Incoming, IncomingKind, ReplyAddresses, read};
use tradewind::config::shop::{CustomerProof, Shop, ShopFiles};
use tradewind::config::{Config, Flag, Sources};
use tradewind::domain::{ConversationId, SeatId, ShopId, Timestamp};
use tradewind::flow::{Entry, Kept};
use tradewind::gateway::{Holder, Secret, Token, prove};
use tradewind::journal::{self, Folder, FolderFile, FolderLock};
use tradewind::protocol::ClientFrame;
use tradewind::protocol::session::{Identity, SeatSession, WidgetSession};

/// Longest text of an error: what was sent never stands in it.
const ERROR_BYTES_MAX: usize = 200;
/// Longest wait for a router's answer: it has heard all there is.
const PATIENCE: Duration = Duration::from_secs(10);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HS256: &str = "a secret of a shop of 32 letters";

/// Splits off the byte that chooses what the others are.
fn chosen(bytes: &[u8], ways: u8) -> Option<(u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((first % ways, rest))
}

/// A letter to a conversation.
pub fn answered(rest: &str) -> Vec<u8> {
    let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(7));
    let to = replies().of("reply@shop.example", conversation).expect("an address");
    format!("Message-ID: <one@example.org>\r\nTo: {to}\r\n{rest}").into_bytes()
}

fn replies() -> ReplyAddresses {
    ReplyAddresses::signed_with([1; 32])
}

/// A letter. No more is taken of its text than was asked for.
pub fn letter(bytes: &[u8]) {
    if let Ok(Incoming { kind: IncomingKind::Written(text), .. }) = read(bytes, &replies(), 100) {
        assert!((1..=100).contains(&text.len()), "{text}");
    }
}

/// A frame of a client, or the body of a session call.
pub fn frame(bytes: &[u8]) {
    let _ = serde_json::from_slice::<WidgetSession>(bytes);
    let _ = serde_json::from_slice::<SeatSession>(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientFrame::parse(text) {
        Ok((_, ClientFrame::Rate { score, .. })) => assert!((1..=5).contains(&score)),
        Ok(_) => {}
        Err((_, error)) => assert!(error.to_string().len() <= ERROR_BYTES_MAX, "{error}"),
    }
}

/// What opens something, and the keys behind it.
pub struct Keys {
    secret: Secret,
    shop: ShopId,
    proof: CustomerProof,
    /// A token, a visitor's handle, a JWT and a signed user id that are good.
    pub token: String,
    pub handle: String,
    pub jwt: String,
    pub signed_id: Value,
}

pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::load_or_create(folder.path()).expect("a key");
        let shop = ShopId::from("demo");
        let mut files = ShopFiles::demo();
        let text = files.0.get_mut("shop.toml").expect("the file");
        *text = format!(
            "identity_secret = \"{HS256}\"\n{text}\n[[identity.keys]]\nkid = \"a\"\n\
             alg = \"HS256\"\nsecret = \"{HS256}\"\n"
        );
        let proof = Shop::from_files(&files).expect("a shop").customer_proof;
        let token = Token {
            shop: shop.clone(),
            origin: None,
            expires_at: NOW + Duration::from_secs(600),
            stamp: None,
            session: None,
            holder: Holder::Seat(SeatId::from("mai")),
        };
        let (token, handle) = (secret.seal(&token), secret.new_visitor(&shop));
        let claims = json!({"sub": "user-7", "aud": "demo", "exp": NOW.as_millis() / 1000 + 300});
        let jwt = signed(claims.to_string().as_bytes());
        let signed_id = json!({"user_id": "user-7", "hmac": hex(&tag(b"user-7"))});
        Keys { secret, shop, proof, token, handle, jwt, signed_id }
    })
}

fn tag(message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(HS256.as_bytes()).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A JWT with these claims and the signature of the shop.
fn signed(claims: &[u8]) -> String {
    let header = br#"{"alg":"HS256","kid":"a"}"#;
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = URL_SAFE_NO_PAD.encode(tag(message.as_bytes()));
    format!("{message}.{tag}")
}

/// A token, a handle, a JWT, the claims of one, or a signed user id. What is not exactly a good one
/// opens nothing.
pub fn token(bytes: &[u8]) {
    let Some((way, bytes)) = chosen(bytes, 5) else { return };
    let Keys { secret, shop, proof, token, handle, jwt, signed_id } = keys();
    let text = String::from_utf8_lossy(bytes).into_owned();
    match way {
        0 => assert!(secret.open(&text, NOW).is_none() || text == *token, "{text}"),
        1 => assert!(secret.visitor(shop, &text).is_none() || text == *handle, "{text}"),
        2 => {
            let is_good = text == *jwt;
            let proved = prove(proof, &Identity::Jwt { jwt: text }, NOW);
            assert!(proved.is_err() || is_good, "{proved:?}");
        }
        3 => {
            let identity = Identity::Jwt { jwt: signed(bytes) };
            if let Ok(proved) = prove(proof, &identity, NOW) {
                assert!((1..=256).contains(&proved.user_id.len()), "{proved:?}");
                assert!(proved.until.is_some(), "{proved:?}");
            }
        }
        _ => {
            let Ok(identity) = serde_json::from_str::<Identity>(&text) else { return };
            let proved = prove(proof, &identity, NOW);
            let is_good = match &identity {
                Identity::Hmac { user_id, hmac, .. } => {
                    signed_id["user_id"] == **user_id && signed_id["hmac"] == **hmac
                }
                Identity::Jwt { jwt: text } => text == jwt,
            };
            assert!(proved.is_err() || is_good, "{proved:?}");
        }
    }
}

/// A file of settings, the environment, flags, or one of the files of a shop.
pub fn configuration(bytes: &[u8]) {
    let Some((way, bytes)) = chosen(bytes, 6) else { return };
    let text = String::from_utf8_lossy(bytes).into_owned();
    let pairs = || text.lines().filter_map(|line| line.split_once('='));
    let sources = match way {
        0 => Sources { file: Some((PathBuf::from("x.toml"), text)), ..Sources::default() },
        1 => {
            let env = pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            Sources { env, ..Sources::default() }
        }
        2 => {
            let flag = |(key, text): (&str, &str)| Flag {
                name: "--set".to_owned(),
                key: key.to_owned(),
                text: text.to_owned(),
            };
            Sources { flags: pairs().map(flag).collect(), ..Sources::default() }
        }
        _ => {
            return shop_file(
                ["shop.toml", "answers/en.toml", "orders.csv"][usize::from(way) - 3],
                text,
            );
        }
    };
    match Config::resolve(&sources) {
        Ok(loaded) => drop(loaded),
        Err(mistakes) => assert!(!mistakes.to_string().is_empty()),
    }
}

/// A small shop with one of its files changed.
fn shop_file(name: &str, text: String) {
    let mut files = small_shop().clone();
    files.0.insert(name.to_owned(), text);
    match Shop::from_files(&files) {
        Ok(shop) => assert!(!shop.id.as_str().is_empty()),
        Err(mistakes) => assert!(!mistakes.to_string().is_empty()),
    }
}

/// The least that is a shop: what is read again for each input had better be little.
pub const SMALL_SHOP: &str = "id = \"small\"\nname = \"Small\"\ndemo = true\n\
    origins = [\"loopback\"]\ndefault_language = \"en\"\norder_number = \"TW-#####\"\n\
    orders = \"orders.csv\"\nanswers = \"answers\"\n[hours]\nzone = \"UTC\"\nopen = [\"always\"]\n";

/// Its files, with the answers of the demo shop in one language and the first of its orders.
pub fn small_shop() -> &'static ShopFiles {
    static SHOP: OnceLock<ShopFiles> = OnceLock::new();
    SHOP.get_or_init(|| {
        let mut files = ShopFiles::demo();
        files.0.retain(|name, _| ["answers/en.toml", "orders.csv"].contains(&name.as_str()));
        let orders = files.0.get_mut("orders.csv").expect("the demo has orders");
        *orders = orders.lines().take(4).map(|line| format!("{line}\n")).collect();
        files.0.insert("shop.toml".to_owned(), SMALL_SHOP.to_owned());
        files
    })
}

/// A record, an entry of a snapshot, a segment, a segment behind a whole one, or a snapshot.
pub fn journal_bytes(bytes: &[u8]) {
    let Some((way, bytes)) = chosen(bytes, 5) else { return };
    match way {
        0 => drop(Entry::decode(bytes)),
        1 => drop(Kept::decode(bytes)),
        2 => read_journal([(SEGMENT, bytes.to_vec())]),
        3 => read_journal([(SEGMENT, GOLDEN.to_vec()), (NEXT_SEGMENT, bytes.to_vec())]),
        _ => read_journal([(SEGMENT, GOLDEN.to_vec()), (SNAPSHOT, bytes.to_vec())]),
    }
}

pub const SEGMENT: &str = "00000000000000000001.journal";
const NEXT_SEGMENT: &str = "00000000000000000002.journal";
const SNAPSHOT: &str = "00000000000000000001-0000004096.snapshot";
/// A segment with five records.
pub const GOLDEN: &[u8] = include_bytes!("../journal_golden/records/00000000000000000001.journal");

/// Reads everything, as a start does.
fn read_journal<const N: usize>(files: [(&str, Vec<u8>); N]) {
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
    let Ok(look) = journal::look_in(Arc::new(Files(BTreeMap::from(files)))) else { return };
    // Damage comes as an error in its place, and the records go on behind it.
    for (_, payload) in look.replay.flatten() {
        drop(Entry::decode(&payload));
    }
    for id in look.snapshots.list().expect("a list") {
        let Ok(entries) = look.snapshots.open(id) else { continue };
        for entry in entries {
            let Ok((_, payload)) = entry else { break };
            drop(Kept::decode(&payload));
        }
    }
}

/// A folder of files that are only read.
pub struct Files(pub BTreeMap<String, Vec<u8>>);

impl Folder for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn FolderFile>> {
        let bytes = self.0.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(Bytes(bytes.clone())))
    }
    fn create(&self, _: &str) -> io::Result<Box<dyn FolderFile>> {
        Err(ErrorKind::PermissionDenied.into())
    }
    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }
    fn remove(&self, _: &str) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }
    fn sync(&self) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }
    fn lock(&self) -> io::Result<Option<FolderLock>> {
        Err(ErrorKind::PermissionDenied.into())
    }
    fn path(&self) -> &Path {
        Path::new("files")
    }
}

struct Bytes(Vec<u8>);

impl FolderFile for Bytes {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(|_| ErrorKind::UnexpectedEof)?;
        let end = at.checked_add(buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.0.get(at..end).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }
    fn sync_data(&self) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }
}

/// What a client writes to a router before it hangs up. The router answers with HTTP or not at all, and
/// hangs up as well.
pub fn http_head(address: std::net::SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the router takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
    stream.set_write_timeout(Some(PATIENCE)).expect("a bound");
    // A router that has refused may be gone already.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => {
            let hangs = [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
            assert!(!hangs, "the connection is open after {PATIENCE:?}");
        }
    }
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
}
