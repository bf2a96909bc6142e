//! Erasing a customer: what he said, and that it was him, on disk and in memory, and by his keys in every
//! backup.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::access::Caller;
use crate::domain::{ConversationId, CustomerId, ShopId};
use crate::flow::{CustomerRef, Envelope, Erase, ErasedCustomer, Input, Whom};
use crate::gateway::{Gateway, Refused, Secret, read_json};
use crate::protocol::ErrorCode;

pub(super) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().route("/v1/shops/{shop}/erasures", post(erase)).with_state(gateway)
}

/// Who is to be erased, in one of two ways.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    customer: Option<String>,
    #[serde(default)]
    conversation: Option<ConversationId>,
}

/// The customers that an operator may mean by an id: whom the shop calls so, and, where it looks like one,
/// whom the router calls so.
pub fn customers_called(id: &str) -> Vec<CustomerId> {
    let is_ours = id.starts_with("a_") || id.starts_with("u_");
    let own = is_ours.then(|| CustomerId::from(id));
    std::iter::once(Secret::verified_customer(id)).chain(own).collect()
}

/// Answers once the erasure is durable, the keys are gone from the disk, and no file knows of it any more.
async fn erase(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Refused> {
    caller.may_change(&shop)?;
    let asked: Asked = read_json(body, gateway.limits.handshake).await?;
    let shop = ShopId::from(shop);
    let whom = match (asked.customer, asked.conversation) {
        (Some(id), None) if !id.is_empty() => {
            customers_called(&id).into_iter().map(Whom::Customer).collect()
        }
        (None, Some(conversation)) => vec![Whom::Conversation(conversation)],
        _ => {
            let text = "name one of `customer` and `conversation`";
            return Err(Refused::new(ErrorCode::BadFrame, text));
        }
    };
    let mut sum = ErasedCustomer::default();
    for whom in whom {
        let erased = erase_one(&gateway, &shop, whom).await?;
        sum.conversations += erased.conversations;
        sum.unsealed += erased.unsealed;
        sum.keys += erased.keys;
    }
    tracing::info!(
        %shop,
        conversations = sum.conversations,
        keys = sum.keys,
        "customer erased"
    );
    let answer = json!({
        "shop": shop,
        "conversations": sum.conversations,
        "keys": sum.keys,
        "unsealed": sum.unsealed,
    });
    Ok((StatusCode::OK, Json(answer)))
}

async fn erase_one(
    gateway: &Gateway,
    shop: &ShopId,
    whom: Whom,
) -> Result<ErasedCustomer, Refused> {
    let owners = &gateway.owners;
    let owner = match &whom {
        Whom::Customer(id) => {
            owners.of_customer(&CustomerRef { shop: shop.clone(), id: id.clone() })
        }
        Whom::Conversation(id) => owners.of_conversation(*id),
    };
    let (reply, erased) = oneshot::channel();
    let input = Input::Erase(Erase { shop: shop.clone(), whom, reply });
    owners.follow_up(owner, Envelope { caused_at: Instant::now(), input });
    erased.await.map_err(|_| {
        let text = "it could not be finished: keys are not destroyed, or a file still has what was \
                    asked; see the log and ask again";
        Refused::new(ErrorCode::Unavailable, text)
    })
}
