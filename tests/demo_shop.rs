//! The demo shop: what a newcomer meets first, and the example that owners copy.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tradewind::config::shop::{Evidence, FAQ_INTENTS, OrderStatus, Phrase, Shop, ShopFiles};
use tradewind::domain::{
    AfterHold, ApprovalRule, Intent, Language, Needs, QueueRules, Regions, SeatId, Select, Step,
    Timestamp,
};

/// The languages that the shop answers in.
const LANGUAGES: &str = "ar bn de en es fr he hi id it ja ko ms nl pl pt ru sv th tl tr uk vi zh";

/// The languages that the crew of the load test speaks.
const CREW: &str = "ar bn da de en es fr he hi id it ja ms nl pl pt ru sv sw th tl tr uk vi yo zh";

fn language(code: &str) -> Language {
    code.parse().expect("a language")
}

#[test]
fn every_language_has_every_sentence() {
    let shop = Shop::embedded_demo();
    let book = &shop.knowledge.answers;

    let languages: Vec<String> = book.languages().map(|language| language.to_string()).collect();
    assert_eq!(languages.join(" "), LANGUAGES);
    for language in book.languages() {
        let answers = book.get(language).expect("a language of the book");
        for status in OrderStatus::ALL {
            assert!(answers.order(status).is_some(), "{language}: {}", status.as_str());
        }
        for intent in FAQ_INTENTS {
            assert!(answers.faq(intent).is_some(), "{language}: {intent}");
        }
    }
}

#[test]
fn no_sentence_was_left_in_another_language() {
    let shop = Shop::embedded_demo();
    let book = &shop.knowledge.answers;
    let mut owner = BTreeMap::new();

    for language in book.languages() {
        let answers = book.get(language).expect("a language of the book");
        let orders = OrderStatus::ALL.into_iter().filter_map(|status| answers.order(status));
        let faq = FAQ_INTENTS.into_iter().filter_map(|intent| answers.faq(intent));
        let phrases = Phrase::ALL.into_iter().map(|phrase| answers.phrase(phrase));
        for template in orders.chain(faq).chain(phrases) {
            let other = owner.insert(template.as_str().to_owned(), language);
            assert_eq!(other, None, "{language}: {}", template.as_str());
        }
    }
}

#[test]
fn the_word_of_the_hint_asks_for_a_person() {
    let shop = Shop::embedded_demo();
    let book = &shop.knowledge.answers;

    for language in book.languages() {
        let answers = book.get(language).expect("a language of the book");
        let word = &answers.person_words()[0];
        assert!(book.is_person_word(&format!(" {}! ", word.to_uppercase())), "{language}: {word}");
    }
    assert!(!book.is_person_word("where is my parcel"));
}

#[test]
fn every_intent_has_a_skill_that_some_seat_has() {
    let shop = Shop::embedded_demo();
    let named: BTreeSet<&str> = shop
        .seats
        .values()
        .filter(|seat| !seat.profile.id.as_str().starts_with("seat-"))
        .flat_map(|seat| seat.profile.skills.iter().map(|skill| skill.as_str()))
        .collect();

    for intent in Intent::ALL {
        assert!(named.contains(shop.skills.skill_for(intent).as_str()), "{intent}");
    }
}

#[test]
fn the_crew_speaks_every_language_of_the_load_test() {
    let shop = Shop::embedded_demo();
    let mut seats_of: BTreeMap<String, u32> = BTreeMap::new();
    let mut speaking = [0; 4];
    let crew: Vec<_> =
        (1..=200).map(|n| &shop.seats[&format!("seat-{n:03}").as_str().into()]).collect();

    for seat in &crew {
        assert!(seat.password.as_ref().is_some_and(|password| password.verify("demo")));
        assert_eq!(seat.profile.slots.get(), 3);
        assert!(seat.profile.hours.is_open(Timestamp::from_millis(0)));
        assert!(seat.profile.regions.is_empty());
        assert_eq!(seat.profile.skills, shop.skills.all());
        speaking[seat.profile.languages.len()] += 1;
        for language in &seat.profile.languages {
            *seats_of.entry(language.to_string()).or_default() += 1;
        }
    }

    assert_eq!(speaking, [0, 80, 80, 40]);
    let languages: Vec<&str> = seats_of.keys().map(String::as_str).collect();
    assert_eq!(languages.join(" "), CREW);
    assert!(seats_of.values().all(|seats| *seats >= 3), "{seats_of:?}");
    assert!(seats_of["en"] > seats_of["ar"] && seats_of["ar"] > seats_of["it"], "{seats_of:?}");
}

