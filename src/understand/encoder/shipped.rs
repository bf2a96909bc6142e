//! The encoder inside the program.

use super::{EncoderError, EncoderFiles, Installed};

/// A file of `models/encoder`, as `cargo xtask train-encoder` wrote it.
macro_rules! shipped {
    ($name:literal) => {
        include_bytes!(concat!("../../../models/encoder/", $name))
    };
}

impl Installed {
    /// The encoder inside the program.
    ///
    /// # Errors
    /// When the build took in files that do not fit together.
    pub fn shipped() -> Result<Self, EncoderError> {
        let files = EncoderFiles {
            config: String::from_utf8_lossy(shipped!("config.json")).into_owned(),
            tokenizer: shipped!("tokenizer.json").to_vec(),
            weights: shipped!("model.safetensors").to_vec(),
            pooling: None,
            prefix: String::new(),
        };
        let manifest = String::from_utf8_lossy(shipped!("manifest.toml"));
        Self::from_parts(files, shipped!("heads.twh"), None, shipped!("measured.json"), &manifest)
    }
}
