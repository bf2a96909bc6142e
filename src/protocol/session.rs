//! The two HTTP calls that give a token, and how a refusal looks.

use serde::{Deserialize, Serialize};

use super::ErrorCode;
use crate::domain::{CustomerValue, Language};

/// Body of `POST /v1/widget/session`.
#[derive(Debug, Deserialize)]
pub struct WidgetSession {
    /// Which shop.
    pub shop: String,
    /// The handle of an earlier call.
    #[serde(default)]
    pub visitor: Option<String>,
    /// BCP 47 tag of the page.
    #[serde(default)]
    pub locale: Option<String>,
    /// IANA time zone of the page.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// A verified customer.
    #[serde(default)]
    pub identity: Option<Identity>,
}

/// Proof of who a customer is, made by the shop's own server.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Identity {
    /// HMAC-SHA-256 under the shop's secret, in lower-case hex: of the user id, or, with a profile,
    /// of the user id, a line feed, and the profile.
    Hmac {
        /// The shop's id of the customer.
        user_id: String,
        /// The proof.
        hmac: String,
        /// What the shop says of the customer: the JSON text of a [`CustomerProfile`].
        #[serde(default)]
        profile: Option<String>,
    },
    /// A signed token.
    Jwt {
        /// The token.
        jwt: String,
    },
}

/// What a shop's own server says of a customer.
#[derive(Debug, Default, Deserialize)]
pub struct CustomerProfile {
    /// ISO 3166 country code.
    #[serde(default)]
    pub country: Option<String>,
    /// IANA time zone.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// How much the customer is worth.
    #[serde(default)]
    pub value: CustomerValue,
}

/// Body of `POST /v1/seat/session`.
#[derive(Deserialize)]
pub struct SeatSession {
    /// Which shop.
    pub shop: String,
    /// Sign-in name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// Answer to both calls.
#[derive(Debug, Serialize)]
pub struct Granted {
    /// For the `hello` frame.
    pub token: String,
    /// RFC 3339; checked at `hello` only.
    pub expires_at: String,
    /// The handle to keep, for a widget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
    /// The seat's name, for a seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    /// The languages that the seat speaks, the one that it works in first, for a seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<Language>>,
    /// When customers' messages are translated for it, for a seat whose shop has an engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translation: Option<&'static str>,
    /// Whether the seat is a supervisor's, for a seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<bool>,
}

/// A refusal as `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// Always `about:blank`: `code` tells the kinds apart.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The HTTP status in words.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people.
    pub detail: &'a str,
    /// When to try again.
    pub retry_after_ms: Option<u64>,
}
