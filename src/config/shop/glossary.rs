//! The glossary of a shop: a table of terms that are kept, or have one right translation.

use std::collections::BTreeMap;

use crate::domain::Language;

use super::table::broken;

/// Most terms of a glossary.
pub const TERMS_MAX: usize = 10_000;
/// Longest term, in bytes.
const TERM_BYTES_MAX: usize = 200;

/// A term with the shop's own words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it is called where no language has a word of its own.
    pub name: String,
    /// The words of the languages that have one.
    pub translations: BTreeMap<Language, String>,
}

impl Term {
    /// Reads a table with the columns `term` and codes of languages, separated by commas. An empty cell
    /// means that the term is kept as it is.
    ///
    /// # Errors
    /// What is wrong, with the number of the line.
    pub fn table(table: &str) -> Result<Vec<Self>, String> {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(table.as_bytes());
        let header = reader.headers().map_err(|error| broken(&error))?.clone();
        let mut columns = header.iter().map(str::trim);
        let no_column =
            |name: &str| format!("line 1: `{name}` is neither `term` nor the code of a language");
        if let Some(first) = columns.next().filter(|first| *first != "term") {
            return Err(no_column(first));
        }
        let languages: Vec<Language> = columns
            .map(|code| code.parse().map_err(|_| no_column(code)))
            .collect::<Result<_, _>>()?;
        let mut terms = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| broken(&error))?;
            if terms.len() == TERMS_MAX {
                return Err(format!("more than {TERMS_MAX} terms"));
            }
            let line = row.position().map_or(0, csv::Position::line);
            terms.push(read(&row, &languages).map_err(|reason| format!("line {line}: {reason}"))?);
        }
        Ok(terms)
    }
}

fn read(row: &csv::StringRecord, languages: &[Language]) -> Result<Term, String> {
    let mut cells = row.iter().map(str::trim);
    let name = cells.next().unwrap_or_default().to_owned();
    let translations: BTreeMap<Language, String> = languages
        .iter()
        .zip(cells)
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(language, cell)| (*language, cell.to_owned()))
        .collect();
    if name.is_empty() {
        return Err("the term is empty".to_owned());
    }
    if let Some(long) = translations.values().chain([&name]).find(|it| it.len() > TERM_BYTES_MAX) {
        return Err(format!("`{long}` is longer than {TERM_BYTES_MAX} bytes"));
    }
    Ok(Term { name, translations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_its_terms_and_an_empty_cell_none() {
        let terms = Term::table("term,de,fr\nDrift Tote,,\nstore credit, Guthaben ,avoir\n");

        let terms = terms.expect("a table");
        assert_eq!(terms[0].translations.len(), 0);
        let german = "de".parse().expect("a language");
        assert_eq!(terms[1].translations.get(&german).map(String::as_str), Some("Guthaben"));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let error = |table: &str| Term::table(table).expect_err("wrong");

        assert_eq!(
            error("word,de\nx,y\n"),
            "line 1: `word` is neither `term` nor the code of a language"
        );
        assert_eq!(
            error("term,german!\nx,y\n"),
            "line 1: `german!` is neither `term` nor the code of a language"
        );
        assert_eq!(error("term,de\na,b\nc\n"), "line 3: 1 cells, the first line has 2");
        assert_eq!(error("term,de\n,b\n"), "line 2: the term is empty");
    }

    #[test]
    fn one_term_too_many_is_refused() {
        let table: String = (0..=TERMS_MAX).map(|at| format!("t{at}\n")).collect();

        assert!(Term::table(&format!("term\n{table}")).is_err());
    }
}
