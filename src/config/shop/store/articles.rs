//! Articles of a shop, changed by a program: each change is a new version, and those before are kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::article::{ARTICLES_FOLDER, Article, with_version};
use super::super::edit::EditError;
use super::super::load::ShopFiles;
use super::super::parse;
use super::super::section::Mistakes;
use super::{ShopFolder, StoreError, io_error, sync_folder, write_all, write_complete};
use crate::domain::Language;

/// Where the versions before lie, below the folder of articles: `versions/ID.LANGUAGE.NUMBER.md`.
const VERSIONS_FOLDER: &str = "versions";
/// Versions of an article that are kept; the oldest go.
pub const VERSIONS_MAX: usize = 100;

/// An article as its file says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArticleFile {
    /// The file.
    pub text: String,
    /// Its version.
    pub version: u32,
    /// Versions before it that are kept, ascending.
    pub before: Vec<u32>,
}

/// What became of articles that were brought together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Brought {
    /// Were not there.
    pub added: usize,
    /// Have a new version.
    pub changed: usize,
    /// Said the same already.
    pub unchanged: usize,
}

impl ShopFolder {
    /// The file of an article, with the versions before it.
    ///
    /// # Errors
    /// When there is no such shop or article, or the disk refuses.
    pub fn article(
        &self,
        shop: &str,
        id: &str,
        language: Language,
    ) -> Result<ArticleFile, StoreError> {
        let shelf = Shelf::of(self.find(shop)?);
        let name = file_name(id, language)?;
        let text = shelf.current(&name)?.ok_or_else(|| missing(id))?;
        let version = Article::read(&name, &text)?.version;
        Ok(ArticleFile { text, version, before: shelf.versions(&name)? })
    }

    /// Writes an article as the version after the one that is there; gives its number. With `base` it
    /// must be that version which is there, so that nobody writes over what he has not seen.
    ///
    /// # Errors
    /// When there is no such shop, the article has mistakes, another version is there, or the disk refuses.
    pub fn put_article(
        &self,
        shop: &str,
        (id, language): (&str, Language),
        text: &str,
        base: Option<u32>,
    ) -> Result<u32, StoreError> {
        let _one_at_a_time = self.lock()?;
        let shelf = Shelf::of(self.find(shop)?);
        let name = file_name(id, language)?;
        if let Some(base) = base {
            let there = shelf.version(&name)?;
            if there != base {
                return Err(StoreError::Version { there });
            }
        }
        shelf.write(&[(name.clone(), text.to_owned())])?;
        shelf.version(&name)
    }

    /// Writes an earlier version of an article again, as a new version; gives its number.
    ///
    /// # Errors
    /// As [`Self::put_article`], and when that version is not kept.
    pub fn roll_back_article(
        &self,
        shop: &str,
        (id, language): (&str, Language),
        version: u32,
    ) -> Result<u32, StoreError> {
        let _one_at_a_time = self.lock()?;
        let shelf = Shelf::of(self.find(shop)?);
        let name = file_name(id, language)?;
        let text = read(&shelf.kept(&name, version))?;
        let text = text.ok_or_else(|| missing(&format!("{id} version {version}")))?;
        shelf.write(&[(name.clone(), text)])?;
        shelf.version(&name)
    }

    /// Takes an article away; its versions are kept.
    ///
    /// # Errors
    /// When there is no such shop or article, or the disk refuses.
    pub fn remove_article(
        &self,
        shop: &str,
        id: &str,
        language: Language,
    ) -> Result<(), StoreError> {
        let _one_at_a_time = self.lock()?;
        let shelf = Shelf::of(self.find(shop)?);
        let name = file_name(id, language)?;
        let text = shelf.current(&name)?.ok_or_else(|| missing(id))?;
        shelf.keep(&name, &text)?;
        let path = shelf.folder().join(&name);
        fs::remove_file(&path).map_err(|error| io_error(&path, error))?;
        sync_folder(&shelf.folder())
    }

    /// Brings many articles, each with its id, language and text: all of them, or none when one has
    /// mistakes. What says the same already keeps its version.
    ///
    /// # Errors
    /// As [`Self::put_article`], and when one article in one language is there twice.
    pub fn bring_articles(
        &self,
        shop: &str,
        articles: &[(String, Language, String)],
    ) -> Result<Brought, StoreError> {
        let _one_at_a_time = self.lock()?;
        let shelf = Shelf::of(self.find(shop)?);
        let mut brought = Brought::default();
        let mut to_write = Vec::new();
        let (mistakes, mut named) = (Mistakes::default(), BTreeSet::new());
        for (id, language, text) in articles {
            let name = file_name(id, *language)?;
            if !named.insert(name.clone()) {
                mistakes.note(&name, "", "stands twice", "each article once in each language");
                continue;
            }
            let new = Article::read(&name, text)?;
            match shelf.current(&name)?.map(|text| Article::read(&name, &text)) {
                Some(Ok(old)) if old == (Article { version: old.version, ..new }) => {
                    brought.unchanged += 1;
                    continue;
                }
                Some(_) => brought.changed += 1,
                None => brought.added += 1,
            }
            to_write.push((name, text.clone()));
        }
        mistakes.or(())?;
        shelf.write(&to_write)?;
        Ok(brought)
    }
}

