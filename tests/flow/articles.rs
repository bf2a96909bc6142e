//! Articles and sentences in a conversation: which one is told, in which language, and what becomes of a
//! customer whom it does not help.

use std::sync::Arc;
use std::time::Duration;

use tradewind::automate::Phrases;
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{Guess, Intent, Said, Translated, Untranslated};
use tradewind::flow::{
    CustomerAct, EmailRules, Input, Library, PhrasesCame, Settings, TextOf, TranslationCame,
};
use tradewind::understand::{Model, pii};

use crate::world::{Socket, World, conversation_of, kinds, settings, shop, text};

/// The demo shop with its articles, and a customer whose every message is about returns.
fn world() -> (World, Socket) {
    let mut world = World::new();
    let demo = Shop::embedded_demo();
    let shops = Arc::new([(demo.id.clone(), Arc::new(demo))].into_iter().collect());
    let model = Model::embedded().expect("the shipped model");
    world.shard.take_library(Arc::new(Library::new(model, &shops).expect("an index")));
    world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
    let ana = world.customer("ana");
    (world, ana)
}

#[test]
fn the_article_that_surely_fits_is_told_with_its_source_and_version() {
    let (mut world, ana) = world();

    world.say(&ana, "¿es gratis la devolución o la pago yo?");

    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["ack", "message", "answered_by_machine"]);
    assert_eq!(text(&seen[2], "source"), "knowledge/return-cost@1");
    assert!(text(&seen[1], "text").contains("Devolver es gratis en los países"));
}

#[test]
fn what_no_article_surely_answers_waits_for_a_person_though_the_intent_is_sure() {
    let (mut world, ana) = world();

    world.say(&ana, "¿y si mi vecina abrió la caja?");

    assert_eq!(kinds(&ana.frames()), ["ack", "queued"]);
}

#[test]
fn whom_an_answer_did_not_help_gets_a_person_with_the_place_of_the_question() {
    let (mut world, ana) = world();
    world.say(&ana, "¿es gratis la devolución o la pago yo?");
    let conversation = conversation_of(&ana.frames()[0]);
    world.pass(Duration::from_secs(120));

    world.act(&ana, CustomerAct::Helpful(conversation, false));
    world.act(&ana, CustomerAct::Helpful(conversation, false));

    assert_eq!(kinds(&ana.frames()), ["found_helpful", "queued"]);
    let waiting = world.scheduler.queue(&shop(), 9);
    assert_eq!((waiting.len(), waiting[0].waited_ms), (1, 120_000));
}

#[test]
fn a_word_for_a_person_after_an_answer_has_the_place_of_the_question_too() {
    let (mut world, ana) = world();
    world.say(&ana, "¿es gratis la devolución o la pago yo?");
    world.pass(Duration::from_secs(60));

    world.say(&ana, "persona");

    assert_eq!(world.scheduler.queue(&shop(), 9)[0].waited_ms, 60_000);
}

#[test]
fn an_answer_that_helped_calls_nobody_and_without_an_answer_there_is_nothing_to_judge() {
    let (mut world, ana) = world();
    world.say(&ana, "¿es gratis la devolución o la pago yo?");
    let conversation = conversation_of(&ana.frames()[0]);
    world.act(&ana, CustomerAct::Helpful(conversation, true));
    assert_eq!(kinds(&ana.frames()), ["found_helpful"]);
    assert!(world.scheduler.queue(&shop(), 9).is_empty());

    let eva = world.customer("eva");
    world.say(&eva, "¿y si mi vecina abrió la caja?");
    let conversation = conversation_of(&eva.frames()[0]);
    world.act(&eva, CustomerAct::Helpful(conversation, false));

    assert_eq!(eva.frames()[0]["code"], "conflict");
}

const ENGINE: &str = "\n[translation]\n[[translation.engines]]\nkind = \"libretranslate\"\n\
                      url = \"http://127.0.0.1:9\"\n";
const SAID: &str = "O lè dá a padà láàárín ọgbọ̀n ọjọ́.";