#[test]
fn rare_languages_do_not_sit_at_the_same_seats() {
    let shop = Shop::embedded_demo();
    let mut together: BTreeMap<(Language, Language), u32> = BTreeMap::new();
    let rare: Vec<Language> = "ru vi pl ms tl sv bn he uk".split(' ').map(language).collect();

    for seat in shop.seats.values() {
        let spoken = seat.profile.languages.iter().filter(|language| rare.contains(language));
        let spoken: Vec<Language> = spoken.copied().collect();
        for (at, a) in spoken.iter().enumerate() {
            for b in &spoken[at + 1..] {
                *together.entry((*a.min(b), *a.max(b))).or_default() += 1;
            }
        }
    }

    assert!(together.values().all(|seats| *seats < 3), "{together:?}");
}

#[test]
fn korean_is_the_one_language_that_closes_in_the_evening() {
    let shop = Shop::embedded_demo();
    // 2026-11-25, a Wednesday: 03:00 UTC is noon in Seoul, 12:00 UTC is nine in the evening.
    let noon = Timestamp::from_millis(1_795_575_600_000);
    let evening = Timestamp::from_millis(1_795_608_000_000);
    let open = |code: &str, at| {
        let speaks = |seat: &&tradewind::config::shop::SeatAccount| {
            seat.profile.languages.contains(&language(code))
        };
        shop.seats.values().filter(speaks).any(|seat| seat.profile.hours.is_open(at))
    };

    assert!(open("ko", noon) && !open("ko", evening));
    for code in CREW.split(' ') {
        assert!(open(code, evening), "{code}");
    }
}

#[test]
fn demo_seats_sign_in_with_the_demo_password_only() {
    let shop = Shop::embedded_demo();

    assert!(shop.demo);
    for name in ["mai", "lucia", "kofi", "yuki", "minji", "omar", "priya", "anneke", "wei"] {
        let seat = &shop.seats[&name.into()];
        let password = seat.password.as_ref().expect("a password");
        assert!(password.verify("demo") && !password.verify("Demo"), "{name}");
    }
}

#[test]
fn customers_are_placed_by_where_they_are() {
    let shop = Shop::embedded_demo();
    let region = |locale, widget_zone| {
        let evidence = Evidence { locale, widget_zone, ..Evidence::default() };
        shop.region_for(&evidence).map(|region| region.to_string())
    };

    for (locale, zone, expected) in [
        ("es-MX", "America/Mexico_City", "latam"),
        ("en-US", "America/New_York", "north_america"),
        ("en-US", "Asia/Bangkok", "sea"),
        ("ar-EG", "Africa/Cairo", "mena"),
        ("yo-NG", "Africa/Lagos", "africa"),
        ("tr-TR", "Europe/Istanbul", "mena"),
        ("de-DE", "Europe/Berlin", "europe"),
        ("ja", "", "east_asia"),
        ("hi-IN", "Asia/Calcutta", "south_asia"),
    ] {
        assert_eq!(region(locale, zone).as_deref(), Some(expected), "{locale} {zone}");
    }
    assert_eq!(region("en", "UTC"), None);
}

#[test]
fn every_status_has_an_order_to_try() {
    let shop = Shop::embedded_demo();
    let statuses: BTreeSet<OrderStatus> =
        shop.knowledge.orders.iter().map(|order| order.status).collect();

    assert_eq!(shop.knowledge.orders.iter().count(), 40);
    assert_eq!(statuses.len(), OrderStatus::ALL.len());
}

