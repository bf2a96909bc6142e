//! Which public sets may help to train, and how they are read. Their texts stay where they are.

use crate::domain::{Language, Sentiment};
use crate::understand::model::DataSource;

/// What the texts of a folder teach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teaches {
    /// Their language; the code is this part of the file name, counted from 0 between dots.
    Language {
        /// Position of the code.
        name_part: usize,
        /// Most rows of one language.
        rows_max: usize,
        /// Languages whose file holds another one for the most part.
        mistaken: &'static [&'static str],
    },
    /// Negative, neutral or positive.
    Mood {
        /// Most rows of one file, so that no set outweighs the others.
        rows_max: usize,
    },
}

/// A folder of a public set.
pub struct Set {
    /// Name for the manifest.
    pub name: &'static str,
    /// Folder under the extra directory.
    pub folder: &'static str,
    /// Files whose names start otherwise are left alone.
    pub prefixes: &'static [&'static str],
    /// Origin.
    pub source: &'static str,
    /// Licence of the texts.
    pub licence: &'static str,
    /// Use.
    pub teaches: Teaches,
}

/// Strings of shops in many languages by their keys: their language, and what translates what.
pub const SHOP_STRINGS: Set = Set {
    name: "shop interface strings",
    folder: "shop-strings/ecommerce_i18n",
    prefixes: &["spree_i18n", "solidus_i18n", "bagisto"],
    source: "github.com/spree-contrib/spree_i18n @ 38ac265691, \
             github.com/solidusio/solidus_i18n @ a262c6174a, \
             github.com/bagisto/bagisto @ 889a7c6bd7",
    licence: "BSD-3-Clause, BSD-3-Clause, MIT",
    teaches: Teaches::Language { name_part: 1, rows_max: 2_000, mistaken: &[] },
};

/// Every set that the trainer knows. All of them allow weights that are trained on them.
pub const SETS: [Set; 7] = [
    Set {
        name: "lingua test data",
        folder: "language/lingua_testdata",
        prefixes: &[""],
        source: "github.com/pemistahl/lingua-rs @ 77e94d1a2a (Leipzig corpora)",
        licence: "Apache-2.0",
        teaches: Teaches::Language { name_part: 0, rows_max: 3_000, mistaken: &["ms"] },
    },
    SHOP_STRINGS,
    Set {
        name: "home control commands",
        folder: "intents/ha_intents",
        prefixes: &[""],
        source: "github.com/OHF-Voice/intents @ 3e74ab7ed8",
        licence: "CC-BY-4.0",
        teaches: Teaches::Language { name_part: 0, rows_max: 500, mistaken: &[] },
    },
    Set {
        name: "INJONGO (Swahili and Yoruba, languages only)",
        folder: "intents/injongo",
        prefixes: &["train.swa", "train.yor"],
        source: "github.com/masakhane-io/masakhane-nlu @ 1f8be590da",
        licence: "Apache-2.0",
        teaches: Teaches::Language { name_part: 1, rows_max: 3_000, mistaken: &[] },
    },
    Set {
        name: "UMSAB",
        folder: "sentiment/umsab_sentiment",
        // `val` stays out, so that the figure on it is one of texts that the model has not seen.
        prefixes: &["train"],
        source: "github.com/cardiffnlp/xlm-t @ 874214d64d",
        licence: "Apache-2.0 (repository; the tweets under the terms of their sources)",
        teaches: Teaches::Mood { rows_max: 2_000 },
    },
    Set {
        name: "Wisesight",
        folder: "sentiment/wisesight_th",
        prefixes: &["neg", "neu", "pos"],
        source: "github.com/PyThaiNLP/wisesight-sentiment @ c1d063649a",
        licence: "CC0-1.0",
        teaches: Teaches::Mood { rows_max: 2_000 },
    },
    Set {
        name: "SmSA",
        folder: "sentiment/smsa_id_sentiment",
        prefixes: &["train", "dev"],
        source: "github.com/IndoNLP/indonlu @ ce728f6926",
        licence: "Apache-2.0 (repository)",
        teaches: Teaches::Mood { rows_max: 2_000 },
    },
];

impl Set {
    /// Whether the file `name` of the folder belongs to the set.
    pub fn has(&self, name: &str) -> bool {
        name.ends_with(".tsv") && self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The line in the manifest.
    pub fn credit(&self, rows: usize) -> DataSource {
        let teaches = match self.teaches {
            Teaches::Language { .. } => "language",
            Teaches::Mood { .. } => "mood of texts that are no shop messages",
        };
        DataSource {
            name: self.name.to_owned(),
            source: self.source.to_owned(),
            licence: self.licence.to_owned(),
            rows,
            teaches: teaches.to_owned(),
        }
    }
}

/// First and second column of a tab-separated text with a header.
pub fn columns(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.next().unwrap_or_default()))
    })
}

/// Fewest characters of a text that says which language it is in, among shop strings and words.
pub const LANGUAGE_CHARS_MIN: usize = 4;

/// The language that a file name such as `spree_i18n.pt-BR.tsv` stands for; `None` for languages
/// that the model does not tell apart, and for files in another script than their code says.
pub fn language_of(name: &str, part: usize) -> Option<Language> {
    let tag = name.split('.').nth(part)?;
    let code = match tag {
        "de-CH" | "sr-Latn" => return None,
        "swa" => "sw",
        "yor" => "yo",
        tag => tag.split(['-', '_']).next()?,
    };
    LANGUAGES.split(' ').find(|known| *known == code)?.parse().ok()
}

/// The languages of the model; those of the shop corpus are among them.
const LANGUAGES: &str = "ar az bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja kk ko \
                         lt lv mr ms nb nl pl pt ro ru sk sl sr sv sw ta te th tl tr uk ur vi yo zh";

/// The mood behind a label such as `neg`.
pub fn mood_of(label: &str) -> Option<Sentiment> {
    match label {
        "neg" => Some(Sentiment::Negative),
        "neu" => Some(Sentiment::Neutral),
        "pos" => Some(Sentiment::Positive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_give_their_language_or_none() {
        let code = |name, part| language_of(name, part).map(|language| language.to_string());

        assert_eq!(code("spree_i18n.pt-BR.tsv", 1).as_deref(), Some("pt"));
        assert_eq!(code("bagisto.zh_CN.tsv", 1).as_deref(), Some("zh"));
        assert_eq!(code("train.swa.tsv", 1).as_deref(), Some("sw"));
        assert_eq!(code("sr-Latn.tsv", 0), None);
        assert_eq!(code("spree_i18n.km.tsv", 1), None);
    }
}
