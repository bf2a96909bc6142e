//! Loading the shops anew, by a request or by a signal.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Asks for the shops to be loaded anew. One at a time is worked off; what comes meanwhile waits.
#[derive(Clone, Debug)]
pub struct ShopReloads(mpsc::Sender<ShopReload>);

/// One such request: gets what is in force now, or every mistake.
pub type ShopReload = oneshot::Sender<Result<ReloadedShops, String>>;

/// What became of loading the shops anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadedShops {
    /// The shops that are served now.
    pub shops: Vec<String>,
    /// Those of them that are new.
    pub added: Vec<String>,
    /// Shops that are served no longer.
    pub removed: Vec<String>,
    /// Settings of the program that have another value than the one in force: they need a restart.
    pub needs_restart: Vec<String>,
}

/// Requests that may wait.
const WAITING_MAX: usize = 16;

impl ShopReloads {
    /// The way to ask, and where the requests come out.
    pub fn new() -> (Self, mpsc::Receiver<ShopReload>) {
        let (ask, asked) = mpsc::channel(WAITING_MAX);
        (Self(ask), asked)
    }

    /// Loads the shops anew.
    ///
    /// # Errors
    /// Every mistake in the files, in words, or that the router is stopping; nothing has changed
    /// then.
    pub async fn reload(&self) -> Result<ReloadedShops, String> {
        let stopping = || "the router is stopping".to_owned();
        let (reply, answer) = oneshot::channel();
        self.0.send(reply).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

pub(super) fn router(reloads: ShopReloads) -> Router {
    Router::new().route("/v1/shops/reload", post(reload)).with_state(reloads)
}

async fn reload(State(reloads): State<ShopReloads>) -> (StatusCode, Json<Value>) {
    match reloads.reload().await {
        Ok(reloaded) => (StatusCode::OK, Json(json!(reloaded))),
        Err(mistakes) => {
            let mistakes: Vec<&str> = mistakes.lines().collect();
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "mistakes": mistakes })))
        }
    }
}
