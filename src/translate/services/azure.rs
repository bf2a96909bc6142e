//! Azure Translator: `POST /translate` of version 3.0.

use serde::{Deserialize, Serialize};

use super::{Call, Job};
use crate::domain::Language;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Text<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    translations: Vec<Translated>,
}

#[derive(Deserialize)]
struct Translated {
    text: String,
}

pub(super) fn call(job: &Job, key: &str, region: Option<&str>) -> Call {
    let texts: Vec<Text<'_>> = job.texts.iter().map(|text| Text { text }).collect();
    let (from, to) = (code(&job.from), code(&job.to));
    let kind = if job.markup.is_some() { "html" } else { "plain" };
    let region = region.map(|region| ("ocp-apim-subscription-region", region.to_owned()));
    let key = ("ocp-apim-subscription-key", key.to_owned());
    Call {
        path: format!("/translate?api-version=3.0&from={from}&to={to}&textType={kind}"),
        headers: std::iter::once(key).chain(region).collect(),
        body: serde_json::to_vec(&texts).expect("strings are JSON"),
    }
}

fn code(language: &Language) -> &str {
    match language.as_str() {
        "zh" => "zh-Hans",
        "tl" => "fil",
        "sr" => "sr-Latn",
        other => other,
    }
}

pub(super) fn texts(body: &[u8]) -> Option<Vec<String>> {
    let read: Vec<Answer> = serde_json::from_slice(body).ok()?;
    read.into_iter().map(|answer| Some(answer.translations.into_iter().next()?.text)).collect()
}
