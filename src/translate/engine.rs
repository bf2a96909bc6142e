//! What an engine is: a service with an interface over HTTP, or a model on this machine.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::marks::Markup;
use crate::domain::Language;

/// Texts that go to an engine together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// In order; the engine answers with as many.
    pub texts: Vec<String>,
    /// What they are written in.
    pub from: Language,
    /// What is wanted.
    pub to: Language,
    /// How protected stretches are shown, see [`Translator::markup`]; `None` for texts without any.
    pub markup: Option<Markup>,
}

/// Why an engine has no translation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It does not translate between these languages.
    #[error("no translation from {from} to {to}")]
    Pair {
        /// Of the text.
        from: Language,
        /// That was wanted.
        to: Language,
    },
    /// It does not know the key.
    #[error("the key was refused")]
    Key,
    /// What was paid for is used up.
    #[error("the quota is used up")]
    Quota,
    /// Too much at once; the time is its own wish.
    #[error("too many requests")]
    Busy {
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// It says that the request makes no sense.
    #[error("the request was refused with status {0}")]
    Refused(u16),
    /// It is not there, or broken.
    #[error("not available: {0}")]
    Unavailable(String),
    /// The time is over.
    #[error("no answer in time")]
    Late,
    /// What came back is no answer of this interface, or too large.
    #[error("the answer makes no sense: {0}")]
    Answer(&'static str),
}

impl EngineError {
    /// The reason as metrics name it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Pair { .. } => "pair",
            Self::Key => "key",
            Self::Quota => "quota",
            Self::Busy { .. } => "busy",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Late => "late",
            Self::Answer(_) => "answer",
        }
    }
}

/// What a job gives, later.
pub type Translating<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<String>, EngineError>> + Send + 'a>>;

/// The port: something that translates texts. It gets marks in place of what must not change.
pub trait Translator: Send + Sync {
    /// Its name in explanations and metrics.
    fn name(&self) -> &str;

    /// The marks that it carries through.
    fn markup(&self) -> Markup;

    /// Translates the texts of a job, as many as there are, in their order.
    fn translate<'a>(&'a self, job: &'a Job) -> Translating<'a>;
}
