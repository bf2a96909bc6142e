//! Management, on an address of its own: health, metrics, and what a supervisor looks at.
//!
//! **In**: requests on the admin address, loopback by default.
//! **Out**: plain JSON and text.
//! **Invariants**: nothing here changes a conversation but the erasure of its customer; shops with mistakes are never taken; accounts
//! are changed by the operator and by the shop's own admins only.
//! **Bounds**: a view shows at most 200 waiting conversations of one shop.

mod access;
mod accounts;
mod articles;
mod backup;
mod email;
mod erasures;
mod own_intents;
mod shops;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::config::shop::store::ShopFolder;
use crate::domain::{ConversationId, ShopId};
use crate::flow::Dispatch;
use crate::gateway::{self, Gateway};
use crate::inward::Letters;

use access::Guard;
use accounts::Accounts;

pub use access::AdminKey;
pub use erasures::customers_called;
pub use own_intents::OwnIntentSets;
pub use shops::{ReloadedShops, ShopReload, ShopReloads};

/// Connections to the address of management at a time.
pub const CONNECTIONS_MAX: usize = 64;

/// What management works with.
pub struct Management {
    /// Sockets, shops and figures.
    pub gateway: Arc<Gateway>,
    /// Intents of shops' own.
    pub own_intents: OwnIntentSets,
    /// How to ask for a reload.
    pub reloads: ShopReloads,
    /// Where letters that are brought go.
    pub letters: Letters,
    /// Whether answers to e-mails of shops without a mailbox of their own come here.
    pub answers_come: bool,
    /// The folder of shops; `None` while the built-in demo shop is served.
    pub shops: Option<PathBuf>,
    /// What the operator shows.
    pub key: AdminKey,
    /// Whether management listens where only this machine reaches it.
    pub loopback: bool,
}

/// Every route of the admin address.
pub fn router(management: Management) -> Router {
    let Management { gateway, own_intents, reloads, letters, answers_come, shops, key, loopback } =
        management;
    let accounts = Accounts {
        gateway: gateway.clone(),
        folder: shops.map(ShopFolder::new),
        reloads: reloads.clone(),
    };
    let guard = Guard { gateway: gateway.clone(), key, loopback };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(gateway::metrics))
        .route("/v1/shops", get(list))
        .route("/v1/shops/{shop}/queue", get(queue))
        .route("/v1/conversations/{conversation}/explanation", get(explanation))
        .with_state(gateway.clone())
        .merge(backup::router(gateway.clone()))
        .merge(erasures::router(gateway.clone()))
        .merge(email::router(gateway, letters, answers_come))
        .merge(own_intents::router(own_intents))
        .merge(shops::router(reloads))
        .merge(articles::router(accounts.clone()))
        .merge(accounts::router(accounts))
        .layer(from_fn_with_state(guard, access::guard))
}

async fn list(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    let mut shops: Vec<Value> = gateway
        .shops()
        .values()
        .map(|shop| json!({ "shop": shop.id, "name": shop.name, "demo": shop.demo, "seats": shop.seats.len() }))
        .collect();
    shops.sort_by_key(|shop| shop["shop"].to_string());
    Json(json!({ "ready": gateway.is_ready(), "shops": shops }))
}

async fn queue(
    State(gateway): State<Arc<Gateway>>,
    Path(shop): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    if gateway.shop(&shop).is_none() {
        return Err(StatusCode::NOT_FOUND);
    }
    let (reply, view) = tokio::sync::oneshot::channel();
    let dispatch = Dispatch::View(ShopId::from(shop), reply);
    gateway.dispatcher.tell(dispatch, Instant::now());
    let (waiting, seats) = view.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(json!({ "waiting": waiting, "seats": seats })))
}

/// As JSON, or as text for a client that accepts `text/plain`.
async fn explanation(
    State(gateway): State<Arc<Gateway>>,
    Path(conversation): Path<String>,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    let conversation: ConversationId = conversation.parse().map_err(|_| StatusCode::NOT_FOUND)?;
    let (reply, explained) = tokio::sync::oneshot::channel();
    gateway.dispatcher.tell(Dispatch::Explain(conversation, reply), Instant::now());
    let explained = explained.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let explained = explained.ok_or(StatusCode::NOT_FOUND)?;
    Ok(gateway::explained_to(&headers, &explained))
}
