//! The layers behind the sum of rows: linear heads and what makes probabilities of their outputs.

use super::format::{LAYERS, Layers};

/// All heads as one layer, turned so that a value of the vector meets all labels side by side.
pub struct Heads {
    /// `dims × width`.
    weights: Vec<f32>,
    /// `width`, of which the last ones may belong to no label.
    bias: Vec<f32>,
    /// Labels of each head.
    labels: [usize; LAYERS],
}

/// Labels whose sums stay in registers.
const LABELS_AT_ONCE: usize = 32;

impl Heads {
    /// The heads over vectors of `dims` values.
    pub fn new(heads: &Layers, dims: usize) -> Self {
        let labels = heads.each_ref().map(|head| head.bias.len());
        let width = labels.iter().sum::<usize>().next_multiple_of(LABELS_AT_ONCE);
        let mut bias: Vec<f32> = heads.iter().flat_map(|head| &head.bias).copied().collect();
        bias.resize(width, 0.0);
        let mut weights = vec![0.0; dims * width];
        let rows = heads.iter().flat_map(|head| head.weights.chunks_exact(dims));
        for (label, row) in rows.enumerate() {
            for (at, weight) in row.iter().enumerate() {
                weights[at * width + label] = *weight;
            }
        }
        Self { weights, bias, labels }
    }

    /// The outputs for a pooled vector, over `out`.
    #[inline(always)]
    pub fn logits(&self, pooled: &[f32], out: &mut Vec<f32>) {
        let width = self.bias.len();
        out.clear();
        for first in (0..width).step_by(LABELS_AT_ONCE) {
            let block = first..first + LABELS_AT_ONCE;
            let mut sums = [0.0; LABELS_AT_ONCE];
            sums.copy_from_slice(&self.bias[block.clone()]);
            for (value, row) in pooled.iter().zip(self.weights.chunks_exact(width)) {
                let row = &row[block.clone()];
                for i in 0..LABELS_AT_ONCE {
                    sums[i] += value * row[i];
                }
            }
            out.extend_from_slice(&sums);
        }
    }

    /// Each head's share of the outputs.
    #[inline(always)]
    pub fn of<'a>(&self, logits: &'a [f32]) -> [&'a [f32]; LAYERS] {
        let mut rest = logits;
        self.labels.map(|labels| {
            let (share, later) = rest.split_at(labels);
            rest = later;
            share
        })
    }
}

/// Writes `logits` divided by a temperature over `out`.
#[inline(always)]
pub fn divide(logits: &[f32], temperature: f32, out: &mut Vec<f32>) {
    out.clear();
    out.extend(logits.iter().map(|logit| logit / temperature));
}

/// Sums that run beside each other: enough for the widest registers in use.
const LANES: usize = 8;

/// The scalar product, with sums in a fixed order: quick, and the same on every machine.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let whole = a.len() / LANES * LANES;
    let mut at = 0;
    while at < whole {
        let (x, y) = (&a[at..at + LANES], &b[at..at + LANES]);
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
        at += LANES;
    }
    let mut total = 0.0;
    for sum in sums {
        total += sum;
    }
    let mut rest = 0.0;
    for i in whole..a.len() {
        rest += a[i] * b[i];
    }
    total + rest
}

/// Turns logits into probabilities in place.
#[inline(always)]
pub fn softmax(logits: &mut [f32]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for logit in logits.iter_mut() {
        *logit = exp_below_zero(*logit - max);
    }
    for power in logits.iter() {
        total += power;
    }
    logits.iter_mut().for_each(|logit| *logit /= total);
}

/// e to the power of a number that is not above zero, to six digits. Without a branch or a call, so
/// that many go side by side, and the same on every machine.
#[inline(always)]
fn exp_below_zero(x: f32) -> f32 {
    // Adding and taking away 1.5 × 2²³ rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    // The logarithm of two in two pieces, of which the first times any such whole number is exact.
    const LN_2: f32 = 0.693_359_4;
    const LN_2_REST: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let whole = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // The series of e to the power of what is left, at most half a factor of two.
    let rest = x - whole * LN_2 - whole * LN_2_REST;
    let series = 1.0 / 720.0;
    let series = series * rest + 1.0 / 120.0;
    let series = series * rest + 1.0 / 24.0;
    let series = series * rest + 1.0 / 6.0;
    let series = series * rest + 0.5;
    let series = series * rest + 1.0;
    let series = series * rest + 1.0;
    f32::from_bits(((whole as i32 + 127) as u32) << 23) * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_right_to_six_digits_down_to_the_smallest() {
        for step in 0..87_000 {
            let x = -(step as f32) / 1_000.0;
            let (quick, exact) = (f64::from(exp_below_zero(x)), f64::from(x).exp());
            assert!((quick - exact).abs() <= 1e-6 * exact, "{x}: {quick} and {exact}");
        }
        assert!(exp_below_zero(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn the_scalar_product_takes_what_is_left_over_beside_whole_lanes() {
        let values: Vec<f32> = (1..=11).map(|n| n as f32).collect();

        assert_eq!(dot(&values, &values), 506.0);
    }
}
