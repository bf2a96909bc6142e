//! Signing in at the provider of a shop: there, back, and the session that comes of it.
//!
//! The browser is sent on by fixed addresses only, and what went wrong is told by a word of a closed
//! list in the address of the page. The session is a signed cookie; with it the page gets the same
//! short tokens as with a password.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::shop::{OpenId, SeatAccount, Shop};
use crate::domain::{SeatId, ShopId, Timestamp};
use crate::metrics::names::Counter;
use crate::openid::{Account, Brought, FetchError, ProviderError, Providers, end_session_address};
use crate::protocol::ErrorCode;
use crate::protocol::session::Granted;

use super::Gateway;
use super::cookie::{Cookie, SameSite};
use super::pending::{PENDING_FOR, Page, Pending, Spent};
use super::problem::Refused;
use super::session::{Vouched, grant_seat};
use super::standing::openid_stamp;

const SEAL: &str = "openid session";

/// What sign-ins at providers need.
pub struct OpenIdDoor {
    /// The providers of all shops.
    pub(super) providers: Providers,
    spent: Spent,
}

impl OpenIdDoor {
    /// A door to `providers`.
    pub fn new(providers: Providers) -> Self {
        Self { providers, spent: Spent::default() }
    }
}

/// The routes.
pub(super) fn router() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/v1/openid/{shop}", get(offer))
        .route("/v1/openid/{shop}/start", get(start))
        .route("/v1/openid/{shop}/callback", get(callback))
        .route("/v1/openid/{shop}/session", post(session))
        .route("/v1/openid/{shop}/sign-out", post(sign_out))
}

/// A sign-in that lasts: what the cookie of a browser says. It is signed, not hidden.
#[derive(Serialize, Deserialize)]
struct Session {
    shop: ShopId,
    seat: SeatId,
    /// What it stands on.
    stamp: String,
    expires_at: Timestamp,
}

/// How a sign-in ended, as the page's address tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// The person or the provider said no, or what the provider said is not believed.
    Refused,
    /// The account is no seat's, or lacks the group of the seat's role.
    Unknown,
    /// The provider does not answer.
    Unavailable,
    /// It took too long, or did not begin in this browser.
    Late,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
            Self::Late => "late",
        }
    }

    const fn code(self) -> ErrorCode {
        match self {
            Self::Unavailable => ErrorCode::Unavailable,
            Self::Unknown => ErrorCode::Forbidden,
            _ => ErrorCode::Unauthorized,
        }
    }
}

/// A shop with its provider.
struct Door {
    shop: Arc<Shop>,
    openid: OpenId,
}

impl Door {
    fn of(gateway: &Gateway, shop: &str) -> Result<Self, Refused> {
        let shop = gateway.shop(shop);
        let found = shop.and_then(|shop| Some(Self { openid: shop.openid.clone()?, shop }));
        found.ok_or_else(|| Refused::new(ErrorCode::NotFound, "no sign-in by a provider here"))
    }

    fn pending_cookie(&self) -> Cookie {
        let name = format!("tradewind-sign-in-{}", self.shop.id);
        // Lax: the way back from the provider begins on another site.
        Cookie::new(&name, self.openid.router.is_https(), SameSite::Lax)
    }

    fn session_cookie(&self) -> Cookie {
        let name = format!("tradewind-seat-{}", self.shop.id);
        Cookie::new(&name, self.openid.router.is_https(), SameSite::Strict)
    }

    /// The session of a browser, while it stands.
    fn session(&self, gateway: &Gateway, headers: &HeaderMap) -> Option<Session> {
        let session: Session =
            gateway.secret.open_as(SEAL, self.session_cookie().read(headers)?)?;
        let stamp = openid_stamp(&gateway.secret, &self.shop, &session.seat);
        let stands = session.shop == self.shop.id
            && gateway.clock.now() < session.expires_at
            && stamp.as_deref() == Some(&session.stamp);
        stands.then_some(session)
    }

    /// Refuses whoever is not the router's own page.
    fn only_own_page(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        if origin == Some(self.openid.router.as_str().as_bytes()) {
            return Ok(());
        }
        Err(Refused::new(ErrorCode::Forbidden, "this is for the router's own pages"))
    }

    /// Back to a page, with how it ended.
    fn back(&self, page: Page, outcome: Outcome, cookies: Vec<HeaderValue>) -> Response {
        let to = format!("{}?shop={}&sign_in={}", page.path(), self.shop.id, outcome.as_str());
        redirect(&to, cookies)
    }
}

