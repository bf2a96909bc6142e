//! Where the files of a shop come from: the program itself, or a folder.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use toml_edit::DocumentMut;

use crate::config::Config;
use crate::domain::Language;

use super::demo::DEMO;
use super::email::ImapMailbox;
use super::openid::OpenId;
use super::secret::SecretFrom;
use super::section::{Mistakes, ShopErrors};
use super::store::NewShop;
use super::translation::{TranslationEngine, Translators};
use super::{Shop, parse};

/// The files of one shop: path relative to its folder, with `/` between parts, and text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShopFiles(pub BTreeMap<String, String>);

/// Most bytes of one file of a shop: a table of some 100,000 orders.
pub(super) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Most bytes of a file that a shop's file points to: some hundred certificates.
const OUTSIDE_BYTES_MAX: u64 = 256 * 1024;

const NEW_SHOP: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/new_shop.toml"));

/// The built-in answers in `language`, else those in English.
pub(super) fn built_in_answers(language: Language) -> &'static str {
    let named = |code: &str| {
        let path = format!("answers/{code}.toml");
        DEMO.iter().find(|(file, _)| *file == path).map(|(_, text)| *text)
    };
    named(&language.to_string()).or_else(|| named("en")).expect("English is built in")
}

/// The demo shop with more lines in its file, or what is wrong with them.
#[cfg(test)]
pub(super) fn demo_with(lines: &str) -> Result<super::Shop, String> {
    let mut files = ShopFiles::demo();
    files.0.get_mut("shop.toml").expect("the file").push_str(lines);
    super::Shop::from_files(&files).map_err(|error| error.to_string())
}

impl ShopFiles {
    /// The demo shop, built into the program.
    pub fn demo() -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self(DEMO.iter().map(owned).collect())
    }

    /// The files of a new shop: what the machine of every shop says, in each language, without what
    /// only the owner of the shop knows.
    pub(super) fn new_shop(new: &NewShop) -> Self {
        let answers = DEMO.iter().filter(|(path, _)| path.starts_with("answers/"));
        let own_only = |text: &str| {
            let mut text: DocumentMut = text.parse().expect("the built-in answers are TOML");
            text.remove("faq");
            text.to_string()
        };
        let mut files: BTreeMap<String, String> =
            answers.map(|(path, text)| ((*path).to_owned(), own_only(text))).collect();
        let mut shop: DocumentMut = NEW_SHOP.parse().expect("the file of a new shop is TOML");
        shop["id"] = toml_edit::value(new.id.as_str());
        shop["name"] = toml_edit::value(new.name.as_str());
        let origins: toml_edit::Array = new.origins.iter().map(String::as_str).collect();
        shop["origins"] = toml_edit::value(origins);
        files.insert("shop.toml".to_owned(), shop.to_string());
        Self(files)
    }

    /// Reads the files in `folder` and one level below it.
    pub(super) fn read(folder: &Path, mistakes: &Mistakes) -> Self {
        let mut files = BTreeMap::new();
        for (name, path) in entries(folder, mistakes) {
            if path.is_dir() {
                for (inner, path) in entries(&path, mistakes) {
                    if path.is_file() {
                        read_file(&path, format!("{name}/{inner}"), &mut files, mistakes);
                    }
                }
            } else {
                read_file(&path, name, &mut files, mistakes);
            }
        }
        Self(files)
    }
}

impl Shop {
    /// The demo shop, built into the program.
    ///
    /// # Panics
    /// Never in a build whose tests passed: they read the same files.
    pub fn embedded_demo() -> Self {
        Self::from_files(&ShopFiles::demo()).expect("the built-in demo shop has no mistakes")
    }

    /// Reads a shop from its files.
    ///
    /// # Errors
    /// Every mistake in every file, at once.
    pub fn from_files(files: &ShopFiles) -> Result<Self, ShopErrors> {
        parse::shop(files)
    }

