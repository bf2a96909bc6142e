//! Texts to the numbers of a model's tokens, and back.

use std::collections::HashMap;

use tokenizers::models::unigram::Unigram;

use super::charsmap::{Normaliser, SPACE};
use super::config::Config;
use super::spm::Spm;
use super::{ModelError, PIECE_BYTES_MAX};
use crate::domain::Language;

const FILE: &str = "vocab.json";
/// Stands for what no piece spells. A character that is none, so that no text spells it.
const UNSPELLED: &str = "\u{10ffff}";
/// Characters of a sentence that are cut into tokens: longer ones are cut in two before.
pub(super) const SENTENCE_CHARS_MAX: usize = 4_096;

/// Cuts texts into the tokens of one model.
pub(super) struct Tokens {
    normaliser: Normaliser,
    pieces: Unigram,
    /// Of the tokens that stand for text.
    ids: HashMap<String, u32>,
    /// Of the tokens that say what language is wanted, such as `>>de<<`.
    targets: HashMap<String, u32>,
    /// What each token says; nothing for those that stand for no text.
    texts: Vec<String>,
    unknown: u32,
    end: u32,
}

impl Tokens {
    /// Reads `source.spm` and `vocab.json` for a model of this shape.
    ///
    /// # Errors
    /// When one of them is damaged, or they do not fit the model.
    pub(super) fn parse(
        source: &[u8],
        vocabulary: &[u8],
        config: &Config,
    ) -> Result<Self, ModelError> {
        let spm = Spm::parse(source)?;
        let wrong = |reason: String| ModelError::new("source.spm", reason);
        let normaliser = Normaliser::new(&spm).map_err(wrong)?;
        let mut pieces: Vec<(String, f64)> =
            spm.pieces.into_iter().map(|(text, score)| (text, score.into())).collect();
        pieces.push((UNSPELLED.to_owned(), 0.0));
        let unspelled = pieces.len() - 1;
        let mut pieces = Unigram::from(pieces, Some(unspelled), false)
            .map_err(|error| wrong(error.to_string()))?;
        // It would remember the sentences of customers.
        pieces.resize_cache(0);
        let all: HashMap<String, u32> = serde_json::from_slice(vocabulary)
            .map_err(|error| ModelError::new(FILE, error.to_string()))?;
        let unknown = *all.get("<unk>").ok_or_else(|| ModelError::new(FILE, "no `<unk>`"))?;
        let mut tokens = Self {
            normaliser,
            pieces,
            ids: HashMap::with_capacity(all.len()),
            targets: HashMap::new(),
            texts: vec![String::new(); config.vocabulary],
            unknown,
            end: config.end,
        };
        for (text, id) in all {
            tokens.add(text, id, config)?;
        }
        Ok(tokens)
    }

    fn add(&mut self, text: String, id: u32, config: &Config) -> Result<(), ModelError> {
        if text.len() > PIECE_BYTES_MAX {
            let bytes = text.len();
            let reason = format!("a token of {bytes} bytes, at most {PIECE_BYTES_MAX} are read");
            return Err(ModelError::new(FILE, reason));
        }
        let Some(slot) = self.texts.get_mut(id as usize) else {
            let reason = format!("token {id} in a model of {} tokens", config.vocabulary);
            return Err(ModelError::new(FILE, reason));
        };
        if text.starts_with(">>") && text.ends_with("<<") {
            self.targets.insert(text, id);
        } else if id != self.unknown && id != config.end && id != config.pad {
            *slot = text.replace(SPACE, " ");
            self.ids.insert(text, id);
        }
        Ok(())
    }

    /// Whether the model is told what language is wanted.
    pub(super) fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// The token for `language`, by one of the ways in which the published models name it.
    pub(super) fn target(&self, language: Language) -> Option<u32> {
        let code = language.as_str();
        let others = NAMES.iter().filter(|(short, _)| *short == code).flat_map(|(_, names)| *names);
        let mut names = std::iter::once(code).chain(others.copied());
        names.find_map(|name| self.targets.get(&format!(">>{name}<<")).copied())
    }

    /// The tokens of a sentence, with the target language before them and the end behind.
    ///
    /// # Errors
    /// When the sentence cannot be cut.
    pub(super) fn encode(&self, sentence: &str, target: Option<u32>) -> Result<Vec<u32>, String> {
        let written = self.normaliser.write(sentence);
        let pieces = self.pieces.encode(&written).map_err(|error| error.to_string())?;
        let id = |piece: &String| self.ids.get(piece).copied().unwrap_or(self.unknown);
        Ok(target.into_iter().chain(pieces.iter().map(id)).chain([self.end]).collect())
    }

    /// Whether one of the tokens stands for something that the model does not know.
    pub(super) fn has_unknown(&self, ids: &[u32]) -> bool {
        ids.contains(&self.unknown)
    }

    /// What tokens say.
    pub(super) fn decode(&self, ids: &[u32]) -> String {
        let texts = ids.iter().filter_map(|id| self.texts.get(*id as usize));
        texts.map(String::as_str).collect::<String>().trim().to_owned()
    }
}

/// Names of languages in the published models beside their codes of two letters.
const NAMES: &[(&str, &[&str])] = &[
    ("ar", &["ara"]),
    ("bn", &["ben"]),
    ("de", &["deu"]),
    ("en", &["eng"]),
    ("es", &["spa"]),
    ("fr", &["fra"]),
    ("he", &["heb"]),
    ("hi", &["hin"]),
    ("id", &["ind"]),
    ("it", &["ita"]),
    ("ja", &["jpn"]),
    ("ko", &["kor"]),
    ("ms", &["zsm_Latn", "msa"]),
    ("nl", &["nld"]),
    ("pl", &["pol"]),
    ("pt", &["por"]),
    ("ru", &["rus"]),
    ("sv", &["swe"]),
    ("th", &["tha"]),
    ("tl", &["tgl_Latn", "tgl"]),
    ("tr", &["tur"]),
    ("uk", &["ukr"]),
    ("vi", &["vie"]),
    ("zh", &["cmn_Hans", "zho", "cmn"]),
];
