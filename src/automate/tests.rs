//! What the demo shop's machine says, and when it keeps silent.

use std::sync::{Arc, LazyLock};

use super::{
    AutomateInput, Automated, FromArticles, KnownCustomer, Mood, Phrases, WhySeat, decide,
    is_for_everybody,
};
use crate::config::shop::{Article, OwnIntents, Shop, ShopFiles};
use crate::domain::{
    CustomerId, Guess, Intent, Language, OwnIntent, PiiKind, PiiSpan, Priority, Sentiment, SkillId,
    Timestamp, Understanding,
};

/// 2026-11-25 12:00 UTC.
const NOW: Timestamp = Timestamp::from_millis(1_795_608_000_000);

/// A message that the model is sure about.
fn sure(language: &str, intent: Intent) -> Understanding {
    let language: Language = language.parse().expect("a language");
    Understanding {
        language: Guess { label: language, confidence: 0.99 },
        intent: Guess { label: intent, confidence: 0.95 },
        sentiment: Guess { label: Sentiment::Neutral, confidence: 0.9 },
        ..Understanding::unknown(Language::ENGLISH)
    }
}

/// Of a customer who has not shown any.
static CALM: LazyLock<Mood> = LazyLock::new(Mood::default);

fn first<'a>(text: &'a str, understanding: &'a Understanding) -> AutomateInput<'a> {
    AutomateInput {
        text,
        understanding,
        mood: &CALM,
        customer: KnownCustomer::default(),
        machine_spoke: false,
        asked_for_person: false,
        customer_turns: 1,
        answered_from: &[],
        articles: &FromArticles::Nothing,
        phrases: None,
    }
}

/// The demo shop with a set of its own, which counts from one half on.
fn with_own_set() -> Shop {
    let own_intents = Some(OwnIntents { folder: "own".into(), confidence: 0.5 });
    Shop { own_intents, ..Shop::embedded_demo() }
}

/// The same message as the shop's own set reads it.
fn by_own_set(read: Understanding, label: Intent, confidence: f32) -> Understanding {
    let label = Some(label.as_str().into());
    Understanding { own_intent: Some(OwnIntent { label, confidence }), ..read }
}

fn ask(text: &str, language: &str, intent: Intent) -> Automated {
    decide(&first(text, &sure(language, intent)), &Shop::embedded_demo(), NOW)
}

/// Why the message needs a person; `None` when it does not.
fn why(automated: Automated) -> Option<WhySeat> {
    match automated {
        Automated::NeedsSeat { why, .. } => Some(why),
        _ => None,
    }
}

#[test]
fn an_order_is_looked_up_and_answered_in_the_customers_language() {
    for (text, language, sentence) in [
        (
            "where is my order tw10482?",
            "en",
            "Your order TW-10482 is on its way with La Poste. It should arrive by 1 December.",
        ),
        (
            "¿Dónde está mi pedido TW-10482?",
            "es",
            "La entrega está prevista para el 1 de diciembre a más tardar.",
        ),
        ("où est ma commande TW-10482", "fr", "prévue au plus tard le 1er décembre."),
        ("订单TW-10482到哪了", "zh", "预计最晚 12月1日 送达。运单号：LX767910718FR。"),
        ("คำสั่งซื้อ TW-๑๐๔๘๒ ถึงไหนแล้ว", "th", "คาดว่าจะถึงภายในวันที่ 1 ธันวาคม"),
        ("أين طلبي TW-١٠٤٨٢", "ar", "\u{2068}TW-10482\u{2069}"),
    ] {
        let answer = ask(text, language, Intent::TrackOrder);

        let Automated::Answer { text: answer, source, confidence } = answer else {
            panic!("{text}: {answer:?}")
        };
        assert!(answer.contains(sentence), "{answer}");
        assert_eq!(&*source, "orders/TW-10482");
        assert!((confidence - 0.95).abs() < 1e-6);
    }
}

