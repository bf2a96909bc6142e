//! `tradewind model`: installs a sentence encoder, and says what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use serde_json::json;

use super::evaluate::bursts;
use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::incidents::bound::{BoundRow, held_back, of_bursts, parse};
use crate::incidents::bursts::{Half, Row as BurstRow, SETS};
use crate::understand::encoder::{
    Accuracy, BATCH_MAX, Bounds, CandleEncoder, Change, Comparison, Config, Encoder, EncoderFiles,
    Heads, Installed, LEAKS_PERCENT, Origin, Pools, Seer, Sense, SenseFigures, SenseRow, fit,
    fit_sense, weigh,
};
use crate::understand::tiers::SecondTier;
use crate::understand::train::corpus::{Part, parts};
use crate::understand::{Model, Row, parse_rows};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind model add ./multilingual-e5-small
  tradewind model list --json")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Copies a sentence encoder into the data folder, fits heads on it, and measures whether it pays.
    #[command(after_help = "\
Examples:
  tradewind model add ./multilingual-e5-small --prefix \"query: \"
  tradewind model add ./all-MiniLM-L6-v2 --corpus models/corpus --rows-max 4000 --json
  tradewind model add ./multilingual-e5-small --without-incidents

DIR holds config.json, tokenizer.json and model.safetensors of a BERT, RoBERTa or XLM-R encoder; a table
of bytes in it is one of numbers in 4 bits (Q4_0 of llama.cpp).
Nothing is fetched. The figures are of messages that neither the heads nor the built-in model were
trained on. It pays if it is better than the encoder inside the program, in intent or in sentiment, and
worse in neither. Unless --without-incidents is given it is fitted for finding incidents as well, on
some 24,000 messages and as many lines: half an hour for an encoder of 12 layers of 384.")]
    Add(AddArgs),
    /// Lists the built-in models and the encoder that was added.
    #[command(after_help = "\
Examples:
  tradewind model list
  tradewind model list --data /var/lib/tradewind --json")]
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Folder of the encoder.
    dir: PathBuf,
    /// Folder of labelled messages, one file a language.
    #[arg(long, default_value = "models/corpus")]
    corpus: PathBuf,
    /// Most messages that the heads are fitted on; a third as many are measured on. More takes longer.
    #[arg(long, default_value_t = 12_000)]
    rows_max: usize,
    /// Leaves out what incidents are compared by; the encoder inside the program is asked for that then.
    #[arg(long)]
    without_incidents: bool,
    /// Folders of labelled bursts of incidents, whose rows of the half `dev` teach.
    #[arg(long, default_values = SETS)]
    bursts: Vec<PathBuf>,
    /// Folders of bursts that the encoder was not trained on: they teach with all their rows, and where somebody's
    /// own matter begins is chosen by them alone. Needed for an encoder that was trained on the others.
    #[arg(long)]
    unseen_bursts: Vec<PathBuf>,
    /// Folder of lines that are somebody's own matter or not, one file a language.
    #[arg(long, default_value = "models/account_bound")]
    account_bound: PathBuf,
    /// Most of those lines that are learned from, beside the bursts.
    #[arg(long, default_value_t = 12_000)]
    lines_max: usize,
    /// What stands before each text, such as "query: " for the e5 encoders. Left out: what
    /// config_sentence_transformers.json in DIR says, if it is there.
    #[arg(long)]
    prefix: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What is said beside whatever keeps an encoder from being fitted for incidents.
const LEFT_OUT: &str =
    "what incidents are learned from cannot be read; --without-incidents leaves it out";

/// Where random numbers of the fit start.
const SEED: u64 = 7;

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Add(args) => add(args),
        Verb::List(args) => list(args),
    }
}

