//! Turns the logits of the heads into probabilities that hold on messages not trained on.

use crate::understand::format::SENTIMENTS;
use crate::understand::layers::softmax;

/// The outputs of a head for a message that it was not trained on, and the label that was right.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Raw outputs.
    pub logits: Vec<f32>,
    /// Index of the right label.
    pub label: usize,
}

/// Steps of the search between [`LOWEST`] and [`HIGHEST`], even on a logarithmic scale.
const STEPS: u32 = 120;
const LOWEST: f32 = 0.2;
const HIGHEST: f32 = 20.0;

/// The temperature under which `outcomes` are least surprising; 1 when there are none.
pub fn temperature(outcomes: &[Outcome]) -> f32 {
    if outcomes.is_empty() {
        return 1.0;
    }
    let candidate = |step: u32| LOWEST * (HIGHEST / LOWEST).powf(step as f32 / STEPS as f32);
    let surprises = (0..=STEPS).map(|step| (surprise(outcomes, candidate(step)), candidate(step)));
    let best = surprises.min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(1.0, |(_, temperature)| temperature)
}

/// What a sentiment head and the intents say of a message that neither was trained on.
#[derive(Clone, Debug)]
pub struct MoodOutcome {
    /// Raw outputs of the sentiment head.
    pub logits: [f32; SENTIMENTS],
    /// Probability of each intent.
    pub intents: Vec<f32>,
    /// Index of the right sentiment.
    pub label: usize,
}

/// How the outputs of the sentiment head and the intents make the probability of a sentiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Mood {
    /// By what the head's outputs are divided.
    pub temperature: f32,
    /// One row an intent.
    pub by_intent: Vec<[f32; SENTIMENTS]>,
}

/// Steps of the descent; the sum of a few dozen weights has settled long before.
const DESCENT_STEPS: usize = 400;
const DESCENT_RATE: f32 = 2.0;
/// Pulls the leanings to nothing, so that an intent of few messages says little.
const DESCENT_DECAY: f32 = 2e-4;

/// The mixture under which `outcomes` are least surprising (multinomial logistic regression by
/// gradient descent from nothing; the surprise is convex).
pub fn mood(outcomes: &[MoodOutcome], intents: usize) -> Mood {
    let mut sharpness = 1.0_f32;
    let mut by_intent = vec![[0.0_f32; SENTIMENTS]; intents];
    if outcomes.is_empty() {
        return Mood { temperature: 1.0, by_intent };
    }
    let share = 1.0 / outcomes.len() as f32;
    for _ in 0..DESCENT_STEPS {
        let mut sharper = 0.0;
        let mut slopes = vec![[0.0_f32; SENTIMENTS]; intents];
        for outcome in outcomes {
            let mut errors = outcome.logits.map(|logit| logit * sharpness);
            for (probability, lean) in outcome.intents.iter().zip(&by_intent) {
                errors.iter_mut().zip(lean).for_each(|(sum, lean)| *sum += probability * lean);
            }
            softmax(&mut errors);
            errors[outcome.label] -= 1.0;
            let along = errors.iter().zip(&outcome.logits).map(|(error, logit)| error * logit);
            sharper += along.sum::<f32>();
            for (probability, slope) in outcome.intents.iter().zip(&mut slopes) {
                slope.iter_mut().zip(errors).for_each(|(sum, error)| *sum += probability * error);
            }
        }
        sharpness = (sharpness - 0.1 * DESCENT_RATE * share * sharper).clamp(0.05, 5.0);
        for (lean, slope) in by_intent.iter_mut().flatten().zip(slopes.iter().flatten()) {
            // Each intent has its own few outcomes: without the factor its row would hardly move.
            *lean -= DESCENT_RATE * (share * intents as f32 * slope + DESCENT_DECAY * *lean);
        }
    }
    Mood { temperature: 1.0 / sharpness, by_intent }
}

/// An intent that was read in a message not trained on.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Index of the intent that was read.
    pub intent: usize,
    /// How probable it was called.
    pub confidence: f32,
    /// Whether it was right.
    pub right: bool,
}

