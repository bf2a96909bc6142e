//! Customers who leave are told from those who are merely angry, by a head that fits the shipped model.

use std::fs;
use std::path::{Path, PathBuf};

use tradewind::understand::leaving::{Signs, Weights, calm, fit, parse};
use tradewind::understand::{Hint, Manifest, Model, Scratch, parse_rows};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn read(name: &str) -> String {
    fs::read_to_string(models().join(name)).expect("it is in the repository")
}

/// What `parse` makes of each file of rows in a folder, by name of the file.
fn rows<T>(folder: &str, parse: impl Fn(&str) -> Vec<T>) -> Vec<T> {
    let entries = fs::read_dir(models().join(folder)).expect("rows are in the repository");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).expect("UTF-8"));
    texts.flat_map(|text| parse(&text)).collect()
}

fn shipped() -> Weights {
    toml::from_str(&read("churn/head.toml")).expect("weights")
}

#[test]
fn the_head_was_fitted_on_the_model_that_ships() {
    let manifest = Manifest::parse(&read("manifest.toml")).expect("a manifest");

    assert_eq!(shipped().model, manifest.sha256, "run `cargo xtask train-leaving`");
}

#[test]
fn a_fit_on_the_same_rows_gives_the_figures_that_ship_and_they_are_good_enough() {
    let model = Model::embedded().expect("a model");
    let signs = Signs::parse(&read("churn/forms.txt")).expect("signs");
    let shipped = shipped();

    let hard = rows("churn", |text| parse(text).expect("rows"));
    let calm = calm(&rows("corpus", |text| parse_rows(text).expect("rows")));

    let again = fit(&model, &shipped.model, &signs, &hard, &calm);

    let (said, found) = (&shipped.measured, &again.measured);
    assert_eq!((said.rows, said.calm), (found.rows, found.calm));
    assert!((said.auroc - found.auroc).abs() < 0.005, "{said:?} {found:?}");
    assert!((said.ece - found.ece).abs() < 0.01, "{said:?} {found:?}");
    assert!(found.auroc >= 0.8 && found.ece <= 0.03, "{found:?}");
    assert!(found.false_alarms <= 0.02, "{found:?}");
}

#[test]
fn a_threat_to_leave_is_told_from_anger_and_from_other_goodbyes() {
    let (model, mut scratch) = (Model::embedded().expect("a model"), Scratch::default());
    let mut leaving = |text: &str| model.understand(text, &Hint::default(), &mut scratch).leaving;

    for text in [
        "never ordering from you again, I'm going to another shop",
        "Bitte löschen Sie mein Konto, ich kaufe nie wieder bei euch",
        "再也不会来你们家买了",
    ] {
        assert!(leaving(text) >= 0.5, "{text}: {}", leaving(text));
    }
    for text in
        ["where is my parcel", "thanks, bye!", "Wo bleibt meine Rechnung?", "退款什么时候到"]
    {
        assert!(leaving(text) < 0.5, "{text}: {}", leaving(text));
    }
}
