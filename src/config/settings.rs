//! The macro that turns one table into everything that is known about settings.
//!
//! From a line such as `offer: Length = "6s", "1s"..="60s";` with its doc comment come the field
//! of the typed tree, the default, the range check, the name in the environment, the page of
//! `config/tradewind.toml` and what `config print` shows. They cannot drift apart.

/// A group of settings: one table of the file.
#[derive(Debug)]
pub struct Section {
    /// What the keys start with, with the dot; empty for the keys at the top of the file.
    pub prefix: &'static str,
    /// What the group is about, a line each.
    pub doc: &'static [&'static str],
    /// Its settings, in the order of the file.
    pub settings: &'static [Setting],
}

/// What is known about one setting.
#[derive(Debug)]
pub struct Setting {
    /// Dotted key in the file.
    pub key: &'static str,
    /// Text form of the default.
    pub default: &'static str,
    /// Text forms of the least and greatest value, both accepted.
    pub range: Option<(&'static str, &'static str)>,
    /// What the text must be, as the end of the sentence "expected …".
    pub expected: &'static str,
    /// Whether the file writes the value in quotes.
    pub quoted: bool,
    /// What it does and why the default is what it is, a line each.
    pub doc: &'static [&'static str],
}

impl Setting {
    /// The name in the environment: `gateway.frame_bytes_max` is `TRADEWIND_GATEWAY_FRAME_BYTES_MAX`.
    pub fn env_name(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// The last part of the key: the name inside its table of the file.
    pub fn field(&self) -> &'static str {
        self.key.rsplit('.').next().unwrap_or(self.key)
    }

    /// What is accepted, for people: kind and range.
    pub fn accepted(&self) -> String {
        match self.range {
            Some((min, max)) => format!("{}, from {min} to {max}", self.expected),
            None => self.expected.to_owned(),
        }
    }

    /// `text` as the file writes it.
    pub fn in_file(&self, text: &str) -> String {
        if self.quoted { toml::Value::from(text).to_string() } else { text.to_owned() }
    }
}

/// What the names of settings in the environment start with.
pub const ENV_PREFIX: &str = "TRADEWIND_";

/// Declares the sections, their settings, and the typed tree [`Config`](super::Config).
macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident($prefix:literal): $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $Kind:ty = $default:literal $(, $min:literal..=$max:literal)?;
            )+
        }
    )+) => {
        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $($(#[doc = $doc])+ pub $field: <$Kind as Kind>::Value,)+
            }
        )+

        /// Every setting, typed and within its range.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(#[doc = $section_doc])+ pub $section: $Section,)+
        }

        /// Every section, in the order of the file.
        pub const SECTIONS: &[Section] = &[$(Section {
            prefix: $prefix,
            doc: &[$($section_doc),+],
            settings: &[$(Setting {
                key: concat!($prefix, stringify!($field)),
                default: $default,
                range: settings!(@range $($min, $max)?),
                expected: <$Kind as Kind>::EXPECTED,
                quoted: <$Kind as Kind>::QUOTED,
                doc: &[$($doc),+],
            }),+],
        }),+];

        impl Config {
            /// Reads every setting through `reader`, which keeps the mistakes.
            pub(super) fn read(reader: &mut Reader<'_>) -> Self {
                Self {
                    $($section: $Section {
                        $($field: reader.take::<$Kind>(concat!($prefix, stringify!($field))),)+
                    },)+
                }
            }

            /// Every key with the text form of its value, in the order of the file.
            pub fn texts(&self) -> Vec<(&'static str, String)> {
                vec![$($((
                    concat!($prefix, stringify!($field)),
                    <$Kind as Kind>::write(&self.$section.$field),
                ),)+)+]
            }
        }
    };
    (@range) => { None };
    (@range $min:literal, $max:literal) => { Some(($min, $max)) };
}
pub(super) use settings;
