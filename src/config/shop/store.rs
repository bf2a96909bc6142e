//! The folder of shops, changed by a program: checked as a whole, and then written complete or not at
//! all.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Gid, Uid, fchown, flock};

use super::edit::{EditError, ShopText};
use super::load::{FILE_BYTES_MAX, ShopFiles};
use super::section::{Mistakes, ShopErrors};
use super::{Shop, parse};

mod articles;

pub use articles::{ArticleFile, Brought, VERSIONS_MAX};

const FILE: &str = "shop.toml";

/// A folder with a folder for each shop.
#[derive(Clone, Debug)]
pub struct ShopFolder(PathBuf);

/// Why a shop was not changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no shop of that id.
    #[error("there is no shop `{0}`")]
    NoShop(String),
    /// There is one already.
    #[error("there is a shop `{0}` already")]
    Taken(String),
    /// Something of an earlier shop may stand there.
    #[error("{} is there already and not empty: move it away, or choose another id", .0.display())]
    NotEmpty(PathBuf),
    /// A router would not read it.
    #[error("shop.toml would be larger than 16 MiB")]
    TooLarge,
    /// A router without a shop does not start.
    #[error("`{0}` is the only shop: add another one first")]
    Last(String),
    /// Somebody has changed the article meanwhile.
    #[error("the article is at version {there}")]
    Version {
        /// The version that is there; 0 for none.
        there: u32,
    },
    /// The file cannot be changed so.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The shop would have mistakes.
    #[error(transparent)]
    Mistakes(#[from] ShopErrors),
    /// The disk.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
}

impl StoreError {
    /// Whether what was to be changed is not there.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::NoShop(_) | Self::Edit(EditError::Missing(_)))
    }
}

/// What a new shop begins with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewShop {
    /// Its id, also the name of its folder.
    pub id: String,
    /// The name that people read.
    pub name: String,
    /// Pages that may connect.
    #[serde(default)]
    pub origins: Vec<String>,
}

