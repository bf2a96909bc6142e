//! A shop's door for those who sign in at its provider: its cookies, whom it lets in, and how it tells
//! what went wrong.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::config::shop::{OpenId, Shop};
use crate::domain::{SeatId, ShopId, Timestamp};
use crate::metrics::names::Counter;
use crate::openid::{FetchError, ProviderError};
use crate::protocol::ErrorCode;

use super::Gateway;
use super::cookie::{Cookie, SameSite};
use super::log_lines::Call;
use super::pending::Page;
use super::problem::Refused;
use super::signed_out::ProviderSession;
use super::standing::openid_stamp;

const SEAL: &str = "openid session";

/// A sign-in that lasts: what the cookie of a browser says. It is signed, not hidden.
#[derive(Serialize, Deserialize)]
pub(super) struct Session {
    pub shop: ShopId,
    pub seat: SeatId,
    /// What it stands on.
    pub stamp: String,
    pub expires_at: Timestamp,
    /// By what it may be ended.
    pub session: ProviderSession,
}

/// How a sign-in ended, as the page's address tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
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

    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Unavailable => ErrorCode::Unavailable,
            Self::Unknown => ErrorCode::Forbidden,
            _ => ErrorCode::Unauthorized,
        }
    }
}

/// A shop with its provider.
pub(super) struct Door {
    pub shop: Arc<Shop>,
    pub openid: OpenId,
}

impl Door {
    pub fn of(gateway: &Gateway, shop: &str) -> Result<Self, Refused> {
        let shop = gateway.shop(shop);
        let found = shop.and_then(|shop| Some(Self { openid: shop.openid.clone()?, shop }));
        found.ok_or_else(|| Refused::new(ErrorCode::NotFound, "no sign-in by a provider here"))
    }

    pub fn pending_cookie(&self) -> Cookie {
        let name = format!("tradewind-sign-in-{}", self.shop.id);
        // Lax: the way back from the provider begins on another site.
        Cookie::new(&name, self.openid.router.is_https(), SameSite::Lax)
    }

    pub fn session_cookie(&self) -> Cookie {
        let name = format!("tradewind-seat-{}", self.shop.id);
        Cookie::new(&name, self.openid.router.is_https(), SameSite::Strict)
    }

    /// The session of a browser, while it stands.
    pub fn session(&self, gateway: &Gateway, headers: &HeaderMap) -> Option<Session> {
        let session: Session =
            gateway.secret.open_as(SEAL, self.session_cookie().read(headers)?)?;
        let stamp = openid_stamp(&gateway.secret, &self.shop, &session.seat);
        let stands = session.shop == self.shop.id
            && gateway.clock.now() < session.expires_at
            && stamp.as_deref() == Some(&session.stamp)
            && !gateway.openid.signed_out.has(&self.shop.id, &session.session);
        stands.then_some(session)
    }

    /// Refuses whoever is not the router's own page.
    pub fn only_own_page(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        if origin == Some(self.openid.router.as_str().as_bytes()) {
            return Ok(());
        }
        Err(Refused::new(ErrorCode::Forbidden, "this is for the router's own pages"))
    }

    /// The line that sets the cookie of a session.
    pub fn set_session(&self, gateway: &Gateway, session: &Session) -> HeaderValue {
        let sealed = gateway.secret.seal_as(SEAL, session);
        self.session_cookie().set(&sealed, self.openid.session.as_secs())
    }

    /// Back to a page, with how it ended.
    pub fn back(&self, page: Page, outcome: Outcome, cookies: Vec<HeaderValue>) -> Response {
        let to = format!("{}?shop={}&sign_in={}", page.path(), self.shop.id, outcome.as_str());
        redirect(&to, cookies)
    }
}

/// Sends the browser on.
pub(super) fn redirect(to: &str, cookies: Vec<HeaderValue>) -> Response {
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

/// Counts what went wrong at the provider, and logs it while such lines are few.
pub(super) fn told(gateway: &Gateway, shop: &Shop, call: Call, error: &ProviderError) -> Outcome {
    let outcome = if error.is_for_a_while() { Outcome::Unavailable } else { Outcome::Refused };
    gateway.metrics.count(Counter::Refused(outcome.code()));
    // Too many at once is no fault of the provider.
    let is_busy = matches!(error, ProviderError::Call { error: FetchError::Busy, .. });
    if !is_busy
        && let Some(left_out) = gateway.openid.lines.take(&shop.id, call, gateway.clock.now())
    {
        let call = call.as_str();
        tracing::warn!(shop = %shop.id, call, %error, left_out, "sign-in by the provider failed");
    }
    outcome
}
