//! From the files of a shop to a [`Shop`], with all mistakes noted on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;

use crate::domain::{
    CustomerId, Hours, Intent, Language, Proficiency, RegionId, SeatId, SeatProfile, Sentiment,
    ShopId, SkillId, time_zone,
};

use super::account::{Password, SeatAccount};
use super::answers::{AnswerBook, Answers};
use super::article::{ALL_QUESTIONS_MAX, ARTICLE_INTENTS, ARTICLES_FOLDER, ARTICLES_MAX, Article};
use super::crew::Crew;
use super::edit::Role;
use super::email;
use super::hours::HoursReader;
use super::identity;
use super::incidents;
use super::load::{self, ShopFiles};
use super::openid::{self, SeatIdentity};
use super::order::{OrderPattern, Orders};
use super::origin::Origins;
use super::region::Region;
use super::routing;
use super::section::{Mistakes, Section, ShopErrors};
use super::{
    Answering, ArticleRules, GENERAL_SKILL, OwnIntents, Priorities, Shop, ShopKnowledge, SkillMap,
    TrustedHeaders, translation, webhook,
};

const FILE: &str = "shop.toml";
const LANGUAGE: &str = "a language code of two or three lower-case letters";
const NAME: &str = "1 to 64 of a-z, 0-9, `-` and `_`";
const ORDER_NUMBER: &str =
    "capital letters, 4 to 16 `#` for digits, and separators, as in TW-#####";
pub(super) const SLOTS_MAX: u32 = 20;
/// Of a crew, and of those that the file names one by one.
const SEATS_MAX: u32 = 2_000;
/// Ten years.
const KEEP_DAYS_MAX: u32 = 3_650;
/// Confidence means probability: from here on the label is likelier right than wrong.
const OWN_INTENT_CONFIDENCE: f32 = 0.5;
/// Intents about an order that its status may answer.
const ORDER_INTENTS: [Intent; 2] = [Intent::TrackOrder, Intent::NotReceived];

pub(super) fn shop(files: &ShopFiles) -> Result<Shop, ShopErrors> {
    let mistakes = Mistakes::default();
    let Some(text) = files.0.get(FILE) else {
        mistakes.note(FILE, "", "is missing", "a file shop.toml in the folder of the shop");
        return mistakes.or(()).map(|()| unreachable!("a mistake was noted above"));
    };
    let mut root = Section::root(&mistakes, FILE, text);

    let demo = root.flag("demo");
    let id = root.required_text("id", NAME);
    check_name(&root, "id", &id);
    let name = root.required_text("name", "a text");
    let origins = root.parsed_list(
        "origins",
        "`loopback`, or an origin such as https://shop.example in lower case, without a path",
    );
    let default_language = language(&mut root, "default_language").unwrap_or(Language::ENGLISH);
    let fallback_language = language(&mut root, "fallback_language");
    let order_number: OrderPattern = match root.parsed("order_number", ORDER_NUMBER) {
        Some(pattern) => pattern,
        None => "ORDER-########".parse().expect("the default pattern is one"),
    };
    let user_id_secret = root.has("identity_secret");
    let user_id_secret =
        user_id_secret.then(|| identity::secret(&mut root, "identity_secret")).flatten();
    let customer_proof = identity::read(root.section("identity"), &id, user_id_secret);
    let origins = Origins::from_rules(origins);
    let has_provider = root.has("openid");
    let section = root.section("openid");
    let openid = has_provider.then(|| openid::read(section, &origins)).flatten();
    let email = email::read(root.section("email"));
    let webhooks = webhook::read(root.sections("webhooks"));
    let reader = HoursReader::new(files, &mistakes);
    let mut section = root.section("hours");
    let hours = reader.read(&mut section, "open").unwrap_or_else(Hours::always);
    section.finish();
    let regions = regions(root.sections("regions"));
    let keeps_closed = keeps_closed(&mut root);
    let has_own = root.has("own_intents");
    let own_section = root.section("own_intents");
    let own_intents = has_own.then(|| read_own_intents(own_section));
    let skills = skill_map(root.section("intents"), own_intents.is_some());
    let priorities = priorities(root.section("priority"));
    let known = routing::Known { skills: &skills.all(), regions: &regions };
    let mut rules = routing::rules(root.section("routing"), &known);
    let queue_hours = routing::queues(root.sections("queues"), &known, &reader, &mut rules.queues);
    let trusted_headers = trusted_headers(root.section("trusted_headers"));
    let answering = answering(root.section("answering"));
    let (generic_intents, automatic_joins) = incidents::read(root.section("incidents"));
    let (seats_through_translation, translators) =
        translation::read(root.section("translation"), files);

    let teams = reader.teams(root.sections("teams"));

    let mut seats = Seats {
        demo,
        has_provider,
        skills: skills.all(),
        regions: &regions,
        hours: &reader,
        teams,
        seats: BTreeMap::new(),
    };
    let sections = root.sections("seats");
    if sections.len() > SEATS_MAX as usize {
        root.note("seats", "are too many", format!("at most {SEATS_MAX}"));
    }
    for section in sections.into_iter().take(SEATS_MAX as usize) {
        seats.seat(section);
    }
    if root.has("crew") {
        seats.crew(root.section("crew"));
    }
    let seats = seats.seats;

    if let Some(language) = fallback_language {
        let spoken = |account: &SeatAccount| account.profile.languages.contains(&language);
        if !seats.is_empty() && !seats.values().any(spoken) {
            let problem = format!("no seat speaks `{language}`");
            root.note("fallback_language", problem, "a language of some seat");
        }
    }

    let knowledge = knowledge(&mut root, files, &mistakes, &order_number, demo);
    if !knowledge.answers.0.contains_key(&default_language) {
        let accepted = "a language with an answer file";
        root.note("default_language", format!("`{default_language}` has no answers"), accepted);
    }
    root.finish();

    mistakes.or(Shop {
        id: ShopId::from(id),
        name,
        demo,
        origins,
        default_language,
        fallback_language,
        translation: seats_through_translation,
        translators,
        hours,
        queue_hours,
        regions,
        keeps_closed,
        skills,
        own_intents,
        priorities,
        rules,
        trusted_headers,
        answering,
        generic_intents,
        automatic_joins,
        order_number,
        seats,
        customer_proof,
        email,
        webhooks,
        openid,
        knowledge,
    })
}