fn redirect(to: &str, cookies: Vec<HeaderValue>) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::LOCATION, to),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `GET /v1/openid/{shop}`: what the button of the sign-in page says, and whether this browser is
/// signed in. A shop without a provider looks like no shop.
async fn offer(
    State(gateway): State<Arc<Gateway>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
) -> Response {
    let door = Door::of(&gateway, &shop).ok();
    let signed_in = door.as_ref().is_some_and(|door| door.session(&gateway, &headers).is_some());
    let label = door.map(|door| door.openid.label);
    let offer = Json(json!({ "label": label, "signed_in": signed_in }));
    ([(header::CACHE_CONTROL, "no-store")], offer).into_response()
}

#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    page: Page,
}

/// `GET /v1/openid/{shop}/start`: to the provider.
async fn start(
    State(gateway): State<Arc<Gateway>>,
    Path(shop): Path<String>,
    start: Result<Query<Start>, QueryRejection>,
) -> Result<Response, Refused> {
    let door = Door::of(&gateway, &shop)?;
    let page = start.map(|Query(start)| start.page).unwrap_or_default();
    let pending = Pending::begin(&door.shop.id, page, gateway.clock.now());
    let sign_in = pending.sign_in(&gateway.secret, &door.shop, &door.openid);
    match sign_in.authorization_address(&gateway.openid.providers).await {
        Ok(address) => {
            let sealed = pending.seal(&gateway.secret);
            let cookie = door.pending_cookie().set(&sealed, PENDING_FOR.as_secs());
            Ok(redirect(&address, vec![cookie]))
        }
        Err(error) => {
            let outcome = told(&gateway, &door.shop, &error);
            Ok(door.back(page, outcome, Vec::new()))
        }
    }
}

/// What the provider gave the browser to bring here.
#[derive(Default, Deserialize)]
struct Callback {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    state: Option<String>,
    /// Whom it comes from (RFC 9207).
    #[serde(default)]
    iss: Option<String>,
}

/// `GET /v1/openid/{shop}/callback`: back from the provider.
async fn callback(
    State(gateway): State<Arc<Gateway>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    callback: Result<Query<Callback>, QueryRejection>,
) -> Result<Response, Refused> {
    let door = Door::of(&gateway, &shop)?;
    let brought = callback.map(|Query(callback)| callback).unwrap_or_default();
    let now = gateway.clock.now();
    let sealed = door.pending_cookie().read(&headers);
    let pending = sealed.and_then(|it| Pending::open(&gateway.secret, it, &door.shop.id, now));
    let state = brought.state.as_deref().unwrap_or_default();
    let pending = pending.filter(|pending| pending.has_state(&gateway.secret, state));
    let pending = pending.filter(|pending| gateway.openid.spent.note(pending, now));
    let Some(pending) = pending else {
        gateway.metrics.count(Counter::Refused(Outcome::Late.code()));
        return Ok(door.back(Page::Seat, Outcome::Late, Vec::new()));
    };
    let page = pending.page;
    let mut cookies = vec![door.pending_cookie().clear()];
    let outcome = match signed_in(&gateway, &door, &pending, &brought).await {
        Ok(session) => {
            cookies.push(session);
            Outcome::Done
        }
        Err(outcome) => outcome,
    };
    Ok(door.back(page, outcome, cookies))
}

/// The cookie of the session that a code is good for.
async fn signed_in(
    gateway: &Gateway,
    door: &Door,
    pending: &Pending,
    brought: &Callback,
) -> Result<HeaderValue, Outcome> {
    let refused = |outcome: Outcome, why: &str| {
        gateway.metrics.count(Counter::Refused(outcome.code()));
        tracing::warn!(shop = %door.shop.id, why, "sign-in by the provider refused");
        outcome
    };
    let code = brought.code.as_deref();
    let code = code.ok_or_else(|| refused(Outcome::Refused, "the provider gave no code"))?;
    let sign_in = pending.sign_in(&gateway.secret, &door.shop, &door.openid);
    let (providers, now) = (&gateway.openid.providers, gateway.clock.now());
    let lacks = |account: &Account| lacks(&door.shop, &door.openid, account);
    let brought = Brought { code, issuer: brought.iss.as_deref() };
    let account = sign_in.account(providers, &brought, now, lacks).await;
    let account = account.map_err(|error| told(gateway, &door.shop, &error))?;
    // What the shop grants may have changed while the provider was asked.
    let door = Door::of(gateway, door.shop.id.as_str()).map_err(|_| Outcome::Unknown)?;
    let seat = seat_of(&door.shop, &account);
    let seat = seat.ok_or_else(|| refused(Outcome::Unknown, "the account is no seat's"))?;
    if !has_group(&door.openid, seat, &account) {
        return Err(refused(Outcome::Unknown, "the account lacks the group of the seat's role"));
    }
    let seat = seat.profile.id.clone();
    let stamp = openid_stamp(&gateway.secret, &door.shop, &seat).ok_or(Outcome::Unknown)?;
    let expires_at = gateway.clock.now() + door.openid.session;
    let session = Session { shop: door.shop.id.clone(), seat, stamp, expires_at };
    let sealed = gateway.secret.seal_as(SEAL, &session);
    Ok(door.session_cookie().set(&sealed, door.openid.session.as_secs()))
}

