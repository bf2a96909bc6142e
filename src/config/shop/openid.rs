//! How the seats of a shop sign in at a provider of identities of its own, by OpenID Connect.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::edit::Role;
use super::origin::Origins;
use super::secret::{OutsideSecret, SecretFrom};
use super::section::Section;

const SESSION: Duration = Duration::from_secs(12 * 3600);
const TEXT_BYTES_MAX: usize = 512;
const LABEL_CHARS_MAX: usize = 60;
const SCOPES_MAX: usize = 16;
const GROUPS_MAX: usize = 64;
const ISSUER: &str = "the address of the provider, https and without `?`, as it names itself";
const ROUTER: &str = "the origin at which browsers see the router, such as https://chat.example";

/// The provider of a shop and what it decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenId {
    /// Who issues identities, as the provider writes itself.
    pub issuer: WebAddress,
    /// The name under which the provider knows the router.
    pub client_id: String,
    /// Where the secret of that name comes from; none for a public client.
    pub(super) secret_from: Option<SecretFrom>,
    /// What proves that name.
    pub client_secret: Option<OutsideSecret>,
    /// Where browsers see the router: scheme, host and port, without a path.
    pub router: WebAddress,
    /// What the button of the sign-in page says.
    pub label: String,
    /// What is asked for, `openid` included.
    pub scopes: Vec<String>,
    /// The groups that a seat has to be in.
    pub groups: Option<Groups>,
    /// How long a sign-in lasts, however long the browser stays open.
    pub session: Duration,
    /// File of further roots that vouch for the provider's certificate.
    pub(super) roots_file: Option<PathBuf>,
    /// Those roots, PEM.
    pub roots: Option<Arc<[u8]>>,
}

impl OpenId {
    /// Longest session.
    pub const SESSION_MAX: Duration = Duration::from_secs(24 * 3600);

    /// Where the provider sends the browser back to; exactly this is registered with it.
    pub fn redirect_uri(&self, shop: &str) -> String {
        format!("{}/v1/openid/{shop}/callback", self.router)
    }

    /// What a sign-in stands on, beside the seat: when it changes, everybody has to sign in anew. The
    /// secret, which is replaced now and then, and what people see are left out.
    pub fn standing(&self) -> String {
        let Self { issuer, client_id, router, groups, .. } = self;
        format!("{issuer}\n{client_id}\n{router}\n{groups:?}")
    }
}

/// The groups of the provider that a seat of each role has to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The claim that lists them.
    pub claim: String,
    /// One of these is enough; a role that is not here needs none.
    pub by_role: BTreeMap<Role, Vec<String>>,
}

impl Groups {
    /// Whether somebody in `groups` may have `role`.
    pub fn allow(&self, role: Role, groups: &[String]) -> bool {
        let one_of = self.by_role.get(&role);
        one_of.is_none_or(|wanted| wanted.iter().any(|group| groups.contains(group)))
    }
}

/// How the provider knows a seat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatIdentity {
    /// The provider's own id, which never changes.
    pub subject: Option<String>,
    /// An e-mail address in lower case, believed when the provider has verified it.
    pub email: Option<String>,
}

impl SeatIdentity {
    /// Whether the provider can know the seat.
    pub const fn is_none(&self) -> bool {
        self.subject.is_none() && self.email.is_none()
    }
}

/// A web address without user, password and fragment: `https`, or `http` on this machine only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebAddress {
    text: String,
    authority_ends: usize,
    port: Option<u16>,
}

impl WebAddress {
    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port as the `Host` header has them.
    pub fn authority(&self) -> &str {
        let begins = if self.is_https() { "https://".len() } else { "http://".len() };
        &self.text[begins..self.authority_ends]
    }

    /// The host; that of an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        let host = match self.port {
            Some(_) => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
            None => authority,
        };
        host.trim_matches(['[', ']'])
    }

    /// The port, also where it is the usual one.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// Path and query; at least `/`.
    pub fn path(&self) -> &str {
        match &self.text[self.authority_ends..] {
            "" => "/",
            path => path,
        }
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for WebAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let address = Self::with_plain(text)?;
        let is_here = ["127.0.0.1", "localhost", "::1"].contains(&address.host());
        if address.is_https() || is_here { Ok(address) } else { Err(()) }
    }
}

impl WebAddress {
    /// An address whose messages may travel in clear to other machines as well.
    pub(super) fn with_plain(text: &str) -> Result<Self, ()> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or(())?;
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        if text.len() > TEXT_BYTES_MAX || !text.bytes().all(is_plain) {
            return Err(());
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, Some(port.parse().map_err(|_| ())?))
            }
            _ => (authority, None),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        let is_v6 = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || !host.bytes().all(is_host) || host.contains(':') && !is_v6 {
            return Err(());
        }
        // What a client could not call is told now: 10.0.0.256, [zz].
        url::Url::parse(text).map_err(|_| ())?;
        let authority_ends = text.len() - rest.len() + authority.len();
        Ok(Self { text: text.to_owned(), authority_ends, port })
    }
}

