//! `[translation]`: who translates for the shop, with which words, and which seats may rely on it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::glossary::Term;
use super::load::ShopFiles;
use super::local_model::{self, LocalModel};
use super::openid::WebAddress;
use super::parse::SLOTS_MAX;
use super::secret::{OutsideSecret, SecretFrom};
use super::section::Section;

/// More engines than this are a mistake, not a choice.
/// A model on this machine serves one direction, so a shop may have a dozen.
const ENGINES_MAX: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// Whatever the engines may take: clients wait 10 s for an acknowledgement, and some may stand behind it.
const WAIT_MAX: Duration = Duration::from_secs(6);
const KINDS: &str = "deepl, google, azure, libretranslate or local";
const ADDRESS: &str =
    "an address such as https://api.deepl.com, https unless it is on this machine";
const NAME: &str = "1 to 64 of a-z, 0-9 and `-`";

/// When a seat is offered conversations in a language that it does not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranslatedSeats {
    /// How long a customer waits for a seat that speaks the language.
    pub after: Duration,
    /// Slots that a seat keeps free for its own languages.
    pub slots_kept_free: u8,
}

/// Who translates, and the words of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translators {
    /// In the order in which they are asked.
    pub engines: Vec<TranslationEngine>,
    /// Longest that one of them may take for one text. A message waits for all of them no longer than
    /// [`Self::wait_max`].
    pub timeout: Duration,
    /// When a seat gets what it does not read in its own language.
    pub seat_reads: Reads,
    /// The glossary.
    pub terms: Vec<Term>,
}

/// Something that translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TranslationEngine {
    /// A service over HTTP.
    Service(TranslationService),
    /// A model on this machine.
    Local(LocalModel),
}

/// When a customer's message is translated for a seat that does not read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// At once.
    Automatic,
    /// When the seat asks for it.
    OnDemand,
}

impl Reads {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::OnDemand => "on_demand",
        }
    }
}

impl Translators {
    /// When seats get translations; `None` where nobody translates.
    pub fn reads(&self) -> Option<Reads> {
        (!self.engines.is_empty()).then_some(self.seat_reads)
    }

    /// Longest that a message waits for its translation: until each engine had its time. `None` where
    /// nobody translates.
    pub fn wait_max(&self) -> Option<Duration> {
        let engines = u32::try_from(self.engines.len()).ok().filter(|engines| *engines > 0)?;
        Some((self.timeout * engines).min(WAIT_MAX))
    }
}

impl Translators {
    /// What a translation that is kept stands on: whoever has another mark may have said it otherwise. Keys
    /// of accounts and times are left out: they change what nobody says.
    pub fn mark(&self) -> String {
        let Self { engines, terms, timeout: _, seat_reads: _ } = self;
        let mut digest = Sha256::new();
        // A length stands before every part and every list: no two settings are the same bytes.
        let list = |digest: &mut Sha256, parts: &[&[u8]]| {
            digest.update((parts.len() as u64).to_le_bytes());
            for part in parts {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
        };
        digest.update((engines.len() as u64).to_le_bytes());
        engines.iter().for_each(|engine| list(&mut digest, &engine.says_by()));
        for Term { name, translations } in terms {
            let words = translations.iter().flat_map(|(to, word)| [to.as_str(), word.as_str()]);
            let parts: Vec<&[u8]> =
                [name.as_str()].into_iter().chain(words).map(str::as_bytes).collect();
            list(&mut digest, &parts);
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the others say everything alike: they have the same [`Self::mark`].
    pub fn say_as(&self, others: &Self) -> bool {
        let Self { engines, terms, timeout: _, seat_reads: _ } = self;
        let engines = engines.iter().map(TranslationEngine::says_by);
        engines.eq(others.engines.iter().map(TranslationEngine::says_by)) && *terms == others.terms
    }
}

impl TranslationEngine {
    /// All of an engine that changes what it says.
    fn says_by(&self) -> Vec<&[u8]> {
        match self {
            Self::Service(TranslationService { kind, address, key_from: _, key: _ }) => {
                let mut parts = vec![kind.name().as_bytes(), address.as_str().as_bytes()];
                match kind {
                    EngineKind::DeepL | EngineKind::LibreTranslate => {}
                    EngineKind::Google { project, location } => {
                        parts.extend([project.as_bytes(), location.as_bytes()]);
                    }
                    EngineKind::Azure { region } => {
                        parts.extend(region.iter().map(String::as_bytes))
                    }
                }
                parts
            }
            Self::Local(LocalModel { folder, from, to }) => {
                let mut parts = vec![&b"local"[..], folder.as_os_str().as_encoded_bytes()];
                parts.extend(from.iter().map(|it| it.as_str().as_bytes()));
                // No language has this code.
                parts.push(b"");
                parts.extend(to.iter().map(|it| it.as_str().as_bytes()));
                parts
            }
        }
    }
}

/// A service that translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranslationService {
    /// Whose interface it has.
    pub kind: EngineKind,
    /// Where it is.
    pub address: WebAddress,
    /// Where the key of the account comes from.
    pub(super) key_from: Option<SecretFrom>,
    /// The key; `None` for a service of the shop's own that asks for none.
    pub key: Option<OutsideSecret>,
}

/// The interfaces that are spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// DeepL, version 2 of its interface.
    DeepL,
    /// Google Cloud Translation, version 3.
    Google {
        /// Project of the account.
        project: String,
        /// Where it is computed, such as `global` or `europe-west1`.
        location: String,
    },
    /// Azure Translator, version 3.
    Azure {
        /// Region of the resource; `None` for a global one.
        region: Option<String>,
    },
    /// A server of LibreTranslate, usually the shop's own.
    LibreTranslate,
}

impl EngineKind {
    /// Its name in settings, explanations and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DeepL => "deepl",
            Self::Google { .. } => "google",
            Self::Azure { .. } => "azure",
            Self::LibreTranslate => "libretranslate",
        }
    }
}

