//! `manifest.toml`: what the files of an encoder must be, and where its weights come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EncoderError;
use crate::understand::model::{DataSource, sha256_hex};

/// Name of the manifest, beside the files.
pub(super) const MANIFEST_FILE: &str = "manifest.toml";

/// Where weights come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Under which the weights may be used; missing where nobody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What they were trained on, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataSource>,
}

/// What is in the folder of an encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    #[serde(flatten)]
    pub(super) origin: Origin,
    /// SHA-256 of each file by its name, in lower-case hexadecimal digits.
    files: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of files with this content.
    pub(super) fn new(files: &[(&str, &[u8])], origin: Origin) -> Self {
        let sum = |(name, content): &(&str, &[u8])| ((*name).to_owned(), sha256_hex(content));
        Self { files: files.iter().map(sum).collect(), origin }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When a field is missing or of the wrong type.
    pub(super) fn parse(text: &str) -> Result<Self, EncoderError> {
        toml::from_str(text).map_err(|error| EncoderError::Manifest(error.message().to_owned()))
    }

    /// The file.
    pub(super) fn text(&self) -> String {
        toml::to_string(self).expect("a manifest has only plain fields")
    }

    /// Checks that these are the files of the manifest and no others.
    ///
    /// # Errors
    /// At the first that is not the one of that name.
    pub(super) fn check(&self, files: &[(&str, &[u8])]) -> Result<(), EncoderError> {
        if let Some(name) = self.files.keys().find(|name| files.iter().all(|(it, _)| it != name)) {
            return Err(EncoderError::Manifest(format!("{name} is missing")));
        }
        for (name, content) in files {
            let wanted = self.files.get(*name);
            let wanted = wanted.ok_or_else(|| {
                EncoderError::Manifest(format!("{name} is none of the encoder's files"))
            })?;
            let found = sha256_hex(content);
            if found != *wanted {
                let (name, wanted) = ((*name).to_owned(), wanted.clone());
                return Err(EncoderError::Sha256 { name, found, wanted });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &[u8]); 2] = [("a", b"one"), ("b/c.json", b"two")];

    #[test]
    fn a_manifest_comes_back_from_its_file_and_knows_its_files() {
        let source = |name: &str| DataSource {
            name: name.to_owned(),
            source: "written for a test".to_owned(),
            licence: "MIT".to_owned(),
            rows: 3,
            teaches: "nothing".to_owned(),
        };
        let data = ["first", "second"].map(source).to_vec();
        let origin = Origin { licence: Some("MIT".to_owned()), data };
        let manifest = Manifest::new(&FILES, origin);

        let read = Manifest::parse(&manifest.text()).expect("a manifest");

        assert_eq!(read, manifest);
        read.check(&FILES).expect("the same files");
    }

    #[test]
    fn a_file_that_is_other_missing_or_one_too_many_is_named() {
        let manifest = Manifest::new(&FILES, Origin::default());
        let told =
            |files: &[(&str, &[u8])]| manifest.check(files).expect_err("other files").to_string();

        assert!(told(&[("a", b"one"), ("b/c.json", b"TWO")]).starts_with("b/c.json: damaged"));
        assert!(told(&FILES[..1]).contains("b/c.json is missing"));
        assert!(told(&[FILES[0], FILES[1], ("d", b"")]).contains("d is none"));
    }
}
