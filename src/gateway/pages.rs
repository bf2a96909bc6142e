//! The pages: built files that live inside the binary.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::config::shop::{Password, Shop};

use super::Gateway;

/// Nothing but the page's own files: no inline script, no other host, no frame around a console.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
/// Demo sign-in names that the first page shows; the generated crew is for load tests.
const HINTS_MAX: usize = 24;

macro_rules! built {
    ($file:literal, $kind:literal) => {
        get(|| async {
            let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist/", $file));
            page(bytes, $kind)
        })
    };
}

/// Pages and their assets.
pub fn router() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/", built!("index.html", "text/html; charset=utf-8"))
        .route("/widget", built!("widget.html", "text/html; charset=utf-8"))
        .route("/seat", built!("seat.html", "text/html; charset=utf-8"))
        // The same page, which opens on the floor.
        .route("/supervisor", built!("seat.html", "text/html; charset=utf-8"))
        .route("/assets/index.js", built!("index.js", "text/javascript; charset=utf-8"))
        .route("/assets/widget.js", built!("widget.js", "text/javascript; charset=utf-8"))
        .route("/assets/seat.js", built!("seat.js", "text/javascript; charset=utf-8"))
        .route("/assets/tick.js", built!("tick.js", "text/javascript; charset=utf-8"))
        .route("/assets/style.css", built!("style.css", "text/css; charset=utf-8"))
        .route("/assets/icon.svg", built!("icon.svg", "image/svg+xml"))
}

fn page(bytes: &'static [u8], kind: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The files change with the binary, and the names do not say which one it is.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, bytes).into_response()
}

/// Who can sign in to the demo shop, with which password.
pub fn demo_hints(shop: &Shop) -> Value {
    let mut password = None;
    let mut seats = Vec::new();
    for account in shop.seats.values() {
        if let Some(Password::Demo(text)) = &account.password {
            password.get_or_insert_with(|| text.clone());
            let profile = &account.profile;
            if seats.len() < HINTS_MAX && !profile.id.as_str().starts_with("seat-") {
                seats.push(json!({
                    "user": profile.id,
                    "languages": profile.languages,
                    "skills": profile.skills,
                }));
            }
        }
    }
    let order = shop.knowledge.orders.iter().next().map(|order| &order.number);
    json!({ "shop": shop.id, "name": shop.name, "password": password, "seats": seats, "order": order })
}