/// Reads `[translation]`.
pub(super) fn read(
    mut section: Section<'_>,
    files: &ShopFiles,
) -> (Option<TranslatedSeats>, Translators) {
    let enabled = section.flag("enabled");
    let seats = TranslatedSeats {
        after: Duration::from_secs(section.whole("after_s", 0..=3_600, 5).into()),
        slots_kept_free: section.whole("slots_kept_free", 0..=SLOTS_MAX, 1) as u8,
    };
    let engines = section.sections("engines");
    if engines.len() > ENGINES_MAX {
        section.note("engines", "are too many", format!("at most {ENGINES_MAX}"));
    }
    let translators = Translators {
        engines: engines.into_iter().filter_map(engine).collect(),
        timeout: section.length("timeout", TIMEOUT_MAX, TIMEOUT),
        seat_reads: match section.flag("on_demand") {
            true => Reads::OnDemand,
            false => Reads::Automatic,
        },
        terms: terms(&mut section, files),
    };
    section.finish();
    (enabled.then_some(seats), translators)
}

fn terms(section: &mut Section<'_>, files: &ShopFiles) -> Vec<Term> {
    let Some(file) = section.text("glossary") else { return Vec::new() };
    let accepted = "a CSV file of the shop with a column `term` and one for each language";
    let Some(table) = files.0.get(&file) else {
        section.note("glossary", format!("there is no `{file}`"), accepted);
        return Vec::new();
    };
    Term::table(table).unwrap_or_else(|problem| {
        section.note("glossary", format!("`{file}`, {problem}"), accepted);
        Vec::new()
    })
}

fn engine(mut section: Section<'_>) -> Option<TranslationEngine> {
    let name = section.required_text("kind", KINDS);
    if name == "local" {
        return local_model::read(section).map(TranslationEngine::Local);
    }
    service(section, &name).map(TranslationEngine::Service)
}

fn service(mut section: Section<'_>, name: &str) -> Option<TranslationService> {
    let kind = kind(&mut section, name);
    let address = section.parsed("url", ADDRESS).or_else(|| {
        let usual = match kind.as_ref()? {
            EngineKind::DeepL => "https://api.deepl.com",
            EngineKind::Google { .. } => "https://translation.googleapis.com",
            EngineKind::Azure { .. } => "https://api.cognitive.microsofttranslator.com",
            EngineKind::LibreTranslate => {
                section.note("url", "is missing", ADDRESS);
                return None;
            }
        };
        Some(usual.parse().expect("an address"))
    });
    let key_from = SecretFrom::section(&mut section, "key_file", "key_env");
    if key_from.is_none() && kind.as_ref().is_some_and(|kind| *kind != EngineKind::LibreTranslate) {
        section.note("key_file", "is missing", "a file or, as key_env, a variable with the key");
    }
    section.finish();
    Some(TranslationService { kind: kind?, address: address?, key_from, key: None })
}

fn kind(section: &mut Section<'_>, name: &str) -> Option<EngineKind> {
    match name {
        "" => None,
        "deepl" => Some(EngineKind::DeepL),
        "google" => Some(EngineKind::Google {
            project: word(section, "project", None)?,
            location: word(section, "location", Some("global"))?,
        }),
        "azure" => {
            let region = section.has("region").then(|| word(section, "region", None)).flatten();
            Some(EngineKind::Azure { region })
        }
        "libretranslate" => Some(EngineKind::LibreTranslate),
        other => {
            section.note("kind", format!("`{other}` is no engine"), KINDS);
            None
        }
    }
}

