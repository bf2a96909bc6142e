//! Loading the shops anew, by a request or by a signal.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Asks for the shops to be loaded anew. One at a time is worked off; what comes meanwhile waits.
#[derive(Clone, Debug)]
pub struct ShopReloads(mpsc::Sender<ShopReload>);

/// One such request: gets the names of the shops that are in force, or every mistake.
pub type ShopReload = oneshot::Sender<Result<Vec<String>, String>>;

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
    pub async fn reload(&self) -> Result<Vec<String>, String> {
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
        Ok(shops) => (StatusCode::OK, Json(json!({ "shops": shops }))),
        Err(mistakes) => {
            let mistakes: Vec<&str> = mistakes.lines().collect();
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "mistakes": mistakes })))
        }
    }
}
