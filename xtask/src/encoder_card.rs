//! The card of an encoder: what it is, what it was trained on, what it can and cannot do.

use std::fmt::Write;

use tradewind::understand::encoder::{
    Accuracy, Change, Config, EncoderError, Installed, LEAKS_PERCENT, Pool, SenseFigures,
};

/// The card as Markdown.
///
/// # Errors
/// When the encoder's `config.json` cannot be read.
pub fn write(installed: &Installed) -> Result<String, EncoderError> {
    let config = Config::parse(&installed.files.config)?;
    let mut card = String::new();
    // Writing to a string cannot fail.
    let _ = compose(&mut card, installed, &config);
    Ok(card)
}

fn compose(card: &mut String, installed: &Installed, config: &Config) -> std::fmt::Result {
    let Installed { heads, measured, origin, .. } = installed;
    writeln!(
        card,
        "# The shipped encoder\n\n\
         *Written by `cargo xtask fit-encoder`; do not edit by hand.*\n\n\
         A transformer of {} layers of {} values and {} tokens, in 4 bits: the lower half of \
         multilingual-e5-small with the tokens that shop messages are made of, taught further by \
         `teach.py` beside this file. It turns a short shop message into a vector of length one. Linear \
         heads read language, intent and sentiment out of it where the [fast model](../README.md) does \
         not accept the intent or finds the sentiment unclear, and their word is pooled with that of the \
         fast model. The detector of incidents reads from it what a question is about, in any language, \
         and whether it is its writer's own matter.\n\n\
         - size: {} bytes; sha256 of the weights `{}`; `manifest.toml` has that of each file\n\
         - licence: {}; [that of multilingual-e5-small](LICENSE-e5.txt)\n",
        config.layers,
        config.hidden_size,
        config.vocab_size,
        installed.bytes(),
        heads.encoder_sha256,
        origin.licence.as_deref().unwrap_or("not known"),
    )?;
    card.push_str(
        "## Data\n\n| set | rows | teaches | licence | source |\n|---|---|---|---|---|\n",
    );
    for set in &origin.data {
        let (name, rows, teaches) = (&set.name, set.rows, &set.teaches);
        writeln!(card, "| {name} | {rows} | {teaches} | {} | {} |", set.licence, set.source)?;
    }
    card.push_str(
        "\n**What is of this repository is synthetic**: written for this project, line by line, by few \
         hands; no customer wrote any of it.\n\n## Figures on held-out rows of the corpus\n\n",
    );
    writeln!(
        card,
        "{} messages whose scenes trained neither tier. How much the encoder's word weighs was fitted \
         on these messages as well, so each half of them is judged with weights that were fitted on \
         the other half. The encoder is asked about {:.1} % of them; what customers mostly write is \
         clearer.\n\n\
         | | intent | language | sentiment |\n|---|---|---|---|",
        measured.messages,
        measured.asked_share * 100.0
    )?;
    row(card, "fast model", &measured.fast)?;
    row(card, "encoder alone", &measured.encoder)?;
    row(card, "both, for every message", &measured.pooled)?;
    row(card, "two tiers, as they run", &measured.two_tiers)?;
    writeln!(card)?;
    change(card, "Intents", measured.intents, heads.pools.intent)?;
    change(card, "Sentiments", measured.sentiments, heads.pools.sentiment)?;
    if let Some(sense) = &installed.sense {
        incidents(card, sense.figures())?;
    }
    card.push_str(LIMITS);
    Ok(())
}

fn row(card: &mut String, name: &str, accuracy: &Accuracy) -> std::fmt::Result {
    let [intent, language, sentiment] =
        [accuracy.intent, accuracy.language, accuracy.sentiment].map(|share| share * 100.0);
    writeln!(card, "| {name} | {intent:.1} | {language:.1} | {sentiment:.1} |")
}

fn change(card: &mut String, what: &str, change: Change, pool: Pool) -> std::fmt::Result {
    writeln!(
        card,
        "{what}: {} gained and {} lost, {:.1} standard errors. Probabilities of the fast model count to \
         the power of {:.2}, those of the encoder to the power of {:.2}.\n",
        change.gained,
        change.lost,
        change.errors(),
        pool.fast,
        pool.encoder
    )
}

fn incidents(card: &mut String, figures: &SenseFigures) -> std::fmt::Result {
    writeln!(
        card,
        "## Incidents that it was not taught\n\n\
         Fitted on {} messages of incidents and {} lines. Of the general messages of \
         `tests/bursts/all_languages`, which trained no weight of the encoder and are held back here by \
         incident, {:.1} % pass the gate where {LEAKS_PERCENT:.0} % of the look-alikes do; by words alone \
         {:.1} %. What that is worth is measured by `tradewind evaluate --bursts`.\n",
        figures.messages[0],
        figures.messages[1],
        figures.passes_percent,
        figures.passes_by_words_percent
    )
}

const LIMITS: &str = "\
## Limits

- It knows the languages of the corpus only; the language that is told is always the fast model's.
- It reads the first 64 tokens of a message.
- Its vectors are for shop messages. For telling whether two texts say the same they are measured by
  `tradewind evaluate --pairs`.
";