/// The demo shop with somebody who translates, and with this file beside its own.
fn translating_shop(file: Option<(&str, &str)>) -> Shop {
    let mut files = ShopFiles::demo();
    files.0.get_mut("shop.toml").expect("the demo shop").push_str(ENGINE);
    files.0.extend(file.map(|(name, text)| (name.to_owned(), text.to_owned())));
    Shop::from_files(&files).expect("a shop")
}

/// A shop whose customers write in a language that it translates into, with this intent.
fn in_yoruba(settings: Settings, intent: Intent) -> World {
    let mut world = World::set_up(settings, vec![translating_shop(None)]);
    world.says.language.label = "yo".parse().expect("a language");
    world.says.intent = Guess { label: intent, confidence: 0.99 };
    world
}

/// A customer who writes Yoruba, and asks about returns; the phrases of the shop are there in it.
fn yoruba(settings: Settings) -> (World, Socket) {
    let mut world = in_yoruba(settings, Intent::ReturnPolicy);
    let language = world.says.language.label;
    let shop = Arc::new(translating_shop(None));
    let mut phrases = Phrases::default();
    for (phrase, text) in phrases.missing(&shop) {
        let said = format!("Yorùbá: {}", text.as_str());
        assert!(phrases.add(&shop, phrase, &said, &"libretranslate".into()));
    }
    let phrases = Arc::new(phrases);
    world.input(Input::Phrases(PhrasesCame { shop, language, phrases }));
    let ade = world.customer("ade");
    (world, ade)
}

/// Gives the engines' answer to the one text that they were given, which is returned.
fn answer(world: &mut World, said: Said) -> String {
    let asked = std::mem::take(&mut world.to_translate);
    assert_eq!(asked.len(), 1);
    let TextOf::Message { conversation, seq } = asked[0].of else { panic!("no message") };
    let translated = Translated { pair: asked[0].pair, said };
    world.input(Input::Translated(TranslationCame { conversation, seq, translated }));
    asked[0].text.to_string()
}

#[test]
fn a_sentence_that_the_shop_wrote_in_another_language_is_told_translated_with_the_original() {
    let (mut world, ade) = yoruba(settings());

    world.say(&ade, "ṣé mo lè dá a padà?");

    assert_eq!(kinds(&ade.frames()), ["ack"], "it waits for its translation");
    let by = "libretranslate".into();
    let given = answer(&mut world, Said::Anew { text: SAID.into(), by });
    let seen = ade.frames();
    assert_eq!(kinds(&seen), ["message", "answered_by_machine"]);
    assert_eq!(text(&seen[1], "source"), "faq/return_policy");
    let original = text(&seen[0], "text");
    assert!(original.starts_with("You can return unused items"), "{original}");
    assert_eq!(seen[0]["language"], "en");
    let translation = text(&seen[0]["translation"], "text");
    assert!(translation.starts_with(SAID), "{translation}");
    assert!(world.scheduler.queue(&shop(), 9).is_empty());

    // The word that brings a person reaches no engine.
    assert!(!given.contains("person") && original.starts_with(&given), "{given}");
    assert!(original.contains("write \"person\""), "{original}");
    assert!(translation.contains("\n\nYorùbá: Would you") && translation.contains("\"person\""));
}

#[test]
fn an_answer_that_nobody_could_translate_calls_a_person_with_the_place_of_the_question() {
    for late in [false, true] {
        let (mut world, ade) = yoruba(settings());
        world.say(&ade, "ṣé mo lè dá a padà?");
        ade.frames();

        world.pass(Duration::from_secs(2));
        match late {
            false => drop(answer(&mut world, Said::AsWritten(Untranslated::Failed))),
            true => world.pass(Duration::from_secs(1)),
        }

        let seen = ade.frames();
        assert_eq!(kinds(&seen), ["message", "answered_by_machine", "queued"], "{late}");
        assert!(seen[0]["translation"]["text"].is_null());
        let waiting = world.scheduler.queue(&shop(), 9);
        assert_eq!(waiting.len(), 1);
        world.pass(Duration::from_secs(10));
        let waited = world.scheduler.queue(&shop(), 9)[0].waited_ms;
        assert_eq!(waited, if late { 13_000 } else { 12_000 }, "since the question");
    }
}