/// What was read where `intents` are the probabilities and `wanted` is the right one.
pub fn reading(intents: &[f32], wanted: usize) -> Option<Reading> {
    let (intent, &confidence) = intents.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    Some(Reading { intent, confidence, right: intent == wanted })
}

/// Readings on which the threshold of one intent rests at the least.
const READINGS_MIN: usize = 20;

/// For each intent the lowest confidence from which at least `precision` of `readings` were right.
pub fn accept(readings: &[Reading], intents: usize, precision: f64) -> Vec<f32> {
    let all = lowest(readings.to_vec(), precision);
    (0..intents)
        .map(|intent| {
            let own = readings.iter().filter(|reading| reading.intent == intent).copied();
            lowest(own.collect(), precision).or(all).unwrap_or(1.0)
        })
        .collect()
}

fn lowest(mut readings: Vec<Reading>, precision: f64) -> Option<f32> {
    readings.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut right = 0;
    let mut least = None;
    for (at, reading) in readings.iter().enumerate() {
        right += usize::from(reading.right);
        let count = at + 1;
        // A threshold lets in all readings of one confidence, or none.
        let is_last = readings.get(count).is_none_or(|next| next.confidence < reading.confidence);
        if is_last && count >= READINGS_MIN && right as f64 >= precision * count as f64 {
            least = Some(reading.confidence);
        }
    }
    least
}

fn surprise(outcomes: &[Outcome], temperature: f32) -> f64 {
    let each = outcomes.iter().map(|outcome| {
        let mut probabilities: Vec<f32> =
            outcome.logits.iter().map(|logit| logit / temperature).collect();
        softmax(&mut probabilities);
        f64::from(-probabilities[outcome.label].max(1e-9).ln())
    });
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_that_are_too_sure_get_a_temperature_above_one() {
        // Right in three of four, with logits that claim 98 %.
        let outcome = |label| Outcome { logits: vec![4.0, 0.0], label };
        let outcomes = [outcome(0), outcome(0), outcome(0), outcome(1)];

        let temperature = temperature(&outcomes);

        // 4 / t = ln 3 gives a probability of 3/4.
        assert!((temperature - 3.64).abs() < 0.2, "{temperature}");
    }

    #[test]
    fn an_intent_whose_messages_are_all_of_one_mood_leans_that_way() {
        let outcome = |intent: usize, label| {
            let intents = (0..2).map(|i| if i == intent { 0.9 } else { 0.1 }).collect();
            MoodOutcome { logits: [0.1, 0.2, 0.0], intents, label }
        };
        let mut outcomes = vec![outcome(0, 0); 50];
        outcomes.extend((0..48).map(|n| outcome(1, n % 3)));

        let mood = mood(&outcomes, 2);

        let lean = |intent: usize, at: usize| {
            0.9 * mood.by_intent[intent][at] + 0.1 * mood.by_intent[1 - intent][at]
        };
        let (negative, neutral, positive) = (0, 1, 2);
        assert!(lean(0, negative) > lean(0, neutral) + 1.0, "{mood:?}");
        assert!(lean(0, negative) > lean(0, positive) + 1.0, "{mood:?}");
        assert!((lean(1, negative) - lean(1, positive)).abs() < 0.3, "{mood:?}");
    }

    #[test]
    fn an_intent_is_believed_from_where_its_readings_are_right() {
        // Right from 0.5 on for the first intent, from 0.8 on for the second.
        let reading = |intent: usize, n: usize| {
            let confidence = n as f32 / 100.0;
            Reading { intent, confidence, right: n >= [50, 80][intent] }
        };
        let readings: Vec<Reading> =
            (0..2).flat_map(|intent| (0..100).map(move |n| reading(intent, n))).collect();

        let accept = accept(&readings, 3, 1.0);

        assert_eq!(accept[..2], [0.5, 0.8]);
        assert_eq!(accept[2], 0.8, "an intent without readings waits for what all need");
    }
}