fn edit(files: &mut ShopFiles, file: &str, from: &str, to: &str) {
    let text = files.0.get_mut(file).expect("a file of the demo shop");
    assert!(text.contains(from), "{file} has no {from}");
    *text = text.replacen(from, to, 1);
}

#[test]
fn all_mistakes_of_a_shop_are_reported_at_once() {
    let mut files = ShopFiles::demo();
    edit(&mut files, "shop.toml", "origins = [\"loopback\"]", "origins = [\"*\"]");
    edit(&mut files, "shop.toml", "refund_status = \"returns\"", "refnd_status = \"returns\"");
    edit(&mut files, "shop.toml", "slots = 3", "slots = 0");
    edit(&mut files, "shop.toml", "shifts = [\"always\"]", "shifts = [\"Mon 9-18\"]");
    edit(&mut files, "shop.toml", "data_privacy = 0.9", "complaint = 0.9");
    edit(&mut files, "orders.csv", "delivered", "eaten");
    edit(&mut files, "answers/es.toml", "{tracking}", "{traking}");
    edit(&mut files, "answers/th.toml", "still_there", "still_their");

    edit(&mut files, "shop.toml", "wrap_up = \"0s\"", "wrap_up = \"2h\"");
    let queue = "[[queues]]\nskill = \"alchemy\"\nlevel = 7\nselect = \"best\"\n\
        [[queues.steps]]\nregions = [\"moon\"]\n";
    edit(&mut files, "shop.toml", "chat = 1", &format!("chat = 0\nfax = 1\n{queue}"));
    edit(&mut files, "shop.toml", "[\"es\", \"pt\", \"en\"]", "[\"es\", \"pt:9\", \"en:2\"]");

    let errors = Shop::from_files(&files).expect_err("many mistakes");

    let places: Vec<String> =
        errors.0.iter().map(|mistake| format!("{} {}", mistake.file, mistake.key)).collect();
    for place in [
        "shop.toml origins",
        "shop.toml intents.refnd_status",
        "shop.toml routing.wrap_up",
        "shop.toml routing.slots_of.chat",
        "shop.toml routing.slots_of.fax",
        "shop.toml queues[0].skill",
        "shop.toml queues[0].level",
        "shop.toml queues[0].select",
        "shop.toml queues[0].steps[0].after",
        "shop.toml queues[0].steps[0].regions",
        "shop.toml seats[1].languages",
        "shop.toml seats[0].slots",
        "shop.toml seats[0].shifts",
        "shop.toml answering.intents.complaint",
        "orders.csv line 1",
        "answers/es.toml order.shipped",
        "answers/th.toml texts.still_their",
        "answers/th.toml texts.still_there",
    ] {
        assert!(places.iter().any(|known| known == place), "{place} is not in {places:#?}");
    }
    assert!(errors.to_string().contains("accepted: a whole number from 1 to 20"), "{errors}");
    let fax = "slots_of.fax: is no channel; accepted: `chat`: conversations come by no other";
    assert!(errors.to_string().contains(fax), "{errors}");
}

#[test]
fn hours_of_shop_skills_teams_and_seats_are_read_with_their_holidays_and_dates() {
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    *text = text.replace("zone = \"UTC\"\nopen = [\"always\"]", HOURS);
    let team = "languages = [\"th\", \"en\"]\nteam = \"bangkok\"\n";
    let own = "languages = [\"th\", \"en\"]\nzone = \"Asia/Bangkok\"\nshifts = [\"always\"]\n";
    *text = text.replace(own, team);
    files.0.insert("holidays/ours.toml".to_owned(), "[days]\n2026-05-04 = \"Ours\"\n".to_owned());

    let shop = Shop::from_files(&files).expect("a shop");

    let at = |text: &str| {
        let instant: jiff::Timestamp = text.parse().expect("an instant");
        Timestamp::from_millis(u64::try_from(instant.as_millisecond()).expect("after 1970"))
    };
    let open = |text: &str| shop.hours.is_open(at(text));
    // Berlin: an ordinary Monday, Easter Monday, the shop's own day, and Christmas Eve until two.
    assert!(open("2026-03-30T08:00:00Z") && !open("2026-03-30T17:00:00Z"));
    assert!(!open("2026-04-06T08:00:00Z") && !open("2026-05-04T08:00:00Z"));
    assert!(open("2026-12-24T12:59:00Z") && !open("2026-12-24T13:00:00Z"));
    // Returns have hours of their own, and shorter ones in Ramadan.
    let returns = &shop.queue_hours[&"returns".into()];
    assert!(returns.is_open(at("2026-02-16T13:00:00Z")));
    assert!(!returns.is_open(at("2026-02-18T13:00:00Z")));
    // A seat without shifts of its own has those of its team.
    let mai = &shop.seats[&"mai".into()].profile.hours;
    assert!(mai.is_open(at("2026-04-10T02:00:00Z")) && !mai.is_open(at("2026-04-13T02:00:00Z")));
}