/// The articles of one shop on disk.
struct Shelf {
    shop: PathBuf,
}

impl Shelf {
    const fn of(shop: PathBuf) -> Self {
        Self { shop }
    }

    fn folder(&self) -> PathBuf {
        self.shop.join(ARTICLES_FOLDER)
    }

    /// What the file says; `None` when there is none.
    fn current(&self, name: &str) -> Result<Option<String>, StoreError> {
        read(&self.folder().join(name))
    }

    /// Its version; 0 when there is none.
    fn version(&self, name: &str) -> Result<u32, StoreError> {
        let text = self.current(name)?;
        Ok(text.map_or(Ok(0), |text| Article::read(name, &text).map(|article| article.version))?)
    }

    fn kept(&self, name: &str, version: u32) -> PathBuf {
        let stem = name.trim_end_matches(".md");
        self.folder().join(VERSIONS_FOLDER).join(format!("{stem}.{version}.md"))
    }

    /// Versions that are kept, ascending.
    fn versions(&self, name: &str) -> Result<Vec<u32>, StoreError> {
        let folder = self.folder().join(VERSIONS_FOLDER);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&folder, error)),
        };
        let stem = format!("{}.", name.trim_end_matches(".md"));
        let number = |file: String| file.strip_prefix(&stem)?.strip_suffix(".md")?.parse().ok();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut versions: Vec<u32> = names.filter_map(number).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// Under which number a text is to be kept, and as what; `None` where it is kept already. It is the
    /// version that it says it is, unless that one has passed, as where a file was put in place by hand.
    fn to_keep(&self, name: &str, text: &str) -> Result<Option<(u32, String)>, StoreError> {
        // A file with mistakes was never served, and has no version to come back to.
        let Ok(article) = Article::read(name, text) else { return Ok(None) };
        if read(&self.kept(name, article.version))?.is_some_and(|kept| kept == text) {
            return Ok(None);
        }
        let latest = self.latest(name)?;
        if article.version > latest {
            return Ok(Some((article.version, text.to_owned())));
        }
        let free = latest.saturating_add(1);
        Ok(Some((free, with_version(name, text, free)?)))
    }

    /// Keeps a text as a version.
    fn keep(&self, name: &str, text: &str) -> Result<(), StoreError> {
        if let Some((version, text)) = self.to_keep(name, text)? {
            write_complete(&self.kept(name, version), &text)?;
        }
        self.let_go_of_oldest(name)
    }

    fn let_go_of_oldest(&self, name: &str) -> Result<(), StoreError> {
        let versions = self.versions(name)?;
        for old in versions.iter().rev().skip(VERSIONS_MAX) {
            let path = self.kept(name, *old);
            fs::remove_file(&path).map_err(|error| io_error(&path, error))?;
        }
        Ok(())
    }

    /// The last version that is kept; 0 for none.
    fn latest(&self, name: &str) -> Result<u32, StoreError> {
        Ok(self.versions(name)?.last().copied().unwrap_or(0))
    }

    /// Writes articles as new versions, all or none, after the shop with all of them was checked.
    fn write(&self, articles: &[(String, String)]) -> Result<(), StoreError> {
        let mistakes = Mistakes::default();
        let mut files = ShopFiles::read(&self.shop, &mistakes);
        mistakes.or(())?;
        let mut to_write = Vec::new();
        for (name, text) in articles {
            let before = self.current(name)?;
            let to_keep = before.map(|before| self.to_keep(name, &before)).transpose()?.flatten();
            let mut latest = self.latest(name)?.max(self.version(name).unwrap_or(0));
            if let Some((version, text)) = to_keep {
                latest = latest.max(version);
                to_write.push((self.kept(name, version), text));
            }
            let text = with_version(name, text, latest.saturating_add(1))?;
            files.0.insert(format!("{ARTICLES_FOLDER}/{name}"), text.clone());
            to_write.push((self.folder().join(name), text));
        }
        parse::shop(&files)?;
        write_all(&to_write)?;
        articles.iter().try_for_each(|(name, _)| self.let_go_of_oldest(name))
    }
}