impl ShopFolder {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the folder of a new shop. Its machine says what every shop's machine has to say, in every
    /// language; what only the shop's owner knows is left out.
    ///
    /// # Errors
    /// When the id is taken or does not fit, or the disk refuses.
    pub fn add(&self, new: &NewShop) -> Result<(), StoreError> {
        fs::create_dir_all(&self.0).map_err(|error| io_error(&self.0, error))?;
        let _one_at_a_time = self.lock()?;
        let files = ShopFiles::new_shop(new);
        parse::shop(&files)?;
        let folder = self.0.join(&new.id);
        if folder.join(FILE).exists() || self.find(&new.id).is_ok() {
            return Err(StoreError::Taken(new.id.clone()));
        }
        if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(StoreError::NotEmpty(folder));
        }
        // The file that makes the folder a shop comes last.
        let (last, others): (Vec<_>, Vec<_>) = files.0.iter().partition(|(name, _)| *name == FILE);
        for (name, text) in others.into_iter().chain(last) {
            write_complete(&folder.join(name), text)?;
        }
        Ok(())
    }

    /// Takes a shop out of service. Its folder stays, with `shop.toml` named `shop.removed.toml`, or
    /// with a number when there is such a file.
    ///
    /// # Errors
    /// When there is no such shop or no other one, or the disk refuses.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        let _one_at_a_time = self.lock()?;
        let folder = self.find(id)?;
        if !self.folders()?.any(|other| other != folder && other.join(FILE).is_file()) {
            return Err(StoreError::Last(id.to_owned()));
        }
        let (from, to) = (folder.join(FILE), free_name(&folder));
        fs::rename(&from, &to).map_err(|error| io_error(&from, error))?;
        sync_folder(&folder)
    }

    /// Changes the file of a shop.
    ///
    /// # Errors
    /// When there is no such shop, the change does not fit, the shop would have mistakes, or the disk
    /// refuses. The file is then as it was.
    pub fn change(
        &self,
        id: &str,
        edit: impl FnOnce(&mut ShopText) -> Result<(), EditError>,
    ) -> Result<(), StoreError> {
        let _one_at_a_time = self.lock()?;
        let folder = self.find(id)?;
        let mistakes = Mistakes::default();
        let mut files = ShopFiles::read(&folder, &mistakes);
        mistakes.or(())?;
        let text = files.0.entry(FILE.to_owned()).or_default();
        let mut shop = ShopText::read(text)?;
        edit(&mut shop)?;
        *text = shop.text();
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(StoreError::TooLarge);
        }
        parse::shop(&files)?;
        write_complete(&folder.join(FILE), &files.0[FILE])
    }

    /// The shop of an id, as its files say now.
    ///
    /// # Errors
    /// When there is no such shop, or it has mistakes.
    pub fn shop(&self, id: &str) -> Result<Shop, StoreError> {
        let mistakes = Mistakes::default();
        let files = ShopFiles::read(&self.find(id)?, &mistakes);
        mistakes.or(())?;
        Ok(parse::shop(&files)?)
    }

    /// Every shop, as its files say now.
    ///
    /// # Errors
    /// When one has mistakes, or there is none.
    pub fn shops(&self) -> Result<Vec<Shop>, StoreError> {
        Ok(Shop::load_dir(&self.0)?)
    }

    /// The folder whose file has the id: it may be called otherwise.
    fn find(&self, id: &str) -> Result<PathBuf, StoreError> {
        let missing = || StoreError::NoShop(id.to_owned());
        let has_id = |folder: &Path| {
            let text = fs::read_to_string(folder.join(FILE)).ok()?;
            let table: toml::Table = text.parse().ok()?;
            (table.get("id")?.as_str()? == id).then_some(())
        };
        self.folders()?.find(|folder| has_id(folder).is_some()).ok_or_else(missing)
    }

    /// What lies in the folder.
    fn folders(&self) -> Result<impl Iterator<Item = PathBuf>, StoreError> {
        let entries = fs::read_dir(&self.0).map_err(|error| io_error(&self.0, error))?;
        Ok(entries.filter_map(|entry| Some(entry.ok()?.path())))
    }

    /// Holds other programs off until it is dropped.
    fn lock(&self) -> Result<File, StoreError> {
        let folder = File::open(&self.0).map_err(|error| io_error(&self.0, error))?;
        flock(&folder, FlockOperation::LockExclusive)
            .map_err(|error| io_error(&self.0, error.into()))?;
        Ok(folder)
    }
}

/// What the file of a removed shop is called from then on: it is not served, and nothing is lost.
fn free_name(folder: &Path) -> PathBuf {
    let first = std::iter::once("shop.removed.toml".to_owned());
    let names = first.chain((2u32..).map(|number| format!("shop.removed-{number}.toml")));
    let mut paths = names.map(|name| folder.join(name));
    paths.find(|path| !path.exists()).expect("a folder holds fewer files than there are numbers")
}

/// Writes a file that only its owner may read, complete or not at all. It belongs to whom it belonged
/// before, a new one to whom its folder belongs.
fn write_complete(path: &Path, text: &str) -> Result<(), StoreError> {
    Partial::write(path, text)?.put_in_place()?;
    sync_folder(folder_of(path))
}

