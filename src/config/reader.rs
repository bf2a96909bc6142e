//! From texts to the typed tree: the strongest source wins, every mistake is kept.

use std::collections::{BTreeMap, BTreeSet};

use super::kinds::Kind;
use super::limits::Config;
use super::mistakes::{Mistake, Mistakes, Origin};
use super::settings::Setting;
use super::sources::{Given, GivenByKey, Sources, setting};

/// A configuration and where each value of it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where they come from; a key that is missing here has its default.
    pub origins: BTreeMap<&'static str, Origin>,
    /// Variables of the environment that begin as settings do, but are none.
    pub ignored: Vec<String>,
}

impl Loaded {
    /// Where the value of `key` comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

impl Default for Config {
    fn default() -> Self {
        let given = GivenByKey::new();
        Self::read(&mut Reader::new(&given))
    }
}

impl Config {
    /// Reads every setting from `sources`: flags over environment over file over defaults.
    ///
    /// # Errors
    /// Everything that is wrong, also in values that a stronger source covers.
    pub fn resolve(sources: &Sources) -> Result<Loaded, Mistakes> {
        let mut mistakes = Vec::new();
        let given = sources.by_key(&mut mistakes);
        let mut reader = Reader::new(&given);
        let config = Self::read(&mut reader);
        let Reader { origins, wrong, mistakes: wrong_values, .. } = reader;
        mistakes.extend(wrong_values);
        let loaded = Loaded { config, origins, ignored: sources.ignored() };
        // A value that could not be read stands at its default here: comparing that would only
        // add a second, confusing message.
        let broken = loaded.broken_relations();
        mistakes
            .extend(broken.into_iter().filter(|(keys, _)| keys.is_disjoint(&wrong)).map(|it| it.1));
        match Mistakes::of(mistakes) {
            Some(mistakes) => Err(mistakes),
            None => Ok(loaded),
        }
    }
}

impl Loaded {
    fn broken_relations(&self) -> Vec<(BTreeSet<&'static str>, Mistake)> {
        let texts: BTreeMap<_, _> = self.config.texts().into_iter().collect();
        let text = |key| {
            let text = texts.get(key).map_or("", String::as_str);
            setting(key).map_or_else(String::new, |setting| setting.in_file(text))
        };
        let broken = self.config.relations().into_iter().filter(|relation| !relation.holds);
        broken
            .map(|relation| {
                let mistake = Mistake::Relation {
                    key: relation.key,
                    origin: self.origin(relation.key).clone(),
                    given: text(relation.key),
                    other: relation.other,
                    other_given: text(relation.other),
                    other_origin: self.origin(relation.other).clone(),
                    must: relation.must,
                };
                (BTreeSet::from([relation.key, relation.other]), mistake)
            })
            .collect()
    }
}

/// Hands out typed values and keeps what was wrong.
pub(super) struct Reader<'a> {
    given: &'a GivenByKey,
    origins: BTreeMap<&'static str, Origin>,
    /// Settings with a value that could not be read.
    wrong: BTreeSet<&'static str>,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    fn new(given: &'a GivenByKey) -> Self {
        Self { given, origins: BTreeMap::new(), wrong: BTreeSet::new(), mistakes: Vec::new() }
    }

    /// The value of `key`: of the strongest source that gives a right one, or the default.
    pub(super) fn take<K: Kind>(&mut self, key: &'static str) -> K::Value {
        let setting = setting(key).expect("the table that has the field has the setting");
        let mut value = None;
        for given in self.given.get(key).into_iter().flatten() {
            match read::<K>(setting, given) {
                Some(_) if value.is_some() => {}
                Some(read) => {
                    value = Some(read);
                    self.origins.insert(key, given.origin.clone());
                }
                None => {
                    self.wrong.insert(key);
                    self.mistakes.push(Mistake::Value {
                        key,
                        origin: given.origin.clone(),
                        given: shown(given),
                        accepted: setting.accepted(),
                    });
                }
            }
        }
        value.unwrap_or_else(|| {
            K::parse(setting.default).expect("a test reads the default of every setting")
        })
    }
}

fn read<K: Kind>(setting: &Setting, given: &Given) -> Option<K::Value> {
    if given.form.is_some_and(|form| !K::accepts(form)) {
        return None;
    }
    let value = K::parse(&given.text)?;
    let in_range = setting.range.is_none_or(|(min, max)| {
        let bound = |text| K::parse(text).expect("a test reads the range of every setting");
        bound(min) <= value && value <= bound(max)
    });
    in_range.then_some(value)
}

/// The value as it was given, in quotes where it was text, and cut where it is long.
fn shown(given: &Given) -> String {
    const CHARS_MAX: usize = 80;
    let text = match given.text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", given.text.get(..end).unwrap_or_default()),
        None => given.text.clone(),
    };
    match given.form {
        Some(super::kinds::Form::Number | super::kinds::Form::Other) => text,
        Some(super::kinds::Form::Text) | None => format!("{text:?}"),
    }
}
