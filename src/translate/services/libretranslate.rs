//! LibreTranslate: `POST /translate`.

use serde::{Deserialize, Serialize};

use super::{Call, Job};
use crate::domain::Language;

#[derive(Serialize)]
struct Request<'a> {
    q: &'a [String],
    source: &'a str,
    target: &'a str,
    format: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    api_key: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    translated_text: Vec<String>,
}

pub(super) fn call(job: &Job, key: &str) -> Call {
    let request = Request {
        q: &job.texts,
        source: code(&job.from),
        target: code(&job.to),
        format: if job.markup.is_some() { "html" } else { "text" },
        api_key: key,
    };
    Call {
        path: "/translate".to_owned(),
        headers: Vec::new(),
        body: serde_json::to_vec(&request).expect("strings are JSON"),
    }
}

fn code(language: &Language) -> &str {
    match language.as_str() {
        "zh" => "zh-Hans",
        other => other,
    }
}

pub(super) fn texts(body: &[u8]) -> Option<Vec<String>> {
    let read: Response = serde_json::from_slice(body).ok()?;
    Some(read.translated_text)
}
