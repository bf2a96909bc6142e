//! Finds the temperature that turns the logits of a head into probabilities.

use crate::understand::model::softmax;

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
}
