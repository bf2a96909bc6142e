//! Translates for one shop: asks its engines one after the other, and lets nothing through that was
//! damaged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use super::engine::{EngineError, Job, Translating, Translator};
use super::glossary::Glossary;
use super::marian::LocalEngine;
use super::marks::{Marked, Markup};
use super::pieces::pieces;
use super::protect::{Protected, protect};
use super::services::{self, Call};
use super::{
    ANSWER_BYTES_MAX, CALLS_MAX, REMEMBERED_BYTES_MAX, REMEMBERED_FOR, TEXT_BYTES_MAX,
    TRANSLATION_BYTES_MAX,
};
use crate::config::shop::{
    EngineKind, OutsideSecret, TranslationEngine, TranslationService, Translators,
};
use crate::domain::Language;
use crate::runtime::{AskWeb, OpenWeb, Reach, WebAnswer, WebError, WebRequest, WebRules};

/// What an entry of the memory takes beside its texts, about.
const ENTRY_BYTES: usize = 256;

/// A text in another language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// What it says.
    pub text: Arc<str>,
    /// Who said it.
    pub engine: Arc<str>,
    /// How what is protected came through.
    pub how: How,
}

/// How a translation was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As one text; the marks, if there were any, came back whole.
    Whole,
    /// In pieces around what is protected, because the engine had lost a mark.
    Pieces,
}

impl How {
    /// The word for it in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Pieces => "pieces",
        }
    }
}

/// Why a text was not translated. The caller keeps the original and says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("the text has more than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// It is a table of numbers and codes.
    #[error("there is too much in the text that must not change")]
    Table,
    /// As many texts are being translated as may be.
    #[error("too many texts at once")]
    Busy,
    /// The shop has no engine.
    #[error("the shop has no translation engine")]
    NoEngine,
    /// None of the shop's engines had an answer; the last one's reason.
    #[error("{engine}: {error}")]
    Engine {
        /// Who was asked last.
        engine: Arc<str>,
        /// What it said.
        error: EngineError,
    },
}

/// The engines of a shop, in the order in which they are asked, and its glossary.
pub struct Desk {
    engines: Vec<Arc<dyn Translator>>,
    glossary: Glossary,
    /// Of one engine and text.
    timeout: Duration,
    jobs: Semaphore,
    remembered: moka::sync::Cache<Remembered, Translation>,
    /// How often everything was forgotten.
    forgotten: AtomicU64,
}

/// The same text of the same language is the same question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Remembered {
    text: Arc<str>,
    from: Language,
    to: Language,
}

impl Desk {
    /// `timeout` is the longest that one engine may take for one text.
    pub fn new(engines: Vec<Arc<dyn Translator>>, glossary: Glossary, timeout: Duration) -> Self {
        let bytes = |key: &Remembered, value: &Translation| {
            u32::try_from(key.text.len() + value.text.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let remembered = moka::sync::Cache::builder()
            .weigher(bytes)
            .max_capacity(REMEMBERED_BYTES_MAX)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self {
            engines,
            glossary,
            timeout,
            jobs: Semaphore::new(CALLS_MAX),
            remembered,
            forgotten: AtomicU64::new(0),
        }
    }

    /// The engines that a shop has named; `outside` is where the ways to services begin.
    ///
    /// # Errors
    /// When this machine can make no connection of that kind, or gives no thread.
    pub fn of(translators: &Translators, outside: &dyn OpenWeb) -> Result<Self, EngineError> {
        let web = outside.open(&WebRules {
            roots: None,
            // A shop's own service may be in the house.
            reach: Reach::Anywhere,
            within: translators.timeout,
            answer_bytes_max: ANSWER_BYTES_MAX,
            idle_max: CALLS_MAX,
        });
        let web = web.map_err(unavailable)?;
        let engine = |engine: &TranslationEngine| -> Result<Arc<dyn Translator>, EngineError> {
            Ok(match engine {
                TranslationEngine::Service(it) => Arc::new(Service::new(it, web.clone())),
                TranslationEngine::Local(model) => Arc::new(LocalEngine::start(model)?),
            })
        };
        let engines = translators.engines.iter().map(engine).collect::<Result<_, _>>()?;
        Ok(Self::new(engines, Glossary::new(translators.terms.clone()), translators.timeout))
    }

    /// Says `text` in `to`.
    ///
    /// # Errors
    /// When no engine of the shop has a translation in which everything protected came through.
    pub async fn translate(
        &self,
        text: &str,
        from: Language,
        to: Language,
    ) -> Result<Translation, TranslateError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TranslateError::TooLong);
        }
        let question = Remembered { text: text.into(), from, to };
        if let Some(known) = self.remembered.get(&question) {
            return Ok(known);
        }
        let stretches = protect(text, &self.glossary, Some(from), to);
        let stretches = stretches.ok_or(TranslateError::Table)?;
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let _permit = self.jobs.try_acquire().map_err(|_| TranslateError::Busy)?;
        let mut last = TranslateError::NoEngine;
        for engine in &self.engines {
            let asked = ask(&**engine, text, &stretches, from, to);
            let answer = tokio::time::timeout(self.timeout, asked).await;
            match answer.unwrap_or(Err(EngineError::Late)).and_then(fitting) {
                Ok((text, how)) => {
                    let engine = engine.name().into();
                    let translation = Translation { text: text.into(), engine, how };
                    self.remember(question, translation.clone(), forgotten);
                    return Ok(translation);
                }
                Err(error) => {
                    tracing::warn!(
                        engine = engine.name(),
                        reason = error.reason(),
                        "no translation"
                    );
                    last = TranslateError::Engine { engine: engine.name().into(), error };
                }
            }
        }
        Err(last)
    }

    fn remember(&self, question: Remembered, translation: Translation, forgotten: u64) {
        self.remembered.insert(question.clone(), translation);
        // It may be the text of somebody who was erased while the engine was asked.
        if self.forgotten.load(Ordering::SeqCst) != forgotten {
            self.remembered.invalidate(&question);
        }
    }

    /// Forgets every text, those that engines are being asked about included: a customer of the shop was
    /// erased.
    pub fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.remembered.invalidate_all();
    }
}

