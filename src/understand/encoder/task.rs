//! The files of an encoder.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::EncoderError;

/// Most bytes of a small JSON file.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Most bytes of a tokenizer: XLM-R's takes 17 MB.
const TOKENIZER_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of the weights: an XLM-R large takes 2.2 GB.
const WEIGHTS_BYTES_MAX: u64 = 3 << 30;

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
}

impl EncoderFiles {
    /// Reads the files of an encoder in `dir`.
    ///
    /// # Errors
    /// When one is missing, too large or not text where it should be.
    pub fn read(dir: &Path) -> Result<Self, EncoderError> {
        let pooling = dir.join("1_Pooling").join("config.json");
        Ok(Self {
            config: read_text(&dir.join("config.json"))?,
            tokenizer: read(&dir.join("tokenizer.json"), TOKENIZER_BYTES_MAX)?,
            weights: read(&dir.join("model.safetensors"), WEIGHTS_BYTES_MAX)?,
            pooling: if pooling.exists() { Some(read_text(&pooling)?) } else { None },
        })
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
