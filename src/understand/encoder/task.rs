//! The files of an encoder.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::heads::HEADS_BYTES_MAX;
use super::manifest::{MANIFEST_FILE, Manifest, Origin};
use super::sense::{SENSE_BYTES_MAX, SENSE_FILE, Sense};
use super::{Comparison, Config, EncoderError, HEADS_FILE, Heads};
use crate::config::EncoderChoice;
use crate::understand::model::sha256_hex;

/// Most bytes of a small JSON file.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Most bytes of a tokenizer: XLM-R's takes 17 MB.
const TOKENIZER_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of the weights: an XLM-R large takes 2.2 GB.
const WEIGHTS_BYTES_MAX: u64 = 3 << 30;

/// What an encoder has beside its layers, whatever they are kept in.
struct Described {
    config: String,
    tokenizer: Vec<u8>,
    pooling: Option<String>,
    prefix: String,
}

/// Where the sentence-transformers say what they put before a text.
const PROMPTS_FILE: &str = "config_sentence_transformers.json";

impl Described {
    fn read(dir: &Path) -> Result<Self, EncoderError> {
        let pooling = dir.join("1_Pooling").join("config.json");
        let prompts = dir.join(PROMPTS_FILE);
        Ok(Self {
            config: read_text(&dir.join("config.json"))?,
            tokenizer: read(&dir.join("tokenizer.json"), TOKENIZER_BYTES_MAX)?,
            pooling: if pooling.exists() { Some(read_text(&pooling)?) } else { None },
            prefix: if prompts.exists() { prefix(&read_text(&prompts)?)? } else { String::new() },
        })
    }
}

/// The prefix in a file of prompts: the one that is the default, else that for queries, else none.
fn prefix(text: &str) -> Result<String, EncoderError> {
    let wrong = |told: String| EncoderError::Config(format!("{PROMPTS_FILE}: {told}"));
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let name = value["default_prompt_name"].as_str().unwrap_or("query");
    match value["prompts"].get(name) {
        None | Some(serde_json::Value::Null) => Ok(String::new()),
        Some(prompt) => match prompt.as_str() {
            Some(prompt) if prompt.len() <= PREFIX_BYTES_MAX => Ok(prompt.to_owned()),
            _ => Err(wrong(format!(
                "prompt `{name}` must be a text of at most {PREFIX_BYTES_MAX} bytes"
            ))),
        },
    }
}

/// A longer one would leave the messages few tokens.
const PREFIX_BYTES_MAX: usize = 256;

/// The content of the files of an encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderFiles {
    /// `config.json`.
    pub config: String,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// `model.safetensors`.
    pub weights: Vec<u8>,
    /// `1_Pooling/config.json`; without it tokens are averaged.
    pub pooling: Option<String>,
    /// What stands before each text, such as the `query: ` of the e5 encoders; of
    /// `config_sentence_transformers.json`.
    pub prefix: String,
}

impl EncoderFiles {
    /// Reads the files of an encoder in `dir`.
    ///
    /// # Errors
    /// When one is missing, too large or not text where it should be.
    pub fn read(dir: &Path) -> Result<Self, EncoderError> {
        let Described { config, tokenizer, pooling, prefix } = Described::read(dir)?;
        let weights = read(&dir.join("model.safetensors"), WEIGHTS_BYTES_MAX)?;
        Ok(Self { config, tokenizer, weights, pooling, prefix })
    }

    /// Of the weights, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256_hex(&self.weights)
    }

    /// Writes them into `dir`, which is made when it is not there.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), EncoderError> {
        for (name, content) in self.contents() {
            write(&dir.join(name), &content)?;
        }
        Ok(())
    }

    /// Each file by its name.
    fn contents(&self) -> Vec<(&'static str, Cow<'_, [u8]>)> {
        let mut files = vec![
            ("config.json", Cow::Borrowed(self.config.as_bytes())),
            ("tokenizer.json", Cow::Borrowed(self.tokenizer.as_slice())),
            ("model.safetensors", Cow::Borrowed(self.weights.as_slice())),
        ];
        if let Some(pooling) = &self.pooling {
            files.push(("1_Pooling/config.json", Cow::Borrowed(pooling.as_bytes())));
        }
        if !self.prefix.is_empty() {
            let prompts =
                json!({"prompts": {"query": self.prefix}, "default_prompt_name": "query"});
            files.push((PROMPTS_FILE, Cow::Owned(prompts.to_string().into_bytes())));
        }
        files
    }
}

/// Writes a file, and makes its folder when it is not there.
fn write(path: &Path, content: &[u8]) -> Result<(), EncoderError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .map_err(|reason| EncoderError::File { path: path.to_owned(), reason })
}

