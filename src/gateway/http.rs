//! The routes of the main address.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::domain::ConversationId;
use crate::flow::{Dispatch, SeatRef};
use crate::protocol::ErrorCode;
use crate::schedule::Explanation;

use super::problem::Refused;
use super::{GapsTold, Gateway, handshake, openid, pages, session};

/// Every route of the main address.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/widget/session", post(session::widget))
        .route("/v1/seat/session", post(session::seat))
        .route("/v1/widget", get(handshake::widget))
        .route("/v1/seat", get(handshake::seat))
        .route("/v1/seat/queue", get(queue))
        .route("/v1/seat/gaps", get(gaps))
        .route("/v1/seat/conversations/{conversation}/explanation", get(explanation))
        .route("/v1/demo", get(demo))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(openid::router())
        .merge(pages::router())
        .fallback(|| async { Refused::new(ErrorCode::NotFound, "no such page") })
        .with_state(gateway)
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    if gateway.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

/// Everything that is measured, in the Prometheus text format.
pub async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let healthy = if gateway.journal.healthy() { 1.0 } else { 0.0 };
    gateway.metrics.set(crate::metrics::names::Gauge::JournalHealthy, healthy);
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], gateway.metrics.render()).into_response()
}

/// How to sign in to the demo shop; nothing when it is not served.
async fn demo(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, Refused> {
    let shop = gateway.shops().values().find(|shop| shop.demo).cloned();
    let shop = shop.ok_or_else(|| Refused::new(ErrorCode::NotFound, "no demo shop here"))?;
    Ok(Json(super::pages::demo_hints(&shop)))
}

/// Queue and seats of the shop of a signed-in seat.
async fn queue(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let seat = signed_in(&gateway, &headers)?;
    let is_supervisor = gateway.is_supervisor(&seat);
    let (reply, view) = tokio::sync::oneshot::channel();
    gateway.dispatcher.tell(Dispatch::View(seat.shop, reply), std::time::Instant::now());
    let (waiting, seats) =
        view.await.map_err(|_| Refused::new(ErrorCode::Unavailable, "the router is stopping"))?;
    let mut seats: Vec<_> = seats.into_iter().filter(|seat| seat.state.is_some()).collect();
    if !is_supervisor {
        seats.iter_mut().for_each(|seat| seat.conversations.clear());
    }
    Ok(Json(json!({ "waiting": waiting, "seats": seats })))
}

/// What customers of a supervisor's shop asked that no article answered.
async fn gaps(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Json<GapsTold>, Refused> {
    let seat = signed_in(&gateway, &headers)?;
    if !gateway.is_supervisor(&seat) {
        return Err(Refused::new(ErrorCode::Forbidden, "this is for supervisors"));
    }
    Ok(Json(gateway.gaps.of(&gateway.owners, seat.shop).await?))
}

/// Why a conversation of the seat's shop is where it is: as JSON, or as text for a client that
/// accepts `text/plain`.
async fn explanation(
    State(gateway): State<Arc<Gateway>>,
    Path(conversation): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let SeatRef { shop, .. } = signed_in(&gateway, &headers)?;
    let unknown = || Refused::new(ErrorCode::NotFound, "no such conversation");
    // Read here: the router's own refusal would repeat what stands in the address.
    let conversation: ConversationId = conversation.parse().map_err(|_| unknown())?;
    let (reply, explained) = tokio::sync::oneshot::channel();
    let dispatch = Dispatch::Explain(conversation, reply);
    gateway.dispatcher.tell(dispatch, std::time::Instant::now());
    let explained = explained
        .await
        .map_err(|_| Refused::new(ErrorCode::Unavailable, "the router is stopping"))?;
    // One of another shop looks like none.
    let own = explained.filter(|explained| explained.shop == shop);
    let own = own.ok_or_else(unknown)?;
    Ok(explained_to(&headers, &own))
}

/// An explanation in the form that a client accepts.
pub fn explained_to(headers: &HeaderMap, explanation: &Explanation) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    match accepted {
        Some(kind) if kind.starts_with("text/plain") => explanation.to_string().into_response(),
        _ => Json(explanation).into_response(),
    }
}

/// The bearer token of a request.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The seat whose token a request carries.
fn signed_in(gateway: &Gateway, headers: &HeaderMap) -> Result<SeatRef, Refused> {
    let seat = bearer(headers).and_then(|token| gateway.seat_with(token));
    seat.ok_or_else(|| Refused::new(ErrorCode::Unauthorized, "a seat's token is needed"))
}
