//! DeepL: `POST /v2/translate`, as in its OpenAPI description.

use serde::{Deserialize, Serialize};

use super::{Call, EngineError, Job};
use crate::domain::Language;

/// The languages that its text translation has had for all accounts.
const LANGUAGES: &[&str] = &[
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hu", "id", "it", "ja",
    "ko", "lt", "lv", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "uk", "vi",
    "zh",
];

#[derive(Serialize)]
struct Request<'a> {
    text: &'a [String],
    source_lang: String,
    target_lang: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_handling: Option<&'static str>,
    preserve_formatting: bool,
}

#[derive(Deserialize)]
struct Response {
    translations: Vec<Translated>,
}

#[derive(Deserialize)]
struct Translated {
    text: String,
}

pub(super) fn call(job: &Job, key: &str) -> Result<Call, EngineError> {
    let knows = |language: Language| LANGUAGES.contains(&language.as_str());
    if !knows(job.from) || !knows(job.to) {
        return Err(EngineError::Pair { from: job.from, to: job.to });
    }
    let request = Request {
        text: &job.texts,
        source_lang: job.from.as_str().to_uppercase(),
        target_lang: target(job.to),
        tag_handling: job.markup.map(|_| "xml"),
        preserve_formatting: true,
    };
    Ok(Call {
        path: "/v2/translate".to_owned(),
        headers: vec![("authorization", format!("DeepL-Auth-Key {key}"))],
        body: serde_json::to_vec(&request).expect("strings are JSON"),
    })
}

/// Targets have regions where the service asks for one: those of the larger number of shoppers.
fn target(language: Language) -> String {
    match language.as_str() {
        "en" => "EN-US".to_owned(),
        "pt" => "PT-BR".to_owned(),
        "zh" => "ZH-HANS".to_owned(),
        other => other.to_uppercase(),
    }
}

pub(super) fn texts(body: &[u8]) -> Option<Vec<String>> {
    let read: Response = serde_json::from_slice(body).ok()?;
    Some(read.translations.into_iter().map(|translated| translated.text).collect())
}
