//! The encoder inside the program.

use super::{EncoderError, EncoderFiles, Installed};

/// A file of `models/encoder`, as `models/encoder/teach.py` and `cargo xtask fit-encoder` wrote it.
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
        let (heads, sense) = (shipped!("heads.twh"), shipped!("incidents.tws"));
        Self::from_parts(files, heads, Some(sense), shipped!("measured.json"), &manifest)
    }
}