/// The content of the files of an encoder whose layers are an ONNX graph.
#[cfg(feature = "fastembed")]
pub struct OnnxFiles {
    /// `config.json`.
    pub config: String,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// `model.onnx`.
    pub graph: Vec<u8>,
    /// `1_Pooling/config.json`; without it tokens are averaged.
    pub pooling: Option<String>,
    /// What stands before each text, such as the `query: ` of the e5 encoders; of
    /// `config_sentence_transformers.json`.
    pub prefix: String,
}

#[cfg(feature = "fastembed")]
impl OnnxFiles {
    /// Reads the files of an encoder in `dir`.
    ///
    /// # Errors
    /// When one is missing, too large or not text where it should be.
    pub fn read(dir: &Path) -> Result<Self, EncoderError> {
        let graph = read(&dir.join("model.onnx"), WEIGHTS_BYTES_MAX)?;
        let Described { config, tokenizer, pooling, prefix } = Described::read(dir)?;
        Ok(Self { config, tokenizer, graph, pooling, prefix })
    }
}

fn read_text(path: &Path) -> Result<String, EncoderError> {
    let content = read(path, CONFIG_BYTES_MAX)?;
    String::from_utf8(content).map_err(|error| {
        let reason = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        EncoderError::File { path: path.to_owned(), reason }
    })
}

pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, EncoderError> {
    let failed = |reason| EncoderError::File { path: path.to_owned(), reason };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > bytes_max {
        return Err(EncoderError::TooLarge { path: path.to_owned(), bytes, bytes_max });
    }
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(bytes_max).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

/// An encoder that was copied to a folder of its own, with its heads.
pub struct Installed {
    /// The encoder.
    pub files: EncoderFiles,
    /// What reads its vectors.
    pub heads: Heads,
    /// What the detector of incidents reads out of them; `None` where it was not fitted.
    pub sense: Option<Sense>,
    /// How it did beside the fast tier when it was added.
    pub measured: Comparison,
    /// Where its weights come from.
    pub origin: Origin,
}

/// The encoders that a router asks.
pub struct Chosen {
    /// The one that is asked about messages that the fast tier is not sure of, and about incidents where it
    /// was fitted for them.
    pub of_messages: Option<Installed>,
    /// One that is asked about incidents alone, since the other was not fitted for them or an added one does not
    /// pay for messages.
    pub of_incidents: Option<Installed>,
}

/// The figures of an installed encoder, beside its files.
const MEASURED_FILE: &str = "measured.json";

impl Installed {
    /// Where it lies in the data folder of a router.
    pub fn folder(data: &Path) -> PathBuf {
        data.join("models").join("encoder")
    }

    /// The encoders that a router with this data folder asks.
    ///
    /// # Errors
    /// When there is none and one is asked for, or it is damaged.
    pub fn chosen(data: &Path, choice: EncoderChoice) -> Result<Chosen, EncoderError> {
        let of_messages = |of_messages| Chosen { of_messages, of_incidents: None };
        match choice {
            EncoderChoice::Off => return Ok(of_messages(None)),
            EncoderChoice::BuiltIn => return Ok(of_messages(Some(Self::shipped()?))),
            EncoderChoice::Auto | EncoderChoice::Added => {}
        }
        let folder = Self::folder(data);
        match (Self::read(&folder)?, choice) {
            (None, EncoderChoice::Added) => Err(EncoderError::NotAdded { folder }),
            (Some(added), choice) if choice == EncoderChoice::Added || added.measured.pays => {
                let is_for_both = added.sense.is_some();
                let of_incidents = if is_for_both { None } else { Some(Self::shipped()?) };
                Ok(Chosen { of_messages: Some(added), of_incidents })
            }
            (added, _) => Ok(Chosen {
                of_messages: Some(Self::shipped()?),
                of_incidents: added.filter(|it| it.sense.is_some()),
            }),
        }
    }

    /// The encoder in `dir`; `None` when there is none.
    ///
    /// # Errors
    /// When it is damaged: a file is missing, or the heads belong to other weights.
    pub fn read(dir: &Path) -> Result<Option<Self>, EncoderError> {
        if !dir.exists() {
            return Ok(None);
        }
        let manifest = dir.join(MANIFEST_FILE);
        if !manifest.exists() {
            let told = "there is none: add the encoder again with `tradewind model add`";
            return Err(EncoderError::Manifest(told.to_owned()));
        }
        let manifest = read_text(&manifest)?;
        let files = EncoderFiles::read(dir)?;
        let heads = read(&dir.join(HEADS_FILE), HEADS_BYTES_MAX)?;
        let sense = dir.join(SENSE_FILE);
        let sense = if sense.exists() { Some(read(&sense, SENSE_BYTES_MAX)?) } else { None };
        let measured = read(&dir.join(MEASURED_FILE), CONFIG_BYTES_MAX)?;
        Self::from_parts(files, &heads, sense.as_deref(), &measured, &manifest).map(Some)
    }

    /// An encoder from the content of its files.
    ///
    /// # Errors
    /// When one is not that of the manifest, or they do not fit together.
    pub(super) fn from_parts(
        files: EncoderFiles,
        heads: &[u8],
        sense: Option<&[u8]>,
        measured: &[u8],
        manifest: &str,
    ) -> Result<Self, EncoderError> {
        let manifest = Manifest::parse(manifest)?;
        let mut own = vec![(HEADS_FILE, heads), (MEASURED_FILE, measured)];
        own.extend(sense.map(|sense| (SENSE_FILE, sense)));
        manifest.check(&borrowed(&files.contents(), &own))?;
        let heads = Heads::decode(heads)?;
        let sense = sense.map(Sense::decode).transpose()?;
        if heads.encoder_sha256 != files.sha256() {
            return Err(EncoderError::Heads(format!(
                "{HEADS_FILE}: fitted on other weights than those here"
            )));
        }
        let dims = Config::parse(&files.config)?.hidden_size;
        if heads.dims != dims {
            let made_for = heads.dims;
            let told = format!("for vectors of {made_for} values, the encoder gives {dims}");
            return Err(EncoderError::Heads(format!("{HEADS_FILE}: {told}")));
        }
        let is_of_heads =
            |it: &Sense| it.encoder_sha256() == heads.encoder_sha256 && it.dims() == dims;
        if !sense.as_ref().is_none_or(is_of_heads) {
            return Err(EncoderError::Heads(format!("{SENSE_FILE}: fitted on another encoder")));
        }
        let measured = serde_json::from_slice(measured)
            .map_err(|error| EncoderError::Heads(format!("{MEASURED_FILE}: {error}")))?;
        Ok(Self { files, heads, sense, measured, origin: manifest.origin })
    }

    /// Puts the encoder into `dir`, in place of one that was there. Whoever reads meanwhile finds the
    /// old one, the new one or none, never a mixture.
    ///
    /// # Errors
    /// When a file cannot be written or a folder not renamed; the old one stays then, if it can.
    pub fn write(&self, dir: &Path) -> Result<(), EncoderError> {
        let new = dir.with_extension("new");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |reason| EncoderError::File { path, reason }
        };
        if new.exists() {
            fs::remove_dir_all(&new).map_err(failed(&new))?;
        }
        self.write_files(&new)?;
        let old = dir.with_extension("old");
        if old.exists() {
            fs::remove_dir_all(&old).map_err(failed(&old))?;
        }
        if dir.exists() {
            fs::rename(dir, &old).map_err(failed(dir))?;
        }
        fs::rename(&new, dir).map_err(failed(dir))?;
        if old.exists() {
            fs::remove_dir_all(&old).map_err(failed(&old))?;
        }
        Ok(())
    }

    /// Writes the files into `dir`, beside or over what is there.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_files(&self, dir: &Path) -> Result<(), EncoderError> {
        let heads = self.heads.encode();
        let measured = serde_json::to_string_pretty(&self.measured).expect("plain numbers");
        let sense = self.sense.as_ref().map(Sense::encode);
        let mut own = vec![(HEADS_FILE, heads.as_slice()), (MEASURED_FILE, measured.as_bytes())];
        own.extend(sense.as_deref().map(|sense| (SENSE_FILE, sense)));
        let contents = self.files.contents();
        let files = borrowed(&contents, &own);
        for (name, content) in &files {
            write(&dir.join(name), content)?;
        }
        let manifest = Manifest::new(&files, self.origin.clone());
        write(&dir.join(MANIFEST_FILE), manifest.text().as_bytes())
    }

    /// Size of all files but the manifest.
    pub fn bytes(&self) -> usize {
        let files = self.files.contents();
        let sense = self.sense.as_ref().map_or(0, |sense| sense.encode().len());
        let files = files.iter().map(|(_, content)| content.len()).sum::<usize>();
        files + self.heads.encode().len() + sense
    }
}

fn borrowed<'a>(
    files: &'a [(&'static str, Cow<'_, [u8]>)],
    own: &[(&'a str, &'a [u8])],
) -> Vec<(&'a str, &'a [u8])> {
    let files = files.iter().map(|(name, content)| (*name, content.as_ref()));
    files.chain(own.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_prompt_goes_before_that_for_queries_and_none_is_no_prefix() {
        let of = |text: &str| prefix(text).map_err(|error| error.to_string());
        let both = r#""prompts": {"query": "query: ", "document": "doc: "}"#;

        assert_eq!(of(&format!("{{{both}}}")).as_deref(), Ok("query: "));
        let named = format!("{{{both}, \"default_prompt_name\": \"document\"}}");
        assert_eq!(of(&named).as_deref(), Ok("doc: "));
        let none = r#"{"prompts": {}, "default_prompt_name": null}"#;
        assert_eq!(of(none).as_deref(), Ok(""));
        assert!(of(r#"{"prompts": {"query": 7}}"#).is_err_and(|told| told.contains("`query`")));
        assert!(of("[").is_err());
    }
}
