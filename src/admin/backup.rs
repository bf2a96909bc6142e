//! Holding the journal for a backup: while a hold lasts, no segment of it is used again. The files
//! are read from the disk by whoever may read them; nothing of them passes here. Only the operator may
//! hold it: a hold that is extended for ever fills the disk.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::access::Caller;
use crate::gateway::{Gateway, Refused};

/// How long a hold lasts unless it is extended: long enough to copy a segment, short enough that a
/// copier which died does not fill the disk.
const LEASE: Duration = Duration::from_secs(60);

pub(super) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/backup/holds", post(begin))
        .route("/v1/backup/holds/{id}", post(extend))
        .route("/v1/backup/holds/{id}", delete(end))
        .with_state(gateway)
}

/// `folder` says whose journal it is, `position` where it ends.
async fn begin(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    caller.must_be_operator()?;
    Ok(match gateway.journal.hold(LEASE) {
        Some(hold) => (
            StatusCode::CREATED,
            Json(json!({
                "hold": hold.id,
                "folder": gateway.journal.path(),
                "from": hold.from,
                "position": hold.end,
                "lease_s": LEASE.as_secs(),
            })),
        ),
        None => {
            let error = "as many backups as may run at a time are running";
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error })))
        }
    })
}

async fn extend(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refused> {
    caller.must_be_operator()?;
    Ok(match gateway.journal.extend_hold(id, LEASE) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    })
}

async fn end(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refused> {
    caller.must_be_operator()?;
    Ok(match gateway.journal.end_hold(id) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    })
}