/// Reads `[openid]`.
pub(super) fn read(mut section: Section<'_>, origins: &Origins) -> Option<OpenId> {
    let issuer = address(&mut section, "issuer", ISSUER);
    let client_id = section.required_text("client_id", "the name of the router at the provider");
    let router = address(&mut section, "router", ROUTER);
    if let Some(router) = &router
        && (router.path() != "/" || router.as_str().ends_with('/'))
    {
        section.note("router", "has a path", ROUTER);
    }
    if let Some(router) = router.as_ref().filter(|router| !origins.allow(router.as_str())) {
        let accepted = "an origin on the list of `origins`";
        section.note("router", format!("`{router}` may not connect"), accepted);
    }
    if issuer.as_ref().is_some_and(|issuer| issuer.path().contains('?')) {
        section.note("issuer", "has a query", ISSUER);
    }
    let secret_from = SecretFrom::section(&mut section, "client_secret_file", "client_secret_env");
    let label = section.text("label").unwrap_or_else(|| "Company account".to_owned());
    if label.chars().count() > LABEL_CHARS_MAX {
        section.note("label", "is too long", format!("at most {LABEL_CHARS_MAX} letters"));
    }
    let groups = section.has("groups").then(|| groups(section.section("groups")));
    let openid = OpenId {
        scopes: scopes(&mut section),
        session: section.length("session", OpenId::SESSION_MAX, SESSION),
        roots_file: section.text("ca_file").map(PathBuf::from),
        roots: None,
        client_secret: None,
        secret_from,
        issuer: issuer.clone().unwrap_or_else(nowhere),
        router: router.clone().unwrap_or_else(nowhere),
        client_id,
        label,
        groups,
    };
    section.finish();
    // Otherwise a mistake was noted.
    (issuer.is_some() && router.is_some()).then_some(openid)
}

fn nowhere() -> WebAddress {
    "https://nowhere.invalid".parse().expect("an address")
}

fn address(section: &mut Section<'_>, key: &'static str, accepted: &str) -> Option<WebAddress> {
    let text = section.required_text(key, accepted);
    if text.is_empty() { None } else { section.parse(key, &text, accepted) }
}

fn scopes(section: &mut Section<'_>) -> Vec<String> {
    let mut scopes = section.texts("scopes");
    if scopes.is_empty() {
        scopes = vec!["openid".to_owned(), "email".to_owned()];
    }
    let is_word = |text: &String| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
    };
    if scopes.len() > SCOPES_MAX || !scopes.iter().all(is_word) {
        section.note("scopes", "do not fit", format!("at most {SCOPES_MAX} words such as email"));
    }
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    scopes
}

fn groups(mut section: Section<'_>) -> Groups {
    let claim = section.required_text("claim", "the name of a claim, such as groups");
    let mut by_role = BTreeMap::new();
    for role in [Role::Seat, Role::Supervisor, Role::Admin] {
        let groups = section.texts(role.as_str());
        if groups.len() > GROUPS_MAX {
            section.note(role.as_str(), "are too many", format!("at most {GROUPS_MAX}"));
        }
        if !groups.is_empty() {
            by_role.insert(role, groups);
        }
    }
    if by_role.is_empty() {
        section.note("claim", "is asked for no role", "groups under seat, supervisor or admin");
    }
    section.finish();
    Groups { claim, by_role }
}

/// Reads how the provider knows a seat.
pub(super) fn seat(section: &mut Section<'_>, has_provider: bool) -> SeatIdentity {
    let subject = section.text("subject");
    let email = section.text("email").map(|email| email.to_ascii_lowercase());
    if !has_provider && (subject.is_some() || email.is_some()) {
        let key = if subject.is_some() { "subject" } else { "email" };
        section.note(key, "is for seats that sign in by [openid]", "[openid] in this file as well");
    }
    // OpenID Connect Core, 2: at most 255 letters of ASCII.
    if subject.as_ref().is_some_and(|it| it.len() > 255 || !it.is_ascii()) {
        section.note("subject", "does not fit", "the `sub` of the provider, at most 255 letters");
    }
    if email.as_ref().is_some_and(|it| it.len() > 254 || !it.contains('@')) {
        section.note("email", "does not fit", "an address such as ann@shop.example");
    }
    SeatIdentity { subject, email }
}

#[cfg(test)]
mod tests {
    use super::super::{Shop, ShopFiles};
    use super::*;

