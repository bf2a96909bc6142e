//! The model card: what the model is, what it was trained on, what it can and cannot do.

use std::fmt::Write;

use crate::understand::evaluate::{Report, Tally};
use crate::understand::format::Header;
use crate::understand::model::Manifest;

/// The card as Markdown.
pub fn write(manifest: &Manifest, header: &Header, held_out: &Report) -> String {
    let mut card = String::new();
    // Writing to a string cannot fail.
    let _ = compose(&mut card, manifest, header, held_out);
    card
}

fn compose(
    card: &mut String,
    manifest: &Manifest,
    header: &Header,
    held_out: &Report,
) -> std::fmt::Result {
    writeln!(
        card,
        "# The shipped model\n\n\
         *Written by `cargo xtask train-model`; do not edit by hand.*\n\n\
         `{}` reads the language ({} of them), the intent ({}) and the sentiment (3) of a short \
         shop message. Hashed words, word pairs, character n-grams and the concepts that words stand \
         for in any language (`models/lexicon`) find rows of a table \
         ({} rows of {} values, four bits each); a weighted sum of the rows goes through one linear \
         layer for each question. Sentiment has two layers, one for shop messages and one for other \
         texts; a third tells how much of each a text is. It runs in the process, on one core, \
         without a network.\n\n\
         - size: {} bytes, packed by gzip; sha256 `{}`\n\
         - licence: {}\n\
         - seed {}: the same texts give the same file\n",
        manifest.file,
        header.languages.len(),
        header.intents.len(),
        manifest.rows,
        manifest.dims,
        manifest.bytes,
        manifest.sha256,
        manifest.licence,
        manifest.seed,
    )?;
    data(card, manifest)?;
    figures(card, header, held_out)?;
    card.push_str(BESIDE);
    card.push_str(LIMITS);
    Ok(())
}

fn data(card: &mut String, manifest: &Manifest) -> std::fmt::Result {
    card.push_str(
        "## Data\n\n| set | rows | teaches | licence | source |\n|---|---|---|---|---|\n",
    );
    for set in &manifest.data {
        let (name, rows, teaches) = (&set.name, set.rows, &set.teaches);
        writeln!(card, "| {name} | {rows} | {teaches} | {} | {} |", set.licence, set.source)?;
    }
    card.push_str(
        "\nOnly `models/corpus`, `models/language` and `models/lexicon` are in this repository. **They are \
         synthetic**: written for this project, line by line, by few hands; no customer wrote any of it.\n\n",
    );
    Ok(())
}

fn figures(card: &mut String, header: &Header, held_out: &Report) -> std::fmt::Result {
    let percent =
        |share: Option<f64>| share.map_or("–".to_owned(), |s| format!("{:.1}", s * 100.0));
    let temperatures = header.temperatures;
    writeln!(
        card,
        "## Figures on held-out rows of the corpus\n\n\
         {} messages whose scenes the weights have not seen in any language. The rows of a cell \
         were written to differ from one another, so this is a hard test: each of these messages \
         has a situation and words of its own.\n\n\
         | language | intent | intent, macro F1 | sentiment | accepted | right among accepted | calibration error |\n\
         |---|---|---|---|---|---|---|\n\
         | {} | {} | {} | {} | {} | {} | {:.3} |\n\n\
         Confidence is a probability: logits are divided by a temperature (language {:.2}, intent \
         {:.2}, sentiment {:.2}) that was fitted on rows of the corpus which the models that \
         answered had not seen, again scene by scene; that of the sentiment of other texts ({:.2}) \
         on texts of the public sets, held back likewise.\n",
        held_out.messages,
        percent(held_out.language_accuracy),
        percent(held_out.intent_accuracy),
        percent(held_out.intent_macro_f1),
        percent(held_out.sentiment_accuracy),
        percent(held_out.accepted_share),
        percent(held_out.accepted_precision),
        held_out.ece.unwrap_or(0.0),
        temperatures.language,
        temperatures.intent,
        temperatures.sentiment,
        temperatures.mood,
    )?;
    let row = |card: &mut String, name: &str, tally: &Tally| {
        writeln!(
            card,
            "| {name} | {} | {} | {} | {} |",
            tally.messages,
            percent(tally.language_accuracy),
            percent(tally.intent_accuracy),
            percent(tally.sentiment_accuracy)
        )
    };
    card.push_str(
        "| written in | messages | language | intent | sentiment |\n|---|---|---|---|---|\n",
    );
    for (language, tally) in &held_out.per_language {
        row(card, language, tally)?;
    }
    card.push_str(
        "\n| intent | messages | language | intent | sentiment |\n|---|---|---|---|---|\n",
    );
    for (intent, tally) in &held_out.per_intent {
        row(card, intent, tally)?;
    }
    card.push('\n');
    confidence(card, header, held_out)
}

fn confidence(card: &mut String, header: &Header, held_out: &Report) -> std::fmt::Result {
    card.push_str(
        "| intents called probable to | messages | mean confidence | right |\n|---|---|---|---|\n",
    );
    let bins = held_out.reliability.len();
    for (at, bin) in held_out.reliability.iter().enumerate() {
        let (from, to) = (100 * at / bins, 100 * (at + 1) / bins);
        let (confidence, right) = (bin.confidence * 100.0, bin.accuracy * 100.0);
        writeln!(card, "| {from}–{to} % | {} | {confidence:.1} | {right:.1} |", bin.messages)?;
    }
    card.push_str(
        "\nAn intent is accepted, acted on without asking, from a confidence of its own: from there \
         on nine of ten were right among messages held back scene by scene, which are harder than \
         what customers mostly write.\n\n| intent | accepted from |\n|---|---|\n",
    );
    for (intent, least) in header.intents.iter().zip(&header.accept) {
        writeln!(card, "| {intent} | {least:.2} |")?;
    }
    card.push('\n');
    Ok(())
}

const BESIDE: &str = "\
## Beside the weights

- Personal data and order numbers are found by shape, check digits and words (`src/understand/pii`).
  On the spans of the corpus, which were marked by other means: of 1,010 order numbers 89 % are found,
  and 86 % of what is found is marked; 32 of 32 addresses of mail, 28 of 30 telephone numbers; none of
  8,992 order numbers, amounts, dates, sizes and products is taken for personal data
  (`cargo test --test spans -- --nocapture`).
- Whether a customer is leaving is told by a small head over the probabilities of this model, fitted
  on rows of its own: `models/churn/README.md` has its figures, and those of complaints.

";

const LIMITS: &str = "\
## Limits

- Trained on some 1,900 synthetic messages a language: real traffic is harder than any figure
  here. Correct it with your own messages before you trust it with more than routing.
- Intents are known in the languages of `models/corpus`. In the other languages only the language
  is told; the intent of such a message is a guess of low confidence.
- One language a message: of a mixed message the stronger one is named.
- Words, not meaning: a paraphrase without any word of the corpus is not understood, and irony is
  not noticed.
- Malay has little clean public text: most of what calls itself so is Indonesian. What teaches it
  was written for this project.
- Look-alike languages (Indonesian and Malay, Norwegian and Danish, Croatian, Serbian and Slovene)
  need a hint from the browser or from the message before when a message is short.
";
