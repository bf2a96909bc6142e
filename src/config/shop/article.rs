//! Articles of a shop's knowledge base: Markdown with front matter, one file for each language.
//!
//! `knowledge/return-window.en.md` is the article `return-window` in English. Its front matter is TOML
//! between two lines of `+++`; what follows is what the customer is told.

use std::sync::Arc;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use toml_edit::DocumentMut;

use crate::domain::{Intent, Language};

use super::section::{Mistakes, Section, ShopErrors};

/// The folder of articles in the folder of a shop.
pub const ARTICLES_FOLDER: &str = "knowledge";
/// Most articles of a shop, each language counted.
pub const ARTICLES_MAX: usize = 2_000;
/// Most questions of all articles of a shop, `not_for` included: each message is compared with those in
/// its language.
pub const ALL_QUESTIONS_MAX: usize = 20_000;
/// Longest answer, in characters: a message of a chat, not a page.
pub const ANSWER_CHARS_MAX: usize = 2_000;
/// Most questions of each kind, and the longest.
const QUESTIONS_MAX: usize = 50;
const QUESTION_CHARS_MAX: usize = 300;
const FENCE: &str = "+++";

/// Intents that an article may answer: what is the same for everybody. Never complaints, money or
/// changes to an order or an account.
pub const ARTICLE_INTENTS: [Intent; 15] = [
    Intent::DeliveryTime,
    Intent::ShippingOptions,
    Intent::CustomsDuties,
    Intent::PlaceOrder,
    Intent::ReturnPolicy,
    Intent::WarrantyRepair,
    Intent::PaymentMethods,
    Intent::Invoice,
    Intent::Discount,
    Intent::ProductQuestion,
    Intent::StockAvailability,
    Intent::BulkBusiness,
    Intent::AccountAccess,
    Intent::Newsletter,
    Intent::DataPrivacy,
];

/// One article in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Its name, the same in every language.
    pub id: Arc<str>,
    /// The language of everything in it.
    pub language: Language,
    /// Counts up with every change, from 1.
    pub version: u32,
    /// What it is about, in a line.
    pub title: String,
    /// Intents of the questions that it answers, sorted.
    pub intents: Vec<Intent>,
    /// Ways to ask what it answers.
    pub questions: Vec<String>,
    /// What sounds like it and is somebody's own matter, for a person.
    pub not_for: Vec<String>,
    /// What the customer is told, without markup.
    pub answer: Arc<str>,
}

impl Article {
    /// The source that an answer names: `knowledge/return-window@3`.
    pub fn source(&self) -> Arc<str> {
        format!("{ARTICLES_FOLDER}/{}@{}", self.id, self.version).into()
    }

    /// The name of its file: `return-window.en.md`.
    pub fn file_name(id: &str, language: Language) -> String {
        format!("{id}.{language}.md")
    }

    /// Whether a file is named as one of an article.
    pub fn is_file_name(name: &str) -> bool {
        parse_name(name).is_some()
    }

    /// Reads the file of an article.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn read(name: &str, text: &str) -> Result<Self, ShopErrors> {
        let mistakes = Mistakes::default();
        match Self::parse(&mistakes, name, text) {
            Some(article) => mistakes.or(article),
            None => mistakes.or(()).map(|()| unreachable!("a mistake was noted")),
        }
    }

    /// Reads the file of an article, whose name may have folders before it.
    pub(super) fn parse(mistakes: &Mistakes, file: &str, text: &str) -> Option<Self> {
        let name = file.rsplit('/').next().unwrap_or(file);
        let Some((id, language)) = parse_name(name) else {
            let accepted = "ID.LANGUAGE.md, such as return-window.en.md; ids of a-z, 0-9 and `-`";
            mistakes.note(file, "", "is not named as an article", accepted);
            return None;
        };
        let Some((front, body)) = split(text) else {
            let accepted = "a line of +++, front matter in TOML, a line of +++, and the answer";
            mistakes.note(file, "", "has no front matter", accepted);
            return None;
        };
        // A line in place of the fence, so that mistakes name the line of the file.
        let mut root = Section::root(mistakes, file, &format!("\n{front}"));
        let known = ARTICLE_INTENTS.map(Intent::as_str).join(", ");
        let title = root.required_text("title", "what the article is about, in a line");
        let version = root.whole("version", 1..=u32::MAX, 1);
        let mut intents: Vec<Intent> = root.parsed_list("intents", &format!("one of {known}"));
        intents.sort_unstable();
        intents.dedup();
        for intent in intents.iter().filter(|intent| !ARTICLE_INTENTS.contains(intent)) {
            let problem = format!("`{intent}` is never answered by a machine");
            root.note("intents", problem, format!("one of {known}"));
        }
        if intents.is_empty() {
            root.note("intents", "is empty", format!("one or more of {known}"));
        }
        let questions = ways_to_ask(&mut root, "questions");
        if questions.is_empty() {
            root.note("questions", "is empty", "at least one way to ask what the article answers");
        }
        let not_for = ways_to_ask(&mut root, "not_for");
        root.finish();
        let answer = plain(body);
        let chars = answer.chars().count();
        if !(1..=ANSWER_CHARS_MAX).contains(&chars) {
            let accepted = format!("1 to {ANSWER_CHARS_MAX} characters below the front matter");
            mistakes.note(file, "", format!("has an answer of {chars} characters"), accepted);
        }
        let answer = answer.into();
        Some(Self { id, language, version, title, intents, questions, not_for, answer })
    }
}

