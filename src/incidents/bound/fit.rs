//! Fits the head on lines that say whether one answer could serve many, and measures it on scenes
//! held back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bound, PLACES, SHAPE, Told, value};
use crate::domain::{Guess, Language};
use crate::incidents::bursts::{Half, Kind, Row};
use crate::incidents::simhash::hash;
use crate::incidents::words::{Words, plain};

/// A line of `models/account_bound/<language>.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BoundRow {
    /// As it was typed.
    pub text: String,
    /// Language it is written in.
    pub language: Language,
    /// Whether it is bound to an order, an account or money of its writer.
    pub own: bool,
    /// What lines about the same stay together by; without it, those that stand together do.
    #[serde(default)]
    pub scene: Option<String>,
    /// Whether it is a row of a burst set: among those the threshold is chosen.
    #[serde(skip)]
    pub in_burst: bool,
}

/// How a head does on scenes that it was not fitted on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measured {
    /// Lines written for it.
    pub rows: usize,
    /// Parts that were held back, one after the other.
    pub folds: usize,
    /// Share of the pairs of a bound and a general line that are in the right order.
    pub auroc: f64,
    /// Share of the bound lines that it bars where it bars one general line in twenty.
    pub barred: f64,
    /// What thresholds would do to rows of the burst sets.
    pub thresholds: Vec<Threshold>,
    /// [`Self::auroc`] within each language.
    pub auroc_of: BTreeMap<String, f64>,
}

/// What a threshold would do to lines of scenes held back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Log-odds from which on a line is taken for bound.
    pub bound_from: f32,
    /// Bound lines below it, of a hundred.
    pub leaks_percent: f64,
    /// General lines below it, of a hundred.
    pub passes_percent: f64,
}

/// A head and how it does.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The head, fitted on everything.
    pub head: Bound,
    /// The figures of others that were fitted on a part.
    pub measured: Measured,
}

/// The lines of a JSON-lines text; empty ones are skipped.
///
/// # Errors
/// At the first line that is no row, with its number.
pub fn parse(text: &str) -> Result<Vec<BoundRow>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(at, line)| {
        serde_json::from_str(line).map_err(|wrong| format!("line {}: {wrong}", at + 1))
    };
    lines.map(row).collect()
}

/// The rows of burst sets that are for tuning, as lines to learn from; the others are never looked at. `None`
/// where a language is none.
pub fn of_bursts(rows: Vec<Row>) -> Option<Vec<BoundRow>> {
    let tuning = rows.into_iter().filter(|row| row.half == Half::Dev);
    let row = |row: Row| {
        let (language, own) = (row.language.parse().ok()?, row.kind == Kind::Own);
        Some(BoundRow { text: row.text, language, own, scene: Some(row.incident), in_burst: true })
    };
    tuning.map(row).collect()
}

/// Parts in which lines are held back, and lines of one language that stay together in a part: they
/// are of a few scenes, which recur from language to language at much the same place.
const FOLDS: usize = 5;
const TOGETHER: usize = 8;
/// Steps of the descent (Adam), and how it goes.
const STEPS: i32 = 250;
const RATE: f32 = 0.1;
const MEAN: f32 = 0.9;
const SPREAD: f32 = 0.999;
/// Pulls weights to nothing, as strongly as so much of one line, so that a piece that few lines have says little.
const PRIOR: f32 = 0.15;
/// How often a row of a burst set counts: it is what the head will be asked about.
const IN_BURST_WEIGHT: f32 = 4.0;

/// Bound rows of the burst sets, of a hundred of incidents held back, that pass the threshold of a head. Half of
/// those rows were written to be hard (docs/decisions/0045); of the others 1 to 5 pass it, by set.
const LEAKS_PERCENT: f64 = 5.0;
/// What else is told of, so that somebody can choose another.
const OTHER_PERCENTS: [f64; 7] = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0];

/// A line as it is learned from.
struct Lesson {
    told: Told,
    is_own: bool,
    /// The part with which it is held back.
    fold: usize,
    language: Language,
    in_burst: bool,
}

/// What heads that had not learned from a row say of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldBack {
    /// Log-odds that it is bound.
    pub log_odds: f32,
    /// The part with which it was held back, less than 5.
    pub fold: usize,
}

