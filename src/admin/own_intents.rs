//! Loading shops' own intents anew, by a request or by a signal.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::metrics::Metrics;
use crate::metrics::names::{Counter, SetReload};
use crate::understand::tenant::{Reloaded, ServedSets};

/// The sets in use, and where it is told how loading them anew went.
#[derive(Clone)]
pub struct OwnIntentSets {
    /// The sets.
    pub sets: Arc<ServedSets>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

impl OwnIntentSets {
    /// Reads every set again, away from the sockets' threads; logs and counts what became of each.
    pub async fn reload(&self) -> Vec<Reloaded> {
        let sets = self.sets.clone();
        let reloaded = tokio::task::spawn_blocking(move || sets.reload()).await;
        // Only a router that is just stopping does not get to it.
        let reloaded = reloaded.unwrap_or_default();
        for Reloaded { shop, labels } in &reloaded {
            let result = match labels {
                Ok(labels) => {
                    tracing::info!(%shop, labels, "own intents loaded anew");
                    SetReload::Loaded
                }
                Err(error) => {
                    tracing::warn!(%shop, %error, "own intents refused, the old ones stay");
                    SetReload::Refused
                }
            };
            self.metrics.count(Counter::OwnIntents(result));
        }
        reloaded
    }
}

pub(super) fn router(sets: OwnIntentSets) -> Router {
    Router::new().route("/v1/own-intents/reload", post(reload)).with_state(sets)
}

async fn reload(State(sets): State<OwnIntentSets>) -> (StatusCode, Json<Value>) {
    let reloaded = sets.reload().await;
    let all_loaded = reloaded.iter().all(|it| it.labels.is_ok());
    let shops: Vec<Value> = reloaded
        .iter()
        .map(|Reloaded { shop, labels }| match labels {
            Ok(labels) => json!({ "shop": shop, "labels": labels }),
            Err(error) => json!({ "shop": shop, "error": error.to_string() }),
        })
        .collect();
    let status = if all_loaded { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, Json(json!({ "shops": shops })))
}