/// The same of many files, of which none is in its place before all are on the disk. They come to their
/// places in their order.
fn write_all(files: &[(PathBuf, String)]) -> Result<(), StoreError> {
    let partials = files.iter().map(|(path, text)| Partial::write(path, text));
    let partials = partials.collect::<Result<Vec<_>, _>>()?;
    partials.into_iter().try_for_each(Partial::put_in_place)?;
    let folders: BTreeSet<&Path> = files.iter().map(|(path, _)| folder_of(path)).collect();
    folders.into_iter().try_for_each(sync_folder)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// A file that is on the disk, beside its place. Whoever drops it before it is there takes it away.
struct Partial {
    path: PathBuf,
    partial: PathBuf,
}

impl Partial {
    fn write(path: &Path, text: &str) -> Result<Self, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let folder = folder_of(path);
        make_folder(folder)?;
        let it = Self { path: path.to_owned(), partial: path.with_extension("partial") };
        let write = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&it.partial)?;
            file.write_all(text.as_bytes())?;
            let before = fs::metadata(path);
            give_to(&file, before.as_ref().unwrap_or(&fs::metadata(folder)?))?;
            if let Ok(before) = before {
                // Who may read it stays as its owner has chosen.
                file.set_permissions(before.permissions())?;
            }
            file.sync_all()
        };
        write().map_err(|error| io_error(path, error))?;
        Ok(it)
    }

    fn put_in_place(self) -> Result<(), StoreError> {
        fs::rename(&self.partial, &self.path).map_err(|error| io_error(&self.path, error))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // In its place it has this name no more.
        let _ = fs::remove_file(&self.partial);
    }
}

/// Makes a folder inside the folder of shops, which has the owner of the one that it lies in.
fn make_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    make_folder(parent)?;
    let make = || {
        fs::create_dir(folder)?;
        give_to(&File::open(folder)?, &fs::metadata(parent)?)
    };
    make().map_err(|error| io_error(folder, error))
}

/// Gives `file` the owner and the group of `like`: the router must be able to read what somebody else
/// wrote for it.
fn give_to(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let now = file.metadata()?;
    let (uid, gid) = (like.uid(), like.gid());
    if (now.uid(), now.gid()) == (uid, gid) {
        return Ok(());
    }
    fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).map_err(|error| {
        let text = format!("must belong to user {uid} and group {gid}: run this as that user");
        io::Error::new(io::Error::from(error).kind(), text)
    })
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    crate::runtime::sync_folder(folder).map_err(|error| io_error(folder, error))
}

