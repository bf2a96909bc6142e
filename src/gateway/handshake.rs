//! From an HTTP request to a WebSocket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role as Side, WebSocketConfig};

use crate::metrics::names::Counter;
use crate::protocol::ErrorCode;

use super::clients::Accepted;
use super::connection::{self, Role, Visit};
use super::problem::Refused;
use super::stream::{Reading, Stream};
use super::{Gateway, Limits};

const SUBPROTOCOL: &str = "tradewind.v1.json";
/// The one version of the WebSocket protocol.
const VERSION: &str = "13";
/// Bytes of `Sec-WebSocket-Key`.
const KEY_BYTES: usize = 16;

/// `GET /v1/widget`.
pub async fn widget(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    upgrade(gateway, request, Role::Widget)
}

/// `GET /v1/seat`.
pub async fn seat(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    upgrade(gateway, request, Role::Seat)
}

fn upgrade(gateway: Arc<Gateway>, mut request: Request, role: Role) -> Response {
    let asked = accept_key(&request).and_then(|accept| {
        let accepted = request.extensions().get::<Arc<Accepted>>().cloned();
        let accepted = accepted.expect("the listener puts it into every request");
        let visit = visit(&gateway, accepted, request.headers(), role);
        Ok((accept, visit.map_err(NotUpgraded::Refused)?))
    });
    let (accept, visit) = match asked {
        Ok(asked) => asked,
        Err(not_upgraded) => {
            if let NotUpgraded::Refused(refused) = &not_upgraded {
                gateway.metrics.count(Counter::Refused(refused.code()));
            }
            return not_upgraded.into_response();
        }
    };
    let response = switch_protocols(request.headers(), accept);
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        if let Some(socket) = websocket(upgraded, &gateway.limits).await {
            // A task of its own: what the upgrade needed is freed.
            tokio::spawn(connection::run(gateway, socket, visit));
        }
    });
    response
}

/// Who comes, if the address may have one more socket and the page may connect.
fn visit(
    gateway: &Gateway,
    accepted: Arc<Accepted>,
    headers: &HeaderMap,
    role: Role,
) -> Result<Box<Visit>, Refused> {
    let origin = origin(gateway, headers)?;
    let client = gateway.client(&accepted, headers)?;
    let place = gateway.socket_place(&accepted, &client)?;
    Ok(Box::new(Visit { role, origin, address: client.usage, place, _accepted: accepted }))
}

/// Why a request does not become a WebSocket.
enum NotUpgraded {
    /// It does not ask for one, or for another version of the protocol.
    Elsewhere,
    /// Only `GET` does.
    Method,
    /// It is broken, or not allowed.
    Refused(Refused),
}

impl IntoResponse for NotUpgraded {
    fn into_response(self) -> Response {
        let (status, headers): (_, &[_]) = match self {
            Self::Refused(refused) => return refused.into_response(),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, &[(header::ALLOW, "GET")]),
            Self::Elsewhere => (
                StatusCode::UPGRADE_REQUIRED,
                &[
                    (header::CONNECTION, "Upgrade"),
                    (header::UPGRADE, "websocket"),
                    (header::SEC_WEBSOCKET_VERSION, VERSION),
                ],
            ),
        };
        let mut response = status.into_response();
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The answer to the key of a well-formed upgrade request (RFC 6455, 4.2.1).
fn accept_key(request: &Request) -> Result<String, NotUpgraded> {
    let headers = request.headers();
    let broken =
        |what: &str| Err(NotUpgraded::Refused(Refused::new(ErrorCode::BadFrame, what.to_owned())));
    if request.method() != Method::GET {
        return Err(NotUpgraded::Method);
    }
    if !names(headers, header::UPGRADE, "websocket") {
        return Err(NotUpgraded::Elsewhere);
    }
    if request.version() != Version::HTTP_11 {
        return broken("a WebSocket needs HTTP/1.1");
    }
    if only(headers, header::HOST).is_none() {
        return broken("a WebSocket needs one `Host`");
    }
    if !names(headers, header::CONNECTION, "upgrade") {
        return broken("`Connection` does not say `Upgrade`");
    }
    // A body would be taken for frames.
    let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
    if !is_empty || headers.contains_key(header::TRANSFER_ENCODING) {
        return broken("a WebSocket begins without a body");
    }
    if only(headers, header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        return Err(NotUpgraded::Elsewhere);
    }
    match only(headers, header::SEC_WEBSOCKET_KEY) {
        Some(key) if is_key(key.as_bytes()) => Ok(derive_accept_key(key.as_bytes())),
        _ => broken("`Sec-WebSocket-Key` is not 16 bytes in Base64, once"),
    }
}

/// Whether a list of words has this one.
fn names(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name);
    let mut words =
        values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    words.any(|it| it.trim().eq_ignore_ascii_case(word))
}

/// The value of a header that must be there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn is_key(text: &[u8]) -> bool {
    // The last letter has four bits that mean nothing; not every client has them zero.
    const ANY_REST: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    ANY_REST.decode(text).is_ok_and(|bytes| bytes.len() == KEY_BYTES)
}

/// Refuses pages of origins that no shop knows. Which shop it is, the token tells later; then the
/// origin must be the token's.
fn origin(gateway: &Gateway, headers: &HeaderMap) -> Result<Option<String>, Refused> {
    if !headers.contains_key(header::ORIGIN) {
        return Ok(None);
    }
    let text = only(headers, header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let text = text.unwrap_or_default();
    if gateway.shops().values().any(|shop| shop.origins.allow(text)) {
        return Ok(Some(text.to_owned()));
    }
    Err(Refused::new(ErrorCode::Forbidden, "this origin is not on any shop's list"))
}

fn switch_protocols(headers: &HeaderMap, accept: String) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let asked = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let asked = asked.iter().filter_map(|value| value.to_str().ok());
    if asked.flat_map(|value| value.split(',')).any(|name| name.trim() == SUBPROTOCOL) {
        let confirmed = HeaderValue::from_static(SUBPROTOCOL);
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, confirmed);
    }
    response
}

/// The WebSocket straight on its stream, without the layers of HTTP. On the heap at once: it is
/// handed on from future to future, and each of them would keep room for a copy.
async fn websocket(upgraded: Upgraded, limits: &Limits) -> Option<Box<WebSocketStream<Stream>>> {
    let parts = upgraded.downcast::<TokioIo<Reading>>().ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer_bytes)
        .max_message_size(Some(limits.frame_bytes_max))
        .max_frame_size(Some(limits.frame_bytes_max));
    let stream = parts.io.into_inner().into_inner();
    let read = parts.read_buf.to_vec();
    let socket = WebSocketStream::from_partially_read(stream, read, Side::Server, Some(config));
    Some(Box::new(Box::pin(socket).await))
}
