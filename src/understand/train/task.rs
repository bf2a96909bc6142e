//! Reads the texts, trains, and writes model, manifest and card.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::domain::{Intent, Language};
use crate::understand::evaluate::{Report, evaluate};
use crate::understand::format::{self, ModelError, Parts, Temperatures};
use crate::understand::layers::softmax;
use crate::understand::lexicon::{self, FormError};
use crate::understand::model::{DataSource, Manifest, Model, Scratch, sha256_hex};
use crate::understand::packed::pack;

use super::calibrate::{self, Outcome};
use super::corpus::{Part, Row, RowError, folds, parse_rows, parts};
use super::extra::{self, SETS, Set, Teaches};
use super::learn::{Texts, learn};
use super::quantise::quantise;
use super::{Options, card};

/// Why there is no new model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A line of the corpus is no row.
    #[error("{path}: {reason}")]
    Corpus {
        /// Which file.
        path: PathBuf,
        /// Which line.
        reason: RowError,
    },
    /// A file of lines that teach a language is not named after one.
    #[error("{path}: the name of the file is no language code")]
    Name {
        /// Which file.
        path: PathBuf,
    },
    /// A line of the lexicon names no concept with forms.
    #[error("{path}: {reason}")]
    Lexicon {
        /// Which file.
        path: PathBuf,
        /// Which line.
        reason: FormError,
    },
    /// There is nothing to learn from.
    #[error("no messages in {path}")]
    Empty {
        /// The folder of the corpus.
        path: PathBuf,
    },
    /// The model that came out cannot be read back.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// What came out of a training.
#[derive(Clone, Debug, Serialize)]
pub struct TrainedReport {
    /// Size of the model file.
    pub bytes: usize,
    /// Of the model file.
    pub sha256: String,
    /// Shop messages that trained the weights.
    pub trained_on: usize,
    /// Figures on the held-out messages, which the weights have not seen.
    pub held_out: Report,
}