/// Fits a head on `rows`, a language after the other in the order of their files.
pub fn fit(rows: &[BoundRow]) -> Fitted {
    let lessons = lessons(rows);
    let measured = measured(&said(&lessons));
    let weights = regress(&lessons, |_| true);
    let mut shape = [0.0; SHAPE];
    shape.copy_from_slice(&weights[PLACES..BIAS]);
    // Without such rows: where both are equally likely.
    let bound_from = measured.thresholds.first().map_or(0.0, |it| it.bound_from);
    let head = Bound::rounded(weights[BIAS], bound_from, shape, &weights[..PLACES]);
    Fitted { head, measured }
}

/// What heads say of each of `rows`, in order, that learned from the other parts: what another witness is
/// to be weighed against.
pub fn held_back(rows: &[BoundRow]) -> Vec<HeldBack> {
    let lessons = lessons(rows);
    let said = said(&lessons);
    said.iter().map(|(log_odds, it)| HeldBack { log_odds: *log_odds, fold: it.fold }).collect()
}

fn lessons(rows: &[BoundRow]) -> Vec<Lesson> {
    let mut at_of: BTreeMap<Language, usize> = BTreeMap::new();
    let mut fold_of = |row: &BoundRow| {
        if let Some(scene) = &row.scene {
            return hash(scene.as_bytes()) as usize % FOLDS;
        }
        let at = at_of.entry(row.language).or_default();
        *at += 1;
        (*at - 1) / TOGETHER % FOLDS
    };
    rows.iter().map(|row| lesson(row, fold_of(row))).collect()
}

/// Each lesson with what a head says of it that learned from the other parts.
fn said(lessons: &[Lesson]) -> Vec<(f32, &Lesson)> {
    let heads: Vec<Vec<f32>> =
        (0..FOLDS).map(|fold| regress(lessons, |lesson| lesson.fold != fold)).collect();
    lessons.iter().map(|it| (log_odds(&heads[it.fold], &it.told), it)).collect()
}

fn lesson(row: &BoundRow, fold: usize) -> Lesson {
    let plain = plain(&row.text);
    let words = Words::likely(Guess { label: row.language, confidence: 1.0 }, &plain);
    let told = Told::of(&row.text, &plain, &words);
    Lesson { told, is_own: row.own, fold, language: row.language, in_burst: row.in_burst }
}

/// Where the bias stands: behind the weights of the pieces and of the shape.
const BIAS: usize = PLACES + SHAPE;

/// Logistic regression by full steps from nothing: the same on every machine.
fn regress(lessons: &[Lesson], teaches: impl Fn(&Lesson) -> bool) -> Vec<f32> {
    let lessons: Vec<&Lesson> = lessons.iter().filter(|lesson| teaches(lesson)).collect();
    let weight = |lesson: &Lesson| if lesson.in_burst { IN_BURST_WEIGHT } else { 1.0 };
    let all: f32 = lessons.iter().map(|lesson| weight(lesson)).sum();
    let mut weights = vec![0.0_f32; BIAS + 1];
    let (mut means, mut spreads) = (weights.clone(), weights.clone());
    let mut slopes = weights.clone();
    // No other place ever leaves nothing.
    let places = lessons.iter().flat_map(|lesson| &lesson.told.places);
    let mut used: Vec<usize> = places.map(|place| *place as usize).collect();
    used.sort_unstable();
    used.dedup();
    used.extend(PLACES..=BIAS);
    for step in 1..=STEPS {
        for &at in &used {
            slopes[at] = PRIOR / all * weights[at];
        }
        slopes[BIAS] = 0.0;
        for lesson in &lessons {
            let odds = log_odds(&weights, &lesson.told);
            let error = 1.0 / (1.0 + (-odds).exp()) - f32::from(u8::from(lesson.is_own));
            let error = error * weight(lesson) / all;
            let share = error * value(lesson.told.places.len());
            for place in &lesson.told.places {
                slopes[*place as usize] += share;
            }
            for (slope, number) in slopes[PLACES..BIAS].iter_mut().zip(&lesson.told.shape) {
                *slope += error * number;
            }
            slopes[BIAS] += error;
        }
        let (mean_part, spread_part) = (1.0 - MEAN.powi(step), 1.0 - SPREAD.powi(step));
        for &at in &used {
            let slope = slopes[at];
            means[at] = MEAN * means[at] + (1.0 - MEAN) * slope;
            spreads[at] = SPREAD * spreads[at] + (1.0 - SPREAD) * slope * slope;
            let spread = (spreads[at] / spread_part).sqrt() + 1e-8;
            weights[at] -= RATE * means[at] / mean_part / spread;
        }
    }
    weights
}

