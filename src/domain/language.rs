//! Language codes as small values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 639 code of two or three lower-case letters, such as `es` or `fil`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language([u8; 3]);

/// A text that is no language code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language code of two or three letters")]
pub struct LanguageError(pub String);

impl Language {
    /// English, the fallback when nothing else is known.
    pub const ENGLISH: Self = Self(*b"en\0");

    /// The code, such as `es`.
    pub fn as_str(&self) -> &str {
        let len = if self.0[2] == 0 { 2 } else { 3 };
        std::str::from_utf8(&self.0[..len]).expect("a language code is made of ASCII letters")
    }

    /// The language of a BCP 47 tag such as `es-MX`: its first subtag.
    ///
    /// # Errors
    /// When the first subtag has not two or three letters.
    pub fn from_locale(locale: &str) -> Result<Self, LanguageError> {
        let primary = locale.split(['-', '_']).next().unwrap_or_default();
        primary.to_ascii_lowercase().parse()
    }

    /// Whether the language is written from right to left.
    pub fn is_right_to_left(&self) -> bool {
        matches!(self.as_str(), "ar" | "he" | "fa" | "ur")
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        if !(2..=3).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_lowercase) {
            return Err(LanguageError(text.to_owned()));
        }
        let mut code = [0; 3];
        code[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(code))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({self})")
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;
        impl serde::de::Visitor<'_> for Code {
            type Value = Language;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a language code of two or three lower-case letters")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Language, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_gives_its_language_and_nonsense_gives_an_error() {
        assert_eq!(Language::from_locale("es-MX").map(|l| l.to_string()), Ok("es".to_owned()));
        assert_eq!(Language::from_locale("fil_PH").map(|l| l.to_string()), Ok("fil".to_owned()));
        assert!(Language::from_locale("").is_err());
        assert!(Language::from_locale("x-klingon").is_err());
    }
}
