//! A tenant's examples: the files they come in, and what is wrong with one.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Parser};

/// Largest file of examples.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Most examples of a set; training time and memory grow with them.
pub const EXAMPLES_MAX: usize = 100_000;
/// Most labels of a set.
pub const LABELS_MAX: usize = 1_000;
/// Longest label, in characters.
pub const LABEL_CHARS_MAX: usize = 120;

/// Labels that public sets use for messages that ask for nothing the set knows.
const OUT_OF_SCOPE: [&str; 2] = ["oos", "NO_NODES_DETECTED"];

/// Whether examples of this label show what is out of scope.
pub fn is_out_of_scope(label: &str) -> bool {
    OUT_OF_SCOPE.contains(&label)
}

/// A message and what its writer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// As it was typed.
    pub text: String,
    /// Any name.
    pub label: String,
}

/// How a file of examples is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Header and rows, fields parted by commas; quotes may hold commas and line ends.
    Csv,
    /// Header and rows, fields parted by tabs; a quote is a character like any other.
    Tsv,
    /// A map from labels to lists of texts.
    Yaml,
}

impl Format {
    /// The format that the ending of a file's name tells.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// What is wrong with a file of examples.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ExampleError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl ExampleError {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

/// The examples in the text of a file.
///
/// # Errors
/// At the first line that cannot be used, and when there are too many examples or labels.
pub fn parse(format: Format, text: &str) -> Result<Vec<Example>, ExampleError> {
    take_all(format, text, Taken::default())
}

/// Messages to measure a set on, written like examples; a message may be empty.
///
/// # Errors
/// As [`parse`].
pub fn parse_messages(format: Format, text: &str) -> Result<Vec<Example>, ExampleError> {
    take_all(format, text, Taken { empty_texts_too: true, ..Taken::default() })
}

fn take_all(format: Format, text: &str, mut taken: Taken) -> Result<Vec<Example>, ExampleError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Csv => table(text, b',', true, &mut taken)?,
        Format::Tsv => table(text, b'\t', false, &mut taken)?,
        Format::Yaml => yaml(text, &mut taken)?,
    }
    Ok(taken.examples)
}

/// Examples so far, within the bounds.
#[derive(Default)]
struct Taken {
    examples: Vec<Example>,
    labels: BTreeSet<String>,
    empty_texts_too: bool,
}

impl Taken {
    fn take(&mut self, line: usize, text: &str, label: &str) -> Result<(), ExampleError> {
        let (text, label) = (text.trim(), label.trim());
        let wrong = |reason: String| Err(ExampleError::new(line, reason));
        if text.is_empty() && !self.empty_texts_too {
            return wrong("the text is empty".to_owned());
        }
        if label.is_empty() {
            return wrong("the label is empty".to_owned());
        }
        if label.chars().count() > LABEL_CHARS_MAX {
            return wrong(format!("the label is longer than {LABEL_CHARS_MAX} characters"));
        }
        if label.chars().any(char::is_control) {
            return wrong("the label has a control character".to_owned());
        }
        if self.examples.len() == EXAMPLES_MAX {
            return wrong(format!("more than {EXAMPLES_MAX} examples"));
        }
        if !self.labels.contains(label) {
            if self.labels.len() == LABELS_MAX {
                return wrong(format!("more than {LABELS_MAX} labels"));
            }
            self.labels.insert(label.to_owned());
        }
        self.examples.push(Example { text: text.to_owned(), label: label.to_owned() });
        Ok(())
    }
}

fn table(text: &str, delimiter: u8, quoting: bool, taken: &mut Taken) -> Result<(), ExampleError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(quoting)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| ExampleError::new(1, error.to_string()))?;
    let column = |names: &[&str]| {
        header.iter().position(|name| names.contains(&name.trim().to_lowercase().as_str()))
    };
    let Some(text_at) = column(&["text"]) else {
        return Err(ExampleError::new(1, "the header has no column `text`"));
    };
    let Some(label_at) = column(&["intent", "label"]) else {
        return Err(ExampleError::new(1, "the header has no column `intent` or `label`"));
    };
    let columns = header.len();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, |position| position.line() as usize);
            ExampleError::new(line, error.to_string())
        })?;
        let line = record.position().map_or(1, |position| line_of(text, position));
        let (Some(text), Some(label)) = (record.get(text_at), record.get(label_at)) else {
            let reason = format!("{} fields, the header has {columns}", record.len());
            return Err(ExampleError::new(line, reason));
        };
        taken.take(line, text, label)?;
    }
    Ok(())
}

