//! Shops, seats, origins and keys, changed in the folder of shops and taken over at once.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::access::Caller;
use super::shops::ShopReloads;
use crate::config::shop::edit::{EditError, KeyLine, NewKey, NewSeat, ShopText};
use crate::config::shop::store::{NewShop, ShopFolder, StoreError};
use crate::config::shop::{Password, Shop};
use crate::gateway::{Gateway, Refused, read_json};
use crate::protocol::ErrorCode;

/// What the routes work with.
#[derive(Clone)]
pub(super) struct Accounts {
    pub(super) gateway: Arc<Gateway>,
    /// `None` while the built-in demo shop is served.
    pub(super) folder: Option<ShopFolder>,
    pub(super) reloads: ShopReloads,
}

pub(super) type Answer = Result<(StatusCode, Json<Value>), Refused>;
/// What is answered when a change is in force.
type Done = (StatusCode, Value);

pub(super) fn router(accounts: Accounts) -> Router {
    Router::new()
        .route("/v1/shops", post(add_shop))
        .route("/v1/shops/{shop}", delete(remove_shop))
        .route("/v1/shops/{shop}/origins", put(set_origins))
        .route("/v1/shops/{shop}/seats", get(list_seats))
        .route("/v1/shops/{shop}/seats", post(add_seat))
        .route("/v1/shops/{shop}/seats/{seat}", delete(remove_seat))
        .route("/v1/shops/{shop}/seats/{seat}/password", put(set_password))
        .route("/v1/shops/{shop}/keys", get(list_keys))
        .route("/v1/shops/{shop}/keys", post(add_key))
        .route("/v1/shops/{shop}/keys/{kid}", delete(remove_key))
        .with_state(accounts)
}

async fn add_shop(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    caller.must_be_operator()?;
    let new: NewShop = accounts.read(body).await?;
    let id = new.id.clone();
    let answer = json!({ "shop": id });
    accounts.carry_out(caller, (StatusCode::CREATED, answer), move |folder| folder.add(&new)).await
}

