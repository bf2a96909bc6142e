//! Learns one linear score a label, the label against the rest: a support vector machine with
//! squared hinge, solved in its dual one example at a time (Hsieh et al., ICML 2008).

use super::space::{Point, mix};

/// Labels that are learned side by side: their weights of one feature fill a cache line.
pub(super) const LANES: usize = 16;

/// How much a mistake costs against large weights.
const COST: f32 = 1.0;
/// Most passes over the examples.
const PASSES_MAX: usize = 15;
/// Passes after which examples that rested are looked at again.
const PASSES_OF_A_ROUND: usize = 5;
/// Learning ends when no step of a full pass would have been larger.
const GRADIENT_MIN: f32 = 0.02;
/// Distance beyond the margin from which an example rests until the next round.
const REST_FROM: f32 = 0.1;

/// The weights of up to [`LANES`] labels.
pub(super) struct Lanes {
    /// By feature.
    weights: Vec<[f32; LANES]>,
    /// What a text without features has.
    pub(super) bias: [f32; LANES],
}

/// Learns the labels `first_label..first_label + LANES` of a space with `features` features.
/// `labels` are those of the points; `None` is against all.
pub(super) fn learn(
    points: &[Point],
    labels: &[Option<u16>],
    features: usize,
    first_label: u16,
    seed: u64,
) -> Lanes {
    let softness = 1.0 / (2.0 * COST);
    let curvature: Vec<f32> = points
        .iter()
        .map(|point| point.iter().map(|(_, value)| value * value).sum::<f32>() + 1.0 + softness)
        .collect();
    let mut lanes = Lanes { weights: vec![[0.0; LANES]; features], bias: [0.0; LANES] };
    let mut duals = vec![[0.0_f32; LANES]; points.len()];
    let mut random = mix(seed, u64::from(first_label));
    let mut awake: Vec<u32> = Vec::new();
    for pass in 0..PASSES_MAX {
        let is_full = pass % PASSES_OF_A_ROUND == 0;
        if is_full {
            awake = (0..points.len() as u32).collect();
        }
        shuffle(&mut awake, &mut random);
        let mut largest = 0.0_f32;
        awake.retain(|&at| {
            let at = at as usize;
            let own = labels[at].and_then(|label| label.checked_sub(first_label)).map(usize::from);
            let step = lanes.step(&points[at], own, &mut duals[at], curvature[at]);
            largest = largest.max(step.gradient);
            !step.rests
        });
        if is_full && largest < GRADIENT_MIN {
            break;
        }
    }
    lanes
}

/// What became of one example.
struct Step {
    /// The largest gradient that moved a dual.
    gradient: f32,
    /// Whether the example is far on the right side for every label.
    rests: bool,
}

impl Lanes {
    /// The weights of one label that are not nothing, by feature.
    pub(super) fn weights_of(&self, lane: usize) -> Vec<(u32, f32)> {
        let all = (0..).zip(self.weights.iter().map(|weights| weights[lane]));
        all.filter(|(_, weight)| *weight != 0.0).collect()
    }

    fn scores(&self, point: &Point) -> [f32; LANES] {
        let mut scores = self.bias;
        for (feature, value) in point {
            let weights = &self.weights[*feature as usize];
            for lane in 0..LANES {
                scores[lane] += value * weights[lane];
            }
        }
        scores
    }

    fn step(
        &mut self,
        point: &Point,
        own: Option<usize>,
        duals: &mut [f32; LANES],
        curvature: f32,
    ) -> Step {
        let softness = 1.0 / (2.0 * COST);
        let scores = self.scores(point);
        let mut moves = [0.0_f32; LANES];
        let mut step = Step { gradient: 0.0, rests: true };
        for lane in 0..LANES {
            let side = if own == Some(lane) { 1.0 } else { -1.0 };
            let dual = duals[lane];
            let gradient = side * scores[lane] - 1.0 + dual * softness;
            step.rests &= dual == 0.0 && gradient >= REST_FROM;
            // A dual at zero cannot go lower.
            let downhill = if dual == 0.0 { gradient.min(0.0) } else { gradient };
            step.gradient = step.gradient.max(downhill.abs());
            duals[lane] = (dual - downhill / curvature).max(0.0);
            moves[lane] = (duals[lane] - dual) * side;
        }
        if moves != [0.0; LANES] {
            self.advance(point, &moves);
        }
        step
    }

    fn advance(&mut self, point: &Point, moves: &[f32; LANES]) {
        self.bias.iter_mut().zip(moves).for_each(|(bias, step)| *bias += step);
        for (feature, value) in point {
            let weights = self.weights[*feature as usize].iter_mut();
            weights.zip(moves).for_each(|(weight, step)| *weight += value * step);
        }
    }
}

fn shuffle(order: &mut [u32], random: &mut u64) {
    for last in (1..order.len()).rev() {
        *random = mix(*random, last as u64);
        order.swap(last, (*random % (last as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_a_line_parts_are_parted() {
        let points = vec![vec![(0, 1.0)], vec![(1, 1.0)], vec![(0, 0.9), (2, 0.1)], vec![(2, 1.0)]];
        let labels = [Some(0), Some(1), Some(0), None];

        let lanes = learn(&points, &labels, 3, 0, 7);

        let scores: Vec<_> = points.iter().map(|point| lanes.scores(point)).collect();
        assert!(scores[0][0] > scores[0][1] && scores[2][0] > scores[2][1], "{scores:?}");
        assert!(scores[1][1] > scores[1][0], "{scores:?}");
        assert!(scores[3][0] < 0.0 && scores[3][1] < 0.0, "{scores:?}");
    }
}