/// The name of the file of an article. No id leads out of the folder.
fn file_name(id: &str, language: Language) -> Result<String, StoreError> {
    let name = Article::file_name(id, language);
    match Article::is_file_name(&name) {
        true => Ok(name),
        false => Err(missing(id)),
    }
}

fn missing(what: &str) -> StoreError {
    StoreError::Edit(EditError::Missing(what.to_owned()))
}

/// What a file says; `None` when there is none.
fn read(path: &Path) -> Result<Option<String>, StoreError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::NewShop;
    use super::*;

    const ENGLISH: Language = Language::ENGLISH;

    fn article(answer: &str) -> String {
        format!(
            "+++\ntitle = \"Gifts\"\nintents = [\"product_question\"]\nquestions = [\"Do you gift wrap?\"]\n\
             +++\n{answer}\n"
        )
    }

    fn shops() -> (tempfile::TempDir, ShopFolder) {
        let folder = tempfile::tempdir().expect("a folder");
        let shops = ShopFolder::new(folder.path());
        let new = NewShop { id: "cafe".to_owned(), name: "Café".to_owned(), origins: Vec::new() };
        shops.add(&new).expect("a shop");
        (folder, shops)
    }

    #[test]
    fn each_change_is_a_version_and_each_one_before_can_come_back() {
        let (_folder, shops) = shops();
        let put =
            |text: &str, base| shops.put_article("cafe", ("gifts", ENGLISH), &article(text), base);

        assert_eq!(put("For 2 €.", None).expect("put"), 1);
        assert_eq!(put("For 3 €.", Some(1)).expect("put"), 2);
        assert!(matches!(put("For 4 €.", Some(1)), Err(StoreError::Version { there: 2 })));
        let back = shops.roll_back_article("cafe", ("gifts", ENGLISH), 1).expect("rolled back");

        let now = shops.article("cafe", "gifts", ENGLISH).expect("an article");
        assert_eq!((back, now.version, now.before), (3, 3, vec![1, 2]));
        let served = shops.shop("cafe").expect("a shop");
        assert_eq!(&*served.knowledge.articles[0].answer, "For 2 €.");
        assert_eq!(&*served.knowledge.articles[0].source(), "knowledge/gifts@3");
    }

    #[test]
    fn a_removed_article_is_not_served_and_comes_back_with_a_later_version() {
        let (_folder, shops) = shops();
        let key = ("gifts", ENGLISH);
        shops.put_article("cafe", key, &article("For 2 €."), None).expect("put");

        shops.remove_article("cafe", "gifts", ENGLISH).expect("removed");

        assert!(shops.shop("cafe").expect("a shop").knowledge.articles.is_empty());
        let again = shops.remove_article("cafe", "gifts", ENGLISH).expect_err("gone");
        assert!(again.is_missing());
        assert_eq!(shops.roll_back_article("cafe", key, 1).expect("back"), 2);
    }

    #[test]
    fn what_has_mistakes_or_leads_elsewhere_changes_nothing() {
        let (folder, shops) = shops();

        let broken = shops.put_article("cafe", ("gifts", ENGLISH), "no front matter", None);
        assert!(matches!(broken, Err(StoreError::Mistakes(_))));
        let outside = shops.put_article("cafe", ("../../gifts", ENGLISH), &article("x"), None);
        assert!(outside.expect_err("refused").is_missing());
        let one_of_two = [
            ("gifts".to_owned(), ENGLISH, article("For 2 €.")),
            ("cards".to_owned(), ENGLISH, String::new()),
        ];
        assert!(shops.bring_articles("cafe", &one_of_two).is_err());

        assert!(!folder.path().join("cafe/knowledge").exists());
    }

    #[test]
    fn bringing_the_same_again_makes_no_version() {
        let (_folder, shops) = shops();
        let brought = |text: &str| {
            let articles = [("gifts".to_owned(), ENGLISH, article(text))];
            shops.bring_articles("cafe", &articles).expect("brought")
        };

        assert_eq!(brought("For 2 €.").added, 1);
        assert_eq!(brought("For 2 €.").unchanged, 1);
        assert_eq!(brought("For 3 €.").changed, 1);
        assert_eq!(shops.article("cafe", "gifts", ENGLISH).expect("an article").version, 2);
    }

    #[test]
    fn an_article_that_is_brought_twice_changes_nothing() {
        let (_folder, shops) = shops();
        shops.put_article("cafe", ("gifts", ENGLISH), &article("For 2 €."), None).expect("put");
        let gifts = |text: &str| ("gifts".to_owned(), ENGLISH, article(text));

        // The second time it says what is there, or it does the first time, or it never does.
        for texts in [["For 3 €.", "For 2 €."], ["For 2 €.", "For 3 €."], ["For 3 €.", "For 4 €."]]
        {
            let told = shops.bring_articles("cafe", &texts.map(gifts)).expect_err("refused");
            assert!(told.to_string().contains("gifts.en.md"), "{told}");
            assert!(told.to_string().contains("stands twice"), "{told}");
        }

        let now = shops.article("cafe", "gifts", ENGLISH).expect("an article");
        assert_eq!((now.version, now.before), (1, vec![]));
        assert!(now.text.contains("For 2 €."));
    }

    #[test]
    fn a_file_that_was_put_in_place_by_hand_takes_no_number_of_another_version() {
        let (folder, shops) = shops();
        let key = ("gifts", ENGLISH);
        let put = |text: &str| shops.put_article("cafe", key, &article(text), None).expect("put");
        for text in ["For 2 €.", "For 3 €.", "For 4 €."] {
            put(text);
        }
        let file = folder.path().join("cafe/knowledge/gifts.en.md");
        // It says no version, which is the first.
        fs::write(&file, article("By hand.")).expect("written");

        assert_eq!(put("For 5 €."), 4);

        for (version, text) in [(1, "For 2 €."), (3, "By hand."), (4, "For 5 €.")] {
            shops.roll_back_article("cafe", key, version).expect("rolled back");
            assert!(fs::read_to_string(&file).expect("the file").contains(text), "{version}");
        }
    }

    #[test]
    fn where_one_of_many_cannot_be_written_none_is() {
        let (folder, shops) = shops();
        shops.put_article("cafe", ("gifts", ENGLISH), &article("For 2 €."), None).expect("put");
        // Where the last of them is to be written first of all.
        fs::create_dir(folder.path().join("cafe/knowledge/wraps.en.partial")).expect("a folder");
        let new = |id: &str| (id.to_owned(), ENGLISH, article("For 3 €."));

        let told = shops.bring_articles("cafe", &["cards", "gifts", "wraps"].map(new));

        assert!(matches!(told, Err(StoreError::Io { .. })), "{told:?}");
        let now = shops.article("cafe", "gifts", ENGLISH).expect("an article");
        assert_eq!((now.version, now.before), (1, vec![]));
        assert!(shops.article("cafe", "cards", ENGLISH).expect_err("not there").is_missing());
        let files = fs::read_dir(folder.path().join("cafe/knowledge/versions")).expect("a folder");
        assert_eq!(files.count(), 0, "nothing is left of the attempt");
    }

    #[test]
    fn what_lies_beside_the_folder_of_articles_is_none_whatever_it_is_called() {
        let (folder, shops) = shops();
        shops.put_article("cafe", ("gifts", ENGLISH), &article("For 2 €."), None).expect("put");
        for beside in ["knowledge-drafts", "knowledge.bak"] {
            let beside = folder.path().join("cafe").join(beside);
            fs::create_dir(&beside).expect("a folder");
            fs::write(beside.join("cards.en.md"), article("A draft.")).expect("a file");
            fs::write(beside.join("gifts.en.md"), article("Another draft.")).expect("a file");
        }
        fs::write(folder.path().join("cafe/knowledge-notes.md"), "To do.").expect("a file");

        let served = shops.shop("cafe").expect("a shop").knowledge.articles;

        let answers: Vec<_> = served.iter().map(|article| &*article.answer).collect();
        assert_eq!(answers, ["For 2 €."]);
    }

    #[test]
    fn the_same_article_in_two_files_is_a_mistake() {
        let mut files = ShopFiles::demo();
        for file in ["knowledge/gifts.en.md", "knowledge/old/gifts.en.md"] {
            files.0.insert(file.to_owned(), article("For 2 €."));
        }

        let told = parse::shop(&files).expect_err("refused").to_string();

        assert!(told.contains("knowledge/old/gifts.en.md"), "{told}");
        assert!(told.contains("`gifts` in `en` stands twice"), "{told}");
    }

    #[test]
    fn so_many_versions_are_kept_and_no_more() {
        let (_folder, shops) = shops();
        for price in 0..VERSIONS_MAX + 3 {
            let text = article(&format!("For {price} €."));
            shops.put_article("cafe", ("gifts", ENGLISH), &text, None).expect("put");
        }

        let before = shops.article("cafe", "gifts", ENGLISH).expect("an article").before;
        assert_eq!((before.len(), before[0]), (VERSIONS_MAX, 3));
    }
}