fn add(args: &AddArgs) -> anyhow::Result<Exit> {
    let config = args.settings.load()?.config;
    let fast = match &config.paths.model {
        Some(folder) => Model::load(folder)?,
        None => Model::embedded()?,
    };
    let (taught, asked) = corpus(&args.corpus, args.rows_max)?;
    let matters =
        if args.without_incidents { None } else { Some(matters(args).context(LEFT_OUT)?) };
    let files = read_files(args)?;
    let sha256 = files.sha256();
    let mut encoder = CandleEncoder::new(files, &Bounds::default())?;
    let texts: Vec<&str> = taught.iter().map(|row| row.text.as_str()).collect();
    let vectors: Vec<Vec<f32>> = all_of(encoded(&mut encoder, &texts)?);
    let mut heads = fit(&vectors, &taught, &sha256, SEED);
    let (pools, measured) = weighed(&fast, &mut encoder, &heads, &asked)?;
    heads.pools = pools;
    let sense = match &matters {
        Some(matters) => Some(sense(&mut encoder, matters, &sha256)?),
        None => None,
    };
    drop(encoder);

    // The weights may take gigabytes, so they were not kept; what is installed is what was measured.
    let files = read_files(args)?;
    ensure!(files.sha256() == sha256, "{} changed while it was measured", args.dir.display());
    let folder = Installed::folder(&config.paths.data);
    let incidents = sense.as_ref().map(|it| it.figures().clone());
    Installed { files, heads, sense, measured, origin: Origin::default() }.write(&folder)?;
    if args.json {
        let shown = json!({"folder": folder, "sha256": sha256, "messages_fitted_on": taught.len(),
            "measured": measured, "incidents": incidents});
        print_json(&shown)?;
    } else {
        let incidents = incidents_line(incidents.as_ref());
        print(&format!("installed in {}\n{}{incidents}", folder.display(), table(&measured)))?;
    }
    Ok(Exit::Success)
}

/// How much the encoder's word weighs, and how it does beside the fast tier and instead of the encoder
/// inside the program.
fn weighed(
    fast: &Model,
    encoder: &mut dyn Encoder,
    heads: &Heads,
    asked: &[Row],
) -> anyhow::Result<(Pools, Comparison)> {
    let shipped = Installed::shipped()?;
    let mut built_in = CandleEncoder::new(shipped.files, &Bounds::default())?;
    let instead_of = Seer { encoder: &mut built_in, heads: &shipped.heads };
    let start = Instant::now();
    let seer = Seer { encoder, heads };
    Ok(weigh(fast, seer, Some(instead_of), asked, &mut || start.elapsed())?)
}

fn read_files(args: &AddArgs) -> anyhow::Result<EncoderFiles> {
    let files = EncoderFiles::read(&args.dir)?;
    Ok(match &args.prefix {
        Some(prefix) => EncoderFiles { prefix: prefix.clone(), ..files },
        None => files,
    })
}

fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let config = args.settings.load()?.config;
    let languages = Model::embedded()?.languages().len();
    let shipped = Installed::shipped()?;
    let folder = Installed::folder(&config.paths.data);
    let added = Installed::read(&folder)?;
    if args.json {
        let mut encoder = added.as_ref().map(shown).transpose()?;
        if let Some(encoder) = &mut encoder {
            encoder["folder"] = json!(folder);
        }
        let fast = json!({"languages": languages});
        print_json(&json!({"fast": fast, "built_in": shown(&shipped)?, "encoder": encoder}))?;
    } else {
        let added = match &added {
            Some(it) => format!(
                "{} in {}\n{}{}",
                shape(it)?,
                folder.display(),
                table(&it.measured),
                incidents_line(it.sense.as_ref().map(Sense::figures))
            ),
            None => "none\n".to_owned(),
        };
        print(&format!(
            "fast     built in, {languages} languages\nencoder  built in, {}\n{}\nadded    {added}",
            shape(&shipped)?,
            table(&shipped.measured)
        ))?;
    }
    Ok(Exit::Success)
}

fn shown(installed: &Installed) -> anyhow::Result<serde_json::Value> {
    let shape = Config::parse(&installed.files.config)?;
    Ok(json!({"sha256": installed.heads.encoder_sha256, "bytes": installed.files.weights.len(),
        "dims": shape.hidden_size, "layers": shape.layers, "measured": installed.measured,
        "incidents": installed.sense.as_ref().map(Sense::figures)}))
}

fn shape(installed: &Installed) -> anyhow::Result<String> {
    let Config { layers, hidden_size, .. } = Config::parse(&installed.files.config)?;
    Ok(format!("{layers} layers of {hidden_size}"))
}

/// Which encoder a command of the line asks.
#[derive(Debug, clap::Args)]
pub(super) struct EncoderArgs {
    /// Folder of an encoder that `tradewind model add` installed; the one inside the program when it
    /// is missing. It is asked where the model is not sure.
    #[arg(long)]
    encoder: Option<PathBuf>,
    /// Asks no encoder.
    #[arg(long, conflicts_with = "encoder")]
    fast_only: bool,
}

