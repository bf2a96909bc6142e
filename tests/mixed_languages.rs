//! Messages in several languages, as people write them, read by the shipped model.

use std::sync::{Arc, LazyLock};

use tradewind::understand::{Hint, Model, Scratch, mixed};

/// The languages of a message, the largest first.
fn languages(text: &str) -> Vec<String> {
    static MODEL: LazyLock<Arc<Model>> =
        LazyLock::new(|| Model::embedded().expect("the shipped model fits its manifest"));
    let mut scratch = Scratch::default();
    let whole = MODEL.understand(text, &Hint::default(), &mut scratch).language.label;
    let mut guess = |part: &str| MODEL.classify(part, &Hint::default(), &mut scratch).languages;
    let shares = mixed::languages(text, whole, &mut guess);
    shares.iter().map(|it| it.language.to_string()).collect()
}

#[test]
fn a_message_of_two_languages_says_both() {
    for (text, mut wanted) in [
        // Hinglish, in one script and in two.
        (
            "Hi team, I ordered a kurta last week, abhi tak nahi aaya, kya scene hai bhai",
            ["hi", "en"],
        ),
        ("मेरा refund कब आएगा? it has been two weeks already", ["en", "hi"]),
        // Taglish.
        (
            "Hi po, pa-cancel naman ng order ko, I changed my mind and want my money back",
            ["en", "tl"],
        ),
        // Spanglish.
        (
            "hola, necesito ayuda con mi pedido porque my package never arrived and nobody answers",
            ["en", "es"],
        ),
        ("أين طلبي رقم 10482؟ I paid for express shipping but nothing came yet", ["en", "ar"]),
        ("我想退款 please refund my money as soon as possible", ["en", "zh"]),
        ("Где мой заказ? I need it before Friday please help me", ["en", "ru"]),
        (
            "bonjour je veux annuler ma commande, can you please tell me how to do that",
            ["fr", "en"],
        ),
    ] {
        let mut found = languages(text);
        found.sort();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{text}");
    }
}

#[test]
fn names_numbers_and_loan_words_are_no_second_language() {
    for (text, wanted) in [
        ("我的iPhone 15 Pro Max还没到，订单号TW-10482", "zh"),
        ("nike air force 1 白色还有货吗", "zh"),
        ("samsung galaxy buds 2 pro 什么时候补货", "zh"),
        ("iPhoneのケースがまだ届きません。Amazon Primeで注文しました", "ja"),
        ("ขอ refund ได้ไหมคะ order 12345 ยังไม่มาเลย", "th"),
        ("הזמנתי נעליים של Nike Air Max ולא הגיעו", "he"),
        ("My Samsung Galaxy Watch Ultra stopped charging", "en"),
        ("Kumusta, nasaan na po ang order ko? Ang tagal na kasi", "tl"),
    ] {
        assert_eq!(languages(text), [wanted], "{text}");
    }
}

#[test]
fn a_message_in_one_language_is_not_split() {
    for (text, wanted) in [
        ("where is my order 10482?", "en"),
        ("¿dónde está mi pedido? lo compré el lunes pasado y todavía no llega", "es"),
        ("Saya mahu tukar saiz baju ini, tapi kedai tak jawab langsung", "ms"),
        ("Ich möchte meine Bestellung stornieren und das Geld zurück", "de"),
    ] {
        assert_eq!(languages(text), [wanted], "{text}");
    }
}
