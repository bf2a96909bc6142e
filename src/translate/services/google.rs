//! Google Cloud Translation: `translateText` of version 3.

use serde::{Deserialize, Serialize};

use super::{Call, Job};
use crate::domain::Language;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    contents: &'a [String],
    mime_type: &'static str,
    source_language_code: &'a str,
    target_language_code: &'a str,
}

#[derive(Deserialize)]
struct Response {
    translations: Vec<Translated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Translated {
    translated_text: String,
}

pub(super) fn call(job: &Job, token: &str, project: &str, location: &str) -> Call {
    let request = Request {
        contents: &job.texts,
        mime_type: if job.markup.is_some() { "text/html" } else { "text/plain" },
        source_language_code: code(&job.from),
        target_language_code: code(&job.to),
    };
    Call {
        path: format!("/v3/projects/{project}/locations/{location}:translateText"),
        headers: vec![("authorization", format!("Bearer {token}"))],
        body: serde_json::to_vec(&request).expect("strings are JSON"),
    }
}

fn code(language: &Language) -> &str {
    match language.as_str() {
        "zh" => "zh-CN",
        "nb" => "no",
        other => other,
    }
}

pub(super) fn texts(body: &[u8]) -> Option<Vec<String>> {
    let read: Response = serde_json::from_slice(body).ok()?;
    Some(read.translations.into_iter().map(|translated| translated.translated_text).collect())
}
