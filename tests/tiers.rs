//! Both tiers in a running router, with a tiny encoder and with the shipped one.

#[path = "router/mod.rs"]
mod router;
#[path = "tiny_encoder/mod.rs"]
mod tiny_encoder;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use router::{Router, config};
use tradewind::domain::{Language, Tier};
use tradewind::understand::encoder::{
    Bounds, CandleEncoder, Encoder, Installed, SenseRow, fit_sense,
};
use tradewind::understand::tiers::{SecondTier, TieredReader};
use tradewind::understand::{Hint, Model};

/// What the fast tier accepts, and what it does not.
const SURE: &str = "Where is my order? I want to track my parcel.";
const UNSURE: &str = "brzk flonk 17";

fn install(data: &Path, pays: bool) {
    let mut installed = tiny_encoder::installed();
    installed.measured.pays = pays;
    installed.write(&Installed::folder(data)).expect("installed");
}

/// A data folder with an encoder that pays.
fn with_encoder(pays: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    install(&dir.path().join("data"), pays);
    dir
}

/// One installed encoder for the tests that only read.
static INSTALLED: LazyLock<tempfile::TempDir> = LazyLock::new(|| with_encoder(true));

/// A demo shop, some patience, and what the test says of the encoder.
fn started(folder: &Path, lines: &str) -> Result<Router, tradewind::app::StartError> {
    let lines = format!("[understand]\nencoder_wait_max = \"5s\"\n{lines}");
    let mut config = config(folder, &lines);
    config.paths.shops = None;
    Router::start(config)
}

fn count(router: &Router, result: &str) -> f64 {
    router.metric(&format!("tradewind_understand_encoder_total{{result=\"{result}\"}}"))
}

#[test]
fn the_router_asks_the_encoder_about_what_the_fast_tier_is_not_sure_of_and_about_nothing_else() {
    let dir = with_encoder(true);
    let router = started(dir.path(), "").expect("a router");
    let (mut ana, mut bob) = (router.customer("demo"), router.customer("demo"));

    // What follows the reading, an answer or a place in the queue, is the first event of each.
    ana.say(SURE);
    ana.next("event");
    assert_eq!(count(&router, "answered"), 0.0);
    bob.say(UNSURE);
    bob.next("event");

    assert_eq!(count(&router, "answered"), 1.0);
    let by = |tier: &str| {
        router.metric(&format!("tradewind_understand_messages_total{{tier=\"{tier}\"}}"))
    };
    assert_eq!((by("fast"), by("encoder")), (1.0, 1.0));
    for part in ["queue", "tokenise", "infer"] {
        assert_eq!(router.metric(&format!("tradewind_understand_{part}_seconds_count")), 2.0);
        let encoder = format!("tradewind_understand_encoder_{part}_seconds_count");
        // The other encoder may be asked about incidents, and is measured in the same place.
        assert!(router.metric(&encoder) >= 1.0);
    }
}

