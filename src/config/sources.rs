//! Where values are given: flags, environment, file. Here they are still text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::kinds::Form;
use super::limits::SECTIONS;
use super::mistakes::{Mistake, Origin};
use super::settings::{ENV_PREFIX, Setting};

/// Names the file of settings; it is no setting itself.
pub const CONFIG_FILE_ENV: &str = "TRADEWIND_CONFIG";

/// Everything that was given, strongest source first within each setting.
pub(super) type GivenByKey = BTreeMap<&'static str, Vec<Given>>;

/// A value as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: String,
    /// `None` outside the file, where everything is a word.
    pub(super) form: Option<Form>,
    pub(super) origin: Origin,
}

/// A value that a flag gives.
#[derive(Clone, Debug)]
pub struct Flag {
    /// What the user typed, such as `--listen`.
    pub name: String,
    /// The key of the setting.
    pub key: String,
    /// The value.
    pub text: String,
}

/// Everything that was given, before it is understood.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Flags. Of several for one setting the last counts.
    pub flags: Vec<Flag>,
    /// The environment; variables of other programs are ignored.
    pub env: Vec<(String, String)>,
    /// Path and text of the file.
    pub file: Option<(PathBuf, String)>,
}

impl Sources {
    /// Variables that begin as settings do and are none.
    pub(super) fn ignored(&self) -> Vec<String> {
        let names = self.env.iter().map(|(name, _)| name);
        let ours = names.filter(|name| name.starts_with(ENV_PREFIX) && *name != CONFIG_FILE_ENV);
        ours.filter(|name| all_settings().all(|setting| setting.env_name() != **name))
            .cloned()
            .collect()
    }

    /// Sorts what was given by setting. What belongs to no setting is a mistake.
    pub(super) fn by_key(&self, mistakes: &mut Vec<Mistake>) -> GivenByKey {
        let mut given = GivenByKey::new();
        for flag in self.flags.iter().rev() {
            let origin = Origin::Flag(flag.name.clone());
            match setting(&flag.key) {
                Some(setting) => push(&mut given, setting, flag.text.clone(), None, origin),
                None => mistakes.push(unknown_key(flag.key.clone(), origin)),
            }
        }
        for (name, text) in &self.env {
            if !name.starts_with(ENV_PREFIX) || name == CONFIG_FILE_ENV {
                continue;
            }
            let origin = Origin::Env(name.clone());
            match all_settings().find(|setting| setting.env_name() == *name) {
                Some(setting) => push(&mut given, setting, text.clone(), None, origin),
                None if is_meant_as_setting(name) => {
                    let nearest = nearest(name, all_settings().map(Setting::env_name));
                    mistakes.push(Mistake::UnknownKey { key: name.clone(), origin, nearest });
                }
                // `Loaded::ignored` tells of it.
                None => {}
            }
        }
        if let Some((path, text)) = &self.file {
            read_file(path, text, &mut given, mistakes);
        }
        given
    }
}

/// Whether a variable that is no setting was meant as one: it names a section, ends as a setting
/// does, or is a letter away from one. Other tools have variables with the same beginning too, such
/// as the `TRADEWIND_PORT` of a container platform, and must not keep the server from starting.
fn is_meant_as_setting(name: &str) -> bool {
    let name = name.trim_start_matches(ENV_PREFIX).to_ascii_lowercase();
    let in_section = SECTIONS.iter().filter(|section| !section.prefix.is_empty()).any(|section| {
        name.strip_prefix(section.prefix.trim_end_matches('.'))
            .is_some_and(|rest| rest.starts_with('_'))
    });
    in_section
        || all_settings().any(|setting| {
            let key = setting.key.replace('.', "_");
            setting.field() == name || strsim::normalized_damerau_levenshtein(&name, &key) >= 0.8
        })
}

/// The setting with this dotted key.
pub fn setting(key: &str) -> Option<&'static Setting> {
    all_settings().find(|setting| setting.key == key)
}

/// Every setting, in the order of the file.
pub fn all_settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

fn push(
    given: &mut GivenByKey,
    setting: &Setting,
    text: String,
    form: Option<Form>,
    origin: Origin,
) {
    given.entry(setting.key).or_default().push(Given { text, form, origin });
}

fn read_file(path: &Path, text: &str, given: &mut GivenByKey, mistakes: &mut Vec<Mistake>) {
    let origin = |at: usize| {
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        Origin::File { path: path.to_owned(), line }
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let reason = error.message().to_owned();
        let origin = origin(error.span().map_or(0, |span| span.start));
        mistakes.push(Mistake::Syntax { origin, reason });
    }
    let mut take = |key: String, value: &DeValue<'_>, origin: Origin| match setting(&key) {
        Some(setting) => {
            let (text, form) = text_and_form(value);
            push(given, setting, text, Some(form), origin);
        }
        None => mistakes.push(unknown_key(key, origin)),
    };
    for (name, value) in table.get_ref().iter() {
        let is_section = || {
            SECTIONS.iter().any(|section| section.prefix.strip_suffix('.') == Some(name.get_ref()))
        };
        match value.get_ref() {
            DeValue::Table(section) if is_section() => {
                for (field, value) in section.iter() {
                    let key = format!("{}.{}", name.get_ref(), field.get_ref());
                    take(key, value.get_ref(), origin(field.span().start));
                }
            }
            value => take(name.get_ref().to_string(), value, origin(name.span().start)),
        }
    }
}

fn text_and_form(value: &DeValue<'_>) -> (String, Form) {
    match value {
        DeValue::String(text) => (text.to_string(), Form::Text),
        DeValue::Integer(number) => (number.to_string(), Form::Number),
        DeValue::Float(number) => (number.to_string(), Form::Number),
        DeValue::Boolean(truth) => (truth.to_string(), Form::Other),
        DeValue::Datetime(instant) => (instant.to_string(), Form::Other),
        DeValue::Array(_) => ("a list".to_owned(), Form::Other),
        DeValue::Table(_) => ("a table".to_owned(), Form::Other),
    }
}

/// What looks less like a key is no help.
const LIKENESS_MIN: f64 = 0.5;

fn unknown_key(key: String, origin: Origin) -> Mistake {
    let nearest = nearest(&key, all_settings().map(|setting| setting.key.to_owned()));
    Mistake::UnknownKey { key, origin, nearest }
}

/// From 0 to 1; 0 also for what is too long or too short to be like enough, which is not compared: that
/// takes time by the product of both lengths, and a file may hold any key.
fn likeness(one: &str, other: &str) -> f64 {
    let (one_len, other_len) = (one.chars().count(), other.chars().count());
    let (shorter, longer) = (one_len.min(other_len), one_len.max(other_len));
    if (shorter as f64) < LIKENESS_MIN * longer as f64 {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(one, other)
}

/// The candidate that looks most like `given`, if one looks like it at all. The last part counts as
/// well as the whole, so that a key in the wrong section is found.
fn nearest(given: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let last_part = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    candidates
        .map(|key| {
            let last = likeness(&last_part(given), &last_part(&key));
            (likeness(given, &key).max(last * 0.95), key)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, key)| key)
}
