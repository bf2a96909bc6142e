//! Whether the lines of one question are understood better together than each alone, with the shipped
//! model. `cargo test --test lines -- --nocapture` prints the figures.

use std::collections::BTreeMap;

use serde::Deserialize;
use tradewind::domain::{Intent, Language, Understanding};
use tradewind::understand::{Hint, Model, Scratch};

const QUESTIONS: &str = include_str!("lines/questions.jsonl");

#[derive(Deserialize)]
struct Question {
    language: String,
    intent: String,
    lines: Vec<String>,
}

/// What one way of reading has got right.
#[derive(Clone, Copy, Default)]
struct Right {
    intents: f64,
    languages: f64,
    questions: f64,
}

impl Right {
    /// Counts a question by the shares of it that were read right.
    fn add(&mut self, question: &Question, readings: &[Understanding]) {
        let intent: Intent = question.intent.parse().expect("an intent");
        let language: Language = question.language.parse().expect("a language");
        let of = readings.len() as f64;
        let intents = readings.iter().filter(|read| read.intent.label == intent).count();
        let languages = readings.iter().filter(|read| read.language.label == language).count();
        self.intents += intents as f64 / of;
        self.languages += languages as f64 / of;
        self.questions += 1.0;
    }

    fn intent(self) -> f64 {
        self.intents / self.questions
    }

    fn language(self) -> f64 {
        self.languages / self.questions
    }
}

#[test]
fn lines_are_understood_better_together_than_the_last_or_each_alone() {
    let model = Model::embedded().expect("the shipped model");
    let mut scratch = Scratch::default();
    let questions: Vec<Question> =
        QUESTIONS.lines().map(|line| serde_json::from_str(line).expect("a question")).collect();
    // Without the browser's language: it would hide what the words alone say.
    let mut read = |text: &str| model.understand(text, &Hint::default(), &mut scratch);
    let (mut joined, mut last, mut each) = (Right::default(), Right::default(), Right::default());
    let mut by_language: BTreeMap<&str, [Right; 2]> = BTreeMap::new();

    for question in &questions {
        let together = [read(&question.lines.join("\n"))];
        let alone: Vec<_> = question.lines.iter().map(|line| read(line)).collect();
        let last_alone = &alone[alone.len() - 1..];
        joined.add(question, &together);
        last.add(question, last_alone);
        each.add(question, &alone);
        let of_language = by_language.entry(&question.language).or_default();
        of_language[0].add(question, &together);
        of_language[1].add(question, last_alone);
    }

    println!("{} questions       intent  language", questions.len());
    for (name, right) in [("together", joined), ("last line", last), ("each line", each)] {
        println!("{name:12}      {:.3}  {:.3}", right.intent(), right.language());
    }
    for (language, [joined, last]) in by_language {
        println!("{language}: together {:.2}, last line {:.2}", joined.intent(), last.intent());
    }
    assert!(joined.intent() >= last.intent() + 0.3, "the last line is enough");
    assert!(joined.intent() >= each.intent() + 0.3, "each line is enough");
    assert!(joined.language() >= last.language(), "the language is lost");
}
