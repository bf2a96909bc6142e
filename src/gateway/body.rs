//! Bodies of requests: bounded in bytes and time.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use serde::de::DeserializeOwned;

use crate::protocol::{ErrorCode, json_problem};

use super::problem::Refused;

const BODY_BYTES_MAX: usize = 4096;

/// The JSON of a body.
///
/// # Errors
/// When it is too large, too slow, or does not fit.
pub async fn read_json<T: DeserializeOwned>(body: Body, within: Duration) -> Result<T, Refused> {
    let bytes = tokio::time::timeout(within, to_bytes(body, BODY_BYTES_MAX))
        .await
        .map_err(|_| Refused::new(ErrorCode::BadFrame, "the body did not come in time"))?
        .map_err(|_| Refused::new(ErrorCode::TooLarge, "the body is larger than 4 KiB"))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Refused::new(ErrorCode::BadFrame, json_problem(&error)))
}