    const LINES: &str = "\n[openid]\nissuer = \"https://login.example/shop\"\n\
        client_id = \"tradewind\"\nrouter = \"http://localhost:8080\"\n";

    fn shop(lines: &str, seat: &str) -> Result<Shop, String> {
        let mut files = ShopFiles::demo();
        let text = files.0.get_mut("shop.toml").expect("the file");
        *text = text.replacen("id = \"mai\"\n", &format!("id = \"mai\"\n{seat}\n"), 1);
        text.push_str(lines);
        Shop::from_files(&files).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_https_or_on_this_machine_and_nothing_hides_in_it() {
        let parts = |text: &str| {
            let address: WebAddress = text.parse().ok()?;
            Some(format!("{} {} {}", address.host(), address.port(), address.path()))
        };

        for (text, expected) in [
            ("https://login.example", "login.example 443 /"),
            ("https://login.example:8443/a/b?c=d", "login.example 8443 /a/b?c=d"),
            ("http://127.0.0.1:9000/x", "127.0.0.1 9000 /x"),
            ("http://[::1]:9000", "::1 9000 /"),
            ("https://[2001:db8::1]/x", "2001:db8::1 443 /x"),
        ] {
            assert_eq!(parts(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "login.example",
            "ftp://login.example",
            "http://login.example",
            "http://localhost.evil.example",
            "https://",
            "https://user:word@login.example",
            "https://login.example#fragment",
            "https://login.example:99999",
            "https://login.example/\r\nHost: evil",
            "https://lo gin.example",
            "https://:443",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn a_provider_is_read_and_a_seat_of_it_needs_no_password() {
        let mut files = ShopFiles::demo();
        let text = files.0.get_mut("shop.toml").expect("the file");
        *text = text.replacen(
            "id = \"mai\"\ndemo_password = \"demo\"",
            "id = \"mai\"\nemail = \"Mai@Shop.example\"",
            1,
        );
        text.push_str(LINES);
        let shop = Shop::from_files(&files).expect("a shop");

        let openid = shop.openid.expect("a provider");
        assert_eq!(openid.redirect_uri("demo"), "http://localhost:8080/v1/openid/demo/callback");
        assert_eq!(openid.scopes, ["openid", "email"]);
        assert_eq!(openid.session, SESSION);
        let mai = &shop.seats[&"mai".into()];
        assert_eq!(mai.identity.email.as_deref(), Some("mai@shop.example"));
        assert!(mai.password.is_none());
    }

    #[test]
    fn mistakes_name_the_key_and_never_a_secret() {
        for (lines, seat, part) in [
            ("[openid]\nclient_id = \"x\"", "", "openid.issuer: is missing"),
            (&LINES.replace("https://login", "http://login"), "", "openid.issuer"),
            (&LINES.replace("localhost:8080", "localhost:8080/x"), "", "openid.router: has a path"),
            (
                &LINES.replace("http://localhost:8080", "https://a.example"),
                "",
                "openid.router: `https",
            ),
            (
                &format!("{LINES}client_secret = \"hush-hush\""),
                "",
                "client_secret: is not a setting",
            ),
            (&format!("{LINES}session = \"25h\""), "", "openid.session"),
            (
                &format!("{LINES}[openid.groups]\nclaim = \"groups\""),
                "",
                "groups.claim: is asked for no",
            ),
            ("", "email = \"mai@shop.example\"", "email: is for seats that sign in by [openid]"),
            (LINES, "email = \"mai\"", "email: does not fit"),
        ] {
            let told = shop(&format!("\n{lines}\n"), seat).expect_err("a mistake");
            assert!(told.contains(part), "{part}: {told}");
            assert!(!told.contains("hush"), "{told}");
        }
        let twice = shop(LINES, "subject = \"a\"").and_then(|_| {
            shop(
                &format!("{LINES}[[seats]]\nid = \"zoe\"\nlanguages = [\"en\"]\nsubject = \"a\"\n"),
                "subject = \"a\"",
            )
        });
        assert!(twice.expect_err("a mistake").contains("is another seat's"));
    }

    #[test]
    fn a_role_needs_one_of_its_groups_and_one_that_is_not_named_needs_none() {
        let lines =
            format!("{LINES}[openid.groups]\nclaim = \"groups\"\nsupervisor = [\"leads\"]\n");
        let groups = shop(&lines, "").expect("a shop").openid.and_then(|it| it.groups);
        let groups = groups.expect("groups");

        assert!(groups.allow(Role::Seat, &[]));
        assert!(!groups.allow(Role::Supervisor, &["others".to_owned()]));
        assert!(groups.allow(Role::Supervisor, &["others".to_owned(), "leads".to_owned()]));
    }
}
