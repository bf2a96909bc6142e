//! Services that translate, as bytes: what is sent, and what an answer means. The calls are made in
//! [`super::task`].

mod azure;
mod deepl;
mod google;
mod libretranslate;

use std::time::Duration;

use super::engine::{EngineError, Job};
use super::marks::Markup;
use crate::config::shop::EngineKind;

/// A POST with a body of JSON.
pub(super) struct Call {
    /// Path and query.
    pub path: String,
    /// Beside `Content-Type`. Their values are secrets.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// What all of them read.
pub(super) const MARKUP: Markup = Markup::Element;

/// What is sent for `job`.
///
/// # Errors
/// When the service does not know one of the languages.
pub(super) fn call(kind: &EngineKind, job: &Job, key: &str) -> Result<Call, EngineError> {
    match kind {
        EngineKind::DeepL => deepl::call(job, key),
        EngineKind::Google { project, location } => Ok(google::call(job, key, project, location)),
        EngineKind::Azure { region } => Ok(azure::call(job, key, region.as_deref())),
        EngineKind::LibreTranslate => Ok(libretranslate::call(job, key)),
    }
}

/// What an answer with this status says.
///
/// # Errors
/// When it is no translation of as many texts as `job` has.
pub(super) fn answer(
    kind: &EngineKind,
    job: &Job,
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Result<Vec<String>, EngineError> {
    match status {
        200 => {}
        401 | 403 => return Err(EngineError::Key),
        429 | 529 => return Err(EngineError::Busy { retry_after }),
        456 => return Err(EngineError::Quota),
        500.. => return Err(EngineError::Unavailable(format!("status {status}"))),
        _ => return Err(EngineError::Refused(status)),
    }
    let texts = match kind {
        EngineKind::DeepL => deepl::texts(body),
        EngineKind::Google { .. } => google::texts(body),
        EngineKind::Azure { .. } => azure::texts(body),
        EngineKind::LibreTranslate => libretranslate::texts(body),
    };
    let texts = texts.ok_or(EngineError::Answer("not the JSON of this interface"))?;
    if texts.len() != job.texts.len() {
        return Err(EngineError::Answer("another number of texts"));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(from: &str, to: &str) -> Job {
        Job {
            texts: vec!["Order <x id=\"0\"/> is late".to_owned()],
            from: from.parse().expect("a language"),
            to: to.parse().expect("a language"),
            markup: Some(Markup::Element),
        }
    }

    fn kinds() -> [EngineKind; 4] {
        [
            EngineKind::DeepL,
            EngineKind::Google { project: "shop-1".to_owned(), location: "global".to_owned() },
            EngineKind::Azure { region: Some("westeurope".to_owned()) },
            EngineKind::LibreTranslate,
        ]
    }

    #[test]
    fn each_interface_is_written_as_it_is_documented() {
        let sent: Vec<_> = kinds()
            .iter()
            .map(|kind| {
                let sent = call(kind, &job("en", "pt"), "secret").expect("known languages");
                let body = String::from_utf8(sent.body).expect("JSON");
                (sent.path, sent.headers, serde_json::from_str(&body).expect("JSON"))
            })
            .collect::<Vec<(String, Vec<(&str, String)>, serde_json::Value)>>();

        let text = "Order <x id=\"0\"/> is late";
        assert_eq!(sent[0].0, "/v2/translate");
        assert_eq!(sent[0].1, [("authorization", "DeepL-Auth-Key secret".to_owned())]);
        assert_eq!(
            sent[0].2,
            serde_json::json!({"text": [text], "source_lang": "EN", "target_lang": "PT-BR",
                "tag_handling": "xml", "preserve_formatting": true})
        );
        assert_eq!(sent[1].0, "/v3/projects/shop-1/locations/global:translateText");
        assert_eq!(sent[1].1, [("authorization", "Bearer secret".to_owned())]);
        assert_eq!(
            sent[1].2,
            serde_json::json!({"contents": [text], "mimeType": "text/html",
                "sourceLanguageCode": "en", "targetLanguageCode": "pt"})
        );
        assert_eq!(sent[2].0, "/translate?api-version=3.0&from=en&to=pt&textType=html");
        assert_eq!(sent[2].1.len(), 2);
        assert_eq!(sent[2].2, serde_json::json!([{"Text": text}]));
        assert_eq!(sent[3].0, "/translate");
        assert_eq!(
            sent[3].2,
            serde_json::json!({"q": [text], "source": "en", "target": "pt", "format": "html",
                "api_key": "secret"})
        );
    }

    #[test]
    fn languages_are_named_as_each_service_names_them() {
        let body = |kind: &EngineKind, to: &str| {
            let sent = call(kind, &job("en", to), "k").expect("a known language");
            sent.path + &String::from_utf8(sent.body).expect("JSON")
        };
        let [deepl, google, azure, libre] = kinds();

        assert!(body(&deepl, "zh").contains("\"ZH-HANS\""));
        assert!(body(&deepl, "en").contains("\"EN-US\""));
        assert!(body(&google, "zh").contains("\"zh-CN\""));
        assert!(body(&azure, "zh").contains("to=zh-Hans"));
        assert!(body(&azure, "tl").contains("to=fil"));
        assert!(body(&libre, "zh").contains("\"zh-Hans\""));
        assert!(matches!(call(&deepl, &job("en", "xh"), "k"), Err(EngineError::Pair { .. })));
    }

    #[test]
    fn each_answer_is_read_and_what_is_none_is_told() {
        let answers = [
            r#"{"translations":[{"detected_source_language":"EN","text":"spät"}]}"#,
            r#"{"translations":[{"translatedText":"spät"}]}"#,
            r#"[{"translations":[{"text":"spät","to":"de"}]}]"#,
            r#"{"translatedText":["spät"]}"#,
        ];
        let job = job("en", "de");

        for (kind, good) in kinds().iter().zip(answers) {
            let read = |status, body: &str| answer(kind, &job, status, None, body.as_bytes());
            assert_eq!(read(200, good).as_deref(), Ok(&["spät".to_owned()][..]), "{kind:?}");
            assert!(matches!(read(200, "{}"), Err(EngineError::Answer(_))), "{kind:?}");
            assert!(matches!(read(200, "<html>"), Err(EngineError::Answer(_))), "{kind:?}");
            assert_eq!(read(403, ""), Err(EngineError::Key));
            assert_eq!(read(456, ""), Err(EngineError::Quota));
            assert_eq!(read(429, ""), Err(EngineError::Busy { retry_after: None }));
            assert_eq!(read(400, ""), Err(EngineError::Refused(400)));
            assert!(matches!(read(503, ""), Err(EngineError::Unavailable(_))));
        }
    }

    #[test]
    fn fewer_texts_than_were_sent_are_no_answer() {
        let mut job = job("en", "de");
        job.texts.push("and another".to_owned());

        let read =
            answer(&EngineKind::DeepL, &job, 200, None, br#"{"translations":[{"text":"eins"}]}"#);

        assert_eq!(read, Err(EngineError::Answer("another number of texts")));
    }
}
