//! What is wrong with a configuration, told all at once.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The file, at this line.
    File {
        /// The file that was read.
        path: PathBuf,
        /// Line, counted from one.
        line: usize,
    },
    /// A variable of the environment.
    Env(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The file cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A line of the file is not TOML.
    #[error("{origin}: {reason}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser said.
        reason: String,
    },
    /// No setting has this key.
    #[error("{origin}: `{key}` is not a setting; {}", nearest_hint(nearest.as_deref()))]
    UnknownKey {
        /// The key as it was given.
        key: String,
        /// Where.
        origin: Origin,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// The value is of another kind than the setting.
    #[error("{origin}: `{key}` is {given}; expected {accepted}")]
    Value {
        /// The setting.
        key: &'static str,
        /// Where.
        origin: Origin,
        /// The value as it was given.
        given: String,
        /// What would be right.
        accepted: String,
    },
    /// Two settings do not fit together.
    #[error("{origin}: `{key}` ({given}) {must}; `{other}` is {other_given} ({other_origin})")]
    Relation {
        /// The setting to change.
        key: &'static str,
        /// Where it was given.
        origin: Origin,
        /// Its value.
        given: String,
        /// The setting that it must fit.
        other: &'static str,
        /// The other's value.
        other_given: String,
        /// Where the other was given.
        other_origin: Origin,
        /// What must hold, and why.
        must: &'static str,
    },
}

/// Everything that is wrong: what is no setting first, then in the order of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// `None` when nothing is wrong.
    pub(super) fn of(mistakes: Vec<Mistake>) -> Option<Self> {
        (!mistakes.is_empty()).then_some(Self(mistakes))
    }

    /// `first`, and then `others`.
    pub(super) fn after(first: Mistake, others: Option<Self>) -> Self {
        Self(std::iter::once(first).chain(others.into_iter().flat_map(|it| it.0)).collect())
    }

    /// The mistakes, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.len();
        let word = if number == 1 { "mistake" } else { "mistakes" };
        write!(f, "{number} {word} in the configuration")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

fn nearest_hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(key) => format!("the nearest is `{key}`"),
        None => "`tradewind config print` lists all of them".to_owned(),
    }
}
