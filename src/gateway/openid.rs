//! Signing in at the provider of a shop: there, back, and the session that comes of it.
//!
//! The browser is sent on by fixed addresses only, and what went wrong is told by a word of a closed
//! list in the address of the page. The session is a signed cookie; with it the page gets the same
//! short tokens as with a password.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::shop::{OpenId, SeatAccount, Shop};
use crate::domain::ShopId;
use crate::metrics::names::Counter;
use crate::openid::{Account, Brought, LoggedOut, Providers, end_session_address, logged_out};
use crate::protocol::ErrorCode;

use super::Gateway;
use super::clients::Accepted;
use super::log_lines::{Call, LogLines};
use super::openid_door::{Door, Outcome, Session, redirect, told};
use super::pending::{PENDING_FOR, Page, Pending, Spent};
use super::problem::Refused;
use super::session::{Vouched, answer, grant_seat};
use super::signed_out::{ProviderSession, SignedOut, account_name, session_name};
use super::standing::openid_stamp;

/// A form with a token of at most 32 KiB.
const LOGOUT_BYTES_MAX: usize = 40 * 1024;

/// What sign-ins at providers need.
pub struct OpenIdSignIns {
    /// The providers of all shops.
    pub(super) providers: Providers,
    /// Sessions that were ended before their time.
    pub(super) signed_out: SignedOut,
    /// What of them stands in the log.
    pub(super) lines: LogLines,
    spent: Spent,
}