fn io_error(path: &Path, error: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::super::edit::{NewSeat, Role};
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c2VjcmV0c2VjcmV0";

    fn new_shop(id: &str) -> NewShop {
        let origins = vec!["https://shop.example".to_owned()];
        NewShop { id: id.to_owned(), name: "Café \"Mañana\"".to_owned(), origins }
    }

    #[test]
    fn a_new_shop_loads_without_mistakes_and_promises_nothing_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let shops = ShopFolder::new(folder.path().join("shops"));

        shops.add(&new_shop("cafe")).expect("added");

        let shop = shops.shop("cafe").expect("a shop");
        assert_eq!(shop.name, "Café \"Mañana\"");
        assert!(!shop.demo && shop.seats.is_empty());
        assert!(shop.knowledge.answers.languages().count() > 20);
        for (language, answers) in &shop.knowledge.answers.0 {
            for intent in super::super::FAQ_INTENTS {
                assert!(answers.faq(intent).is_none(), "{language}");
            }
        }
        assert!(matches!(shops.add(&new_shop("cafe")), Err(StoreError::Taken(_))));
        assert!(matches!(shops.add(&new_shop("../up")), Err(StoreError::Mistakes(_))));
    }

    #[test]
    fn a_change_with_mistakes_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let shops = ShopFolder::new(folder.path());
        shops.add(&new_shop("cafe")).expect("added");
        let file = folder.path().join("cafe/shop.toml");
        let before = fs::read_to_string(&file).expect("the file");
        let seat = |languages: &[&str]| NewSeat {
            id: "ann".to_owned(),
            password_hash: Some(HASH.to_owned()),
            languages: languages.iter().map(|&language| language.to_owned()).collect(),
            role: Role::Supervisor,
            ..NewSeat::default()
        };

        let refused = shops.change("cafe", |shop| shop.add_seat(&seat(&[])));

        assert!(matches!(refused, Err(StoreError::Mistakes(_))));
        assert_eq!(fs::read_to_string(&file).expect("the file"), before);
        shops.change("cafe", |shop| shop.add_seat(&seat(&["en"]))).expect("added");
        assert!(shops.shop("cafe").expect("a shop").seats[&"ann".into()].supervisor);
        let missing = shops.change("other", |shop| shop.remove_seat("ann"));
        assert!(matches!(missing, Err(StoreError::NoShop(_))));
        let files = fs::read_dir(folder.path().join("cafe")).expect("a folder");
        assert!(
            files.flatten().all(|file| !file.file_name().to_string_lossy().contains("partial"))
        );
    }

    #[test]
    fn a_removed_shop_is_not_served_and_keeps_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let shops = ShopFolder::new(folder.path());
        for id in ["cafe", "other"] {
            shops.add(&new_shop(id)).expect("added");
        }

        shops.remove("cafe").expect("removed");

        let left = shops.shops().expect("shops");
        assert_eq!(left.iter().map(|shop| shop.id.as_str()).collect::<Vec<_>>(), ["other"]);
        assert!(folder.path().join("cafe/shop.removed.toml").is_file());
        assert!(matches!(shops.remove("cafe"), Err(StoreError::NoShop(_))));
        assert!(matches!(shops.remove("other"), Err(StoreError::Last(_))));
    }

    #[test]
    fn what_a_removed_shop_leaves_is_never_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let shops = ShopFolder::new(folder.path());
        for id in ["cafe", "other"] {
            shops.add(&new_shop(id)).expect("added");
        }
        let answers = folder.path().join("cafe/answers/en.toml");
        fs::write(&answers, "# my own words").expect("written");
        shops.remove("cafe").expect("removed");

        assert!(matches!(shops.add(&new_shop("cafe")), Err(StoreError::NotEmpty(_))));

        assert_eq!(fs::read_to_string(&answers).expect("the file"), "# my own words");
        let (served, kept) =
            (folder.path().join("cafe/shop.toml"), folder.path().join("cafe/shop.removed.toml"));
        fs::copy(&kept, &served).expect("put back");
        fs::write(&kept, "# of before").expect("written");
        shops.remove("cafe").expect("removed");
        assert_eq!(fs::read_to_string(&kept).expect("the file"), "# of before");
        assert!(folder.path().join("cafe/shop.removed-2.toml").is_file());
    }

    #[test]
    fn files_keep_their_owner_and_new_ones_have_that_of_the_folder() {
        use std::os::unix::fs::{MetadataExt, chown};
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        chown(folder.path(), Some(4_321), Some(4_322)).expect("given away");
        let shops = ShopFolder::new(folder.path());
        let owner = |path: &str| {
            let file = fs::metadata(folder.path().join(path)).expect("a file");
            (file.uid(), file.gid())
        };

        shops.add(&new_shop("cafe")).expect("added");
        for path in ["cafe", "cafe/shop.toml", "cafe/answers", "cafe/answers/en.toml"] {
            assert_eq!(owner(path), (4_321, 4_322), "{path}");
        }
        chown(folder.path().join("cafe/shop.toml"), Some(4_323), Some(4_324)).expect("given away");
        shops
            .change("cafe", |shop| {
                shop.set_origins(&[]);
                Ok(())
            })
            .expect("changed");
        assert_eq!(owner("cafe/shop.toml"), (4_323, 4_324));
    }

    #[test]
    fn a_file_that_no_router_would_read_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let shops = ShopFolder::new(folder.path());
        shops.add(&new_shop("cafe")).expect("added");
        let page = format!("https://{}.example", "a".repeat(1_000_000));

        let refused = shops.change("cafe", |shop| {
            shop.set_origins(&vec![page; 17]);
            Ok(())
        });

        assert!(matches!(refused, Err(StoreError::TooLarge)));
        shops.shop("cafe").expect("the shop as it was");
    }
}
