//! Tab-separated texts with a header and without quoting.

/// A text that is not such a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The header lacks a column.
    #[error("line 1: no column `{0}`")]
    Column(&'static str),
    /// A line has too few fields.
    #[error("line {line}: no `{column}`")]
    Field {
        /// From 1.
        line: usize,
        /// What is missing.
        column: &'static str,
    },
    /// A field says something that it must not.
    #[error("line {line}: `{found}` is none of {wanted}")]
    Label {
        /// From 1.
        line: usize,
        /// What it says.
        found: String,
        /// What it may say.
        wanted: &'static str,
    },
}

/// A table that is read line by line.
pub struct Table<'a> {
    header: Vec<&'a str>,
    text: &'a str,
}

/// A line of a table.
pub struct Line<'a> {
    /// From 1; the header is the first.
    pub number: usize,
    fields: Vec<&'a str>,
}

impl<'a> Table<'a> {
    /// Reads the header.
    pub fn new(text: &'a str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let header = text.lines().next().unwrap_or_default().split('\t').map(str::trim).collect();
        Self { header, text }
    }

    /// Position of a column.
    pub fn optional(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    /// Position of a column.
    ///
    /// # Errors
    /// When the header lacks it.
    pub fn required(&self, name: &'static str) -> Result<usize, TableError> {
        self.optional(name).ok_or(TableError::Column(name))
    }

    /// The lines after the header that are not empty.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        let lines = self.text.lines().enumerate().skip(1);
        lines
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(at, line)| Line { number: at + 1, fields: line.split('\t').collect() })
    }
}

impl<'a> Line<'a> {
    /// The field in a column.
    ///
    /// # Errors
    /// When the line ends before it.
    pub fn field(&self, at: usize, column: &'static str) -> Result<&'a str, TableError> {
        self.fields.get(at).copied().ok_or(TableError::Field { line: self.number, column })
    }
}

/// Share of right ones; `None` without any.
pub fn share(right: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| right as f64 / all as f64)
}
