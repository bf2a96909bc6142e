//! Articles out of a table, as shops bring them from elsewhere.

use crate::domain::Language;

use super::ARTICLES_MAX;
use super::table::broken;

const COLUMNS: [&str; 7] = ["id", "language", "title", "intents", "questions", "answer", "not_for"];
/// Stands between several intents or questions in one cell.
const BETWEEN: char = '|';

/// A row of a table of articles. What is in it is checked when its file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArticleRow {
    /// The name of the article.
    pub id: String,
    /// Its language.
    pub language: Language,
    title: String,
    intents: Vec<String>,
    questions: Vec<String>,
    not_for: Vec<String>,
    answer: String,
}

impl ArticleRow {
    /// Reads a table separated by commas, whose first line names its columns.
    ///
    /// # Errors
    /// What is wrong, with the number of the line.
    pub fn table(table: &str) -> Result<Vec<Self>, String> {
        let table = table.strip_prefix('\u{feff}').unwrap_or(table);
        let mut reader = csv::ReaderBuilder::new().from_reader(table.as_bytes());
        let header = reader.headers().map_err(|error| broken(&error))?.clone();
        let header: Vec<&str> = header.iter().map(str::trim).collect();
        let known = COLUMNS.join(", ");
        if let Some(column) = header.iter().find(|column| !COLUMNS.contains(column)) {
            return Err(format!("line 1: `{column}` is none of the columns {known}"));
        }
        let required = &COLUMNS[..6];
        if let Some(column) = required.iter().find(|column| !header.contains(column)) {
            return Err(format!("line 1: the column `{column}` is missing"));
        }
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| broken(&error))?;
            let line = row.position().map_or(0, csv::Position::line);
            if rows.len() == ARTICLES_MAX {
                return Err(format!("line {line}: more than {ARTICLES_MAX} articles"));
            }
            let cell = |name: &str| {
                let at = header.iter().position(|column| *column == name);
                at.and_then(|at| row.get(at)).unwrap_or_default().trim()
            };
            let list = |name: &str| -> Vec<String> {
                let parts = cell(name).split(BETWEEN).map(str::trim);
                parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
            };
            let language = cell("language");
            let no_language =
                |_| format!("line {line}: `{language}` is not the code of a language");
            rows.push(Self {
                id: cell("id").to_owned(),
                language: language.parse().map_err(no_language)?,
                title: cell("title").to_owned(),
                intents: list("intents"),
                questions: list("questions"),
                not_for: list("not_for"),
                answer: cell("answer").to_owned(),
            });
        }
        Ok(rows)
    }

    /// The file of the article.
    pub fn file(&self) -> String {
        let list = |texts: &[String]| -> toml_edit::Array { texts.iter().collect() };
        let mut front = toml_edit::DocumentMut::new();
        front["title"] = toml_edit::value(self.title.as_str());
        front["intents"] = toml_edit::value(list(&self.intents));
        front["questions"] = toml_edit::value(list(&self.questions));
        if !self.not_for.is_empty() {
            front["not_for"] = toml_edit::value(list(&self.not_for));
        }
        format!("+++\n{front}+++\n\n{}\n", self.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Article;
    use super::*;

    #[test]
    fn a_row_becomes_the_file_of_an_article() {
        let table = "id,language,title,intents,questions,answer\n\
            gifts,en,\"Gifts, wrapped\",product_question,Do you gift wrap?|Is there a gift box?,\"For 2 €.\n\nAsk at \"\"checkout\"\".\"\n";

        let rows = ArticleRow::table(table).expect("a table");

        let article = Article::read("gifts.en.md", &rows[0].file()).expect("an article");
        assert_eq!(article.title, "Gifts, wrapped");
        assert_eq!(article.questions, ["Do you gift wrap?", "Is there a gift box?"]);
        assert_eq!(&*article.answer, "For 2 €.\n\nAsk at \"checkout\".");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let error = |table: &str| ArticleRow::table(table).expect_err("wrong");
        let header = "id,language,title,intents,questions,answer";

        assert!(error("id,lang\n").contains("`lang` is none of the columns"));
        assert_eq!(error("id,language\n"), "line 1: the column `title` is missing");
        assert!(error(&format!("{header}\na,b!,c,d,e,f\n")).starts_with("line 2: `b!`"));
        assert_eq!(error(&format!("{header}\na,en\n")), "line 2: 2 cells, the first line has 6");
    }
}