/// Trains on `<models>/corpus/*.jsonl` and the public sets under `extra`, and writes `fast.twm`,
/// `manifest.toml` and `README.md` into `models`. `progress` hears a line now and then.
///
/// # Errors
/// When texts cannot be read, hold no message, or the results cannot be written.
pub fn train(
    models: &Path,
    extra: Option<&Path>,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<TrainedReport, TrainError> {
    let corpus = read_corpus(&models.join("corpus"))?;
    let mut texts = Texts::default();
    let mut held_out = Vec::new();
    for (row, part) in corpus.iter().zip(parts(&corpus)) {
        match part {
            Part::Training => texts.shop.push(row.clone()),
            Part::HeldOut => held_out.push(row.clone()),
        }
    }
    let trained_on = texts.shop.len();
    texts.prose = read_prose(&models.join("language"))?;
    let lexicon = read_lexicon(&models.join("lexicon"))?;
    let concepts = lexicon.concepts().len();
    texts.lexicon = Arc::new(lexicon.build());
    let mut data = vec![corpus_credit(trained_on)];
    if !texts.prose.is_empty() {
        data.push(prose_credit(texts.prose.len()));
    }
    if concepts > 0 {
        data.push(lexicon_credit(concepts));
    }
    for set in extra.iter().flat_map(|_| &SETS) {
        let folder = extra.expect("sets are read when there is a folder").join(set.folder);
        data.push(set.credit(read_set(set, &folder, &mut texts)?));
    }
    progress(&format!(
        "{trained_on} shop messages to train on, {} held out, {} texts for language, {} for mood",
        held_out.len(),
        texts.prose.len() + texts.language.len(),
        texts.mood.len()
    ));

    let languages = texts.languages();
    let calibration = calibrated(&texts, &languages, options, progress);
    let mut parts = fitted(&texts, &languages, options, progress);
    parts.header.temperatures = calibration.temperatures;
    parts.header.sentiment_by_intent = calibration.mood.by_intent;
    parts.header.accept = calibration.accept;
    let file = pack(&format::encode(&parts));
    let sha256 = sha256_hex(&file);
    let mut manifest = Manifest {
        file: FILE.to_owned(),
        sha256: sha256.clone(),
        bytes: file.len() as u64,
        licence: "Apache-2.0 OR MIT".to_owned(),
        rows: parts.header.rows,
        dims: parts.header.dims,
        seed: options.seed,
        reliability: Vec::new(),
        data,
    };
    let text =
        |manifest: &Manifest| toml::to_string(manifest).expect("a manifest has only plain fields");
    let model = Model::from_file(Bytes::from(file.clone()), &text(&manifest))?;
    // Times differ from run to run and would make the card differ; they are measured by `benches/`.
    let held_out = evaluate(&model, &held_out, &mut || std::time::Duration::ZERO);
    manifest.reliability = held_out.reliability.clone();
    write(&models.join(FILE), &file)?;
    write(&models.join("manifest.toml"), text(&manifest).as_bytes())?;
    write(&models.join("README.md"), card::write(&manifest, &parts.header, &held_out).as_bytes())?;
    Ok(TrainedReport { bytes: file.len(), sha256, trained_on, held_out })
}

/// Name of the model file.
pub const FILE: &str = "fast.twm";

fn fitted(
    texts: &Texts,
    languages: &[Language],
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Parts {
    let tags = texts.tags(options.rows);
    progress(&format!("table of {} rows", tags.len()));
    let net = learn(texts, &tags, languages, options, progress);
    quantise(&net, tags, Arc::clone(&texts.lexicon), languages.to_vec())
}

/// What the answers of models to messages that they were not trained on say about confidence.
struct Calibration {
    temperatures: Temperatures,
    mood: calibrate::Mood,
    accept: Vec<f32>,
}

/// Trains models on parts of the corpus and asks them about the rest: those answers show how far
/// confidence can be believed on messages that were not trained on.
fn calibrated(
    texts: &Texts,
    languages: &[Language],
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Calibration {
    let (mut answers, mut mood_outcomes) = (Vec::new(), Vec::new());
    let fold_of = folds(&texts.shop, FOLDS);
    for fold in 0..options.calibration_folds.min(FOLDS) {
        progress(&format!("calibration {} of {}", fold + 1, options.calibration_folds));
        let side = |asked: bool| {
            let rows = texts.shop.iter().zip(&fold_of);
            rows.filter(move |(_, of)| (**of == fold) == asked).map(|(row, _)| row.clone())
        };
        let moods = |asked: bool| {
            let rows = texts.mood.iter().enumerate();
            rows.filter(move |(at, _)| (at % FOLDS == fold) == asked).map(|(_, row)| row.clone())
        };
        let shop = side(false).collect();
        let part = Texts { shop, mood: moods(false).collect(), ..texts.clone() };
        let model = Model::from_parts(fitted(&part, languages, options, progress));
        let mut scratch = Scratch::default();
        answers.extend(side(true).map(|row| (model.raw_logits(&row.text, &mut scratch), row)));
        mood_outcomes.extend(moods(true).map(|(text, label)| {
            let [_, _, _, logits, _] = model.raw_logits(&text, &mut scratch);
            Outcome { logits, label: label as usize }
        }));
    }
    let mut calibration = calibration(&answers, languages);
    calibration.temperatures.mood = calibrate::temperature(&mood_outcomes);
    let Temperatures { language, intent, sentiment, mood } = calibration.temperatures;
    progress(&format!(
        "{} and {} answers: temperatures {language:.2}, {intent:.2}, {sentiment:.2}, {mood:.2}",
        answers.len(),
        mood_outcomes.len()
    ));
    calibration
}

fn calibration(answers: &[([Vec<f32>; 5], Row)], languages: &[Language]) -> Calibration {
    let (mut language, mut intent) = (Vec::new(), Vec::new());
    for ([languages_said, intents_said, ..], row) in answers {
        let known = row.language.and_then(|code| languages.binary_search(&code).ok());
        language.extend(known.map(|label| Outcome { logits: languages_said.clone(), label }));
        let known = row.intent.map(|intent| intent as usize);
        intent.extend(known.map(|label| Outcome { logits: intents_said.clone(), label }));
    }
    let (language, intent) = (calibrate::temperature(&language), calibrate::temperature(&intent));
    let (mut moods, mut readings) = (Vec::new(), Vec::new());
    for ([_, intents_said, moods_said, ..], row) in answers {
        let mut intents: Vec<f32> = intents_said.iter().map(|logit| logit / intent).collect();
        softmax(&mut intents);
        if let Some(wanted) = row.intent {
            readings.extend(calibrate::reading(&intents, wanted as usize));
        }
        if let (Some(mood), Ok(logits)) = (row.sentiment, moods_said.as_slice().try_into()) {
            moods.push(calibrate::MoodOutcome { logits, intents, label: mood as usize });
        }
    }
    let mood = calibrate::mood(&moods, Intent::ALL.len());
    Calibration {
        temperatures: Temperatures { language, intent, sentiment: mood.temperature, mood: 1.0 },
        mood,
        accept: calibrate::accept(&readings, Intent::ALL.len(), ACCEPTED_PRECISION),
    }
}

/// Share of accepted intents that must be right among messages that were held back scene by scene,
/// which are harder than what customers mostly write.
const ACCEPTED_PRECISION: f64 = 0.9;

/// Parts that the corpus is cut into for calibration, scene by scene; small ones, so that the models
/// that are asked know nearly as much as the shipped one.
const FOLDS: usize = 12;

/// The line of the corpus in a manifest.
fn corpus_credit(rows: usize) -> DataSource {
    DataSource {
        name: "models/corpus".to_owned(),
        source: "written for this project; synthetic: no message was sent by a customer".to_owned(),
        licence: "Apache-2.0 OR MIT".to_owned(),
        rows,
        teaches: "language, intent, sentiment".to_owned(),
    }
}

fn prose_credit(rows: usize) -> DataSource {
    DataSource {
        name: "models/language".to_owned(),
        source: "written for this project, about anything but shops".to_owned(),
        licence: "Apache-2.0 OR MIT".to_owned(),
        rows,
        teaches: "language".to_owned(),
    }
}

fn lexicon_credit(concepts: usize) -> DataSource {
    DataSource {
        name: "models/lexicon".to_owned(),
        source: "written for this project".to_owned(),
        licence: "Apache-2.0 OR MIT".to_owned(),
        rows: concepts,
        teaches: "which words of the languages of the corpus name the same".to_owned(),
    }
}

fn read_corpus(folder: &Path) -> Result<Vec<Row>, TrainError> {
    let mut rows = Vec::new();
    for path in files(folder, ".jsonl")? {
        let parsed = parse_rows(&read(&path)?);
        rows.extend(parsed.map_err(|reason| TrainError::Corpus { path, reason })?);
    }
    if rows.is_empty() {
        return Err(TrainError::Empty { path: folder.to_owned() });
    }
    Ok(rows)
}

/// The lines of `<folder>/<language>.txt`; none when there is no such folder.
fn read_prose(folder: &Path) -> Result<Vec<(String, Language)>, TrainError> {
    let mut lines = Vec::new();
    if !folder.exists() {
        return Ok(lines);
    }
    for path in files(folder, ".txt")? {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let language = stem.parse().map_err(|_| TrainError::Name { path: path.clone() })?;
        let text = read(&path)?;
        let filled = text.lines().filter(|line| !line.trim().is_empty());
        lines.extend(filled.map(|line| (line.to_owned(), language)));
    }
    Ok(lines)
}

/// The forms in `<folder>/<language>.txt`; none when there is no such folder.
fn read_lexicon(folder: &Path) -> Result<lexicon::Builder, TrainError> {
    let mut builder = lexicon::Builder::default();
    if !folder.exists() {
        return Ok(builder);
    }
    for path in files(folder, ".txt")? {
        let added = builder.add(&read(&path)?);
        added.map_err(|reason| TrainError::Lexicon { path, reason })?;
    }
    Ok(builder)
}

/// Adds the texts of a set and returns how many.
fn read_set(set: &Set, folder: &Path, texts: &mut Texts) -> Result<usize, TrainError> {
    let before = texts.language.len() + texts.mood.len();
    let mut rows_of = std::collections::BTreeMap::<Language, usize>::new();
    for path in files(folder, ".tsv")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !set.has(&name) {
            continue;
        }
        let text = read(&path)?;
        let mut moods = 0;
        for (text, label) in extra::columns(&text) {
            match set.teaches {
                Teaches::Language { name_part, rows_max, mistaken } => {
                    let Some(language) = extra::language_of(&name, name_part) else { break };
                    if mistaken.contains(&language.as_str()) {
                        break;
                    }
                    let rows = rows_of.entry(language).or_default();
                    if *rows < rows_max && text.len() >= extra::LANGUAGE_CHARS_MIN {
                        *rows += 1;
                        texts.language.push((text.to_owned(), language));
                    }
                }
                Teaches::Mood { rows_max } => {
                    let mood = extra::mood_of(label).filter(|_| moods < rows_max);
                    moods += usize::from(mood.is_some());
                    texts.mood.extend(mood.map(|mood| (text.to_owned(), mood)));
                }
            }
        }
    }
    Ok(texts.language.len() + texts.mood.len() - before)
}

/// Files of a folder by name: what comes first must not hang on the file system.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, TrainError> {
    let at_folder = |reason| TrainError::File { path: folder.to_owned(), reason };
    let entries = fs::read_dir(folder).map_err(at_folder)?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(at_folder)?.path();
        if path.to_string_lossy().ends_with(ending) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, TrainError> {
    fs::read_to_string(path).map_err(|reason| TrainError::File { path: path.to_owned(), reason })
}

fn write(path: &Path, content: &[u8]) -> Result<(), TrainError> {
    fs::write(path, content).map_err(|reason| TrainError::File { path: path.to_owned(), reason })
}
