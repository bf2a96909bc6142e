//! `tradewind knowledge evaluate`: the share that articles answer alone, how much of it is right, and how many
//! questions get a sentence of the shop instead.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use serde_json::{Value, json};

use super::{ShopArgs, plot, search};
use crate::automate::{AutomateInput, Automated, FromArticles, KnownCustomer, Mood, decide};
use crate::cli::model::EncoderArgs;
use crate::cli::{Exit, print, print_json};
use crate::config::shop::{ArticleRules, Shop};
use crate::domain::{Language, Timestamp, Understanding};
use crate::flow::Library;
use crate::knowledge::measure::{self, Candidate, Figures, Half, Judged, Kind, Question};
use crate::knowledge::{Hit, margin};
use crate::understand::tiers::TieredReader;
use crate::understand::{Hint, Model, Scratch};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge evaluate tests/knowledge/questions.jsonl
  tradewind knowledge evaluate tests/knowledge/questions.jsonl --json
  tradewind knowledge evaluate tests/knowledge/questions.jsonl --calibrate 0.98
  tradewind knowledge evaluate tests/knowledge/questions.jsonl --plot docs/knowledge.svg
  tradewind knowledge evaluate tests/knowledge/questions.jsonl --wrong

The file has a question a line, {\"text\",\"language\",\"answer\",\"kind\",\"half\"}: `answer` is the id of
the article or left out, `kind` is asked, none (no article is about it) or own (the customer's own matter),
`half` is tune or kept. Each goes the way of a first message, with both tiers of the model and everything
that keeps a machine silent. The last column counts questions that no article is about in their language and
that get a sentence of the shop's [faq]: nobody says whether it answers them.")]
pub(super) struct EvaluateArgs {
    /// The questions, JSON lines.
    file: PathBuf,
    /// Chooses thresholds by the half `tune`: those that answer most with this share right.
    #[arg(long, value_name = "PRECISION")]
    calibrate: Option<f64>,
    /// Writes the curve of the thresholds as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Also prints the questions that got a wrong answer, and those that should have got one.
    #[arg(long)]
    wrong: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    encoder: EncoderArgs,
    #[command(flatten)]
    shop: ShopArgs,
}

/// Reads the questions, asks, and prints the figures.
///
/// # Errors
/// When a file or model cannot be read, or no thresholds reach the wanted precision.
pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<Exit> {
    let name = || args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file).with_context(name)?;
    let questions = Question::read_all(&text).map_err(anyhow::Error::msg).with_context(name)?;
    let shop = args.shop.shop()?;
    let model = Model::embedded()?;
    // What it would tell if nothing but the thresholds of articles kept it silent.
    let mut any = shop.clone();
    any.answering.articles = ArticleRules { intent: 0.0, retrieval: 0.0, margin: -1.0 };
    let mut asker = Asker {
        library: search::library(&shop, &model)?,
        reader: TieredReader::new(model, args.encoder.tier()?),
        scratch: Scratch::default(),
        shop: &any,
    };
    let (mut judged, mut by_sentence) = (Vec::new(), Vec::new());
    for question in &questions {
        let Asked { candidate, gets_sentence } = asker.ask(question)?;
        judged.push(Judged { question, candidate });
        by_sentence.extend(gets_sentence.then_some(question));
    }
    let of_half = |half| -> Vec<&Judged<'_>> {
        judged.iter().filter(|one| one.question.half == half).collect()
    };
    let rules = match args.calibrate {
        None => shop.answering.articles,
        Some(precision) => measure::calibrate(&of_half(Half::Tune), precision)
            .context("no thresholds reach that precision")?,
    };
    if let Some(path) = &args.plot {
        let [tune, kept] = [Half::Tune, Half::Kept].map(|it| measure::curve(&of_half(it), &rules));
        let svg = plot::curves(&[("tune", &tune), ("kept", &kept)], &rules);
        std::fs::write(path, svg).with_context(|| path.display().to_string())?;
    }
    if args.json {
        print_json(&to_json(&judged, &by_sentence, &rules))?;
    } else {
        print(&to_table(&judged, &by_sentence, &rules))?;
    }
    if args.wrong {
        print(&wrong(&judged, &rules))?;
    }
    Ok(Exit::Success)
}

/// Asks the way a first message goes.
struct Asker<'a> {
    library: Library,
    reader: TieredReader,
    scratch: Scratch,
    shop: &'a Shop,
}

/// What a question gets.
struct Asked {
    candidate: Option<Candidate>,
    /// Whether it is a sentence of `[faq]`: no article is about such a thing in its language.
    gets_sentence: bool,
}