const HOURS: &str = r#"zone = "Europe/Berlin"
open = ["Mon-Fri 09:00-18:00"]
holidays = ["DE", "ours"]
[[hours.dates]]
name = "Christmas Eve"
from = 2026-12-24
open = ["09:00-14:00"]

[[queues]]
skill = "returns"
zone = "Asia/Riyadh"
open = ["Sun-Thu 09:00-18:00"]
ramadan = ["Sun-Thu 10:00-15:00"]

[[teams]]
id = "bangkok"
zone = "Asia/Bangkok"
shifts = ["Mon-Fri 08:00-17:00"]
holidays = ["TH"]
"#;

#[test]
fn mistakes_in_hours_are_named() {
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    let wrong = HOURS
        .replace("\"ours\"", "\"Atlantis\"")
        .replace("\"Sun-Thu 10:00-15:00\"", "\"Sun-Thu\"")
        .replace("2026-12-24", "\"2026-02-30\"")
        .replace("\"returns\"", "\"alchemy\"")
        .replace("Asia/Bangkok", "Mars/Base");
    *text = text.replace("zone = \"UTC\"\nopen = [\"always\"]", &wrong);

    let errors = Shop::from_files(&files).expect_err("mistakes").to_string();

    for part in [
        "hours.holidays: `Atlantis` is not known",
        "hours.dates[0].from: `\"2026-02-30\"` does not fit",
        "queues[0].ramadan: `Sun-Thu` is not a span",
        "queues[0].skill: no intent asks for `alchemy`",
        "teams[0].zone: `Mars/Base` is not an IANA time zone",
    ] {
        assert!(errors.contains(part), "{part} is not in\n{errors}");
    }
}

#[test]
fn queues_steps_and_levels_are_read_as_they_are_written() {
    let mut files = ShopFiles::demo();
    let queue = "[[queues]]\nskill = \"returns\"\nopen = [\"Mon-Fri 09:00-17:00\"]\n\
        level = 4\nfluency = 3\n\
        prefers = [\"care\"]\nselect = \"longest_idle\"\nwaiting_max = 20\nwrap_up = \"30s\"\n\
        approval = { hold_max = \"20min\", then = \"release\" }\n\
        [[queues.steps]]\nafter = \"10s\"\nlevel = 2\n\
        [[queues.steps]]\nlonger_than = 5\nif_nobody_there = true\nregions = [\"any\"]\n";
    edit(&mut files, "shop.toml", "chat = 1", &format!("chat = 2\n{queue}"));
    edit(&mut files, "shop.toml", "[\"es\", \"pt\", \"en\"]", "[\"es\", \"pt\", \"en:2\"]");
    edit(&mut files, "shop.toml", "id = \"sea\"", "id = \"sea\"\nresident = true");

    let shop = Shop::from_files(&files).expect("a shop");

    let lucia = &shop.seats[&SeatId::from("lucia")].profile;
    assert_eq!((lucia.fluency(language("es")), lucia.fluency(language("en"))), (5, 2));
    assert_eq!(lucia.fluency(language("ja")), 0);
    assert_eq!(shop.rules.chat_slots.get(), 2);
    assert!(shop.rules.resident.contains(&"sea".into()));
    let needs = |level, regions| Needs { level, fluency: 3, regions };
    let (ten, thirty) = (Duration::from_secs(10), Duration::from_secs(30));
    let expected = QueueRules {
        needs: needs(4, Regions::Own),
        prefers: vec!["care".into()],
        select: Select::LongestIdle,
        waiting_max: Some(20),
        approval: Some(ApprovalRule {
            hold_max: Duration::from_secs(1_200),
            then: AfterHold::Release,
        }),
        wrap_up: Some(thirty),
        steps: vec![
            Step { needs: needs(2, Regions::Own), after: Some(ten), ..Step::default() },
            Step {
                needs: needs(4, Regions::Any),
                longer_than: Some(5),
                if_nobody_there: true,
                ..Step::default()
            },
        ],
    };
    assert_eq!(shop.rules.queues[&"returns".into()], expected);
    assert!(!shop.queue_hours[&"returns".into()].never_close(), "hours stand in the same table");
}