    /// The shops that a router with these settings serves: those of its folder, else the demo shop.
    ///
    /// # Errors
    /// Every mistake of every shop, at once; also when a demonstration could be reached by others.
    pub fn served(config: &Config) -> Result<Vec<Self>, ShopErrors> {
        let demo_allowed = config.demo_shop_allowed();
        if let Some(folder) = &config.paths.shops {
            return Self::read_dir(folder, demo_allowed);
        }
        let mistakes = Mistakes::default();
        if !demo_allowed {
            note_open_demo(&mistakes, "demo/shop.toml");
        }
        mistakes.or(vec![Self::embedded_demo()])
    }

    /// Reads every folder below `path` that holds a `shop.toml`, in the order of their names.
    ///
    /// # Errors
    /// Every mistake of every shop, at once; also when `path` holds no shop, or one id twice.
    pub fn load_dir(path: &Path) -> Result<Vec<Self>, ShopErrors> {
        Self::read_dir(path, true)
    }

    fn read_dir(path: &Path, demo_allowed: bool) -> Result<Vec<Self>, ShopErrors> {
        let mistakes = Mistakes::default();
        let mut shops: Vec<Self> = Vec::new();
        let mut found = false;
        for (name, folder) in entries(path, &mistakes) {
            if !folder.join("shop.toml").is_file() {
                continue;
            }
            found = true;
            match Self::from_files(&ShopFiles::read(&folder, &mistakes)) {
                Err(errors) => mistakes.take_over(&name, errors),
                Ok(shop) if shops.iter().any(|other| other.id == shop.id) => {
                    let file = format!("{name}/shop.toml");
                    mistakes.note(
                        &file,
                        "id",
                        format!("`{}` is taken", shop.id),
                        "an id of its own",
                    );
                }
                Ok(mut shop) => {
                    if shop.demo && !demo_allowed {
                        note_open_demo(&mistakes, &format!("{name}/shop.toml"));
                    }
                    if let Some(own) = &mut shop.own_intents {
                        own.folder = folder.join(&own.folder);
                    }
                    if let Some(openid) = &mut shop.openid {
                        let file = format!("{name}/shop.toml");
                        let note = |key: &str, problem: String, accepted: &str| {
                            mistakes.note(&file, format!("openid.{key}"), problem, accepted);
                        };
                        openid_outside(openid, &folder, &note);
                    }
                    if let Some(mailbox) = &mut shop.email.imap {
                        let file = format!("{name}/shop.toml");
                        let note = |key: &str, problem: String, accepted: &str| {
                            mistakes.note(&file, format!("email.imap.{key}"), problem, accepted);
                        };
                        mailbox_outside(mailbox, &folder, &note);
                    }
                    let file = format!("{name}/shop.toml");
                    let note = |key: &str, problem: String, accepted: &str| {
                        mistakes.note(
                            &file,
                            format!("translation.engines.{key}"),
                            problem,
                            accepted,
                        );
                    };
                    translation_outside(&mut shop.translators, &folder, &note);
                    for (number, hook) in shop.webhooks.iter_mut().enumerate() {
                        let note = |key: &str, problem: String, accepted: &str| {
                            let key = format!("webhooks[{number}].{key}");
                            mistakes.note(&file, key, problem, accepted);
                        };
                        hook.read_outside(&folder, &note);
                    }
                    shops.push(shop);
                }
            }
        }
        if !found {
            let folder = path.display().to_string();
            mistakes.note(&folder, "", "holds no shop", "folders with a shop.toml");
        }
        mistakes.or(shops)
    }
}

/// Notes that others than this machine could use the plain passwords of a demonstration.
fn note_open_demo(mistakes: &Mistakes, file: &str) {
    mistakes.note(
        file,
        "demo",
        "is true, for this machine only: its passwords are plain, and others reach `server.listen` \
         or `server.admin_listen`",
        "a shop without `demo`, whose seats have a `password` each; or loopback addresses",
    );
}

/// Reads what the section of the provider only points to: the secret of its client and the roots that
/// vouch for it. Neither shows in what is noted.
fn openid_outside(openid: &mut OpenId, folder: &Path, note: &dyn Fn(&str, String, &str)) {
    const SECRET: &str = "a line with the secret of the client, of at most 512 bytes";
    match openid.secret_from.as_ref().map(|from| from.read(folder)) {
        None => {}
        Some(Ok(secret)) => openid.client_secret = Some(secret),
        Some(Err(problem)) => {
            let key = openid.secret_from.as_ref().map_or("", SecretFrom::suffix);
            note(&format!("client_secret_{key}"), problem, SECRET);
        }
    }
    openid.roots = openid.roots_file.as_ref().and_then(|path| roots(&folder.join(path), note));
}

