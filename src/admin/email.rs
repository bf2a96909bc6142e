//! Letters that are brought: whatever takes mail for the mailbox of answers hands each one over as it came.
//! Only the operator may: who hands a letter over says what a customer wrote.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::access::Caller;
use crate::gateway::{Gateway, Refused};
use crate::inward::{LETTER_BYTES_MAX, Letters, NotTaken};
use crate::protocol::ErrorCode;

/// Longest that a letter may take to come in.
const WITHIN: Duration = Duration::from_secs(60);
/// When a letter that found no room is to be brought again.
const AGAIN: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Mailbox {
    gateway: Arc<Gateway>,
    letters: Letters,
    /// Whether answers to shops without a mailbox of their own come here.
    for_all: bool,
}

pub(super) fn router(gateway: Arc<Gateway>, letters: Letters, for_all: bool) -> Router {
    let mailbox = Mailbox { gateway, letters, for_all };
    Router::new().route("/v1/email", post(take)).with_state(mailbox)
}

/// `result` says what became of the letter; it is durable when the answer comes.
async fn take(
    State(mailbox): State<Mailbox>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Refused> {
    caller.must_be_operator()?;
    let Mailbox { gateway, letters, for_all } = mailbox;
    if !for_all && !gateway.shops().values().any(|shop| shop.email.reply_to.is_some()) {
        let text = "no answers come here: email.reply_to is empty";
        return Err(Refused::new(ErrorCode::NotFound, text));
    }
    let full = || Refused::for_a_while(ErrorCode::Overloaded, "no room for it now", AGAIN);
    let place = letters.place_now().ok_or_else(full)?;
    let raw = tokio::time::timeout(WITHIN, to_bytes(body, LETTER_BYTES_MAX)).await;
    let raw = raw
        .map_err(|_| {
            Refused::for_a_while(ErrorCode::Unavailable, "the letter came too slowly", AGAIN)
        })?
        .map_err(|_| Refused::new(ErrorCode::TooLarge, "the letter is larger than 10 MiB"))?;
    let taken = letters.take(place, raw, None).await.map_err(|error| match error {
        NotTaken::NotForUs(error) => Refused::new(ErrorCode::BadFrame, error.to_string()),
        NotTaken::Unknown => Refused::new(ErrorCode::NotFound, error.to_string()),
        NotTaken::Full => full(),
        NotTaken::Stops => Refused::for_a_while(ErrorCode::Unavailable, "the router stops", AGAIN),
    })?;
    Ok((StatusCode::OK, Json(json!({ "result": taken.as_str() }))))
}
