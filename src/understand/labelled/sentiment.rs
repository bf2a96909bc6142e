//! Texts with a mood.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::Sentiment;
use crate::understand::model::{Hint, Model, Scratch};

use super::tsv::{Table, TableError, share};

/// A text with its mood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoodText {
    /// As it was typed.
    pub text: String,
    /// What its reader felt in it.
    pub sentiment: Sentiment,
}

/// Figures of some texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MoodTally {
    /// Texts.
    pub messages: usize,
    /// Share of right ones; missing without texts.
    pub sentiment_accuracy: Option<f64>,
    /// Mean of the F1 of the moods that occur in the texts.
    pub sentiment_macro_f1: Option<f64>,
}

/// Figures of several files.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MoodReport {
    /// All texts together.
    #[serde(flatten)]
    pub all: MoodTally,
    /// Mean of the macro F1 of the files, each counting alike: the figure of sets that come in one
    /// file a language.
    pub mean_macro_f1: Option<f64>,
    /// By the name of the file.
    pub per_file: BTreeMap<String, MoodTally>,
}

/// What a label stands for.
enum Label {
    Mood(Sentiment),
    /// A class that some sets have beside the three, such as questions.
    Beside,
}

/// The texts of a table with the columns `text` and `sentiment` (or `label`), and how many lines
/// were left out because their label is none of the three moods, such as `question`.
///
/// # Errors
/// At the first line that has no such columns or a label that no set uses.
pub fn parse_moods(table: &str) -> Result<(Vec<MoodText>, usize), TableError> {
    let table = Table::new(table);
    let text_at = table.required("text")?;
    let label_at = table.optional("sentiment").or_else(|| table.optional("label"));
    let label_at = label_at.ok_or(TableError::Column("sentiment"))?;
    let (mut texts, mut left_out) = (Vec::new(), 0);
    for line in table.lines() {
        let text = line.field(text_at, "text")?;
        let label = line.field(label_at, "sentiment")?.trim();
        match label_of(label) {
            Some(Label::Mood(sentiment)) => {
                texts.push(MoodText { text: text.to_owned(), sentiment });
            }
            Some(Label::Beside) => left_out += 1,
            None => {
                let wanted = "negative, neutral, positive";
                let found = label.to_owned();
                return Err(TableError::Label { line: line.number, found, wanted });
            }
        }
    }
    Ok((texts, left_out))
}

fn label_of(label: &str) -> Option<Label> {
    Some(Label::Mood(match label.to_ascii_lowercase().as_str() {
        "negative" | "neg" | "-1" => Sentiment::Negative,
        "neutral" | "neu" | "0" => Sentiment::Neutral,
        "positive" | "pos" | "1" | "+1" => Sentiment::Positive,
        "question" | "q" | "mixed" | "conflict" => return Some(Label::Beside),
        _ => return None,
    }))
}

/// Reads the texts of each file without hints and compares.
pub fn moods_of(model: &Model, files: &[(String, Vec<MoodText>)]) -> MoodReport {
    let mut scratch = Scratch::default();
    let mut all = Vec::new();
    let mut per_file = BTreeMap::new();
    for (name, texts) in files {
        let pairs: Vec<_> = texts
            .iter()
            .map(|it| {
                let read = model.understand(&it.text, &Hint::default(), &mut scratch);
                (it.sentiment, read.sentiment.label)
            })
            .collect();
        per_file.insert(name.clone(), tally(&pairs));
        all.extend(pairs);
    }
    let figures = per_file.values().filter_map(|tally: &MoodTally| tally.sentiment_macro_f1);
    let mean_macro_f1 = mean(&figures.collect::<Vec<f64>>());
    MoodReport { all: tally(&all), mean_macro_f1, per_file }
}

/// From pairs of what is right and what was read.
fn tally(pairs: &[(Sentiment, Sentiment)]) -> MoodTally {
    let right = pairs.iter().filter(|(wanted, read)| wanted == read).count();
    MoodTally {
        messages: pairs.len(),
        sentiment_accuracy: share(right, pairs.len()),
        sentiment_macro_f1: macro_f1(pairs),
    }
}

fn macro_f1(pairs: &[(Sentiment, Sentiment)]) -> Option<f64> {
    let f1 = |mood: Sentiment| {
        let wanted = pairs.iter().filter(|pair| pair.0 == mood).count();
        let read = pairs.iter().filter(|pair| pair.1 == mood).count();
        let both = pairs.iter().filter(|pair| **pair == (mood, mood)).count();
        (wanted > 0).then(|| 2.0 * both as f64 / (wanted + read) as f64)
    };
    let all: Vec<f64> = Sentiment::ALL.into_iter().filter_map(f1).collect();
    mean(&all)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_are_read_questions_left_out_and_unknown_ones_named() {
        let table = "id\ttext\tsentiment\r\n1\tgood\tPositive\r\n2\tbad\tneg\r\n3\tso\t0\r\n4\twhy\tquestion\r\n";

        let (texts, left_out) = parse_moods(table).expect("a table");

        let moods: Vec<_> = texts.iter().map(|it| (it.text.as_str(), it.sentiment)).collect();
        assert_eq!(
            moods,
            [
                ("good", Sentiment::Positive),
                ("bad", Sentiment::Negative),
                ("so", Sentiment::Neutral)
            ]
        );
        assert_eq!(left_out, 1);
        let error = |table| parse_moods(table).expect_err("no table").to_string();
        assert_eq!(
            error("text\tsentiment\nx\tfine\n"),
            "line 2: `fine` is none of negative, neutral, positive"
        );
        assert_eq!(error("text\tsentiment\n\nx\n"), "line 3: no `sentiment`");
        assert_eq!(error("words\tsentiment\n"), "line 1: no column `text`");
    }

    #[test]
    fn macro_f1_is_the_mean_over_the_moods_that_occur() {
        use Sentiment::{Negative, Neutral, Positive};
        let pairs = [(Negative, Negative), (Negative, Positive), (Positive, Positive)];

        let tally = tally(&pairs);

        // Negative: precision 1, recall 1/2; positive: precision 1/2, recall 1.
        assert_eq!(tally.sentiment_macro_f1, Some((2.0 / 3.0 + 2.0 / 3.0) / 2.0));
        assert_eq!(macro_f1(&[(Neutral, Negative)]), Some(0.0));
        assert_eq!(macro_f1(&[]), None);
    }
}