/// Reads the password of a mailbox and the roots that vouch for its server.
fn mailbox_outside(mailbox: &mut ImapMailbox, folder: &Path, note: &dyn Fn(&str, String, &str)) {
    match mailbox.password_from.as_ref().map(|from| (from.suffix(), from.read(folder))) {
        None => {}
        Some((_, Ok(secret))) => mailbox.password = Some(secret),
        Some((suffix, Err(problem))) => {
            let accepted = "a line with the password, of at most 512 bytes";
            note(&format!("password_{suffix}"), problem, accepted);
        }
    }
    mailbox.roots = mailbox.roots_file.as_ref().and_then(|path| roots(&folder.join(path), note));
}

/// The roots in a file, PEM; what is wrong with it is noted under `ca_file`.
pub(super) fn roots(path: &Path, note: &dyn Fn(&str, String, &str)) -> Option<Arc<[u8]>> {
    const ROOTS: &str = "a PEM file with certificates";
    match read_outside(path) {
        Err(error) => note("ca_file", format!("cannot be read: {error}"), ROOTS),
        Ok(text) if certificates(&text) == 0 => {
            note("ca_file", "holds no certificate".to_owned(), ROOTS);
        }
        Ok(text) => return Some(text.into_bytes().into()),
    }
    None
}

/// Reads the keys of the services that translate, and looks whether the models are there.
fn translation_outside(
    translators: &mut Translators,
    folder: &Path,
    note: &dyn Fn(&str, String, &str),
) {
    for engine in &mut translators.engines {
        let service = match engine {
            TranslationEngine::Service(service) => service,
            TranslationEngine::Local(model) => {
                model.folder = folder.join(&model.folder);
                if !model.folder.is_dir() {
                    let problem = format!("`{}` is no folder", model.folder.display());
                    note("folder", problem, "the folder of a model, with its config.json");
                }
                continue;
            }
        };
        match service.key_from.as_ref().map(|from| (from.suffix(), from.read(folder))) {
            None => {}
            Some((_, Ok(secret))) => service.key = Some(secret),
            Some((suffix, Err(problem))) => {
                note(&format!("key_{suffix}"), problem, "a line with the key of the account");
            }
        }
    }
}

/// A small text file beside a shop's own.
pub(super) fn read_outside(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(OUTSIDE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// How many certificates a PEM text holds; 0 when one of them cannot be read.
fn certificates(text: &str) -> usize {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    read.map_or(0, |certificates| certificates.len())
}

/// What lies in `folder`, by name; names that are no UTF-8 are left out.
fn entries(folder: &Path, mistakes: &Mistakes) -> Vec<(String, std::path::PathBuf)> {
    let read = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries: Vec<_> = match read {
        Ok(entries) => entries
            .into_iter()
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
            .collect(),
        Err(error) => {
            let folder = folder.display().to_string();
            mistakes.note(&folder, "", format!("cannot be read: {error}"), "a readable folder");
            Vec::new()
        }
    };
    entries.sort();
    entries
}

fn read_file(path: &Path, name: String, files: &mut BTreeMap<String, String>, mistakes: &Mistakes) {
    if ![".toml", ".csv", ".md"].iter().any(|ending| name.ends_with(ending)) {
        return;
    }
    let accepted = "a readable UTF-8 file of at most 16 MiB";
    let too_large = std::fs::metadata(path).is_ok_and(|file| file.len() > FILE_BYTES_MAX);
    if too_large {
        mistakes.note(&name, "", "is too large", accepted);
        return;
    }
    match std::fs::read_to_string(path) {
        Ok(text) => {
            files.insert(name, text);
        }
        Err(error) => mistakes.note(&name, "", format!("cannot be read: {error}"), accepted),
    }
}