async fn remove_shop(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
) -> Answer {
    caller.must_be_operator()?;
    let answer = json!({ "shop": shop });
    accounts.carry_out(caller, (StatusCode::OK, answer), move |folder| folder.remove(&shop)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrigins {
    origins: Vec<String>,
}

async fn set_origins(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
    body: Body,
) -> Answer {
    caller.may_change(&shop)?;
    let NewOrigins { origins } = accounts.read(body).await?;
    let answer = json!({ "shop": shop, "origins": origins });
    let edit = move |text: &mut ShopText| {
        text.set_origins(&origins);
        Ok(())
    };
    accounts.change(caller, shop, (StatusCode::OK, answer), edit).await
}

async fn list_seats(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
) -> Answer {
    caller.may_change(&shop)?;
    let served = accounts.served(&shop)?;
    let seats: Vec<Value> = served.seats.values().map(|seat| json!(seat.summary())).collect();
    Ok((StatusCode::OK, Json(json!({ "shop": shop, "seats": seats }))))
}

/// A seat with its password, which stays out of every other type.
#[derive(Deserialize)]
struct NewAccount {
    #[serde(default)]
    password: Option<String>,
    #[serde(flatten)]
    seat: serde_json::Map<String, Value>,
}

async fn add_seat(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
    body: Body,
) -> Answer {
    caller.may_change(&shop)?;
    let NewAccount { password, seat } = accounts.read(body).await?;
    let mut seat: NewSeat = serde_json::from_value(Value::Object(seat)).map_err(|error| {
        Refused::new(ErrorCode::BadFrame, crate::protocol::json_problem(&error))
    })?;
    if let Some(password) = password {
        seat.password_hash = Some(hash(password).await?);
    }
    let answer = json!({ "shop": shop, "seat": seat.id });
    accounts
        .change(caller, shop, (StatusCode::CREATED, answer), move |text| text.add_seat(&seat))
        .await
}

async fn remove_seat(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path((shop, seat)): Path<(String, String)>,
) -> Answer {
    caller.may_change(&shop)?;
    let answer = json!({ "shop": shop, "seat": seat });
    accounts
        .change(caller, shop, (StatusCode::OK, answer), move |text| text.remove_seat(&seat))
        .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: String,
}

async fn set_password(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path((shop, seat)): Path<(String, String)>,
    body: Body,
) -> Answer {
    caller.may_change(&shop)?;
    let NewPassword { password } = accounts.read(body).await?;
    let hash = hash(password).await?;
    let answer = json!({ "shop": shop, "seat": seat });
    accounts
        .change(caller, shop, (StatusCode::OK, answer), move |text| text.set_password(&seat, &hash))
        .await
}

async fn list_keys(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
) -> Answer {
    caller.may_change(&shop)?;
    let served = accounts.served(&shop)?;
    let keys = served.customer_proof.keys.iter().map(|(kid, key)| KeyLine::new(kid, key));
    let keys: Vec<KeyLine> = keys.collect();
    Ok((StatusCode::OK, Json(json!({ "shop": shop, "keys": keys }))))
}

/// With a public key it is one for EdDSA; without, a secret for HS256 is made and told once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedKey {
    kid: String,
    #[serde(default)]
    public_key: Option<String>,
}

async fn add_key(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
    body: Body,
) -> Answer {
    caller.may_change(&shop)?;
    let AskedKey { kid, public_key } = accounts.read(body).await?;
    let (key, secret) = match public_key {
        Some(key) => (NewKey::EdDsa(key), None),
        None => {
            let bytes: [u8; 32] = rand::random();
            let secret = URL_SAFE_NO_PAD.encode(bytes);
            (NewKey::Hs256(secret.clone()), Some(secret))
        }
    };
    let answer = json!({ "shop": shop, "kid": kid, "secret": secret });
    accounts
        .change(caller, shop, (StatusCode::CREATED, answer), move |text| text.add_key(&kid, &key))
        .await
}

async fn remove_key(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path((shop, kid)): Path<(String, String)>,
) -> Answer {
    caller.may_change(&shop)?;
    let answer = json!({ "shop": shop, "kid": kid });
    accounts.change(caller, shop, (StatusCode::OK, answer), move |text| text.remove_key(&kid)).await
}

impl Accounts {
    pub(super) async fn read<T: DeserializeOwned>(&self, body: Body) -> Result<T, Refused> {
        read_json(body, self.gateway.limits.handshake).await
    }

    pub(super) fn served(&self, shop: &str) -> Result<Arc<Shop>, Refused> {
        let served = self.gateway.shop(shop);
        served.ok_or_else(|| Refused::new(ErrorCode::NotFound, "no such shop"))
    }

    /// Changes the file of a shop and takes it over.
    async fn change(
        &self,
        caller: Caller,
        shop: String,
        done: Done,
        edit: impl FnOnce(&mut ShopText) -> Result<(), EditError> + Send + 'static,
    ) -> Answer {
        self.carry_out(caller, done, move |folder| folder.change(&shop, edit)).await
    }

    /// Changes the folder of shops and takes it over, in a task of its own: a client that hangs up
    /// in between leaves no change behind that is not in force.
    pub(super) async fn carry_out(
        &self,
        caller: Caller,
        done: Done,
        work: impl FnOnce(&ShopFolder) -> Result<(), StoreError> + Send + 'static,
    ) -> Answer {
        let accounts = self.clone();
        let task = tokio::spawn(async move {
            let changed = accounts.with_folder(work).await?;
            // What is missing may be gone from the files by a change that was not taken over.
            if let Err(error) = &changed
                && !error.is_missing()
            {
                return Err(refused(error));
            }
            match (accounts.reloads.reload().await, changed) {
                (Err(mistakes), _) => Ok(not_in_force(&caller, done.1, &mistakes)),
                (Ok(_), Err(error)) => Err(refused(&error)),
                (Ok(_), Ok(())) => Ok(in_force(done)),
            }
        });
        task.await.map_err(|_| stopping())?
    }

    /// Works on the folder of shops, away from the sockets' threads.
    pub(super) async fn with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ShopFolder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Result<T, StoreError>, Refused> {
        let Some(folder) = self.folder.clone() else {
            let text = "the built-in demo shop cannot be changed: name a folder of shops";
            return Err(Refused::new(ErrorCode::Conflict, text));
        };
        let worked = tokio::task::spawn_blocking(move || work(&folder)).await;
        worked.map_err(|_| stopping())
    }
}

fn in_force((status, mut answer): Done) -> (StatusCode, Json<Value>) {
    answer["in_force"] = true.into();
    (status, Json(answer))
}

/// The mistakes may be those of any shop: only the operator may know them.
fn not_in_force(caller: &Caller, mut answer: Value, mistakes: &str) -> (StatusCode, Json<Value>) {
    answer["in_force"] = false.into();
    answer["message"] = "the files of the shops say so now, but the router cannot take them over: \
        what was in force before still is; ask again when the operator has mended the files"
        .into();
    if *caller == Caller::Operator {
        answer["mistakes"] = mistakes.lines().collect::<Vec<_>>().into();
    }
    (StatusCode::CONFLICT, Json(answer))
}

fn stopping() -> Refused {
    Refused::new(ErrorCode::Unavailable, "the router is stopping")
}

/// Hashing takes tens of milliseconds and much memory: one at a time, also for clients that hang up.
async fn hash(password: String) -> Result<String, Refused> {
    static ONE: Mutex<()> = Mutex::const_new(());
    let turn = ONE.lock().await;
    let hashed = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        Password::hash(&password)
    })
    .await;
    hashed
        .map_err(|_| stopping())?
        .map_err(|error| Refused::new(ErrorCode::BadFrame, error.to_string()))
}

pub(super) fn refused(error: &StoreError) -> Refused {
    let code = match error {
        StoreError::NoShop(_) | StoreError::Edit(EditError::Missing(_)) => ErrorCode::NotFound,
        StoreError::NotEmpty(_) => {
            let text = "files of a shop of that id are there: move them away, or choose another id";
            return Refused::new(ErrorCode::Conflict, text);
        }
        StoreError::Taken(_)
        | StoreError::Last(_)
        | StoreError::Version { .. }
        | StoreError::Edit(_) => ErrorCode::Conflict,
        StoreError::Mistakes(_) | StoreError::TooLarge => ErrorCode::BadFrame,
        StoreError::Io { .. } => {
            tracing::error!(%error, "a shop's file could not be changed");
            return Refused::new(ErrorCode::Unavailable, "the file could not be changed");
        }
    };
    Refused::new(code, error.to_string())
}
