//! Services that speak the interfaces of DeepL, Google, Azure and LibreTranslate. They "translate" by
//! changing the case of letters, and check that a request is what its interface asks for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// How a service treats a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// It carries elements through.
    Polite,
    /// It loses, doubles and rewrites elements, each in some texts.
    Rough,
    /// Status 500.
    Broken,
    /// It takes the request and says nothing.
    Silent,
    /// Its answer has no end.
    Huge,
    /// It sends the caller to another address.
    Elsewhere,
}

/// Running services.
pub struct Services {
    pub address: String,
    kept: Arc<Kept>,
}

struct Kept {
    manners: Manners,
    calls: AtomicUsize,
    leaked: Mutex<Vec<String>>,
}

impl Services {
    pub async fn start(manners: Manners) -> Self {
        let kept = Kept { manners, calls: AtomicUsize::new(0), leaked: Mutex::default() };
        let kept = Arc::new(kept);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, kept }
    }

    pub fn calls(&self) -> usize {
        self.kept.calls.load(Ordering::Relaxed)
    }

    /// Texts in which something stood that must not leave the router.
    pub fn leaked(&self) -> Vec<String> {
        self.kept.leaked.lock().expect("no panic").clone()
    }
}

async fn answer(State(kept): State<Arc<Kept>>, request: Request) -> Response {
    kept.calls.fetch_add(1, Ordering::Relaxed);
    match kept.manners {
        Manners::Broken => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manners::Silent => std::future::pending().await,
        Manners::Huge => return vec![b' '; 2 * 1024 * 1024].into_response(),
        Manners::Elsewhere => {
            let location = [(header::LOCATION, "http://127.0.0.1:9/")];
            return (StatusCode::TEMPORARY_REDIRECT, location).into_response();
        }
        Manners::Polite | Manners::Rough => {}
    }
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let translate = |text: &Value, is_marked: bool| {
        let text = text.as_str().expect("a text");
        if ["TW-1", "SKU-", "US$ 1", "shop.example", "mail.example", "Drift Tote", "store credit"]
            .iter()
            .any(|part| text.contains(part))
        {
            kept.leaked.lock().expect("no panic").push(text.to_owned());
        }
        translated(text, is_marked, kept.manners)
    };
    interface(&head.uri, &head.headers, &body, &translate)
        .map_or(StatusCode::BAD_REQUEST.into_response(), |answer| {
            ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
        })
}

/// The answer to a request that is right by its interface.
fn interface(
    uri: &Uri,
    headers: &HeaderMap,
    body: &Value,
    translate: &dyn Fn(&Value, bool) -> String,
) -> Option<Value> {
    let has = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
    let all = |texts: &Value, marked| -> Option<Vec<String>> {
        Some(texts.as_array()?.iter().map(|text| translate(text, marked)).collect())
    };
    match (uri.path(), uri.query()) {
        ("/v2/translate", None) if has("authorization", "DeepL-Auth-Key key-of-the-shop") => {
            let marked = body["tag_handling"] == "xml";
            (body["source_lang"] == "EN" && body["target_lang"] == "DE").then_some(())?;
            let texts = all(&body["text"], marked)?.into_iter().map(|text| json!({"text": text}));
            Some(json!({"translations": texts.collect::<Vec<_>>()}))
        }
        ("/v3/projects/shop-1/locations/global:translateText", None)
            if has("authorization", "Bearer key-of-the-shop") =>
        {
            let marked = body["mimeType"] == "text/html";
            let texts = all(&body["contents"], marked)?.into_iter();
            let texts = texts.map(|text| json!({"translatedText": text}));
            Some(json!({"translations": texts.collect::<Vec<_>>()}))
        }
        ("/translate", Some(query)) if has("ocp-apim-subscription-key", "key-of-the-shop") => {
            query.contains("api-version=3.0&from=en&to=de").then_some(())?;
            let marked = query.contains("textType=html");
            let texts = body.as_array()?.iter().map(|text| translate(&text["Text"], marked));
            let texts = texts.map(|text| json!({"translations": [{"text": text, "to": "de"}]}));
            Some(Value::Array(texts.collect()))
        }
        ("/translate", None) if body["api_key"] == "key-of-the-shop" => {
            let marked = body["format"] == "html";
            Some(json!({"translatedText": all(&body["q"], marked)?}))
        }
        _ => None,
    }
}

/// The text with its letters in the other case; elements and entities stay.
fn translated(text: &str, is_marked: bool, manners: Manners) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let ends = match c {
            '<' if is_marked => Some('>'),
            '&' if is_marked => Some(';'),
            _ => None,
        };
        let kept = ends.and_then(|end| rest.find(end)).map_or(0, |end| end + 1);
        if kept > 0 {
            out.push_str(&rough(&rest[..kept], text, out.len(), manners));
            rest = &rest[kept..];
        } else {
            let changed =
                if c.is_lowercase() { c.to_uppercase().next() } else { c.to_lowercase().next() };
            out.push(changed.unwrap_or(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// What a rough service makes of an element.
fn rough(element: &str, text: &str, at: usize, manners: Manners) -> String {
    if manners == Manners::Polite || element.starts_with('&') {
        return element.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    (text, at).hash(&mut hasher);
    match hasher.finish() % 12 {
        0 => String::new(),
        1 => format!("{element}{element}"),
        2 => element.replace("/>", ">"),
        3 => element.replace('"', "&quot;"),
        4 => element.replace("id=", "data-id="),
        5 => element.replace('"', "'"),
        6 => element.replace("/>", "></x>"),
        7 => element.replace("/>", " />"),
        8 => "<x id=\"77\"/>".to_owned(),
        _ => element.to_owned(),
    }
}
