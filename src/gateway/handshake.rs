//! From an HTTP request to a WebSocket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
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

/// `GET /v1/widget`.
pub async fn widget(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    upgrade(gateway, request, Role::Widget)
}

/// `GET /v1/seat`.
pub async fn seat(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    upgrade(gateway, request, Role::Seat)
}

fn upgrade(gateway: Arc<Gateway>, mut request: Request, role: Role) -> Response {
    let headers = request.headers();
    let Some(accept) = accept_key(headers) else {
        let mut response = StatusCode::UPGRADE_REQUIRED.into_response();
        let websocket = HeaderValue::from_static("websocket");
        response.headers_mut().insert(header::UPGRADE, websocket);
        return response;
    };
    let accepted = request.extensions().get::<Arc<Accepted>>().cloned();
    let accepted = accepted.expect("the listener puts it into every request");
    let visit = match visit(&gateway, accepted, headers, role) {
        Ok(visit) => visit,
        Err(refused) => {
            gateway.metrics.count(Counter::Refused(refused.code()));
            return refused.into_response();
        }
    };
    let response = switch_protocols(headers, accept);
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

/// The answer to the key of a well-formed upgrade request.
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let has = |name: header::HeaderName, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?.as_bytes();
    let well_formed =
        has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket") && version == b"13";
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    well_formed.then(|| derive_accept_key(key.as_bytes()))
}

/// Refuses pages of origins that no shop knows. Which shop it is, the token tells later; then the
/// origin must be the token's.
fn origin(gateway: &Gateway, headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(None) };
    let text = origin.to_str().unwrap_or_default();
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