/// The line of the record at `position`, which is before the empty lines that stand before it.
fn line_of(text: &str, position: &csv::Position) -> usize {
    let rest = &text.as_bytes()[position.byte() as usize..];
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() as usize + empty.filter(|byte| **byte == b'\n').count()
}

/// Where a reader of the map stands.
enum Place {
    Outside,
    Label,
    Texts(String),
    List(String),
}

/// Reads the events of the file and not a tree, so that an alias that stands for itself a million
/// times is refused before it grows.
fn yaml(text: &str, taken: &mut Taken) -> Result<(), ExampleError> {
    let mut place = Place::Outside;
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| ExampleError::new(error.marker().line(), error.info().to_owned()))?;
        let line = span.start.line();
        place = match (place, event) {
            (
                Place::Outside,
                Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing,
            ) => Place::Outside,
            (Place::Outside, Event::MappingStart(..)) => Place::Label,
            (Place::Label, Event::MappingEnd) => Place::Outside,
            (Place::Label, Event::Scalar(label, ..)) => Place::Texts(label.into_owned()),
            (Place::Texts(label), Event::SequenceStart(..)) => Place::List(label),
            (Place::List(label), Event::Scalar(text, ..)) => {
                taken.take(line, &text, &label)?;
                Place::List(label)
            }
            (Place::List(_), Event::SequenceEnd) => Place::Label,
            _ => return Err(ExampleError::new(line, "not a map from labels to lists of texts")),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(text: &str, label: &str) -> Example {
        Example { text: text.to_owned(), label: label.to_owned() }
    }

    #[test]
    fn the_three_formats_say_the_same() {
        let wanted = [example("¿dónde está?", "where"), example("返品, bitte", "return")];

        let csv = "text,intent\n¿dónde está?,where\n\"返品, bitte\",return\n";
        let tsv = "label\ttext\nwhere\t¿dónde está?\nreturn\t返品, bitte\n";
        let yaml = "# ours\nwhere:\n  - ¿dónde está?\nreturn: ['返品, bitte']\n";

        assert_eq!(parse(Format::Csv, csv).expect("csv"), wanted);
        assert_eq!(parse(Format::Tsv, tsv).expect("tsv"), wanted);
        assert_eq!(parse(Format::Yaml, yaml).expect("yaml"), wanted);
    }

    #[test]
    fn a_quote_in_a_tsv_is_a_character() {
        let read = parse(Format::Tsv, "text\tintent\n\"hello\ta\nthe 5\" one\tb\n").expect("tsv");

        assert_eq!(read, [example("\"hello", "a"), example("the 5\" one", "b")]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let long = format!("text,intent\na,{}\n", "x".repeat(LABEL_CHARS_MAX + 1));
        let cases = [
            (Format::Csv, "text,tag\na,b\n", 1, "no column `intent` or `label`"),
            (Format::Csv, "message,intent\na,b\n", 1, "no column `text`"),
            (Format::Csv, "text,intent\na,b\n\nonly one\n", 4, "1 fields, the header has 2"),
            (Format::Tsv, "text\tintent\na\tb\n \tb\n", 3, "the text is empty"),
            (Format::Tsv, "text\tintent\na\t\n", 2, "the label is empty"),
            (Format::Csv, &long, 2, "longer than 120 characters"),
            (Format::Yaml, "a:\n  - b\nc: d\n", 3, "not a map from labels to lists"),
            (Format::Yaml, "a: &x [b]\nc: *x\n", 2, "not a map from labels to lists"),
            (Format::Yaml, "a:\n  - 'b\n", 2, ""),
        ];

        for (format, text, line, reason) in cases {
            let error = parse(format, text).expect_err("a mistake");
            assert_eq!(error.line, line, "{text:?} {error}");
            assert!(error.reason.contains(reason), "{error}");
        }
    }

    #[test]
    fn one_label_or_one_example_too_many_is_refused() {
        let mut text = "text,intent\n".to_owned();
        (0..=LABELS_MAX).for_each(|n| text += &format!("a,label {n}\n"));
        let error = parse(Format::Csv, &text).expect_err("too many labels");
        assert_eq!((error.line, error.reason.as_str()), (LABELS_MAX + 2, "more than 1000 labels"));

        let text = format!("text,intent\n{}", "a,b\n".repeat(EXAMPLES_MAX + 1));
        let error = parse(Format::Csv, &text).expect_err("too many examples");
        assert_eq!(error.reason, "more than 100000 examples");
    }

    #[test]
    fn the_ending_tells_the_format() {
        assert_eq!(Format::of_file("a/b.TSV"), Some(Format::Tsv));
        assert_eq!(Format::of_file("set.yml"), Some(Format::Yaml));
        assert_eq!(Format::of_file("set"), None);
    }
}