/// The same with what incidents are compared by.
fn with_sense(pays: bool) -> tempfile::TempDir {
    let dir = with_encoder(pays);
    let folder = Installed::folder(&dir.path().join("data"));
    let mut installed = Installed::read(&folder).expect("sound").expect("there");
    let files = installed.files.clone();
    let mut encoder = CandleEncoder::new(files, &Bounds::default()).expect("an encoder");
    let texts: Vec<String> = (0..60).map(|n| format!("track {n} invoice {}", n % 7)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = encoder.embed(&texts).expect("vectors");
    let row = |n: usize| SenseRow {
        language: Language::ENGLISH,
        incident: Some((n % 2).to_string()),
        own: n.is_multiple_of(3),
        by_words: 0.0,
        fold: n % 5,
        chooses: true,
    };
    let rows: Vec<SenseRow> = (0..texts.len()).map(row).collect();
    let sha256 = &installed.heads.encoder_sha256;
    installed.sense = Some(fit_sense(&vectors, &rows, sha256, 1).expect("enough rows"));
    installed.write(&folder).expect("installed");
    dir
}

#[test]
fn questions_for_a_person_are_compared_by_an_encoder_that_was_fitted_for_incidents() {
    // An added one; an added one that is asked about nothing else; the one inside the program, beside an added
    // one that was not fitted for it.
    for dir in [with_sense(true), with_sense(false), with_encoder(true)] {
        let router = started(dir.path(), "encoder_share = 1.0").expect("a router");
        let of = "tradewind_flow_incident_vectors_total";
        let vectors = |result: &str| router.metric(&format!("{of}{{result=\"{result}\"}}"));

        // On a busy machine one may be late, and is compared by its words; the next one is asked for all the same.
        let is_compared = (1..=20).any(|asked| {
            let mut customer = router.customer("demo");
            customer.say("card payments fail at checkout for all of us, known problem?");
            customer.next("event");
            // Nobody is told when; asking for the metrics is what takes the time.
            (0..5_000).find(|_| vectors("compared") + vectors("late") >= f64::from(asked));
            vectors("compared") > 0.0
        });

        assert!(is_compared);
    }
}

#[test]
fn what_incidents_are_compared_by_is_read_back_and_that_of_another_encoder_is_refused() {
    let dir = with_sense(true);
    let folder = Installed::folder(&dir.path().join("data"));
    let installed = Installed::read(&folder).expect("sound").expect("there");
    let vector = vec![0.25; 16];
    let read = installed.sense.as_ref().expect("fitted").read(&vector, Language::ENGLISH);
    assert!(read.point.iter().all(|value| value.is_finite()));

    let vectors = [[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.1, 0.9]].repeat(3);
    let other = fit_sense(
        &vectors.into_iter().map(Vec::from).collect::<Vec<Vec<f32>>>(),
        &(0..12)
            .map(|n| SenseRow {
                language: Language::ENGLISH,
                incident: Some((n % 2).to_string()),
                own: n % 4 == 3,
                by_words: 0.0,
                fold: n % 5,
                chooses: true,
            })
            .collect::<Vec<_>>(),
        "of another",
        1,
    );
    let other = Installed { sense: Some(other.expect("enough rows")), ..installed };
    other.write(&folder).expect("written");

    let told = Installed::read(&folder).err().expect("another encoder").to_string();
    assert!(told.contains("incidents.tws"), "{told}");
}

#[test]
fn a_stop_waits_for_the_encoder_so_that_nothing_is_read_anew_after_it() {
    let dir = with_encoder(true);
    let router = started(dir.path(), "").expect("a router");
    let mut ana = router.customer("demo");
    ana.say(UNSURE);
    ana.next("ack");

    drop(router);

    let router = started(dir.path(), "").expect("a router");
    // The answer to the second message comes after all that the restart had left to do.
    let mut bob = router.customer("demo");
    bob.say(UNSURE);
    bob.next("event");
    assert_eq!(count(&router, "answered"), 1.0);
}

#[test]
fn an_encoder_is_asked_unless_none_is_to_be() {
    let dir = with_encoder(false);
    let choices = ["auto", "built-in", "added"].map(|choice| (choice, 1.0));
    for (choice, asked) in choices.into_iter().chain([("off", 0.0)]) {
        let lines = &format!("encoder = \"{choice}\"");
        let router = started(dir.path(), lines).expect("a router");
        let mut ana = router.customer("demo");
        ana.say(UNSURE);
        ana.next("event");
        assert_eq!(count(&router, "answered"), asked, "{lines}");
    }
}

#[test]
fn an_encoder_that_has_used_up_its_time_lets_the_fast_answer_stand() {
    let dir = tempfile::tempdir().expect("a folder");
    let lines = "encoder_share = 0.001\nencoder_burst = \"1ms\"";
    let router = started(dir.path(), lines).expect("a router");

    // The first takes all there is, and what it took comes back in seconds and not before.
    for _ in 0..2 {
        let mut customer = router.customer("demo");
        customer.say(UNSURE);
        customer.next("event");
    }

    assert_eq!((count(&router, "answered"), count(&router, "over_budget")), (1.0, 1.0));
}

#[test]
fn a_missing_or_damaged_encoder_is_told_at_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let refusal = |lines: &str| started(dir.path(), lines).err().map(|error| error.to_string());

    assert_eq!(refusal(""), None, "the one inside the program is asked");
    let missing = refusal("encoder = \"added\"").expect("there is none");
    assert!(missing.contains("tradewind model add"), "{missing}");
    install(&dir.path().join("data"), true);
    let weights = Installed::folder(&dir.path().join("data")).join("model.safetensors");
    std::fs::write(weights, b"short").expect("written");
    let damaged = refusal("").expect("it is damaged");
    assert!(damaged.contains("model.safetensors") && damaged.contains("off"), "{damaged}");
}

#[test]
fn the_reader_of_the_command_line_says_which_tier_had_the_last_word() {
    let folder = Installed::folder(&INSTALLED.path().join("data"));
    let installed = Installed::read(&folder).expect("sound").expect("there");
    let second = SecondTier::installed(installed).expect("a tier");
    let fast = Model::embedded().expect("the shipped model");
    let mut reader = TieredReader::new(fast.clone(), Some(second));
    let mut tier = |text: &str| {
        let classified = reader.classify(text, &Hint::default()).expect("read");
        let first = classified.alternatives[0];
        assert_eq!(first, classified.understanding.intent, "the best alternative is the answer");
        classified.understanding.tier
    };

    assert_eq!((tier(SURE), tier(UNSURE)), (Tier::Fast, Tier::Encoder));
    let alone = TieredReader::new(fast, None).classify(UNSURE, &Hint::default()).expect("read");
    assert_eq!(alone.understanding.tier, Tier::Fast);
}

#[cfg(target_os = "linux")]
#[test]
fn the_encoder_has_one_thread_and_takes_no_other_core() {
    // As long as the encoder reads, and as unclear: steps of so many values candle divides among threads of its own,
    // one a core, which spin while they wait.
    let text = "flonk the brzk was over there and then my neighbour said it may be so or not, but then \
         the cat came in and we forgot about it, you know how it is with these";
    let mut program = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["classify", "--json"])
        .env_remove("CANDLE_NUM_THREADS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    // As many as fill the buffer of what is written, so that the program waits for more when it is looked at.
    let mut asked = program.stdin.take().expect("piped");
    asked.write_all(format!("{text}\n").repeat(32).as_bytes()).expect("sent");
    let mut read = BufReader::new(program.stdout.take().expect("piped")).lines();
    let first = read.next().expect("a line").expect("text");

    let threads = format!("/proc/{}/task", program.id());
    let names = std::fs::read_dir(threads).expect("threads").map(|thread| {
        let path = thread.expect("a thread").path().join("comm");
        std::fs::read_to_string(path).expect("a name").trim().to_owned()
    });
    let names: Vec<String> = names.collect();
    program.kill().expect("killed");
    program.wait().expect("ended");

    assert!(first.contains("\"tier\":\"encoder\""), "{first}");
    assert_eq!(names.iter().filter(|name| *name == "encoder").count(), 1, "{names:?}");
    assert!(names.iter().all(|name| !name.starts_with("candle")), "{names:?}");
}