/// Counts and logs what went wrong at the provider.
fn told(gateway: &Gateway, shop: &Shop, error: &ProviderError) -> Outcome {
    let outcome = if error.is_for_a_while() { Outcome::Unavailable } else { Outcome::Refused };
    gateway.metrics.count(Counter::Refused(outcome.code()));
    // Too many at once is no fault of the provider.
    if !matches!(error, ProviderError::Call { error: FetchError::Busy, .. }) {
        tracing::warn!(shop = %shop.id, %error, "sign-in by the provider failed");
    }
    outcome
}

/// The seat of an account: the one that names its `sub`; else one that names only an e-mail address,
/// which the provider has verified. Addresses pass from one person to the next, ids do not.
fn seat_of<'a>(shop: &'a Shop, account: &Account) -> Option<&'a SeatAccount> {
    let named = |seat: &&SeatAccount| seat.identity.subject.as_ref() == Some(&account.subject);
    let by_subject = shop.seats.values().find(named);
    by_subject.or_else(|| {
        let email = account.verified_email()?;
        let has_email = |seat: &&SeatAccount| {
            seat.identity.subject.is_none() && seat.identity.email.as_ref() == Some(&email)
        };
        shop.seats.values().find(has_email)
    })
}

/// Whether more has to be known of an account to tell its seat and its groups.
fn lacks(shop: &Shop, openid: &OpenId, account: &Account) -> bool {
    match seat_of(shop, account) {
        None => !(account.has("email") && account.has("email_verified")),
        Some(seat) => {
            let groups = openid.groups.as_ref().filter(|it| it.by_role.contains_key(&seat.role()));
            groups.is_some_and(|groups| !account.has(&groups.claim))
        }
    }
}

/// Whether the provider vouches for the role of the seat, where the shop wants it to.
fn has_group(openid: &OpenId, seat: &SeatAccount, account: &Account) -> bool {
    let groups = openid.groups.as_ref();
    groups.is_none_or(|groups| groups.allow(seat.role(), &account.texts(&groups.claim)))
}

/// `POST /v1/openid/{shop}/session`: a token for the session of this browser.
async fn session(
    State(gateway): State<Arc<Gateway>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Granted>), Refused> {
    let granted = Door::of(&gateway, &shop).and_then(|door| {
        door.only_own_page(&headers)?;
        let session = door.session(&gateway, &headers);
        let session = session.ok_or_else(|| {
            Refused::new(ErrorCode::Unauthorized, "nobody is signed in by the provider here")
        })?;
        let until = session.expires_at.min(gateway.clock.now() + gateway.limits.token_ttl);
        let origin = Some(door.openid.router.as_str().to_owned());
        let vouched = Vouched { stamp: Some(session.stamp), until };
        Ok(grant_seat(&gateway, &door.shop, session.seat, origin, vouched))
    });
    let granted = granted.inspect_err(|it| gateway.metrics.count(Counter::Refused(it.code())))?;
    Ok((StatusCode::CREATED, Json(granted)))
}

/// `POST /v1/openid/{shop}/sign-out`: ends the session of this browser, and tells where the one at the
/// provider is ended. That the provider does not answer does not keep anybody signed in.
async fn sign_out(
    State(gateway): State<Arc<Gateway>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let door = Door::of(&gateway, &shop)?;
    door.only_own_page(&headers)?;
    let back = format!("{}/seat", door.openid.router);
    let address = end_session_address(&gateway.openid.providers, &door.openid, &back).await;
    let address = address.unwrap_or_else(|error| {
        told(&gateway, &door.shop, &error);
        None
    });
    let body: Json<Value> = Json(json!({ "end_session": address }));
    Ok(([(header::SET_COOKIE, door.session_cookie().clear())], body).into_response())
}
