//! Texts whose language is known.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::Language;
use crate::understand::model::{Hint, Model, Scratch};

use super::tsv::{Table, TableError, share};

/// A text of a known language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageText {
    /// As it was typed.
    pub text: String,
    /// What sort of text, such as `sentences`.
    pub kind: Option<String>,
}

/// Figures of some texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LanguageTally {
    /// Texts.
    pub messages: usize,
    /// Share of right ones; missing without texts.
    pub language_accuracy: Option<f64>,
}

/// Figures of several files.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LanguageReport {
    /// All texts together.
    #[serde(flatten)]
    pub all: LanguageTally,
    /// By the language that is right.
    pub per_language: BTreeMap<String, LanguageTally>,
    /// By the sort of text, where the files tell it.
    pub per_kind: BTreeMap<String, LanguageTally>,
}

/// The texts of a table with the column `text` and perhaps `kind`. Lines without a text are left
/// out.
///
/// # Errors
/// When there is no column `text`, or at the first line that ends before it.
pub fn parse_languages(table: &str) -> Result<Vec<LanguageText>, TableError> {
    let table = Table::new(table);
    let text_at = table.required("text")?;
    let kind_at = table.optional("kind");
    let mut texts = Vec::new();
    for line in table.lines() {
        let text = line.field(text_at, "text")?.to_owned();
        let kind = kind_at.map(|at| line.field(at, "kind")).transpose()?.map(str::to_owned);
        if !text.trim().is_empty() {
            texts.push(LanguageText { text, kind });
        }
    }
    Ok(texts)
}

/// Reads the texts of each language without hints and compares.
pub fn languages_of(model: &Model, files: &[(Language, Vec<LanguageText>)]) -> LanguageReport {
    let mut scratch = Scratch::default();
    let mut all = Count::default();
    let mut per_language: BTreeMap<String, Count> = BTreeMap::new();
    let mut per_kind: BTreeMap<String, Count> = BTreeMap::new();
    for (language, texts) in files {
        for it in texts {
            let read = model.understand(&it.text, &Hint::default(), &mut scratch);
            let right = read.language.label == *language;
            all.add(right);
            per_language.entry(language.to_string()).or_default().add(right);
            if let Some(kind) = &it.kind {
                per_kind.entry(kind.clone()).or_default().add(right);
            }
        }
    }
    let tallies = |counts: BTreeMap<String, Count>| {
        counts.into_iter().map(|(name, count)| (name, count.tally())).collect()
    };
    LanguageReport {
        all: all.tally(),
        per_language: tallies(per_language),
        per_kind: tallies(per_kind),
    }
}

#[derive(Clone, Copy, Default)]
struct Count {
    right: usize,
    all: usize,
}

impl Count {
    fn add(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }

    fn tally(self) -> LanguageTally {
        LanguageTally { messages: self.all, language_accuracy: share(self.right, self.all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_and_kinds_are_counted_apart() {
        let model = Model::embedded().expect("the shipped model");
        let spanish = parse_languages("text\tkind\n¿dónde está mi pedido?\tsentences\n\t\n")
            .expect("a table");
        let german =
            parse_languages("text\nwo ist meine Bestellung geblieben?\n").expect("a table");
        let language = |code: &str| code.parse::<Language>().expect("a language");

        // Called French, the German text cannot be right.
        let report = languages_of(&model, &[(language("es"), spanish), (language("fr"), german)]);

        assert_eq!(report.all, LanguageTally { messages: 2, language_accuracy: Some(0.5) });
        assert_eq!(report.per_language["fr"].language_accuracy, Some(0.0));
        assert_eq!(report.per_kind["sentences"].messages, 1);
        assert_eq!(report.per_kind.len(), 1);
    }

    #[test]
    fn a_table_without_texts_is_refused() {
        assert_eq!(parse_languages("words\nhi\n"), Err(TableError::Column("text")));
        assert_eq!(
            parse_languages("kind\ttext\nwords\n"),
            Err(TableError::Field { line: 2, column: "text" })
        );
    }
}
