//! The messages that customers write, by language.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// Written for this harness, so that it runs without a file.
const SAMPLE: &str = include_str!("../data/sample.jsonl");
/// The protocol's limit for one text.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Messages grouped by language.
#[derive(Debug)]
pub struct Texts {
    names: Vec<Arc<str>>,
    by_language: Vec<Vec<Arc<str>>>,
    /// Language of each message in turn, so that drawing a line draws a language by its share.
    language_of: Vec<usize>,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    #[serde(default)]
    language: Option<String>,
}

impl Texts {
    /// The built-in sample.
    pub fn sample() -> Self {
        Self::parse(SAMPLE).expect("the built-in sample is well formed")
    }

    /// Reads a file of `{"text":…,"language":…}` lines.
    ///
    /// # Errors
    /// When the file cannot be read, a line is malformed or there is nothing in it.
    pub fn load(path: &Path) -> Result<Self> {
        let content = std::fs::read_to_string(path)
            .with_context(|| format!("reading the messages in {}", path.display()))?;
        Self::parse(&content).with_context(|| format!("in {}", path.display()))
    }

    fn parse(content: &str) -> Result<Self> {
        let mut grouped: BTreeMap<String, Vec<Arc<str>>> = BTreeMap::new();
        for (number, line) in content.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let Line { text, language } = serde_json::from_str(line)
                .with_context(|| format!("line {} is not a message", number + 1))?;
            // What the protocol refuses would only measure refusals.
            if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
                continue;
            }
            grouped.entry(language.unwrap_or_else(|| "und".into())).or_default().push(text.into());
        }
        if grouped.is_empty() {
            bail!("no message to send");
        }
        let names = grouped.keys().map(|name| name.as_str().into()).collect();
        let by_language: Vec<_> = grouped.into_values().collect();
        let language_of = by_language
            .iter()
            .enumerate()
            .flat_map(|(language, texts)| std::iter::repeat_n(language, texts.len()))
            .collect();
        Ok(Self { names, by_language, language_of })
    }

    /// How many messages there are.
    pub fn count(&self) -> usize {
        self.language_of.len()
    }

    /// How many languages there are.
    pub fn languages(&self) -> usize {
        self.names.len()
    }

    /// The language of the `at`-th message.
    pub fn language_of(&self, at: usize) -> usize {
        self.language_of[at]
    }

    /// The language of this code, if there is a message in it.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| &**known == name)
    }

    /// The code of a language.
    pub fn name(&self, language: usize) -> Arc<str> {
        self.names[language].clone()
    }

    /// The share of all messages that is in this language.
    #[cfg(test)]
    pub fn share(&self, language: usize) -> f64 {
        self.by_language[language].len() as f64 / self.count() as f64
    }

    /// A message of this language, drawn by `below`.
    pub fn pick(&self, language: usize, mut below: impl FnMut(usize) -> usize) -> Arc<str> {
        let texts = &self.by_language[language];
        texts[below(texts.len())].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_covers_at_least_eight_languages() {
        let texts = Texts::sample();

        assert!(texts.languages() >= 8);
        assert!(texts.count() >= 100);
    }

    #[test]
    fn a_malformed_line_is_named() {
        let refused = Texts::parse("{\"text\":\"a\",\"language\":\"en\"}\nnot json\n");

        assert!(format!("{:#}", refused.expect_err("line 2 is wrong")).contains("line 2"));
    }

    #[test]
    fn a_text_that_the_protocol_refuses_is_left_out() {
        assert!(Texts::parse("{\"text\":\"  \",\"language\":\"en\"}").is_err());
    }
}
