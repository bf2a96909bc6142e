//! Files and threads of a tenant's set: reading examples, training side by side, saving, loading.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::examples::{Example, ExampleError, FILE_BYTES_MAX, Format, parse, parse_messages};
use super::format::{FILE, MANIFEST, SET_BYTES_MAX, SetError, SetManifest};
use super::served::{ServedSets, mistakes};
use super::set::IntentSet;
use super::train::{HeldOut, Prepared, TrainError, TrainReport};
use crate::config::shop::{Mistake, Shop, ShopErrors};
use crate::domain::ShopId;

/// The examples in a CSV, TSV or YAML file, told apart by its ending.
///
/// # Errors
/// When the file cannot be read or a line of it cannot be used; the message names file and line.
pub fn read_examples(path: &Path) -> Result<Vec<Example>, SetError> {
    read_rows(path, parse)
}

/// The messages in such a file, to measure a set on.
///
/// # Errors
/// As [`read_examples`]; only that a message may be empty.
pub fn read_messages(path: &Path) -> Result<Vec<Example>, SetError> {
    read_rows(path, parse_messages)
}

/// What reads the text of a file.
type Parse = fn(Format, &str) -> Result<Vec<Example>, ExampleError>;

fn read_rows(path: &Path, parse: Parse) -> Result<Vec<Example>, SetError> {
    let wrong = |reason: String| SetError::File {
        path: path.display().to_string(),
        reason: Error::new(ErrorKind::InvalidData, reason),
    };
    let Some(format) = path.to_str().and_then(Format::of_file) else {
        return Err(wrong("the name must end in .csv, .tsv, .yaml or .yml".to_owned()));
    };
    let bytes = read(path, FILE_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        wrong(format!("line {line}: not UTF-8"))
    })?;
    parse(format, &text).map_err(|error| wrong(error.to_string()))
}

/// Trains a set on at most `threads` threads; `progress` hears how many of all trainings are done.
/// The same examples and seed give the same set on any number of threads.
///
/// # Errors
/// When the examples have fewer than two labels.
///
/// # Panics
/// When a thread of the training panicked.
pub fn train(
    examples: &[Example],
    seed: u64,
    threads: usize,
    mut progress: impl FnMut(usize, usize),
) -> Result<(IntentSet, TrainReport), TrainError> {
    let prepared = Prepared::new(examples, seed)?;
    let folds = prepared.folds();
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    let mut held: Vec<(usize, HeldOut)> = Vec::with_capacity(folds.len());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, folds.len()) {
            let (done, next, folds, prepared) = (done.clone(), &next, &folds, &prepared);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fold) = folds.get(at) else { break };
                    // The receiver lives until all threads are done.
                    let _ = done.send((at, prepared.cross_validate(*fold)));
                }
            });
        }
        drop(done);
        for result in results {
            held.push(result);
            progress(held.len(), folds.len() + 1);
        }
    });
    held.sort_by_key(|(at, _)| *at);
    let held: Vec<HeldOut> = held.into_iter().map(|(_, held)| held).collect();
    Ok(prepared.finish(&held))
}

impl IntentSet {
    /// Writes the set and its manifest into `folder`, which is made when it is missing. The file
    /// comes first and both appear whole, so that a router that watches sees either set.
    ///
    /// # Errors
    /// When a file cannot be written, and before one is when a router would not read it.
    pub fn save(&self, folder: &Path, report: &TrainReport, seed: u64) -> Result<u64, SetError> {
        self.save_within(SET_BYTES_MAX, folder, report, seed)
    }

    fn save_within(
        &self,
        bytes_max: u64,
        folder: &Path,
        report: &TrainReport,
        seed: u64,
    ) -> Result<u64, SetError> {
        let file = self.encode();
        let bytes = file.len() as u64;
        if bytes > bytes_max {
            return Err(SetError::TooLarge { bytes, bytes_max });
        }
        let manifest = SetManifest::of(&file, report, seed);
        let manifest = toml::to_string(&manifest).expect("a manifest has only plain fields");
        std::fs::create_dir_all(folder).map_err(|reason| failed(folder, reason))?;
        write(&folder.join(FILE), &file)?;
        write(&folder.join(MANIFEST), manifest.as_bytes())?;
        Ok(bytes)
    }

