//! Models on this machine as engines of a shop. No trained weights are at hand: these are the random ones
//! that `tests/python/marian_reference.py` made, or changed so that a model says one word and ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tradewind::config::shop::LocalModel;
use tradewind::translate::{
    Desk, EngineError, Glossary, How, Job, LOCAL_JOBS_WAITING_MAX, LocalEngine, TranslateError,
    Translator, damaged, protect,
};

use super::{TERMS, language, sentence};

/// Lines of a shop's file for a model in `folder`.
fn engine(folder: &Path) -> String {
    let folder = folder.display();
    format!("kind = \"local\"\nfolder = \"{folder}\"\nfrom = [\"en\"]\nto = [\"de\"]\n")
}

/// The desk of a shop with these models. Their threads yield to everything else on the machine.
fn desk_of(engines: &[String]) -> Desk {
    super::desk_of(engines, "10s")
}

fn random() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/translate/marian/model")
}

/// Values of a tensor by its name.
type Values = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn read(weights: &[u8]) -> Values {
    let file = SafeTensors::deserialize(weights).expect("the model of the tests");
    let float = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let values = |view: &TensorView<'_>| view.data().chunks_exact(4).map(float).collect();
    let one =
        |(name, view): (String, TensorView<'_>)| (name, (view.shape().to_vec(), values(&view)));
    file.tensors().into_iter().map(one).collect()
}

fn write(path: &Path, values: &Values) {
    let bytes: BTreeMap<&str, (&[usize], Vec<u8>)> = values
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name.as_str(), (shape.as_slice(), bytes))
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("as many values"))
    });
    safetensors::serialize_to_file(views, None, path).expect("a file");
}

/// A model that says `word` of every sentence: no layer of its decoder changes anything, the padding that
/// starts a sentence points to the word, and the word points to the end.
fn one_word(folder: &Path, word: &str) {
    for name in ["config.json", "vocab.json", "source.spm"] {
        std::fs::copy(random().join(name), folder.join(name)).expect("a copy");
    }
    let vocabulary = std::fs::read(folder.join("vocab.json")).expect("a vocabulary");
    let vocabulary: BTreeMap<String, usize> = serde_json::from_slice(&vocabulary).expect("JSON");
    let weights = std::fs::read(random().join("model.safetensors")).expect("weights");
    let mut weights = read(&weights);
    for (name, (_, values)) in &mut weights {
        let ends_a_part = name.contains("out_proj") || name.contains("fc2");
        if (name.contains("decoder") && ends_a_part)
            || name == "final_logits_bias"
            || name == "model.shared.weight"
        {
            values.fill(0.0);
        }
    }
    let (shape, table) = weights.get_mut("model.shared.weight").expect("a table");
    let mut row = |token: &str, first: f32, second: f32| {
        let start = vocabulary[token] * shape[1];
        table[start..start + 2].copy_from_slice(&[first, second]);
    };
    row("<pad>", 10.0, 0.0);
    row(word, 10.0, 10.0);
    row("</s>", 0.0, 30.0);
    write(&folder.join("model.safetensors"), &weights);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sentences_come_through_a_model_undamaged() {
    let folder = tempfile::tempdir().expect("a folder");
    one_word(folder.path(), "▁nicht");
    let desk = desk_of(&[engine(folder.path())]);
    let glossary = Glossary::new(tradewind::config::shop::Term::table(TERMS).expect("a table"));
    let (from, to) = (language("en"), language("de"));

    for at in 0..1_000 {
        let (text, wanted) = sentence(at);
        let said = desk.translate(&text, from, to).await.expect("a translation");
        // The model has no brackets among its tokens, so it gets no marks.
        assert_eq!((said.how, &*said.engine), (How::Pieces, "local"));
        assert!(said.text.contains("nicht"), "{}", said.text);
        let stretches = protect(&text, &glossary, Some(from), to).expect("no table");
        assert_eq!(damaged(&stretches, &said.text), 0, "{text}\n{}", said.text);
        for stretch in wanted {
            assert!(said.text.contains(&stretch), "`{stretch}` in {}", said.text);
        }
    }
}

#[tokio::test]
async fn a_text_keeps_its_lines_and_each_sentence_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    one_word(folder.path(), "▁nicht");
    let desk = desk_of(&[engine(folder.path())]);

    let said = desk.translate("Hello! Where is it?\n\n- Ann", language("en"), language("de")).await;

    let said = said.expect("a translation");
    assert_eq!((&*said.text, said.how), ("nicht nicht\n\nnicht", How::Whole));
}

#[tokio::test]
async fn a_pair_that_it_was_not_named_for_and_a_text_without_end_are_told() {
    let desk = desk_of(&[engine(&random())]);
    let ask = |text, to| desk.translate(text, language("en"), language(to));
    let told = |error| Err(TranslateError::Engine { engine: "local".into(), error });

    let pair = EngineError::Pair { from: language("en"), to: language("fr") };
    assert_eq!(ask("hi", "fr").await, told(pair));
    let endless = EngineError::Answer("the model found no end");
    assert_eq!(ask("hi", "de").await, told(endless));
    let empty = EngineError::Answer("the model said nothing");
    assert_eq!(ask("x", "de").await, told(empty));
}

#[tokio::test]
async fn a_folder_without_a_model_is_told_and_the_next_engine_is_asked() {
    let (empty, folder) = (tempfile::tempdir(), tempfile::tempdir());
    let (empty, folder) = (empty.expect("a folder"), folder.expect("a folder"));
    one_word(folder.path(), "▁nicht");
    let ask = async |desk: Desk| desk.translate("hello", language("en"), language("de")).await;

    let said = ask(desk_of(&[engine(empty.path())])).await.expect_err("no model");
    assert!(said.to_string().starts_with("local: not available: config.json: "), "{said}");
    let said = ask(desk_of(&[engine(empty.path()), engine(folder.path())])).await;
    assert_eq!(&*said.expect("a translation").text, "nicht");

    let unsaid = engine(folder.path()).replace("[\"de\"]", "[\"de\", \"ja\"]");
    let said = ask(desk_of(&[unsaid])).await.expect_err("no such language");
    assert!(said.to_string().contains("no token for the language `ja`"), "{said}");
}

#[tokio::test]
async fn one_job_too_many_is_refused_and_room_comes_back() {
    let (from, to) = (language("en"), language("de"));
    // The thread has no model yet and takes the first job only when it has: it waits for a pipe.
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("config.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let model = LocalModel { folder: folder.path().to_owned(), from: vec![from], to: vec![to] };
    let engine = LocalEngine::start(&model).expect("a thread");
    let job = Job { texts: vec!["hello".to_owned()], from, to, markup: None };

    let mut waiting: Vec<_> = (0..LOCAL_JOBS_WAITING_MAX).map(|_| engine.translate(&job)).collect();
    for answer in &mut waiting {
        assert!(futures_util::poll!(answer).is_pending());
    }

    let refused = engine.translate(&job).await;
    assert_eq!(refused, Err(EngineError::Busy { retry_after: None }));
    drop(std::fs::OpenOptions::new().write(true).open(&pipe).expect("the other end"));
    for answer in waiting {
        assert!(matches!(answer.await, Err(EngineError::Unavailable(_))));
    }
    assert!(matches!(engine.translate(&job).await, Err(EngineError::Unavailable(_))));
}
