//! Articles of shops, changed while the router works: each change is a version, and those before are kept.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::Caller;
use super::accounts::{Accounts, Answer, refused};
use crate::config::shop::Article;
use crate::config::shop::store::ShopFolder;
use crate::domain::Language;
use crate::gateway::{GapsTold, Gateway, Refused};
use crate::protocol::ErrorCode;

/// Largest file of an article: an answer and a hundred questions of the longest kind.
const ARTICLE_BYTES_MAX: usize = 256 * 1024;
/// Longest that a file may take to come in.
const WITHIN: Duration = Duration::from_secs(10);

pub(super) fn router(accounts: Accounts) -> Router {
    Router::new()
        .route("/v1/shops/{shop}/articles", get(list))
        .route("/v1/shops/{shop}/articles/gaps", get(gaps))
        .route("/v1/shops/{shop}/articles/{id}/{language}", get(show))
        .route("/v1/shops/{shop}/articles/{id}/{language}", put(put_version))
        .route("/v1/shops/{shop}/articles/{id}/{language}", delete(remove))
        .route("/v1/shops/{shop}/articles/{id}/{language}/rollback", post(roll_back))
        .with_state(accounts)
}

async fn list(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
) -> Answer {
    caller.may_change(&shop)?;
    let served = accounts.served(&shop)?;
    let row = |article: &Arc<Article>| {
        json!({ "article": article.id, "language": article.language, "version": article.version,
            "title": article.title, "intents": article.intents })
    };
    let articles: Vec<Value> = served.knowledge.articles.iter().map(row).collect();
    Ok((StatusCode::OK, Json(json!({ "shop": shop, "articles": articles }))))
}

/// What customers asked that none of them answered.
async fn gaps(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path(shop): Path<String>,
) -> Result<Json<GapsTold>, Refused> {
    caller.may_change(&shop)?;
    let served = accounts.served(&shop)?;
    let Gateway { gaps, owners, .. } = &*accounts.gateway;
    Ok(Json(gaps.of(owners, served.id.clone()).await?))
}

async fn show(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path((shop, id, language)): Path<(String, String, String)>,
) -> Answer {
    caller.may_change(&shop)?;
    let language = read_language(&language)?;
    let (of_shop, of_id) = (shop.clone(), id.clone());
    let work = move |folder: &ShopFolder| folder.article(&of_shop, &of_id, language);
    let found = accounts.with_folder(work).await?.map_err(|error| refused(&error))?;
    let answer = json!({ "shop": shop, "article": id, "language": language,
        "version": found.version, "before": found.before, "text": found.text });
    Ok((StatusCode::OK, Json(answer)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    /// The version that has to be there.
    base: Option<u32>,
}

async fn put_version(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path((shop, id, language)): Path<(String, String, String)>,
    Query(Base { base }): Query<Base>,
    body: Body,
) -> Answer {
    caller.may_change(&shop)?;
    let language = read_language(&language)?;
    let text = read_text(body).await?;
    let key = Key { shop, id, language };
    let work = key.clone();
    let changed = accounts.carry_out(caller, key.done(), move |folder| {
        folder.put_article(&work.shop, (&work.id, language), &text, base).map(drop)
    });
    key.with_version(&accounts, changed.await)
}

async fn remove(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path((shop, id, language)): Path<(String, String, String)>,
) -> Answer {
    caller.may_change(&shop)?;
    let key = Key { shop, id, language: read_language(&language)? };
    let done = key.done();
    let work = move |folder: &ShopFolder| folder.remove_article(&key.shop, &key.id, key.language);
    accounts.carry_out(caller, done, work).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    version: u32,
}

async fn roll_back(
    State(accounts): State<Accounts>,
    Extension(caller): Extension<Caller>,
    Path((shop, id, language)): Path<(String, String, String)>,
    body: Body,
) -> Answer {
    caller.may_change(&shop)?;
    let language = read_language(&language)?;
    let Back { version } = accounts.read(body).await?;
    let key = Key { shop, id, language };
    let work = key.clone();
    let changed = accounts.carry_out(caller, key.done(), move |folder| {
        folder.roll_back_article(&work.shop, (&work.id, language), version).map(drop)
    });
    key.with_version(&accounts, changed.await)
}

/// An article in one language.
#[derive(Clone)]
struct Key {
    shop: String,
    id: String,
    language: Language,
}

impl Key {
    fn done(&self) -> (StatusCode, Value) {
        let Self { shop, id, language } = self;
        (StatusCode::OK, json!({ "shop": shop, "article": id, "language": language }))
    }

    /// The answer with the version that is in force now.
    fn with_version(&self, accounts: &Accounts, answer: Answer) -> Answer {
        let (status, Json(mut answer)) = answer?;
        let served = accounts.served(&self.shop)?;
        let mut articles = served.knowledge.articles.iter();
        let article = articles.find(|it| *it.id == *self.id && it.language == self.language);
        answer["version"] = article.map(|article| article.version).into();
        Ok((status, Json(answer)))
    }
}

fn read_language(code: &str) -> Result<Language, Refused> {
    let text = "the last part of the address is no code of a language";
    code.parse().map_err(|_| Refused::new(ErrorCode::NotFound, text))
}

async fn read_text(body: Body) -> Result<String, Refused> {
    let bytes = tokio::time::timeout(WITHIN, to_bytes(body, ARTICLE_BYTES_MAX))
        .await
        .map_err(|_| Refused::new(ErrorCode::BadFrame, "the article did not come in time"))?
        .map_err(|_| Refused::new(ErrorCode::TooLarge, "the article is larger than 256 KiB"))?;
    String::from_utf8(bytes.into())
        .map_err(|_| Refused::new(ErrorCode::BadFrame, "the article is not UTF-8"))
}