    /// The set in a folder that [`Self::save`] wrote.
    ///
    /// # Errors
    /// When a file is missing, damaged, or not the one in the manifest.
    pub fn load(folder: &Path) -> Result<Self, SetError> {
        let manifest = String::from_utf8(read(&folder.join(MANIFEST), 1 << 16)?)
            .map_err(|_| SetError::Manifest("not UTF-8".to_owned()))?;
        let file = read(&folder.join(FILE), SET_BYTES_MAX)?;
        SetManifest::check(&manifest, &file)?;
        Self::decode(&file)
    }
}

/// What became of the set of one shop when all were asked for anew.
#[derive(Debug)]
pub struct Reloaded {
    /// Whose.
    pub shop: ShopId,
    /// How many labels it has now; why the old one stays, when it does.
    pub labels: Result<usize, ShopErrors>,
}

impl ServedSets {
    /// Reads the sets that the files of `shops` name.
    ///
    /// # Errors
    /// When a set cannot be read, or a file names a skill for a label that its set does not have:
    /// every mistake of every shop, at once.
    pub fn load<'a>(shops: impl IntoIterator<Item = &'a Arc<Shop>>) -> Result<Self, ShopErrors> {
        let (sets, mut mistakes) = (Self::default(), Vec::new());
        for shop in shops {
            let Some(own) = &shop.own_intents else { continue };
            match load_for(shop, &own.folder) {
                Ok(set) => sets.serve(shop.clone(), set),
                Err(errors) => mistakes.extend(errors.0),
            }
        }
        ShopErrors::unless_empty(mistakes, sets)
    }

    /// Reads every set again and puts it in the place of the old one. A set that would be refused at
    /// a start is refused here, and the old one stays.
    pub fn reload(&self) -> Vec<Reloaded> {
        let reload = |shop: &Arc<Shop>| {
            let own = shop.own_intents.as_ref().expect("only shops with a set are served one");
            let labels = load_for(shop, &own.folder).map(|set| {
                let labels = set.labels().len();
                self.serve(shop.clone(), set);
                labels
            });
            Reloaded { shop: shop.id.clone(), labels }
        };
        self.shops().iter().map(reload).collect()
    }
}

fn load_for(shop: &Shop, folder: &Path) -> Result<IntentSet, ShopErrors> {
    match IntentSet::load(folder) {
        Ok(set) => ShopErrors::unless_empty(mistakes(shop, &set), set),
        Err(error) => Err(ShopErrors(vec![Mistake {
            file: format!("{}/shop.toml", shop.id),
            key: "own_intents.folder".to_owned(),
            problem: error.to_string(),
            accepted: "a folder that `tradewind train --output` wrote".to_owned(),
        }])),
    }
}

fn failed(path: &Path, reason: Error) -> SetError {
    SetError::File { path: path.display().to_string(), reason }
}

fn write(path: &Path, content: &[u8]) -> Result<(), SetError> {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, content).map_err(|reason| failed(&fresh, reason))?;
    std::fs::rename(&fresh, path).map_err(|reason| failed(path, reason))
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, SetError> {
    let file = File::open(path).map_err(|reason| failed(path, reason))?;
    let mut content = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut content).map_err(|reason| failed(path, reason))?;
    if content.len() as u64 > bytes_max {
        let reason = format!("larger than {bytes_max} bytes");
        return Err(failed(path, Error::new(ErrorKind::FileTooLarge, reason)));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained(texts: [&str; 2]) -> (IntentSet, TrainReport) {
        let example =
            |(text, label): (&str, &str)| Example { text: text.into(), label: label.into() };
        let examples = [example((texts[0], "rental")), example((texts[1], "repair"))];
        train(&examples, 7, 1, |_, _| {}).expect("two labels")
    }

    #[test]
    fn a_set_that_no_router_would_read_is_not_written_over_one_that_it_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let (small, report) = trained(["rent it", "fix it"]);
        let bytes = small.save(folder.path(), &report, 7).expect("saved");
        let (large, report) = trained(["can I rent two bikes on saturday", "fix my brakes please"]);

        let error = large.save_within(bytes, folder.path(), &report, 7).expect_err("too large");

        let told =
            format!("the set takes {} bytes, and {bytes} are the most", large.encode().len());
        assert!(error.to_string().starts_with(&told), "{error}");
        let kept = IntentSet::load(folder.path()).expect("the set of before");
        assert_eq!(kept.encode(), small.encode());
        small.save_within(bytes, folder.path(), &report, 7).expect("what just fits is saved");
    }
}