fn trusted_headers(mut section: Section<'_>) -> TrustedHeaders {
    let mut header = |key: &'static str| {
        let name = section.text(key)?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !name.bytes().all(is_token) {
            let accepted = "the name of a header, such as cf-ipcountry";
            section.note(key, format!("`{name}` does not fit"), accepted);
            return None;
        }
        Some(name.to_ascii_lowercase())
    };
    let headers = TrustedHeaders { country: header("country"), time_zone: header("time_zone") };
    section.finish();
    headers
}

fn language(section: &mut Section<'_>, key: &'static str) -> Option<Language> {
    section.parsed(key, LANGUAGE)
}

fn regions(sections: Vec<Section<'_>>) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for mut section in sections {
        let id = section.required_text("id", NAME);
        check_name(&section, "id", &id);
        let region = Region {
            id: RegionId::from(id),
            countries: section.texts("countries"),
            locales: section.texts("locales"),
            time_zones: section.texts("time_zones"),
            resident: section.flag("resident"),
            keeps_closed: keeps_closed(&mut section),
        };
        for code in &region.countries {
            if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
                section.note("countries", format!("`{code}` is no country"), "codes such as MX");
            }
        }
        for zone in region.time_zones.iter().filter(|zone| !zone.ends_with("/*")) {
            if time_zone(zone).is_none() {
                let accepted = "IANA zones such as Asia/Bangkok, or America/* for all below";
                section.note("time_zones", format!("`{zone}` is no time zone"), accepted);
            }
        }
        if regions.iter().any(|other| other.id == region.id) {
            section.note("id", format!("`{}` stands twice", region.id), "an id of its own");
        }
        section.finish();
        regions.push(region);
    }
    regions
}

/// How long closed conversations are kept.
fn keeps_closed(section: &mut Section<'_>) -> Option<Duration> {
    let is_given = section.has("keep_closed_days");
    let days = section.whole("keep_closed_days", 1..=KEEP_DAYS_MAX, 1);
    is_given.then(|| Duration::from_secs(u64::from(days) * 24 * 3600))
}

fn intents_accepted() -> String {
    format!("one of {}", Intent::ALL.map(Intent::as_str).join(", "))
}

/// Labels of the shop's own set are accepted when it has one; which there are, only the set knows.
fn skill_map(section: Section<'_>, has_own: bool) -> SkillMap {
    let shipped = intents_accepted();
    SkillMap::new(section.map(&shipped, |section, key, value| {
        if !has_own && key.parse::<Intent>().is_err() {
            section.note(key, "is not known here", &shipped);
            return None;
        }
        match value.as_str() {
            Some(skill) if is_name(skill) => Some(SkillId::from(skill)),
            _ => section.refuse(key, &value, NAME),
        }
    }))
}

