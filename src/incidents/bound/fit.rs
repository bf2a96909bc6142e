//! Fits the head on lines that say whether one answer could serve many, and measures it on scenes
//! held back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bound, PLACES, places, value};
use crate::domain::{Intent, Language};
use crate::incidents::words::plain;

/// A line of `models/account_bound/<language>.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BoundRow {
    /// As it was typed.
    pub text: String,
    /// Language it is written in.
    pub language: Language,
    /// Whether it is bound to an order, an account or money of its writer.
    pub own: bool,
}

/// How a head does on scenes that it was not fitted on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measured {
    /// Lines written for it.
    pub rows: usize,
    /// Lines of the corpus beside them, labelled by their intent.
    pub by_intent: usize,
    /// Parts that were held back, one after the other.
    pub folds: usize,
    /// Share of the pairs of a bound and a general line that are in the right order.
    pub auroc: f64,
    /// Share of the bound lines that it bars where it bars one general line in twenty.
    pub barred: f64,
    /// [`Self::auroc`] within each language.
    pub auroc_of: BTreeMap<String, f64>,
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

/// What the intent of an everyday message says of it; `None` where it says nothing.
pub const fn bound_by_intent(intent: Intent) -> Option<bool> {
    match intent {
        Intent::CancelOrder
        | Intent::ChangeAddress
        | Intent::ChangeOrder
        | Intent::RefundStatus
        | Intent::RequestRefund
        | Intent::WrongItem
        | Intent::DamagedItem
        | Intent::NotReceived
        | Intent::ExchangeItem
        | Intent::Complaint
        | Intent::AccountChange
        | Intent::Invoice => Some(true),
        Intent::ProductQuestion
        | Intent::StockAvailability
        | Intent::PaymentMethods
        | Intent::ShippingOptions
        | Intent::ReturnPolicy
        | Intent::CustomsDuties
        | Intent::Discount
        | Intent::DeliveryTime => Some(false),
        _ => None,
    }
}

/// How much a line that only its intent labels counts beside one that was written for the purpose.
const BY_INTENT_WEIGHT: f32 = 0.2;
/// Parts in which lines are held back, and lines of one language that stay together in a part: they
/// are of a few scenes, which recur from language to language at much the same place.
const FOLDS: usize = 5;
const TOGETHER: usize = 8;
/// Steps of the descent (Adam), and how it goes.
const STEPS: i32 = 250;
const RATE: f32 = 0.1;
const MEAN: f32 = 0.9;
const SPREAD: f32 = 0.999;
/// Pulls weights to nothing, so that a piece that few lines have says little.
const DECAY: f32 = 3e-5;

/// A line as it is learned from.
struct Lesson {
    places: Vec<u32>,
    is_own: bool,
    weight: f32,
    /// The part with which it is held back; `None` for one that always teaches.
    fold: Option<usize>,
    language: Language,
}

/// Fits a head on `rows`, a language after the other in the order of their files, and on everyday
/// messages that are labelled by their intent.
pub fn fit(rows: &[BoundRow], by_intent: &[BoundRow]) -> Fitted {
    let mut at_of: BTreeMap<Language, usize> = BTreeMap::new();
    let mut lessons: Vec<Lesson> = Vec::with_capacity(rows.len() + by_intent.len());
    for row in rows {
        let at = at_of.entry(row.language).or_default();
        lessons.push(lesson(row, 1.0, Some(*at / TOGETHER % FOLDS)));
        *at += 1;
    }
    lessons.extend(by_intent.iter().map(|row| lesson(row, BY_INTENT_WEIGHT, None)));
    let mut said: Vec<(f32, &Lesson)> = Vec::with_capacity(rows.len());
    for fold in 0..FOLDS {
        let (bias, weights) = regress(&lessons, |lesson| lesson.fold != Some(fold));
        let held = lessons.iter().filter(|lesson| lesson.fold == Some(fold));
        said.extend(held.map(|lesson| (log_odds(bias, &weights, &lesson.places), lesson)));
    }
    let measured = measured(&said, by_intent.len());
    let (bias, weights) = regress(&lessons, |_| true);
    Fitted { head: Bound::rounded(bias, &weights), measured }
}

fn lesson(row: &BoundRow, weight: f32, fold: Option<usize>) -> Lesson {
    let places = places(&plain(&row.text));
    Lesson { places, is_own: row.own, weight, fold, language: row.language }
}

/// Logistic regression by full steps from nothing: the same on every machine.
fn regress(lessons: &[Lesson], teaches: impl Fn(&Lesson) -> bool) -> (f32, Vec<f32>) {
    let lessons: Vec<&Lesson> = lessons.iter().filter(|lesson| teaches(lesson)).collect();
    let all: f32 = lessons.iter().map(|lesson| lesson.weight).sum();
    // The bias stands behind the weights.
    let mut weights = vec![0.0_f32; PLACES + 1];
    let (mut means, mut spreads) = (weights.clone(), weights.clone());
    let mut slopes = weights.clone();
    for step in 1..=STEPS {
        for (slope, weight) in slopes.iter_mut().zip(&weights) {
            *slope = DECAY * weight;
        }
        slopes[PLACES] = 0.0;
        for lesson in &lessons {
            let odds = log_odds(weights[PLACES], &weights, &lesson.places);
            let error = 1.0 / (1.0 + (-odds).exp()) - f32::from(u8::from(lesson.is_own));
            let error = error * lesson.weight / all;
            let share = error * value(lesson.places.len());
            for place in &lesson.places {
                slopes[*place as usize] += share;
            }
            slopes[PLACES] += error;
        }
        let (mean_part, spread_part) = (1.0 - MEAN.powi(step), 1.0 - SPREAD.powi(step));
        for (at, slope) in slopes.iter().enumerate() {
            means[at] = MEAN * means[at] + (1.0 - MEAN) * slope;
            spreads[at] = SPREAD * spreads[at] + (1.0 - SPREAD) * slope * slope;
            let spread = (spreads[at] / spread_part).sqrt() + 1e-8;
            weights[at] -= RATE * means[at] / mean_part / spread;
        }
    }
    let bias = weights.pop().unwrap_or_default();
    (bias, weights)
}

fn log_odds(bias: f32, weights: &[f32], places: &[u32]) -> f32 {
    let sum: f32 = places.iter().map(|place| weights[*place as usize]).sum();
    bias + sum * value(places.len())
}

fn measured(said: &[(f32, &Lesson)], by_intent: usize) -> Measured {
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
        by_intent,
        folds: FOLDS,
        auroc: short(auroc),
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
        BoundRow { text: text.to_owned(), language: Language::ENGLISH, own }
    }

    #[test]
    fn a_head_learns_what_tells_the_lines_apart_and_keeps_it_through_its_file() {
        let rows: Vec<BoundRow> = (0..40)
            .map(|n| match n % 2 {
                0 => row(&format!("is the lamp {n} on sale"), false),
                _ => row(&format!("cancel the lamp {n}"), true),
            })
            .collect();

        let Fitted { head, measured } = fit(&rows, &[]);

        assert_eq!((measured.rows, measured.auroc), (40, 1.0));
        let head = Bound::from_file(&head.to_file()).expect("its own file");
        assert!(head.log_odds(&plain("cancel the sofa")) > 0.0);
        assert!(head.log_odds(&plain("is the sofa on sale")) < 0.0);
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        let good = r#"{"text":"a","language":"en","own":true}"#;

        assert_eq!(parse(good).map(|rows| rows.len()), Ok(1));
        assert!(parse(&format!("{good}\n\n{{}}")).is_err_and(|why| why.starts_with("line 3: ")));
    }
}