fn log_odds(weights: &[f32], told: &Told) -> f32 {
    let sum: f32 = told.places.iter().map(|place| weights[*place as usize]).sum();
    let shape = weights[PLACES..BIAS].iter().zip(&told.shape).map(|(a, b)| a * b);
    weights[BIAS] + shape.sum::<f32>() + sum * value(told.places.len())
}

/// What thresholds do to rows of the burst sets, first the one of the head.
fn thresholds(said: &[(f32, &Lesson)]) -> Vec<Threshold> {
    let of = |is_own: bool| -> Vec<f32> {
        let of = said.iter().filter(|(_, it)| it.in_burst && it.is_own == is_own);
        let mut odds: Vec<f32> = of.map(|(odds, _)| *odds).collect();
        odds.sort_by(f32::total_cmp);
        odds
    };
    let (own, many) = (of(true), of(false));
    let threshold = |leaks_percent: f64| {
        let bound_from = *own.get((own.len() as f64 * leaks_percent / 100.0) as usize)?;
        let below = many.partition_point(|odds| *odds < bound_from);
        let passes_percent = 100.0 * below as f64 / many.len().max(1) as f64;
        Some(Threshold { bound_from, leaks_percent, passes_percent })
    };
    [LEAKS_PERCENT].into_iter().chain(OTHER_PERCENTS).filter_map(threshold).collect()
}

fn measured(said: &[(f32, &Lesson)]) -> Measured {
    let short = |value: f64| (value * 10_000.0).round() / 10_000.0;
    let outcomes = |language: Option<Language>| -> (Vec<f32>, Vec<f32>) {
        let of = said.iter().filter(|(_, lesson)| language.is_none_or(|it| it == lesson.language));
        let (own, many): (Vec<_>, Vec<_>) = of.partition(|(_, lesson)| lesson.is_own);
        let odds = |part: Vec<&(f32, &Lesson)>| part.into_iter().map(|(odds, _)| *odds).collect();
        (odds(own), odds(many))
    };
    let (own, mut many) = outcomes(None);
    let auroc = area_under_curve(&own, &many);
    many.sort_by(f32::total_cmp);
    let limit = many.get(many.len() * 19 / 20).copied().unwrap_or(f32::MAX);
    let barred = own.iter().filter(|odds| **odds > limit).count();
    let mut languages: Vec<Language> = said.iter().map(|(_, lesson)| lesson.language).collect();
    languages.sort_unstable();
    languages.dedup();
    let within = |language: Language| {
        let (own, many) = outcomes(Some(language));
        (language.to_string(), short(area_under_curve(&own, &many)))
    };
    Measured {
        rows: said.len(),
        folds: FOLDS,
        auroc: short(auroc),
        thresholds: thresholds(said),
        barred: short(barred as f64 / own.len().max(1) as f64),
        auroc_of: languages.into_iter().map(within).collect(),
    }
}

/// Share of the pairs of one of each in which the first is greater; equal ones count half.
fn area_under_curve(own: &[f32], many: &[f32]) -> f64 {
    let pair = |own: f32, many: f32| match own.total_cmp(&many) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let right: f64 = own.iter().flat_map(|own| many.iter().map(|many| pair(*own, *many))).sum();
    right / (own.len() * many.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, own: bool) -> BoundRow {
        BoundRow {
            text: text.to_owned(),
            language: Language::ENGLISH,
            own,
            scene: None,
            in_burst: false,
        }
    }

    #[test]
    fn a_head_learns_what_tells_the_lines_apart_and_keeps_it_through_its_file() {
        let rows: Vec<BoundRow> = (0..40)
            .map(|n| match n % 2 {
                0 => row(&format!("is the lamp {n} on sale"), false),
                _ => row(&format!("cancel the lamp {n}"), true),
            })
            .collect();

        let Fitted { head, measured } = fit(&rows);

        assert_eq!((measured.rows, measured.auroc), (40, 1.0));
        let head = Bound::from_file(&head.to_file()).expect("its own file");
        let odds = |text: &str| head.log_odds(&lesson(&row(text, false), 0).told);
        assert!(odds("cancel the sofa") > 0.0);
        assert!(odds("is the sofa on sale") < 0.0);
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        let good = r#"{"text":"a","language":"en","own":true}"#;

        assert_eq!(parse(good).map(|rows| rows.len()), Ok(1));
        assert!(parse(&format!("{good}\n\n{{}}")).is_err_and(|why| why.starts_with("line 3: ")));
    }
}