/// The text of an article with another version in its front matter.
///
/// # Errors
/// When it has no front matter in TOML.
pub fn with_version(name: &str, text: &str, version: u32) -> Result<String, ShopErrors> {
    let broken = || {
        let mistakes = Mistakes::default();
        mistakes.note(name, "", "has no front matter", "TOML between two lines of +++");
        mistakes.or(()).map(|()| unreachable!("a mistake was noted"))
    };
    let Some((front, body)) = split(text) else { return broken() };
    let Ok(mut front) = front.parse::<DocumentMut>() else { return broken() };
    front["version"] = toml_edit::value(i64::from(version));
    Ok(format!("{FENCE}\n{front}{FENCE}\n{body}"))
}

fn ways_to_ask(root: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let texts = root.texts(key);
    let fits = |text: &String| (1..=QUESTION_CHARS_MAX).contains(&text.trim().chars().count());
    if texts.len() > QUESTIONS_MAX || !texts.iter().all(fits) {
        let accepted =
            format!("at most {QUESTIONS_MAX} texts of 1 to {QUESTION_CHARS_MAX} characters");
        root.note(key, "does not fit", accepted);
        return Vec::new();
    }
    texts
}

/// Id and language out of `return-window.en.md`.
fn parse_name(name: &str) -> Option<(Arc<str>, Language)> {
    let (id, language) = name.strip_suffix(".md")?.rsplit_once('.')?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_id = (1..=64).contains(&id.len()) && id.bytes().all(fits);
    Some((id.into(), language.parse().ok()?)).filter(|_| is_id)
}

/// The front matter and what follows it.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rest = text.strip_prefix(FENCE)?;
    let rest = rest.strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n"))?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// Markdown as the text of a message: links show their address, lists their points.
fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut address = None;
    for event in Parser::new(markdown) {
        match event {
            Event::Text(said) | Event::Code(said) | Event::Html(said) | Event::InlineHtml(said) => {
                text.push_str(&said);
            }
            Event::SoftBreak => text.push(' '),
            Event::HardBreak => text.push('\n'),
            Event::Start(Tag::Item) => text.push_str("\n• "),
            Event::Start(Tag::Link { dest_url, .. }) => address = Some((text.len(), dest_url)),
            Event::End(TagEnd::Link) => {
                if let Some((from, url)) = address.take()
                    && text.get(from..) != Some(&*url)
                {
                    text.push_str(&format!(" ({url})"));
                }
            }
            Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::List(_)) => {
                text.push_str("\n\n");
            }
            _ => {}
        }
    }
    // A list begins after a paragraph: its points follow it line by line.
    text.trim().replace("\n\n\n", "\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETURNS: &str = "+++\ntitle = \"Returns\"\nintents = [\"return_policy\"]\n\
        questions = [\"Can I return it?\"]\n+++\n\nWithin **30 days**, see [how](https://shop.example/returns).\n\n\
        - unused\n- in its box\n";

    #[test]
    fn an_article_tells_its_text_without_markup_and_names_its_source() {
        let article = Article::read("returns.en.md", RETURNS).expect("an article");

        assert_eq!(
            &*article.answer,
            "Within 30 days, see how (https://shop.example/returns).\n\n• unused\n• in its box"
        );
        assert_eq!(&*article.source(), "knowledge/returns@1");
        assert_eq!(article.language.as_str(), "en");
    }

    #[test]
    fn another_version_changes_the_version_and_nothing_else() {
        let second = with_version("returns.en.md", RETURNS, 2).expect("front matter");

        let first = Article::read("returns.en.md", RETURNS).expect("an article");
        let article = Article::read("returns.en.md", &second).expect("an article");
        assert_eq!(article, Article { version: 2, ..first });
    }

    #[test]
    fn mistakes_name_their_line_and_what_would_fit() {
        let error =
            |name: &str, text: &str| Article::read(name, text).expect_err("wrong").to_string();

        assert!(error("Returns.en.md", RETURNS).contains("return-window.en.md"));
        assert!(error("returns.en.md", "Within 30 days").contains("a line of +++"));
        let refund = RETURNS.replace("return_policy", "request_refund");
        assert!(error("returns.en.md", &refund).contains("never answered by a machine"));
        let broken = RETURNS.replace("\"Returns\"", "Returns");
        assert!(
            error("returns.en.md", &broken).contains("line 2"),
            "{}",
            error("returns.en.md", &broken)
        );
        let long = format!("{RETURNS}{}", "a ".repeat(ANSWER_CHARS_MAX));
        assert!(error("returns.en.md", &long).contains("1 to 2000 characters"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(front in "\\PC{0,60}", body in "\\PC{0,60}") {
            let text = format!("+++\n{front}\n+++\n{body}");
            let _ = Article::read("a.en.md", &text);
            let _ = Article::read("a.en.md", &body);
            let _ = with_version("a.en.md", &text, 2);
        }
    }
}