impl EncoderArgs {
    /// That encoder.
    ///
    /// # Errors
    /// When there is none in the folder, or it is damaged.
    pub(super) fn installed(&self) -> anyhow::Result<Option<Installed>> {
        match &self.encoder {
            _ if self.fast_only => Ok(None),
            None => Ok(Some(Installed::shipped()?)),
            Some(folder) => {
                let none = || format!("no encoder in {}", folder.display());
                Installed::read(folder)?.with_context(none).map(Some)
            }
        }
    }

    /// The tier of that encoder.
    ///
    /// # Errors
    /// As [`Self::installed`].
    pub(super) fn tier(&self) -> anyhow::Result<Option<SecondTier>> {
        Ok(self.installed()?.map(SecondTier::installed).transpose()?)
    }
}

/// The files of a folder that end in `.jsonl`, in order.
fn json_lines(folder: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let name = || format!("labelled messages in {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(name)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok((path, text))
    };
    paths.into_iter().map(read).collect()
}

/// Rows to fit on and rows to measure on, at most `rows_max` and a third of it, evenly chosen.
fn corpus(folder: &Path, rows_max: usize) -> anyhow::Result<(Vec<Row>, Vec<Row>)> {
    let name = || format!("labelled messages in {}", folder.display());
    let mut rows = Vec::new();
    for (path, text) in json_lines(folder)? {
        rows.extend(parse_rows(&text).with_context(|| path.display().to_string())?);
    }
    let split = parts(&rows);
    let side = |wanted: Part, most: usize| {
        let all = rows.iter().zip(&split).filter(|(_, part)| **part == wanted);
        let all: Vec<&Row> = all.map(|(row, _)| row).collect();
        let every = all.len().div_ceil(most.max(1)).max(1);
        all.into_iter().step_by(every).cloned().collect::<Vec<Row>>()
    };
    let (taught, asked) = (side(Part::Training, rows_max), side(Part::HeldOut, rows_max / 3));
    ensure!(!taught.is_empty() && !asked.is_empty(), "{} are too few", name());
    Ok((taught, asked))
}

/// One vector for each text, in order, and whether the end of the text was cut off.
///
/// # Errors
/// When a text cannot be encoded.
pub(super) fn encoded(
    encoder: &mut dyn Encoder,
    texts: &[&str],
) -> anyhow::Result<Vec<(Vec<f32>, bool)>> {
    let mut vectors = vec![(Vec::new(), false); texts.len()];
    // Texts of one length together: short ones are filled up to the longest of their batch.
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|at| texts[*at].len());
    for (number, batch) in order.chunks(BATCH_MAX).enumerate() {
        let of_batch: Vec<&str> = batch.iter().map(|at| texts[*at]).collect();
        let embedded = encoder.embed_timed(&of_batch, &mut || Duration::ZERO)?;
        let seen = embedded.vectors.into_iter().zip(embedded.is_cut);
        batch.iter().zip(seen).for_each(|(at, seen)| vectors[*at] = seen);
        if number % 32 == 0 {
            eprintln!("encoded {} of {} messages", number * BATCH_MAX + batch.len(), texts.len());
        }
    }
    Ok(vectors)
}

/// What an encoder is fitted on for the detector of incidents.
struct Matters {
    texts: Vec<String>,
    rows: Vec<SenseRow>,
}

/// The messages of incidents that are for tuning, and `lines_max` of the other lines, evenly chosen; each with
/// what its words say by a head that had not learned from it.
fn matters(args: &AddArgs) -> anyhow::Result<Matters> {
    let mut lines: Vec<BoundRow> = Vec::new();
    for (path, text) in json_lines(&args.account_bound)? {
        lines.extend(parse(&text).map_err(|why| anyhow!("{}: {why}", path.display()))?);
    }
    let every = match args.lines_max {
        0 => usize::MAX,
        most => lines.len().div_ceil(most).max(1),
    };
    let own_lines = lines.len();
    for folder in &args.bursts {
        let name = folder.display();
        ensure!(
            !args.unseen_bursts.contains(folder),
            "{name} is in --bursts and in --unseen-bursts"
        );
        lines.extend(burst_lines(folder, bursts::rows(folder)?)?);
    }
    let seen = if args.unseen_bursts.is_empty() { 0 } else { lines.len() };
    for folder in &args.unseen_bursts {
        let rows = bursts::rows(folder)?.into_iter();
        lines.extend(burst_lines(folder, rows.map(|row| BurstRow { half: Half::Dev, ..row }))?);
    }
    let incidents: BTreeSet<_> =
        lines.iter().filter(|it| it.in_burst).map(|it| &it.scene).collect();
    ensure!(
        incidents.len() > 1,
        "--bursts has messages of {} incidents for tuning",
        incidents.len()
    );
    eprintln!("weighing the words of {} messages and lines", lines.len());
    let held_back = held_back(&lines);
    let (mut texts, mut rows) = (Vec::new(), Vec::new());
    for (at, (line, held)) in lines.into_iter().zip(held_back).enumerate() {
        if at >= own_lines || (at + 1).is_multiple_of(every) {
            let BoundRow { text, language, own, scene, in_burst } = line;
            texts.push(text);
            let incident = scene.filter(|_| in_burst);
            let (by_words, fold) = (held.log_odds, held.fold);
            rows.push(SenseRow { language, incident, own, by_words, fold, chooses: at >= seen });
        }
    }
    Ok(Matters { texts, rows })
}

