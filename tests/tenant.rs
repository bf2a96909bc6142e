//! A tenant's own intents: trained from examples, kept in a file, read back, measured.

use std::path::Path;

use tradewind::understand::tenant::{
    Example, IntentSet, SetScratch, evaluate, read_examples, read_messages, train,
};

/// A small shop for bicycles whose customers write in five languages.
const EXAMPLES: &str = "\
rental:
  - can I rent a bike for the weekend
  - how much is a bike for one day
  - do you rent out e-bikes
  - I need two bikes to rent next saturday
  - ¿puedo alquilar una bici?
  - cuánto cuesta alquilar una bicicleta por día
  - quiero alquilar dos bicis el sábado
  - Kann ich ein Rad für das Wochenende mieten?
  - Was kostet ein Leihrad am Tag
  - 周末可以租自行车吗
  - 租一天自行车多少钱
  - أريد استئجار دراجة ليوم واحد
  - كم سعر استئجار دراجة
repair:
  - my brakes are broken can you fix them
  - how long does a repair take
  - flat tyre, can you repair it today
  - the chain is broken, do you fix chains
  - se me rompió el freno, ¿lo reparan?
  - cuánto tarda la reparación
  - tengo una rueda pinchada, pueden reparar
  - Meine Bremse ist kaputt, reparieren Sie das?
  - Wie lange dauert eine Reparatur
  - 刹车坏了能修吗
  - 修车要多久
  - الفرامل مكسورة هل يمكنكم إصلاحها
  - كم يستغرق إصلاح الدراجة
trade-in:
  - will you buy my old bike
  - what do I get for my used bike
  - I want to trade in my old bicycle
  - do you take used bikes in exchange
  - ¿compran bicis usadas?
  - quiero vender mi bici vieja
  - cuánto me dan por mi bicicleta usada
  - Kaufen Sie gebrauchte Räder an?
  - Was bekomme ich für mein altes Rad
  - 你们收旧自行车吗
  - 旧车能换新车吗
  - هل تشترون الدراجات المستعملة
  - أريد بيع دراجتي القديمة
oos:
  - what is the capital of France
  - tell me a joke
  - cuéntame un chiste
  - 今天天气怎么样
";

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

fn examples() -> Vec<Example> {
    let folder = tempfile::tempdir().expect("a folder");
    read_examples(&write(folder.path(), "bikes.yaml", EXAMPLES)).expect("examples")
}

fn trained() -> IntentSet {
    train(&examples(), 7, 2, |_, _| {}).expect("a set").0
}

#[test]
fn a_handful_of_examples_in_five_languages_is_enough_to_tell_the_intents() {
    let set = trained();
    let mut scratch = SetScratch::default();

    for (text, label) in [
        ("I would like to rent bikes", "rental"),
        ("quisiera alquilar una bici mañana", "rental"),
        ("Reparieren Sie auch Bremsen?", "repair"),
        ("自行车坏了可以修吗", "repair"),
        ("هل تشترون دراجة مستعملة", "trade-in"),
        ("do you buy used bikes", "trade-in"),
    ] {
        let guess = set.read(text, &mut scratch);
        assert_eq!(guess.forced, label, "{text}: {guess:?}");
        assert!((0.0..=1.0).contains(&guess.confidence), "{guess:?}");
    }
}

#[test]
fn a_message_that_shares_nothing_with_the_set_is_likelier_out_of_scope() {
    let set = trained();
    let mut scratch = SetScratch::default();

    let known = set.read("can I rent a bike on saturday", &mut scratch).in_scope;
    let strange = set.read("Ποιο είναι το νόημα της ζωής;", &mut scratch).in_scope;

    assert!(known > strange, "{known} {strange}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let encoded =
        |seed, threads| train(&examples(), seed, threads, |_, _| {}).expect("a set").0.encode();

    assert_eq!(encoded(7, 1), encoded(7, 3));
    assert_ne!(encoded(7, 1), encoded(8, 1));
}

#[test]
fn a_saved_set_reads_like_the_trained_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (set, report) = train(&examples(), 7, 2, |_, _| {}).expect("a set");
    set.save(folder.path(), &report, 7).expect("saved");

    let loaded = IntentSet::load(folder.path()).expect("loaded");

    let mut scratch = SetScratch::default();
    for example in examples() {
        let wanted = set.read(&example.text, &mut SetScratch::default());
        assert_eq!(loaded.read(&example.text, &mut scratch), wanted);
    }
}