fn read_own_intents(mut section: Section<'_>) -> OwnIntents {
    let folder = section.required_text("folder", "the folder that `tradewind train` wrote");
    let confidence = section.probability("confidence", OWN_INTENT_CONFIDENCE);
    section.finish();
    OwnIntents { folder: folder.into(), confidence }
}

fn priorities(mut section: Section<'_>) -> Priorities {
    let sentiments = section.texts("raised_sentiments");
    let raised_sentiments = sentiments
        .iter()
        .filter_map(|text| {
            let found = Sentiment::ALL.into_iter().find(|sentiment| sentiment.as_str() == text);
            if found.is_none() {
                let problem = format!("`{text}` is no sentiment");
                section.note("raised_sentiments", problem, "negative, neutral, positive");
            }
            found
        })
        .collect();
    let priorities = Priorities {
        raised_intents: section.parsed_list("raised_intents", &intents_accepted()),
        raised_sentiments,
        sentiment_confidence: section.probability("sentiment_confidence", 0.6),
        vip_customers: section.texts("vip_customers").into_iter().map(CustomerId::from).collect(),
    };
    section.finish();
    priorities
}

fn answering(mut section: Section<'_>) -> Answering {
    let intents = section.section("intents");
    let answering = Answering {
        intent_confidence: section.probability("intent_confidence", 0.8),
        by_intent: thresholds(intents),
        clarify_below: section.probability("clarify_below", 0.3),
        language_confidence: section.probability("language_confidence", 0.8),
        negative_confidence: section.probability("negative_confidence", 0.6),
        customer_turns_max: section.whole("customer_turns_max", 1..=100, 6),
        articles: article_rules(section.section("articles")),
    };
    section.finish();
    answering
}

fn article_rules(mut section: Section<'_>) -> ArticleRules {
    let usual = ArticleRules::default();
    let rules = ArticleRules {
        intent: section.probability("intent", usual.intent),
        retrieval: section.probability("retrieval", usual.retrieval),
        margin: section.probability("margin", usual.margin),
    };
    section.finish();
    rules
}

fn thresholds(section: Section<'_>) -> BTreeMap<Intent, f32> {
    let accepted: Vec<&str> =
        ARTICLE_INTENTS.iter().chain(&ORDER_INTENTS).map(|intent| intent.as_str()).collect();
    let accepted = format!("one of {}", accepted.join(", "));
    section.map(&accepted, |section, key, value| {
        let answered =
            |intent: &Intent| ARTICLE_INTENTS.contains(intent) || ORDER_INTENTS.contains(intent);
        if !key.parse().is_ok_and(|intent| answered(&intent)) {
            section.note(key, "is never answered by a machine", &accepted);
            return None;
        }
        section.as_probability(key, &value)
    })
}

/// Reads seats and keeps what they must agree with.
struct Seats<'a> {
    demo: bool,
    /// Whether seats may sign in at a provider.
    has_provider: bool,
    skills: Vec<SkillId>,
    regions: &'a [Region],
    hours: &'a HoursReader<'a>,
    teams: BTreeMap<String, Hours>,
    seats: BTreeMap<SeatId, SeatAccount>,
}