/// The rows of a set that are for tuning, as lines.
fn burst_lines(
    folder: &Path,
    rows: impl IntoIterator<Item = BurstRow>,
) -> anyhow::Result<Vec<BoundRow>> {
    let rows = of_bursts(rows.into_iter().collect());
    let rows = rows.with_context(|| format!("{}: no language", folder.display()))?;
    // Two sets may call two incidents the same.
    let named = |row: BoundRow| {
        let scene = row.scene.map(|scene| format!("{} {scene}", folder.display()));
        BoundRow { scene, ..row }
    };
    Ok(rows.into_iter().map(named).collect())
}

fn sense(encoder: &mut dyn Encoder, matters: &Matters, sha256: &str) -> anyhow::Result<Sense> {
    let texts: Vec<&str> = matters.texts.iter().map(String::as_str).collect();
    let vectors = all_of(encoded(encoder, &texts)?);
    eprintln!("fitting what incidents are compared by");
    Ok(fit_sense(&vectors, &matters.rows, sha256, SEED)?)
}

/// The vectors, also those of texts that were cut.
fn all_of(vectors: Vec<(Vec<f32>, bool)>) -> Vec<Vec<f32>> {
    vectors.into_iter().map(|(vector, _)| vector).collect()
}

fn incidents_line(figures: Option<&SenseFigures>) -> String {
    match figures {
        None => "incidents          by the encoder inside the program\n".to_owned(),
        Some(it) => format!(
            "incidents          {:.1} % of what one answer serves passes where {LEAKS_PERCENT:.0} % of the \
             look-alikes do, {:.1} % by words alone ({} messages and {} lines, held back)\n",
            it.passes_percent, it.passes_by_words_percent, it.messages[0], it.messages[1]
        ),
    }
}

fn table(measured: &Comparison) -> String {
    let line = |name: &str, accuracy: &Accuracy| {
        let percent = |share: f64| format!("{:5.1} %", share * 100.0);
        format!(
            "{name:<18} {:>9} {:>9} {:>9}\n",
            percent(accuracy.intent),
            percent(accuracy.language),
            percent(accuracy.sentiment)
        )
    };
    let change = |what: &str, change: Change| {
        let Change { gained, lost } = change;
        format!("{what:<18} {gained} gained, {lost} lost, {:.1} standard errors\n", change.errors())
    };
    let verdict = if measured.pays {
        "It pays: in intent or sentiment it is better by more than chance, and worse in neither."
    } else {
        "It does not pay: it is not better by enough, or by chance only, or worse in the other."
    };
    let built_in = measured.instead_of.as_ref();
    format!(
        "{:<18} {:>9} {:>9} {:>9}\n{}{}{}{}{}asked for {:.1} % of {} messages\n{}{}\
         time of a message  p50 {:.0} µs, p99 {:.0} µs\n{verdict}\n",
        "",
        "intent",
        "language",
        "sentiment",
        line("fast tier", &measured.fast),
        line("encoder", &measured.encoder),
        line("both, always", &measured.pooled),
        line("two tiers", &measured.two_tiers),
        built_in.map_or(String::new(), |tiers| line("with the built-in", tiers)),
        measured.asked_share * 100.0,
        measured.messages,
        change("intents", measured.intents),
        change("sentiments", measured.sentiments),
        measured.microseconds_p50,
        measured.microseconds_p99,
    )
}