#[test]
fn an_answer_that_waits_for_its_translation_calls_a_person_after_a_restart_without_engines() {
    let (mut world, ade) = yoruba(settings());
    world.say(&ade, "ṣé mo lè dá a padà?");

    let world = world.restarted_with(vec![Shop::embedded_demo()]);

    assert_eq!(world.scheduler.queue(&shop(), 9).len(), 1);
}

#[test]
fn until_the_shops_words_are_translated_a_person_answers() {
    let mut world = in_yoruba(settings(), Intent::ReturnPolicy);
    let ade = world.customer("ade");

    world.say(&ade, "ṣé mo lè dá a padà?");

    assert_eq!(kinds(&ade.frames()), ["ack", "queued"]);
    assert!(!world.phrases_wanted.is_empty(), "the next one may be answered");
}

#[test]
fn what_might_go_out_by_email_untranslated_is_left_to_a_person() {
    let email = Some(EmailRules { can_reply: true, ..EmailRules::default() });
    let (mut world, ade) = yoruba(Settings { email, ..settings() });
    world.says.intent.label = Intent::Complaint;
    world.say(&ade, "inú mi ò dùn");
    world.pass(Duration::from_secs(11 * 60));
    world.says.pii = pii::find("ade@example.org");
    world.say(&ade, "ade@example.org");
    world.says.pii.clear();
    world.to_translate.clear();
    ade.frames();

    world.says.intent.label = Intent::ReturnPolicy;
    world.say(&ade, "ṣé mo lè dá a padà?");

    assert!(world.to_translate.is_empty());
    assert!(!kinds(&ade.frames()).contains(&"answered_by_machine".to_owned()));
}

#[test]
fn an_article_in_a_language_without_sentences_is_told_as_it_is_written() {
    let article = "+++\ntitle = \"Palautus\"\nintents = [\"return_policy\"]\n\
                   questions = [\"Onko palautus ilmainen?\"]\n+++\nPalautus on ilmainen.\n";
    let shop = translating_shop(Some(("knowledge/palautus.fi.md", article)));
    let mut world = World::with_shops(vec![shop.clone()]);
    let shops = Arc::new([(shop.id.clone(), Arc::new(shop))].into_iter().collect());
    let model = Model::embedded().expect("the shipped model");
    world.shard.take_library(Arc::new(Library::new(model, &shops).expect("an index")));
    world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
    world.says.language.label = "fi".parse().expect("a language");
    let aino = world.customer("aino");

    world.say(&aino, "Onko palautus ilmainen?");

    let seen = aino.frames();
    assert_eq!(kinds(&seen), ["ack", "message", "answered_by_machine"]);
    assert_eq!(text(&seen[2], "source"), "knowledge/palautus@1");
    let told = text(&seen[1], "text");
    assert!(told.starts_with("Palautus on ilmainen.\n\nWould you rather"), "{told}");
    assert_eq!(seen[1]["language"], "fi");
    assert!(world.to_translate.is_empty(), "nobody has to translate it");
}

#[test]
fn a_question_back_goes_to_engines_without_the_word_that_brings_a_person() {
    let mut world = in_yoruba(settings(), Intent::Greeting);
    let ade = world.customer("ade");
    world.say(&ade, "ẹ káàárọ̀");
    world.pass(Duration::from_secs(4));
    ade.frames();

    let given = answer(&mut world, Said::Anew { text: SAID.into(), by: "libretranslate".into() });

    assert!(given.starts_with("Could you tell us") && !given.contains("person"), "{given}");
    let seen = ade.frames();
    let translation = text(&seen[0]["translation"], "text");
    assert!(translation.starts_with(&format!("{SAID}\n\nWould you rather")), "{translation}");
    assert!(world.scheduler.queue(&shop(), 9).is_empty());
}