impl Seats<'_> {
    fn seat(&mut self, mut section: Section<'_>) {
        let id = section.required_text("id", NAME);
        check_name(&section, "id", &id);
        let texts = section.texts("languages");
        let (names, spoken) = routing::levels(&section, "languages", texts);
        let parsed = |name: &String| section.parse("languages", name, LANGUAGE);
        let languages: Vec<Language> = names.iter().filter_map(parsed).collect();
        let spoken =
            spoken.into_iter().filter_map(|(name, level)| Some((name.parse().ok()?, level)));
        let spoken = spoken.collect();
        if languages.iter().collect::<BTreeSet<_>>().len() < languages.len() {
            section.note("languages", "names one twice", "each language once");
        }
        if languages.is_empty() {
            section.note("languages", "is empty", "at least one language code");
        }
        let regions: Vec<RegionId> =
            section.texts("regions").into_iter().map(RegionId::from).collect();
        for id in regions.iter().filter(|id| !self.regions.iter().any(|known| known.id == **id)) {
            section.note("regions", format!("`{id}` is no region"), "ids of [[regions]]");
        }
        let (skills, able) = self.skills_of(&mut section);
        let profile = SeatProfile {
            id: SeatId::from(id),
            languages,
            skills,
            proficiency: Proficiency { skills: able, languages: spoken },
            regions,
            slots: slots(&mut section),
            hours: self.shifts(&mut section),
        };
        let identity = openid::seat(&mut section, self.has_provider);
        let password = match identity.is_none() || has_password(&section) {
            true => self.password(&mut section).map(Some),
            false => Some(None),
        };
        let role = self.role(&mut section);
        let replies = !section.has("replies") || section.flag("replies");
        if let Some(password) = password {
            let (supervisor, admin) = (role >= Role::Supervisor, role == Role::Admin);
            self.add(
                &section,
                SeatAccount { profile, password, identity, replies, supervisor, admin },
            );
        }
        section.finish();
    }

    /// The role under `role`; `supervisor = true` says the same as that role.
    fn role(&self, section: &mut Section<'_>) -> Role {
        let supervisor = section.flag("supervisor");
        let role = section.parsed("role", "seat, supervisor or admin");
        role.unwrap_or(if supervisor { Role::Supervisor } else { Role::Seat })
    }

    /// The seat's own shifts, else those of its team.
    fn shifts(&self, section: &mut Section<'_>) -> Hours {
        let own = self.hours.read(section, "shifts");
        let team = section.text("team").and_then(|name| {
            let hours = self.teams.get(&name).cloned();
            if hours.is_none() {
                section.note("team", format!("`{name}` is no team"), "ids of [[teams]]");
            }
            hours
        });
        own.or(team).unwrap_or_else(Hours::always)
    }

    fn crew(&mut self, mut section: Section<'_>) {
        let weights = section.section("languages").map(LANGUAGE, |section, key, value| {
            let weight = value.as_integer().and_then(|weight| u32::try_from(weight).ok());
            match weight.filter(|weight| (1..=1_000).contains(weight)) {
                Some(weight) => Some(weight),
                None => section.refuse(key, &value, "a whole number from 1 to 1000"),
            }
        });
        if weights.is_empty() {
            section.note("languages", "is empty", "at least one language code with its weight");
        }
        let prefix = section.required_text("prefix", NAME);
        check_name(&section, "prefix", &prefix);
        let crew = Crew {
            seats: section.whole("seats", 1..=SEATS_MAX, 1),
            prefix,
            slots: slots(&mut section),
            skills: self.skills_of(&mut section).0,
            languages: weights.into_iter().collect(),
        };
        if let Some(password) = self.password(&mut section) {
            for profile in crew.profiles() {
                let account = SeatAccount {
                    profile,
                    password: Some(password.clone()),
                    identity: SeatIdentity::default(),
                    replies: true,
                    supervisor: false,
                    admin: false,
                };
                self.add(&section, account);
            }
        }
        section.finish();
    }

    fn add(&mut self, section: &Section<'_>, account: SeatAccount) {
        let id = account.profile.id.clone();
        if self.seats.contains_key(&id) {
            section.note("id", format!("`{id}` stands twice"), "a name of its own");
        }
        let is_taken = |of: fn(&SeatIdentity) -> &Option<String>| {
            let own = of(&account.identity);
            own.is_some() && self.seats.values().any(|other| of(&other.identity) == own)
        };
        let accepted = "one of its own for each seat";
        if is_taken(|identity| &identity.subject) {
            section.note("subject", "is another seat's", accepted);
        }
        if is_taken(|identity| &identity.email) {
            section.note("email", "is another seat's", accepted);
        }
        self.seats.insert(id, account);
    }

    /// The skills under `skills`, and the levels of those that say one; all of the shop when there
    /// is no such key.
    fn skills_of(&self, section: &mut Section<'_>) -> (Vec<SkillId>, BTreeMap<SkillId, u8>) {
        if !section.has("skills") {
            section.texts("skills");
            return (self.skills.clone(), BTreeMap::new());
        }
        let texts = section.texts("skills");
        let (names, levels) = routing::levels(section, "skills", texts);
        let levels = levels.into_iter().map(|(name, level)| (SkillId::from(name), level)).collect();
        let mut skills: Vec<SkillId> = names.into_iter().map(SkillId::from).collect();
        for skill in skills.iter().filter(|skill| !self.skills.contains(skill)) {
            let known: Vec<&str> = self.skills.iter().map(SkillId::as_str).collect();
            let accepted =
                format!("skills of [intents] or `{GENERAL_SKILL}`: {}", known.join(", "));
            section.note("skills", format!("no intent asks for `{skill}`"), accepted);
        }
        skills.sort_unstable();
        skills.dedup();
        (skills, levels)
    }

    fn password(&self, section: &mut Section<'_>) -> Option<Password> {
        let accepted = "an Argon2 hash in PHC form, `$argon2id$…`";
        if let Some(password) = section.text("demo_password") {
            if !self.demo {
                section.note("demo_password", "is for demo shops only", "`password` with a hash");
                return None;
            }
            return Some(Password::Demo(password));
        }
        let hash = section.required_text("password", accepted);
        if hash.is_empty() {
            return None;
        }
        match PasswordHash::new(&hash) {
            Ok(hash) if hash.algorithm.as_str().starts_with("argon2") => {
                Some(Password::Hash(Box::new(hash)))
            }
            _ => {
                // The text itself stays out of the message: it may be a plain password.
                section.note("password", "is no Argon2 hash", accepted);
                None
            }
        }
    }
}