#[test]
fn a_general_question_gets_the_shops_answer_and_the_way_to_a_person() {
    let answer = ask("can I return worn shoes?", "en", Intent::ReturnPolicy);

    let Automated::Answer { text, source, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(&*source, "faq/return_policy");
    assert!(text.starts_with("You can return unused items"), "{text}");
    assert!(text.ends_with("Just write \"person\" or press the button."), "{text}");
}

#[test]
fn how_long_delivery_takes_is_a_question_about_the_order_when_one_is_named() {
    let source = |text| match ask(text, "en", Intent::DeliveryTime) {
        Automated::Answer { source, .. } => source.to_string(),
        other => panic!("{other:?}"),
    };

    assert_eq!(source("how many days to Chile?"), "faq/delivery_time");
    assert_eq!(source("how many more days for TW-10482?"), "orders/TW-10482");
}

#[test]
fn every_status_has_an_answer_in_every_language() {
    let shop = Shop::embedded_demo();
    for language in shop.knowledge.answers.languages() {
        for order in shop.knowledge.orders.iter().filter(|order| order.number != "TW-10581") {
            let understood = sure(language.as_str(), Intent::TrackOrder);

            let answer = decide(&first(&order.number, &understood), &shop, NOW);

            let Automated::Answer { text, .. } = answer else { panic!("{order:?}: {answer:?}") };
            assert!(text.contains(&order.number) && !text.contains(['{', '}']), "{text}");
        }
    }
}

#[test]
fn people_answer_what_machines_must_not() {
    for intent in [
        Intent::Complaint,
        Intent::RequestRefund,
        Intent::RefundStatus,
        Intent::PaymentFailed,
        Intent::CancelOrder,
        Intent::ChangeAddress,
        Intent::Other,
        Intent::Greeting,
    ] {
        let answer = ask("order TW-10482", "en", intent);
        assert_eq!(why(answer), Some(WhySeat::NotForMachines), "{intent}");
    }
}

#[test]
fn a_bare_greeting_waits_for_the_question_and_is_routed_once_the_machine_has_asked() {
    let greeting = sure("en", Intent::Greeting);
    let shop = Shop::embedded_demo();
    let hello = first("hello", &greeting);
    let reason = |input: AutomateInput<'_>| why(decide(&input, &shop, NOW));

    assert_eq!(decide(&hello, &shop, NOW), Automated::Greeted);
    assert_eq!(
        reason(AutomateInput { machine_spoke: true, customer_turns: 2, ..hello }),
        Some(WhySeat::NotForMachines)
    );
    assert_eq!(
        reason(AutomateInput { asked_for_person: true, ..hello }),
        Some(WhySeat::AskedForPerson)
    );
    // With an order number it is a question, and with the third one somebody should look.
    assert!(reason(AutomateInput { text: "hello TW-10482", ..hello }).is_some());
    assert!(reason(AutomateInput { customer_turns: 3, ..hello }).is_some());
    let unsure = Understanding {
        intent: Guess { label: Intent::Greeting, confidence: 0.5 },
        ..sure("en", Intent::Greeting)
    };
    assert_ne!(decide(&first("hello", &unsure), &shop, NOW), Automated::Greeted);
}

#[test]
fn trouble_with_an_order_goes_to_a_person() {
    for (text, intent, reason) in [
        ("where is it", Intent::TrackOrder, WhySeat::NoOrderNumber),
        ("where is TW-99999", Intent::TrackOrder, WhySeat::UnknownOrder),
        ("where are TW-10482 and TW-10487", Intent::TrackOrder, WhySeat::SeveralOrders),
        // Delivered, says the carrier.
        ("TW-10471 never came", Intent::NotReceived, WhySeat::OrderTrouble),
        // Late since last week.
        ("where is TW-10581", Intent::TrackOrder, WhySeat::OrderTrouble),
        ("can I return TW-10471", Intent::ReturnPolicy, WhySeat::AboutOneOrder),
    ] {
        assert_eq!(why(ask(text, "en", intent)), Some(reason), "{text}");
    }
}

#[test]
fn an_unsure_model_leaves_the_answer_to_a_person() {
    let shop = Shop::embedded_demo();
    let mut understood = sure("en", Intent::ReturnPolicy);
    let decide =
        |understood: &Understanding| why(decide(&first("can I return it", understood), &shop, NOW));

    understood.intent.confidence = 0.64;
    assert_eq!(decide(&understood), Some(WhySeat::IntentUnsure));
    understood.intent.confidence = 0.65;
    assert_eq!(decide(&understood), None);
    understood.language.confidence = 0.79;
    assert_eq!(decide(&understood), Some(WhySeat::LanguageUnsure));
}

#[test]
fn an_intent_with_a_threshold_of_its_own_is_held_to_it() {
    let shop = Shop::embedded_demo();
    let mut understood = sure("en", Intent::DataPrivacy);
    understood.intent.confidence = 0.85;

    let answer = decide(&first("delete everything you have on me", &understood), &shop, NOW);

    assert_eq!(why(answer), Some(WhySeat::IntentUnsure));
}

#[test]
fn an_unhappy_customer_gets_a_person_with_raised_priority() {
    let shop = Shop::embedded_demo();
    let mut understood = sure("en", Intent::TrackOrder);
    understood.sentiment = Guess { label: Sentiment::Negative, confidence: 0.9 };

    let mut mood = Mood::default();
    mood.hear(1, &understood);
    let input = AutomateInput { mood: &mood, ..first("WHERE IS TW-10482 damn it", &understood) };
    let answer = decide(&input, &shop, NOW);

    assert_eq!(
        answer,
        Automated::NeedsSeat {
            skill: SkillId::from("orders"),
            priority: Priority::Raised,
            why: WhySeat::Negative,
        }
    );
}

#[test]
fn nobody_is_answered_in_a_language_that_is_not_theirs() {
    let answer = ask("bawo ni mo ṣe le da ọja pada", "yo", Intent::ReturnPolicy);

    assert_eq!(why(answer), Some(WhySeat::NoText));
}

#[test]
fn whoever_asks_for_a_person_gets_one_by_intent_by_word_or_from_before() {
    let shop = Shop::embedded_demo();
    let understood = sure("en", Intent::ReturnPolicy);

    let by_intent = ask("let me talk to somebody", "en", Intent::TalkToHuman);
    assert_eq!(why(by_intent), Some(WhySeat::AskedForPerson));
    // The model may take the bare word for anything.
    let by_word = ask("\"Mitarbeiter\"!", "de", Intent::ProductQuestion);
    assert_eq!(
        by_word,
        Automated::NeedsSeat {
            skill: SkillId::from("general"),
            priority: Priority::Normal,
            why: WhySeat::AskedForPerson,
        }
    );
    let before = AutomateInput { asked_for_person: true, ..first("returns?", &understood) };
    assert_eq!(why(decide(&before, &shop, NOW)), Some(WhySeat::AskedForPerson));
}

#[test]
fn nobody_hears_the_same_source_twice() {
    let shop = Shop::embedded_demo();
    let understood = sure("en", Intent::ReturnPolicy);
    let answered_from: [Arc<str>; 1] = ["faq/return_policy".into()];
    let again = AutomateInput {
        answered_from: &answered_from,
        customer_turns: 2,
        ..first("but can I return it?", &understood)
    };

    assert_eq!(why(decide(&again, &shop, NOW)), Some(WhySeat::AnsweredBefore));
}

#[test]
fn a_customer_who_writes_on_and_on_gets_a_person() {
    let shop = Shop::embedded_demo();
    let understood = sure("en", Intent::ReturnPolicy);
    let turn = |customer_turns| {
        let input = AutomateInput { customer_turns, ..first("returns?", &understood) };
        why(decide(&input, &shop, NOW))
    };

    assert_eq!(turn(6), None);
    assert_eq!(turn(7), Some(WhySeat::ManyTurns));
}

#[test]
fn thanks_for_an_answer_of_the_machine_call_nobody() {
    let shop = Shop::embedded_demo();
    let understood = sure("en", Intent::ThanksBye);
    let answered_from: [Arc<str>; 1] = ["faq/invoice".into()];
    let thanks = first("ok thanks", &understood);

    let after_answer = AutomateInput { answered_from: &answered_from, ..thanks };
    assert_eq!(decide(&after_answer, &shop, NOW), Automated::NoReply);
    assert_eq!(why(decide(&thanks, &shop, NOW)), Some(WhySeat::NotForMachines));
}

#[test]
fn thanks_with_anything_beside_them_are_read_by_a_person() {
    let shop = with_own_set();
    let answered: &[Arc<str>] = &["faq/invoice".into()];
    let follows = |text: &str, read: &Understanding| {
        decide(&AutomateInput { answered_from: answered, ..first(text, read) }, &shop, NOW)
    };
    let thanks = || sure("en", Intent::ThanksBye);
    let negative = |confidence| Understanding {
        sentiment: Guess { label: Sentiment::Negative, confidence },
        ..thanks()
    };

    assert_eq!(follows("great, thanks", &negative(0.59)), Automated::NoReply);
    let for_nothing = follows("thanks for nothing", &negative(0.6));
    assert_eq!(why(for_nothing), Some(WhySeat::NotForMachines));

    assert!(why(follows("thanks, and TW-10482?", &thanks())).is_some());

    let span = PiiSpan { kind: PiiKind::Phone, start: 8, end: 17, confidence: 0.9 };
    let with_number = Understanding { pii: vec![span], ..thanks() };
    assert!(why(follows("thanks! 612345678", &with_number)).is_some());

    let own = |label, confidence| by_own_set(thanks(), label, confidence);
    assert!(why(follows("thanks a lot", &own(Intent::Complaint, 0.5))).is_some());
    assert_eq!(follows("thanks a lot", &own(Intent::Complaint, 0.4)), Automated::NoReply);
    assert_eq!(follows("thanks a lot", &own(Intent::ThanksBye, 0.9)), Automated::NoReply);
}

#[test]
fn a_greeting_is_none_where_the_shops_own_set_is_sure_of_something_else() {
    let shop = with_own_set();
    let follows = |confidence| {
        let read = by_own_set(sure("en", Intent::Greeting), Intent::Complaint, confidence);
        decide(&first("hello there", &read), &shop, NOW)
    };

    assert_eq!(follows(0.4), Automated::Greeted);
    assert!(why(follows(0.5)).is_some());
}

#[test]
fn no_machine_answers_where_the_shops_own_set_is_sure_of_another_intent_than_the_model() {
    let shop = with_own_set();
    let follows = |label, confidence| {
        let read = by_own_set(sure("en", Intent::ReturnPolicy), label, confidence);
        why(decide(&first("can I return worn shoes?", &read), &shop, NOW))
    };

    assert_eq!(follows(Intent::Complaint, 0.5), Some(WhySeat::OwnIntent));
    assert_eq!(follows(Intent::Complaint, 0.4), None);
    assert_eq!(follows(Intent::ReturnPolicy, 0.9), None);
}

#[test]
fn a_text_that_may_not_be_read_to_its_end_goes_to_a_person_whatever_it_begins_with() {
    let shop = Shop::embedded_demo();
    let nothing: &[Arc<str>] = &[];
    let answered: &[Arc<str>] = &["faq/invoice".into()];
    let umlauts = |chars: usize| "ü".repeat(chars);
    let follows = |text: &str, read: &Understanding, answered_from: &[Arc<str>]| {
        decide(&AutomateInput { answered_from, ..first(text, read) }, &shop, NOW)
    };
    let mut vague = sure("en", Intent::Invoice);
    vague.intent.confidence = 0.1;
    for (read, answered_from) in [
        (sure("en", Intent::ReturnPolicy), nothing),
        (sure("en", Intent::ThanksBye), answered),
        (sure("en", Intent::Greeting), nothing),
        (vague, nothing),
    ] {
        let short = follows(&umlauts(800), &read, answered_from);
        let long = follows(&umlauts(801), &read, answered_from);

        assert_eq!(why(short), None, "{read:?}");
        assert_eq!(why(long), Some(WhySeat::NotReadWhole), "{read:?}");
    }
    let person = ask(&umlauts(801), "en", Intent::TalkToHuman);
    assert_eq!(why(person), Some(WhySeat::AskedForPerson));
}

#[test]
fn an_order_that_belongs_to_somebody_is_told_to_that_customer_only() {
    let mut files = ShopFiles::demo();
    let orders = files.0.get_mut("orders.csv").expect("the order table");
    *orders = orders.replace("\"Trail running shoes, 42\",", "\"Trail running shoes, 42\",u-1");
    let shop = Shop::from_files(&files).expect("a shop");
    let understood = sure("en", Intent::TrackOrder);
    let (owner, other) = (CustomerId::from("u-1"), CustomerId::from("u-2"));
    let told_to = |verified| {
        let customer = KnownCustomer { id: verified, ..KnownCustomer::default() };
        let input = AutomateInput { customer, ..first("where is TW-10482", &understood) };
        why(decide(&input, &shop, NOW))
    };

    assert_eq!(told_to(Some(&owner)), None);
    assert_eq!(told_to(Some(&other)), Some(WhySeat::NotTheirOrder));
    assert_eq!(told_to(None), Some(WhySeat::NotTheirOrder));
}

#[test]
fn a_first_message_that_says_too_little_is_asked_about_once_and_then_goes_to_a_person() {
    let shop = Shop::embedded_demo();
    let vague = |language: &str, confidence, mood| {
        let mut read = sure(language, Intent::Invoice);
        read.intent.confidence = confidence;
        read.sentiment.label = mood;
        read
    };
    let text = "hello there about the thing";

    for language in shop.knowledge.answers.languages() {
        let read = vague(language.as_str(), 0.1, Sentiment::Neutral);
        let asked = decide(&first(text, &read), &shop, NOW);
        let Automated::Asks { text } = asked else { panic!("{language}: {asked:?}") };
        assert!(!text.contains(['{', '}']) && text.contains("\n\n"), "{text}");
    }
    let read = vague("en", 0.1, Sentiment::Neutral);
    let again = AutomateInput { customer_turns: 2, ..first(text, &read) };
    assert_eq!(why(decide(&again, &shop, NOW)), Some(WhySeat::IntentUnsure));
    let wants_person = AutomateInput { asked_for_person: true, ..first(text, &read) };
    assert_eq!(why(decide(&wants_person, &shop, NOW)), Some(WhySeat::AskedForPerson));
    assert_eq!(why(decide(&first("person", &read), &shop, NOW)), Some(WhySeat::AskedForPerson));
    let angry = vague("en", 0.1, Sentiment::Negative);
    assert_eq!(why(decide(&first(text, &angry), &shop, NOW)), Some(WhySeat::Negative));
    let likely = vague("en", 0.31, Sentiment::Neutral);
    assert_eq!(why(decide(&first(text, &likely), &shop, NOW)), Some(WhySeat::IntentUnsure));
}

#[test]
fn where_there_are_articles_one_of_them_answers_or_a_person_does() {
    let shop = Shop::embedded_demo();
    let about = |id: &str| {
        let mut articles = shop.knowledge.articles.iter();
        articles
            .find(|it| &*it.id == id && it.language == Language::ENGLISH)
            .expect("it is there")
            .clone()
    };
    let asked = |intent, articles: &FromArticles| {
        let understood = sure("en", intent);
        decide(&AutomateInput { articles, ..first("a question", &understood) }, &shop, NOW)
    };

    let found = FromArticles::Answer(about("return-cost"));
    let Automated::Answer { text, source, .. } = asked(Intent::ReturnPolicy, &found) else {
        panic!("no answer")
    };
    assert!(text.contains("postage") && text.contains("Just write"), "{text}");
    assert_eq!(&*source, "knowledge/return-cost@1");

    let unsure = asked(Intent::ReturnPolicy, &FromArticles::Unsure);
    assert_eq!(why(unsure), Some(WhySeat::ArticleUnsure));
    let money = asked(Intent::RequestRefund, &found);
    assert_eq!(why(money), Some(WhySeat::NotForMachines));
    let complaint = asked(Intent::Complaint, &found);
    assert_eq!(why(complaint), Some(WhySeat::NotForMachines));
    let size = FromArticles::Answer(about("size-guide"));
    assert_eq!(why(asked(Intent::ProductQuestion, &size)), None);
    assert_eq!(
        why(asked(Intent::ProductQuestion, &FromArticles::Nothing)),
        Some(WhySeat::NotForMachines)
    );
}

/// Every phrase of the shop, as said by somebody in another language, but for the last `missing` ones.
fn phrases(shop: &Shop, missing: usize) -> Phrases {
    let mut phrases = Phrases::default();
    let all = phrases.missing(shop);
    for (phrase, text) in &all[..all.len() - missing] {
        let said = format!("Yorùbá: {}", text.as_str());
        assert!(phrases.add(shop, *phrase, &said, &"engine".into()));
    }
    phrases
}

#[test]
fn a_sentence_in_the_shops_own_language_answers_where_its_words_are_translated_and_else_a_person() {
    let shop = Shop::embedded_demo();
    let (whole, part) = (phrases(&shop, 0), phrases(&shop, 1));
    let understood = sure("yo", Intent::ReturnPolicy);
    let answer = |phrases| {
        let input = first("ṣé mo lè dá a padà?", &understood);
        decide(&AutomateInput { phrases, ..input }, &shop, NOW)
    };

    let told = answer(Some(&whole));

    let Automated::Answer { text, source, .. } = told else { panic!("{told:?}") };
    assert_eq!(&*source, "faq/return_policy");
    assert!(text.starts_with("You can return unused items"), "{text}");
    assert!(text.ends_with("Just write \"person\" or press the button."), "{text}");
    assert_eq!(why(answer(Some(&part))), Some(WhySeat::NoText), "not all is translated");
    assert_eq!(why(answer(None)), Some(WhySeat::NoText));
}

#[test]
fn an_order_is_told_for_translation_with_a_date_that_stays_as_it_is() {
    let shop = Shop::embedded_demo();
    let phrases = phrases(&shop, 0);
    let understood = sure("yo", Intent::TrackOrder);
    let answer = |text| {
        let input = first(text, &understood);
        decide(&AutomateInput { phrases: Some(&phrases), ..input }, &shop, NOW)
    };

    let told = answer("níbo ni TW-10482 wà?");

    let Automated::Answer { text, source, .. } = told else { panic!("{told:?}") };
    assert_eq!(&*source, "orders/TW-10482");
    assert!(text.starts_with("Your order TW-10482 is on its way with La Poste."), "{text}");
    assert!(text.contains("by 2026-12-01."), "{text}");
    assert_eq!(why(answer("níbo ni TW-10581 wà?")), Some(WhySeat::OrderTrouble));
}

#[test]
fn translated_words_of_a_shop_let_no_machine_answer_what_is_for_people() {
    let shop = Shop::embedded_demo();
    let phrases = phrases(&shop, 0);
    for intent in [Intent::Complaint, Intent::RequestRefund, Intent::RefundStatus] {
        let understood = sure("yo", intent);
        let input = AutomateInput { phrases: Some(&phrases), ..first("owó mi", &understood) };

        let answer = decide(&input, &shop, NOW);

        assert_eq!(why(answer), Some(WhySeat::NotForMachines), "{intent}");
    }
}

#[test]
fn an_article_in_a_language_without_sentences_is_told_with_the_way_to_a_person_in_other_words() {
    let shop = Shop::embedded_demo();
    let article = "+++\ntitle = \"Palautus\"\nintents = [\"return_policy\"]\n\
                   questions = [\"Onko palautus ilmainen?\"]\n+++\nPalautus on ilmainen.\n";
    let article = Article::read("palautus.fi.md", article).expect("an article");
    let articles = FromArticles::Answer(Arc::new(article));
    let phrases = phrases(&shop, 0);
    let understood = sure("fi", Intent::ReturnPolicy);
    let answer = |phrases| {
        let input = first("onko palautus ilmainen", &understood);
        match decide(&AutomateInput { articles: &articles, phrases, ..input }, &shop, NOW) {
            Automated::Answer { text, source, .. } => (text, source),
            other => panic!("{other:?}"),
        }
    };

    let (text, source) = answer(None);

    assert_eq!(&*source, "knowledge/palautus@1");
    let (said, hint) = text.split_once("\n\n").expect("two paragraphs");
    assert_eq!(said, "Palautus on ilmainen.");
    assert!(hint.starts_with("Would you rather talk"), "{hint}");
    assert!(answer(Some(&phrases)).0.contains("\n\nYorùbá: Would you rather"));
}

#[test]
fn what_is_known_of_one_order_is_not_for_everybody() {
    let general = ["knowledge/return-cost@1", "faq/payment_methods"];
    assert!(general.into_iter().all(is_for_everybody));
    assert!(!["orders/TW-10482", "incident/3"].into_iter().any(is_for_everybody));
}