impl OpenIdSignIns {
    /// Sign-ins at `providers`, without the sessions that were ended.
    pub fn new(providers: Providers, signed_out: SignedOut) -> Self {
        Self { providers, signed_out, spent: Spent::default(), lines: LogLines::default() }
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
        .route("/v1/openid/{shop}/logged-out", post(logged_out_there))
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
    Extension(accepted): Extension<Arc<Accepted>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    start: Result<Query<Start>, QueryRejection>,
) -> Result<Response, Refused> {
    let door = Door::of(&gateway, &shop)?;
    // What it costs a provider is counted as any other sign-in is.
    gateway.client(&accepted, &headers)?;
    gateway.count_sign_in(&door.shop.id)?;
    let page = start.map(|Query(start)| start.page).unwrap_or_default();
    let pending = Pending::begin(&door.shop.id, page, gateway.clock.now());
    let sign_in = pending.sign_in(&gateway.secret, &door.shop, &door.openid);
    let providers = &gateway.openid.providers;
    let address = match providers.place(&door.shop.id) {
        Ok(_place) => sign_in.authorization_address(providers).await,
        Err(error) => Err(error),
    };
    match address {
        Ok(address) => {
            let sealed = pending.seal(&gateway.secret);
            let cookie = door.pending_cookie().set(&sealed, PENDING_FOR.as_secs());
            Ok(redirect(&address, vec![cookie]))
        }
        Err(error) => {
            let outcome = told(&gateway, &door.shop, Call::SignIn, &error);
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
    Extension(accepted): Extension<Arc<Accepted>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    callback: Result<Query<Callback>, QueryRejection>,
) -> Result<Response, Refused> {
    let door = Door::of(&gateway, &shop)?;
    gateway.client(&accepted, &headers)?;
    gateway.count_sign_in(&door.shop.id)?;
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
        let (shop, now) = (&door.shop.id, gateway.clock.now());
        if let Some(left_out) = gateway.openid.lines.take(shop, Call::SignIn, now) {
            tracing::warn!(%shop, why, left_out, "sign-in by the provider refused");
        }
        outcome
    };
    let code = brought.code.as_deref();
    let code = code.ok_or_else(|| refused(Outcome::Refused, "the provider gave no code"))?;
    let sign_in = pending.sign_in(&gateway.secret, &door.shop, &door.openid);
    let (providers, now) = (&gateway.openid.providers, gateway.clock.now());
    // What the provider says is by its clock.
    let wall = gateway.clock.wall();
    let place = providers.place(&door.shop.id);
    let _place = place.map_err(|error| told(gateway, &door.shop, Call::SignIn, &error))?;
    let lacks = |account: &Account| lacks(&door.shop, &door.openid, account);
    let brought = Brought { code, issuer: brought.iss.as_deref() };
    let account = sign_in.account(providers, &brought, wall, lacks).await;
    let account = account.map_err(|error| told(gateway, &door.shop, Call::SignIn, &error))?;
    // What the shop grants may have changed while the provider was asked.
    let door = Door::of(gateway, door.shop.id.as_str()).map_err(|_| Outcome::Unknown)?;
    let seat = seat_of(&door.shop, &account);
    let seat = seat.ok_or_else(|| refused(Outcome::Unknown, "the account is no seat's"))?;
    if !has_group(&door.openid, seat, &account) {
        return Err(refused(Outcome::Unknown, "the account lacks the group of the seat's role"));
    }
    let seat = seat.profile.id.clone();
    let stamp = openid_stamp(&gateway.secret, &door.shop, &seat).ok_or(Outcome::Unknown)?;
    let shop = door.shop.id.clone();
    // It began before the provider was asked: what was ended meanwhile ends it too.
    let expires_at = now + door.openid.session;
    let at_provider = account.texts("sid");
    let names = (pending.id(), account.subject.as_str(), at_provider.first().map(String::as_str));
    let session = ProviderSession::begin(&gateway.secret, &shop, names, now);
    let session = Session { shop, seat, stamp, expires_at, session };
    Ok(door.set_session(gateway, &session))
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
) -> Result<Response, Refused> {
    let granted = Door::of(&gateway, &shop).and_then(|door| {
        door.only_own_page(&headers)?;
        let session = door.session(&gateway, &headers);
        let session = session.ok_or_else(|| {
            Refused::new(ErrorCode::Unauthorized, "nobody is signed in by the provider here")
        })?;
        let until = session.expires_at.min(gateway.clock.now() + gateway.limits.token_ttl);
        let origin = Some(door.openid.router.as_str().to_owned());
        let vouched = Vouched { stamp: Some(session.stamp), until, session: Some(session.session) };
        Ok(grant_seat(&gateway, &door.shop, session.seat, origin, vouched))
    });
    answer(&gateway, granted)
}

/// Ends sessions, and closes the sockets that stood on them.
async fn end(gateway: &Arc<Gateway>, shop: &ShopId, names: Vec<String>) {
    let (ending, now, shop) = (gateway.clone(), gateway.clock.now(), shop.clone());
    // By itself: whoever asked may be gone before it is done.
    let done = tokio::spawn(async move {
        let here = ending.clone();
        let ended =
            tokio::task::spawn_blocking(move || here.openid.signed_out.end(&shop, &names, now));
        if let Ok(Err(error)) = ended.await {
            tracing::error!(%error, "who signed out is forgotten by the next start");
        }
        ending.close_revoked();
    });
    let _ = done.await;
}

/// What a provider sends when somebody signs out there.
#[derive(Deserialize)]
struct LogoutForm {
    logout_token: String,
}

/// `POST /v1/openid/{shop}/logged-out`: the provider says who has signed out there, or was put out
/// (OpenID Connect Back-Channel Logout 1.0, 2.8).
async fn logged_out_there(
    State(gateway): State<Arc<Gateway>>,
    Path(shop): Path<String>,
    body: Body,
) -> Result<Response, Refused> {
    let door = Door::of(&gateway, &shop)?;
    let body = to_bytes(body, LOGOUT_BYTES_MAX);
    let body = tokio::time::timeout(gateway.limits.handshake, body).await.ok();
    let form = body.and_then(Result::ok);
    // A form is written as a query is.
    let query =
        form.and_then(|form| Uri::try_from(format!("/?{}", str::from_utf8(&form).ok()?)).ok());
    let form = query.and_then(|query| Query::<LogoutForm>::try_from_uri(&query).ok());
    let Query(form) = form.ok_or_else(|| Refused::new(ErrorCode::BadFrame, "no logout token"))?;
    let (providers, wall) = (&gateway.openid.providers, gateway.clock.wall());
    let said = match providers.place(&door.shop.id) {
        Ok(_place) => logged_out(providers, &door.openid, &form.logout_token, wall).await,
        Err(error) => Err(error),
    };
    let LoggedOut { subject, session } = said.map_err(|error| {
        told(&gateway, &door.shop, Call::LoggedOut, &error);
        Refused::new(ErrorCode::BadFrame, error.to_string())
    })?;
    let id = &door.shop.id;
    // Where it names one session, the others of the account stand.
    let name = match (session, subject) {
        (Some(session), _) => session_name(&gateway.secret, id, &session),
        (None, subject) => account_name(&gateway.secret, id, &subject.unwrap_or_default()),
    };
    end(&gateway, id, vec![name]).await;
    Ok(([(header::CACHE_CONTROL, "no-store")], StatusCode::OK).into_response())
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
    if let Some(session) = door.session(&gateway, &headers) {
        end(&gateway, &door.shop.id, vec![session.session.own().to_owned()]).await;
    }
    let back = format!("{}/seat", door.openid.router);
    let providers = &gateway.openid.providers;
    let address = match providers.place(&door.shop.id) {
        Ok(_place) => end_session_address(providers, &door.openid, &back).await,
        Err(error) => Err(error),
    };
    let address = address.unwrap_or_else(|error| {
        told(&gateway, &door.shop, Call::SignOut, &error);
        None
    });
    let body: Json<Value> = Json(json!({ "end_session": address }));
    Ok(([(header::SET_COOKIE, door.session_cookie().clear())], body).into_response())
}