/// Asks with marks first, which lets the engine see whole sentences; in pieces when it lost one.
async fn ask(
    engine: &dyn Translator,
    text: &str,
    stretches: &[Protected],
    from: Language,
    to: Language,
) -> Result<(String, How), EngineError> {
    let one = |text: String, markup| Job { texts: vec![text], from, to, markup };
    if stretches.is_empty() {
        let said = only(engine.translate(&one(text.to_owned(), None)).await?)?;
        says_something(text, &said)?;
        return Ok((said, How::Whole));
    }
    let marked = Marked::new(text, stretches, engine.markup());
    let said = only(engine.translate(&one(marked.text.clone(), Some(engine.markup()))).await?)?;
    match marked.restore(&said, stretches) {
        Ok(said) => return Ok((said, How::Whole)),
        Err(damage) => tracing::debug!(engine = engine.name(), %damage, "translated in pieces"),
    }
    let cut = pieces(text, stretches);
    let said = if cut.texts.is_empty() {
        Vec::new()
    } else {
        engine.translate(&Job { texts: cut.texts.clone(), from, to, markup: None }).await?
    };
    for (asked, said) in cut.texts.iter().zip(&said) {
        says_something(asked, said)?;
    }
    let said = cut.join(&said).ok_or(EngineError::Answer("another number of texts"))?;
    Ok((said, How::Pieces))
}

/// What has words has some in every language: who gives none back would have them vanish.
fn says_something(asked: &str, said: &str) -> Result<(), EngineError> {
    match asked.contains(char::is_alphabetic) && said.trim().is_empty() {
        true => Err(EngineError::Answer("a text is empty")),
        false => Ok(()),
    }
}

/// Whoever takes a translation counts on its bound.
fn fitting((text, how): (String, How)) -> Result<(String, How), EngineError> {
    if text.len() > TRANSLATION_BYTES_MAX {
        return Err(EngineError::Answer("longer than a translation may be"));
    }
    Ok((text, how))
}

fn only(texts: Vec<String>) -> Result<String, EngineError> {
    let [text] = <[String; 1]>::try_from(texts)
        .map_err(|_| EngineError::Answer("another number of texts"))?;
    Ok(text)
}

/// A service over HTTP.
struct Service {
    kind: EngineKind,
    /// Scheme, host and port, and a path where the service lies below one; without a slash at the end.
    base: String,
    key: Option<OutsideSecret>,
    web: Arc<dyn AskWeb>,
}

impl Service {
    fn new(engine: &TranslationService, web: Arc<dyn AskWeb>) -> Self {
        let base = engine.address.as_str().trim_end_matches('/').to_owned();
        Self { kind: engine.kind.clone(), base, key: engine.key.clone(), web }
    }

    async fn call(&self, job: &Job) -> Result<Vec<String>, EngineError> {
        let key = self.key.as_ref().map_or("", OutsideSecret::reveal);
        let Call { path, headers, body } = services::call(&self.kind, job, key)?;
        let url = format!("{}{path}", self.base);
        let (method, headers, body) = (Method::POST, secret(headers)?, body.into());
        let asked = self.web.ask(WebRequest { method, url, headers, body }).await;
        let WebAnswer { status, retry_after, body, .. } = asked.map_err(unavailable)?;
        services::answer(&self.kind, job, status, retry_after, &body)
    }
}

impl Translator for Service {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn markup(&self) -> Markup {
        services::MARKUP
    }

    fn translate<'a>(&'a self, job: &'a Job) -> Translating<'a> {
        Box::pin(self.call(job))
    }
}

/// What went wrong, without the address: it may hold more than a log should.
fn unavailable(error: WebError) -> EngineError {
    match error {
        WebError::Late => EngineError::Late,
        WebError::TooLarge => EngineError::Answer("larger than the bound"),
        error => EngineError::Unavailable(error.to_string()),
    }
}

fn secret(headers: Vec<(&'static str, String)>) -> Result<HeaderMap, EngineError> {
    let mut map = HeaderMap::new();
    map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        // A key with odd letters is none that the service gave out.
        let mut value = HeaderValue::try_from(value).map_err(|_| EngineError::Key)?;
        value.set_sensitive(true);
        map.insert(HeaderName::from_static(name), value);
    }
    Ok(map)
}