/// Examples of three labels of which each word may be of any label and is likelier of its own, so that
/// none of them tells for sure.
fn vague_examples() -> Vec<Example> {
    let mut state = 11_u64;
    let mut below = |bound: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let example = |at: u64| {
        let mut word = |_| {
            let vocabulary = if below(2) == 0 { at % 3 } else { below(3) };
            format!(
                "{}{}",
                ["ka", "mo", "ri"][vocabulary as usize],
                (b'a' + below(20) as u8) as char
            )
        };
        let words: Vec<String> = (0..4).map(&mut word).collect();
        Example { text: words.join(" "), label: format!("label {}", at % 3) }
    };
    (0..280).map(example).collect()
}

#[test]
fn networks_that_help_are_in_the_file_and_have_their_say_when_it_is_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (set, report) = train(&vague_examples(), 7, 2, |_, _| {}).expect("a set");
    assert_eq!(report.networks_left_out, None, "these examples are told better with networks");

    set.save(folder.path(), &report, 7).expect("saved");

    let file = std::fs::read(folder.path().join("tenant.twi")).expect("the file");
    assert!(String::from_utf8_lossy(&file).contains("\"version\":2,"));
    assert!(String::from_utf8_lossy(&file).contains("\"network_weight\":"));
    let loaded = IntentSet::load(folder.path()).expect("loaded");
    assert_eq!(loaded.encode(), file);
}

#[test]
fn a_set_of_version_1_that_an_older_program_wrote_is_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/intents_golden/v1");

    let set = IntentSet::load(&golden).expect("a set of version 1");

    let mut scratch = SetScratch::default();
    assert_eq!(set.labels(), ["rental", "repair"]);
    for example in read_examples(&golden.join("examples.yaml")).expect("its examples") {
        let guess = set.read(&example.text, &mut scratch);
        let label = if guess.out_of_scope { "oos" } else { guess.forced };
        assert_eq!(label, example.label, "{}: {guess:?}", example.text);
    }
    let file = std::fs::read(golden.join("tenant.twi")).expect("the file");
    assert_eq!(set.encode(), file, "what has no network is still written as version 1");
}

#[test]
fn every_damaged_byte_and_every_cut_of_a_file_is_an_error() {
    let file = trained().encode();

    for at in (0..file.len()).step_by(97).chain(0..64).chain(file.len() - 4..file.len()) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        assert!(IntentSet::decode(&damaged).is_err(), "byte {at} changed");
        assert!(IntentSet::decode(&file[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_file_that_is_not_the_one_of_its_manifest_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (set, report) = train(&examples(), 7, 2, |_, _| {}).expect("a set");
    set.save(folder.path(), &report, 7).expect("saved");
    let other = train(&examples(), 8, 2, |_, _| {}).expect("a set").0;
    std::fs::write(folder.path().join("tenant.twi"), other.encode()).expect("written");

    let error = IntentSet::load(folder.path()).expect_err("another file");

    assert!(error.to_string().contains("its manifest says"), "{error}");
}

#[test]
fn a_mistake_in_a_file_of_examples_names_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |name, text| {
        let path = write(folder.path(), name, text);
        read_examples(&path).expect_err("a mistake").to_string()
    };

    let error = told("a.tsv", "text\tintent\nhello\tgreet\nbroken line\n");
    assert!(error.ends_with("a.tsv: line 3: 1 fields, the header has 2"), "{error}");
    assert!(told("a.txt", "").ends_with("the name must end in .csv, .tsv, .yaml or .yml"));
    let error = read_examples(&folder.path().join("none.csv")).expect_err("no file");
    assert!(error.to_string().contains("none.csv"), "{error}");
}

#[test]
fn one_label_is_nothing_to_tell_apart() {
    let one = vec![Example { text: "a".to_owned(), label: "b".to_owned() }; 3];

    let error = train(&one, 7, 1, |_, _| {}).expect_err("too few labels");

    assert_eq!(error.to_string(), "1 labels with examples, at least two are needed");
}

#[test]
fn labels_without_examples_and_empty_messages_count_as_out_of_scope_or_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let test = "text\tintent\nrent a bike\trental\ntell me a joke\toos\nhello\tgreeting\n\toos\n";
    let messages = read_messages(&write(folder.path(), "test.tsv", test)).expect("messages");

    let report = evaluate(&trained(), &messages);

    assert_eq!((report.messages, report.in_scope_accuracy), (4, Some(1.0)));
    assert!(report.out_of_scope_auroc.is_some());
}