impl Asker<'_> {
    fn ask(&mut self, question: &Question) -> anyhow::Result<Asked> {
        let read = self.reader.classify(&question.text, &Hint::default())?.understanding;
        let language = read.language.label;
        let found = self.library.search(&self.shop.id, language, &question.text, &mut self.scratch);
        let said = self.library.judge(&read, &found, self.shop, &self.shop.answering.articles);
        let source = self.source(&question.text, &read, &said);
        let is_told = source.is_some() && matches!(said, FromArticles::Answer(_));
        let gets_sentence = source.is_some_and(|source| source.starts_with("faq/"));
        let candidate = found.hits.first().filter(|_| is_told).map(|hit: &Hit| Candidate {
            article: hit.article.id.to_string(),
            intent: read.intent.confidence,
            score: hit.score,
            margin: margin(&found),
        });
        Ok(Asked { candidate, gets_sentence })
    }

    /// What the machine answers from; `None` where something keeps it silent.
    fn source(&self, text: &str, read: &Understanding, found: &FromArticles) -> Option<Arc<str>> {
        let input = AutomateInput {
            text,
            understanding: read,
            mood: &Mood::default(),
            customer: KnownCustomer::default(),
            asked_for_person: false,
            customer_turns: 1,
            machine_spoke: false,
            answered_from: &[],
            articles: found,
            phrases: None,
        };
        match decide(&input, self.shop, Timestamp::default()) {
            Automated::Answer { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The questions of one half.
struct OfHalf<'q> {
    name: &'static str,
    judged: Vec<Judged<'q>>,
    /// Those that get a sentence of `[faq]`.
    by_sentence: Vec<&'q Question>,
}

impl OfHalf<'_> {
    /// How many of such questions get a sentence.
    fn sentences(&self, is_such: impl Fn(&Question) -> bool) -> usize {
        self.by_sentence.iter().filter(|question| is_such(question)).count()
    }
}

fn halves<'q>(judged: &[Judged<'q>], by_sentence: &[&'q Question]) -> [OfHalf<'q>; 2] {
    [("tune", Half::Tune), ("kept", Half::Kept)].map(|(name, half)| OfHalf {
        name,
        judged: judged.iter().filter(|one| one.question.half == half).cloned().collect(),
        by_sentence: by_sentence.iter().filter(|it| it.half == half).copied().collect(),
    })
}

fn to_json(judged: &[Judged<'_>], by_sentence: &[&Question], rules: &ArticleRules) -> Value {
    let figures = |figures: &Figures, by_sentence: usize| {
        json!({ "questions": figures.questions, "answerable": figures.answerable,
            "answered": figures.answered, "right": figures.right, "share": figures.share(),
            "precision": figures.precision(), "recall": figures.recall(), "by_sentence": by_sentence })
    };
    let ArticleRules { intent, retrieval, margin } = rules;
    let mut value = json!({ "intent": intent, "retrieval": retrieval, "margin": margin });
    for half in halves(judged, by_sentence) {
        let languages = measure::by(&half.judged, rules, |question| question.language);
        let of_language = |(language, it): (&Language, &Figures)| {
            let by_sentence = half.sentences(|question| question.language == *language);
            (language.to_string(), figures(it, by_sentence))
        };
        let languages: serde_json::Map<String, Value> = languages.iter().map(of_language).collect();
        let kinds = measure::by(&half.judged, rules, |question| question.kind);
        let of_kind = |(kind, it): (&Kind, &Figures)| {
            let by_sentence = half.sentences(|question| question.kind == *kind);
            json!({ "kind": kind, "figures": figures(it, by_sentence) })
        };
        let kinds: Vec<Value> = kinds.iter().map(of_kind).collect();
        let all = figures(&Figures::of(&half.judged, rules), half.sentences(|_| true));
        value[half.name] = json!({ "all": all, "languages": languages, "kinds": kinds });
    }
    value
}

fn to_table(judged: &[Judged<'_>], by_sentence: &[&Question], rules: &ArticleRules) -> String {
    let ArticleRules { intent, retrieval, margin } = rules;
    let mut table = format!(
        "intent from {intent:.2}, retrieval from {retrieval:.2}, margin from {margin:.2}\n"
    );
    for half in halves(judged, by_sentence) {
        let _ = writeln!(
            table,
            "\n{:<6}  questions  answered alone  of these right  of the answerable  by a sentence",
            half.name
        );
        let all = Figures::of(&half.judged, rules);
        row(&mut table, "all", &all, half.sentences(|_| true));
        for (language, figures) in measure::by(&half.judged, rules, |question| question.language) {
            let by_sentence = half.sentences(|question| question.language == language);
            row(&mut table, language.as_str(), &figures, by_sentence);
        }
        for (kind, figures) in measure::by(&half.judged, rules, |question| question.kind) {
            let name = match kind {
                Kind::Asked => "asked",
                Kind::None => "none",
                Kind::Own => "own",
            };
            let by_sentence = half.sentences(|question| question.kind == kind);
            row(&mut table, name, &figures, by_sentence);
        }
    }
    table
}

fn row(table: &mut String, name: &str, figures: &Figures, by_sentence: usize) {
    let percent =
        |it: Option<f64>| it.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let _ = writeln!(
        table,
        "{name:<6}  {:>9}  {:>14}  {:>14}  {:>17}  {by_sentence:>13}",
        figures.questions,
        format!("{} = {}", figures.answered, percent(Some(figures.share()))),
        percent(figures.precision()),
        percent(figures.recall()),
    );
}

/// Questions whose answer is wrong or missing. Those of the half that is kept are left out: who chooses
/// by them has no figure left.
fn wrong(judged: &[Judged<'_>], rules: &ArticleRules) -> String {
    let mut text = String::new();
    for one in judged.iter().filter(|one| one.question.half == Half::Tune) {
        let expected = one.question.answer.as_deref().unwrap_or("a person");
        let told = one.told(rules).map_or("a person", |candidate| &candidate.article);
        if told != expected {
            let found = one.candidate.as_ref().map_or("nothing".to_owned(), |it| {
                format!(
                    "{} {:.2} by {:.2}, intent {:.2}",
                    it.article, it.score, it.margin, it.intent
                )
            });
            let _ = writeln!(
                text,
                "{} {told}, not {expected}: {} ({found})",
                one.question.language, one.question.text
            );
        }
    }
    text
}