/// A word that becomes part of a path or a header.
fn word(section: &mut Section<'_>, key: &'static str, usual: Option<&str>) -> Option<String> {
    let text = match usual {
        Some(usual) => section.text(key).unwrap_or_else(|| usual.to_owned()),
        None => section.required_text(key, NAME),
    };
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(is_plain);
    if !fits && !text.is_empty() {
        section.note(key, format!("`{text}` does not fit"), NAME);
    }
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::Shop;
    use super::*;

    fn shop(lines: &str) -> Result<Shop, String> {
        let mut files = ShopFiles::demo();
        files.0.get_mut("shop.toml").expect("the file").push_str(lines);
        files.0.insert("glossary.csv".to_owned(), "term,de\nDrift Tote,\n".to_owned());
        Shop::from_files(&files).map_err(|error| error.to_string())
    }

    #[test]
    fn engines_are_read_in_their_order_with_the_usual_addresses() {
        let shop = shop(
            "\n[translation]\nenabled = true\nglossary = \"glossary.csv\"\ntimeout = \"2s\"\n\
             [[translation.engines]]\nkind = \"deepl\"\nkey_env = \"DEEPL\"\n\
             [[translation.engines]]\nkind = \"libretranslate\"\nurl = \"http://127.0.0.1:5000\"\n",
        );

        let shop = shop.expect("a shop");
        let [TranslationEngine::Service(deepl), TranslationEngine::Service(libre)] =
            &shop.translators.engines[..]
        else {
            panic!("two services: {:?}", shop.translators.engines);
        };
        assert_eq!((&deepl.kind, &libre.kind), (&EngineKind::DeepL, &EngineKind::LibreTranslate));
        assert_eq!(deepl.address.as_str(), "https://api.deepl.com");
        assert_eq!(shop.translators.terms.len(), 1);
        assert_eq!(shop.translators.timeout, Duration::from_secs(2));
        assert!(shop.translation.is_some());
    }

    #[test]
    fn what_changes_nothing_that_is_said_leaves_the_mark_and_everything_else_changes_it() {
        let engines =
            |lines: &str| shop(&format!("\n[translation]\n{lines}\n")).expect("a shop").translators;
        let deepl = "[[translation.engines]]\nkind = \"deepl\"\nkey_env = \"DEEPL\"";
        let azure = "[[translation.engines]]\nkind = \"azure\"\nkey_env = \"AZURE\"";
        let local = "[[translation.engines]]\nkind = \"local\"\nfolder = \"m\"";
        let same = engines(deepl);
        for other in [
            format!("timeout = \"9s\"\n{deepl}"),
            format!("on_demand = true\n{deepl}"),
            deepl.replace("DEEPL", "OTHER"),
        ] {
            let other = engines(&other);
            assert_ne!(same, other);
            assert!(same.say_as(&other));
            assert_eq!(same.mark(), other.mark());
        }

        let different = [
            deepl.to_owned(),
            format!("glossary = \"glossary.csv\"\n{deepl}"),
            format!("{deepl}\nurl = \"https://api-free.deepl.com\""),
            azure.to_owned(),
            format!("{azure}\nregion = \"westeurope\""),
            format!("{deepl}\n{azure}"),
            format!("{azure}\n{deepl}"),
            format!("{local}\nfrom = [\"en\"]\nto = [\"de\", \"fr\"]"),
            format!("{local}\nfrom = [\"en\", \"de\"]\nto = [\"fr\"]"),
        ];
        let different = different.map(|lines| engines(&lines));
        for (number, one) in different.iter().enumerate() {
            for other in &different[number + 1..] {
                assert!(!one.say_as(other), "{one:?} {other:?}");
                assert_ne!(one.mark(), other.mark(), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn mistakes_name_the_key() {
        let engine = |lines: &str| {
            let lines = format!("\n[[translation.engines]]\n{lines}\n");
            shop(&lines).expect_err("a mistake")
        };

        for (lines, part) in [
            ("kind = \"babel\"", "`babel` is no engine"),
            ("kind = \"deepl\"", "key_file: is missing"),
            ("kind = \"libretranslate\"", "url: is missing"),
            ("kind = \"deepl\"\nkey_env = \"K\"\nurl = \"http://api.example\"", "engines[0].url"),
            ("kind = \"google\"\nkey_env = \"K\"\nproject = \"a/b\"", "`a/b` does not fit"),
            ("kind = \"deepl\"\nkey = \"hush\"", "key: is not a setting"),
        ] {
            let error = engine(lines);
            assert!(error.contains(part), "{lines}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
        let error = shop("\n[translation]\nglossary = \"words.csv\"\n").expect_err("no such file");
        assert!(error.contains("there is no `words.csv`"), "{error}");
    }
}
