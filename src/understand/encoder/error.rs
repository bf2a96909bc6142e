//! Why an encoder cannot be used.

use std::path::PathBuf;

/// What is wrong with an encoder or with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// A file cannot be read or written.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A file is larger than is ever read.
    #[error("{}: {bytes} bytes, at most {bytes_max} are read", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// `config.json` cannot be read.
    #[error("config.json: {0}")]
    Config(String),
    /// An architecture that is not among those that can be run.
    #[error("config.json: model_type `{0}` is not supported; bert, roberta and xlm-roberta are")]
    ModelType(String),
    /// `tokenizer.json` cannot be used with this encoder.
    #[error("tokenizer.json: {0}")]
    Tokenizer(String),
    /// `model.safetensors` has not the tensors that `config.json` promises.
    #[error("model.safetensors: {0}")]
    Weights(String),
    /// The library that runs ONNX graphs cannot be loaded.
    #[cfg(feature = "fastembed")]
    #[error("ONNX Runtime: {0}")]
    Library(String),
    /// Texts went in and no vectors came out.
    #[error("cannot encode: {0}")]
    Encode(String),
    /// An encoder is asked for and none was added.
    #[error("there is none in {}; add one with `tradewind model add`", folder.display())]
    NotAdded {
        /// Where it would be.
        folder: PathBuf,
    },
    /// A file is not the one that the manifest of the encoder names.
    #[error("{name}: damaged or exchanged: its SHA-256 is {found}, the manifest says {wanted}")]
    Sha256 {
        /// Name of the file.
        name: String,
        /// Of the file, in hexadecimal digits.
        found: String,
        /// In the manifest.
        wanted: String,
    },
    /// `manifest.toml` cannot be used.
    #[error("manifest.toml: {0}")]
    Manifest(String),
    /// What stands beside the weights is damaged or belongs to another encoder.
    #[error("{0}")]
    Heads(String),
}