fn has_password(section: &Section<'_>) -> bool {
    section.has("password") || section.has("demo_password")
}

fn slots(section: &mut Section<'_>) -> NonZeroU8 {
    let slots = section.whole("slots", 1..=SLOTS_MAX, 3);
    u8::try_from(slots).ok().and_then(NonZeroU8::new).expect("slots lie between 1 and SLOTS_MAX")
}

fn knowledge(
    root: &mut Section<'_>,
    files: &ShopFiles,
    mistakes: &Mistakes,
    pattern: &OrderPattern,
    demo: bool,
) -> ShopKnowledge {
    let orders = match root.text("orders") {
        None => Orders::default(),
        Some(file) => match files.0.get(&file) {
            Some(text) => Orders::parse(mistakes, &file, text, pattern, demo),
            None => {
                root.note("orders", format!("there is no file `{file}`"), "a CSV file of the shop");
                Orders::default()
            }
        },
    };
    let folder = root.text("answers").unwrap_or_else(|| "answers".to_owned());
    let mut answers = BTreeMap::new();
    for (file, text) in &files.0 {
        let Some(name) = file.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        let code = name.strip_suffix(".toml").and_then(|code| code.parse::<Language>().ok());
        match code {
            None => mistakes.note(file, "", "is not named after a language", "such as es.toml"),
            Some(language) => {
                let built_in = load::built_in_answers(language);
                if let Some(parsed) = Answers::parse(mistakes, file, text, built_in) {
                    answers.insert(language, parsed);
                }
            }
        }
    }
    ShopKnowledge { orders, answers: AnswerBook(answers), articles: articles(files, mistakes) }
}

fn articles(files: &ShopFiles, mistakes: &Mistakes) -> Vec<Arc<Article>> {
    let is_inside =
        |file: &str| file.strip_prefix(ARTICLES_FOLDER).is_some_and(|rest| rest.starts_with('/'));
    let found = files.0.iter().filter(|(file, _)| is_inside(file) && file.ends_with(".md"));
    let mut articles: Vec<Arc<Article>> = Vec::new();
    let mut known = BTreeSet::new();
    for (file, text) in found {
        let Some(article) = Article::parse(mistakes, file, text) else { continue };
        if !known.insert((article.id.clone(), article.language)) {
            let problem = format!("`{}` in `{}` stands twice", article.id, article.language);
            mistakes.note(file, "", problem, "one file for each article and language");
        }
        articles.push(Arc::new(article));
    }
    if articles.len() > ARTICLES_MAX {
        let accepted = format!("at most {ARTICLES_MAX}");
        mistakes.note(ARTICLES_FOLDER, "", "holds too many articles", accepted);
    }
    let questions = articles.iter().map(|it| it.questions.len() + it.not_for.len()).sum::<usize>();
    if questions > ALL_QUESTIONS_MAX {
        let accepted = format!("at most {ALL_QUESTIONS_MAX} of all articles");
        mistakes.note(ARTICLES_FOLDER, "", format!("holds {questions} questions"), accepted);
    }
    articles
}

fn check_name(section: &Section<'_>, key: &str, text: &str) {
    if !text.is_empty() && !is_name(text) {
        section.note(key, format!("`{text}` does not fit"), NAME);
    }
}

fn is_name(text: &str) -> bool {
    let is_name_byte = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    (1..=64).contains(&text.len()) && text.bytes().all(is_name_byte)
}