#[test]
fn a_queue_that_says_nothing_of_hours_has_those_of_the_shop() {
    let mut files = ShopFiles::demo();
    let queue = "chat = 1\n[[queues]]\nskill = \"returns\"\nlevel = 4\n";
    edit(&mut files, "shop.toml", "chat = 1", queue);

    let shop = Shop::from_files(&files).expect("a shop");

    assert!(shop.queue_hours.is_empty());
    assert_eq!(shop.rules.queues[&"returns".into()].needs.level, 4);
}

#[test]
fn queues_in_their_old_place_are_refused_with_the_new_one() {
    let mut files = ShopFiles::demo();
    let queue = "chat = 1\n[[routing.queues]]\nskill = \"returns\"\nlevel = 4\n";
    edit(&mut files, "shop.toml", "chat = 1", queue);

    let errors = Shop::from_files(&files).expect_err("the old place");

    let [mistake] = &errors.0[..] else { panic!("one mistake, not {errors}") };
    assert_eq!(mistake.key, "routing.queues");
    assert!(mistake.accepted.starts_with("[[queues]] with the same keys"), "{mistake}");
}

#[test]
fn a_plain_password_outside_a_demo_is_a_mistake_that_does_not_show_it() {
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    *text = text.replace("demo = true", "demo = false").replace(
        "[[seats]]\nid = \"mai\"\ndemo_password = \"demo\"",
        "[[seats]]\nid = \"mai\"\npassword = \"hunter2\"",
    );

    let errors = Shop::from_files(&files).expect_err("plain passwords").to_string();

    assert!(errors.contains("demo_password: is for demo shops only"), "{errors}");
    assert!(errors.contains("seats[0].password: is no Argon2 hash"), "{errors}");
    assert!(!errors.contains("hunter2"), "{errors}");
}

#[test]
fn shops_are_read_from_a_folder_as_the_demo_shop_is_from_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in &ShopFiles::demo().0 {
        let path = folder.path().join("one").join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    std::fs::write(folder.path().join("README.md"), "not a shop").expect("a file");

    let shops = Shop::load_dir(folder.path()).expect("a shop without mistakes");

    let demo = Shop::embedded_demo();
    let [shop] = shops.as_slice() else { panic!("one shop, not {}", shops.len()) };
    assert_eq!(format!("{shop:?}"), format!("{demo:?}"));
    assert_eq!(shop.knowledge, demo.knowledge);
}

#[test]
fn a_folder_without_a_shop_and_two_shops_of_one_name_are_mistakes() {
    let folder = tempfile::tempdir().expect("a folder");
    let errors = Shop::load_dir(folder.path()).expect_err("no shop");
    assert!(errors.to_string().contains("holds no shop"), "{errors}");

    for name in ["a", "b"] {
        for (path, text) in &ShopFiles::demo().0 {
            let path = folder.path().join(name).join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
    }
    let errors = Shop::load_dir(folder.path()).expect_err("one id twice");
    assert!(errors.to_string().contains("b/shop.toml: id: `demo` is taken"), "{errors}");
}
