//! Letters that come in: whatever takes mail for the mailbox of answers hands each one over as it came.
//! Only the operator may: who hands a letter over says what a customer wrote.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::access::Caller;
use crate::channels::email::{Incoming, IncomingKind, ReplyAddresses, read};
use crate::flow::{Envelope, FromEmail, Input};
use crate::gateway::{Gateway, Refused};
use crate::metrics::names::{Counter, EmailTaken};
use crate::protocol::ErrorCode;

/// Largest letter, attachments included: they are not kept, but they come along.
const LETTER_BYTES_MAX: usize = 10 << 20;
/// Longest that a letter may take to come in.
const WITHIN: Duration = Duration::from_secs(60);
/// When a letter that found no room is to be brought again.
const AGAIN: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Mailbox {
    gateway: Arc<Gateway>,
    replies: Option<ReplyAddresses>,
}

pub(super) fn router(gateway: Arc<Gateway>, replies: Option<ReplyAddresses>) -> Router {
    Router::new().route("/v1/email", post(take)).with_state(Mailbox { gateway, replies })
}

/// `result` says what became of the letter; it is durable when the answer comes.
async fn take(
    State(mailbox): State<Mailbox>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Refused> {
    caller.must_be_operator()?;
    let Some(replies) = &mailbox.replies else {
        let text = "no answers come here: email.reply_to is empty";
        return Err(Refused::new(ErrorCode::NotFound, text));
    };
    let raw = tokio::time::timeout(WITHIN, to_bytes(body, LETTER_BYTES_MAX)).await;
    let raw = raw
        .map_err(|_| Refused::new(ErrorCode::BadFrame, "the letter did not come in time"))?
        .map_err(|_| Refused::new(ErrorCode::TooLarge, "the letter is larger than 10 MiB"))?;
    let count = |taken| mailbox.gateway.metrics.count(Counter::EmailCame(taken));
    let text_bytes_max = mailbox.gateway.limits.admission.text_bytes_max;
    let Incoming { conversation, id, kind } =
        read(&raw, replies, text_bytes_max).map_err(|error| {
            count(EmailTaken::NotForUs);
            Refused::new(ErrorCode::BadFrame, error.to_string())
        })?;
    let text = match kind {
        IncomingKind::Written(text) => Some(text.into()),
        IncomingKind::NotDelivered => None,
        IncomingKind::Automatic => {
            count(EmailTaken::Automatic);
            return Ok(told(EmailTaken::Automatic));
        }
    };
    let full = || Refused::for_a_while(ErrorCode::Overloaded, "no room for it now", AGAIN);
    let (reply, taken) = oneshot::channel();
    let input = Input::Email(FromEmail { conversation, id, text, reply });
    let owners = &mailbox.gateway.owners;
    let envelope = Envelope { caused_at: Instant::now(), input };
    owners.offer(owners.of_conversation(conversation), envelope).map_err(|_| full())?;
    let stops = |_| Refused::for_a_while(ErrorCode::Unavailable, "the router stops", AGAIN);
    match taken.await.map_err(stops)? {
        EmailTaken::Full => Err(full()),
        EmailTaken::Unknown => {
            let text = "its conversation is not known any more";
            Err(Refused::new(ErrorCode::NotFound, text))
        }
        taken => Ok(told(taken)),
    }
}

fn told(taken: EmailTaken) -> (StatusCode, Json<Value>) {
    (StatusCode::OK, Json(json!({ "result": taken.as_str() })))
}
