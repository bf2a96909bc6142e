//! A webhook as it goes over the wire, whether something happened or somebody tries a hook.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use super::line::HOOK_CALLS_MAX;
use crate::channels::webhook::signature;
use crate::config::shop::{ShopWebhook, SigningKey};
use crate::domain::Timestamp;
use crate::runtime::{Reach, WebRequest, WebRules};

/// Nothing of an answer is used but its status; a page that says what went wrong may be as large.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const AGENT: &str = concat!("tradewind/", env!("CARGO_PKG_VERSION"));

/// What holds for the way to hooks that show a certificate of these roots, or one that browsers believe.
pub(super) fn web_rules(roots: Option<&[u8]>, reach: Reach, within: Duration) -> WebRules<'_> {
    WebRules { roots, reach, within, answer_bytes_max: ANSWER_BYTES_MAX, idle_max: HOOK_CALLS_MAX }
}

/// The call that tells `hook` a body, signed by each of its keys. Who is called compares `wall` with a clock
/// of its own.
pub(super) fn signed(hook: &ShopWebhook, id: &str, wall: Timestamp, body: Bytes) -> WebRequest {
    let sent_at_s = wall.as_millis() / 1000;
    let signed_by = |key: &SigningKey| signature(key.reveal(), id, sent_at_s, &body);
    let signatures: Vec<String> = hook.keys.iter().map(signed_by).collect();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", sent_at_s.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        let value = HeaderValue::try_from(value).expect("digits, base64 and spaces");
        headers.insert(HeaderName::from_static(name), value);
    }
    WebRequest { method: Method::POST, url: hook.url.as_str().to_owned(), headers, body }
}
