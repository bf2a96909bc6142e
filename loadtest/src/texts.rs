//! The messages that customers write, by language.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::path::{Path, PathBuf};
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
    /// Each language as often as its share says: drawing one of these draws a language.
    shares: Vec<usize>,
}

type Grouped = BTreeMap<String, Vec<Arc<str>>>;

#[derive(Deserialize)]
struct Line {
    text: String,
    #[serde(default)]
    language: Option<String>,
}

impl Texts {
    /// The built-in sample.
    pub fn sample() -> Self {
        let mut grouped = Grouped::new();
        add(SAMPLE, &mut grouped).expect("the built-in sample is well formed");
        Self::of(grouped).expect("the built-in sample has messages")
    }

    /// Reads a file of `{"text":…,"language":…}` lines, or all `.jsonl` files of a folder.
    ///
    /// # Errors
    /// When a file cannot be read, a line is malformed or there is nothing in it.
    pub fn load(path: &Path) -> Result<Self> {
        let mut grouped = Grouped::new();
        for file in files_of(path)? {
            let content = std::fs::read_to_string(&file)
                .with_context(|| format!("reading the messages in {}", file.display()))?;
            add(&content, &mut grouped).with_context(|| format!("in {}", file.display()))?;
        }
        Self::of(grouped).with_context(|| format!("in {}", path.display()))
    }

    #[cfg(test)]
    fn parse(content: &str) -> Result<Self> {
        let mut grouped = Grouped::new();
        add(content, &mut grouped)?;
        Self::of(grouped)
    }

    /// Each language has its share of the messages.
    fn of(grouped: Grouped) -> Result<Self> {
        if grouped.is_empty() {
            bail!("no message to send");
        }
        let names = grouped.keys().map(|name| name.as_str().into()).collect();
        let by_language: Vec<_> = grouped.into_values().collect();
        let sizes = by_language.iter().map(Vec::len).enumerate();
        let shares = sizes.flat_map(|(language, size)| repeat_n(language, size)).collect();
        Ok(Self { names, by_language, shares })
    }

    /// The same messages with these weights of their languages.
    ///
    /// # Errors
    /// When a language has no message here.
    pub fn mixed(mut self, mix: &[(String, usize)]) -> Result<Self> {
        self.shares.clear();
        for (name, weight) in mix {
            let language =
                self.index_of(name).with_context(|| format!("no message is in {name:?}"))?;
            self.shares.extend(repeat_n(language, *weight));
        }
        Ok(self)
    }

    /// How many languages there are.
    pub fn languages(&self) -> usize {
        self.names.len()
    }

    /// A language drawn by its share.
    pub fn draw(&self, below: impl FnOnce(usize) -> usize) -> usize {
        self.shares[below(self.shares.len())]
    }

    /// The language of this code, if there is a message in it.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| &**known == name)
    }

    /// The code of a language.
    pub fn name(&self, language: usize) -> Arc<str> {
        self.names[language].clone()
    }

    /// How much of what is written is in this language.
    #[cfg(test)]
    pub fn share(&self, language: usize) -> f64 {
        let its = self.shares.iter().filter(|of| **of == language).count();
        its as f64 / self.shares.len() as f64
    }

    /// A message of this language, drawn by `below`.
    pub fn pick(&self, language: usize, mut below: impl FnMut(usize) -> usize) -> Arc<str> {
        let texts = &self.by_language[language];
        texts[below(texts.len())].clone()
    }
}

/// A file itself, or what a folder has of `.jsonl` files.
fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| format!("reading the folder {}", path.display()))?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    Ok(files)
}

fn add(content: &str, grouped: &mut Grouped) -> Result<()> {
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_covers_at_least_eight_languages() {
        let texts = Texts::sample();

        assert!(texts.languages() >= 8);
        assert!(texts.by_language.iter().map(Vec::len).sum::<usize>() >= 100);
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
    #[test]
    fn a_mix_draws_its_languages_by_weight_and_no_others() {
        let mix = [("en".to_owned(), 3), ("es".to_owned(), 1)];
        let texts = Texts::sample().mixed(&mix).expect("the sample has both");

        let drawn: Vec<_> = (0..4).map(|at| texts.name(texts.draw(|_| at))).collect();

        assert_eq!(texts.shares.len(), 4);
        assert_eq!(drawn.iter().map(|name| &**name).collect::<Vec<_>>(), ["en", "en", "en", "es"]);
    }

    #[test]
    fn a_mix_with_a_language_that_has_no_message_is_refused_by_name() {
        let refused = Texts::sample().mixed(&[("tlh".to_owned(), 1)]);

        assert!(refused.expect_err("nobody wrote in it").to_string().contains("tlh"));
    }

    #[test]
    fn a_folder_gives_the_messages_of_all_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, content: &str| {
            std::fs::write(folder.path().join(name), content).expect("written");
        };
        file("en.jsonl", "{\"text\":\"Where is it?\",\"language\":\"en\"}\n");
        file("sv.jsonl", "{\"text\":\"Var är det?\",\"language\":\"sv\"}\n");
        file("GUIDE.md", "not a message");

        let texts = Texts::load(folder.path()).expect("two files of messages");

        assert_eq!(texts.languages(), 2);
    }
}
