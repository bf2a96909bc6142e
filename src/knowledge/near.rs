//! Which texts lie nearest to a question by their vectors. Every vector is kept twice: as it is, and in whole
//! numbers of a byte, which say quickly how near it is at most. Only what may be nearest is looked at exactly.

/// Products that are summed beside one another.
const LANES: usize = 16;
/// The largest whole number of a rough vector.
const ROUGH_MAX: f32 = 127.0;
/// More than the sums of exact and rough products can differ by rounding.
const ROUNDING: f32 = 1e-4;

/// The vectors of texts, of length one; a text may have several.
#[derive(Default)]
pub(super) struct Near {
    dims: usize,
    exact: Vec<f32>,
    rough: Vec<i8>,
    /// What a step of each rough vector is worth, and how long what it leaves out is.
    steps: Vec<(f32, f32)>,
    /// Where the vectors of each text end.
    ends: Vec<usize>,
}

impl Near {
    /// Takes in the vectors of the next text. All vectors have one length, as one model gives them.
    pub(super) fn add(&mut self, vectors: &[Vec<f32>]) {
        for vector in vectors {
            debug_assert!(self.steps.is_empty() || self.dims == vector.len(), "one length");
            self.dims = vector.len();
            let (step, left_out) = roughly(vector, &mut self.rough);
            self.exact.extend_from_slice(vector);
            self.steps.push((step, left_out));
        }
        self.ends.push(self.steps.len());
    }

    /// The cosine of `question` with the nearest vector of a text, 0 to 1.
    pub(super) fn nearest(&self, text: usize, question: &[f32]) -> f32 {
        debug_assert!(self.steps.is_empty() || self.dims == question.len(), "one length");
        let begins = text.checked_sub(1).map_or(0, |before| self.ends[before]);
        let rows = &self.exact[begins * self.dims..self.ends[text] * self.dims];
        let rows = rows.chunks_exact(self.dims.max(1));
        rows.map(|row| cosine(row, question)).fold(0.0, f32::max)
    }

    /// For each text, what [`Self::nearest`] is at most.
    pub(super) fn at_most(&self, question: &[f32]) -> Vec<f32> {
        debug_assert!(self.steps.is_empty() || self.dims == question.len(), "one length");
        let mut rough = Vec::with_capacity(question.len());
        let (step, left_out) = roughly(question, &mut rough);
        let length = question.iter().map(|it| it * it).sum::<f32>().sqrt();
        let rough: Vec<i16> = rough.into_iter().map(i16::from).collect();
        let work = AtMost { near: self, rough: &rough, step, left_out, length };
        match pulp::Arch::new() {
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V3(lanes) => lanes.vectorize(Wide { work, lanes }),
            _ => work.of_every_text(Plain),
        }
    }
}

/// A question as it is held against rough vectors.
struct AtMost<'a> {
    near: &'a Near,
    rough: &'a [i16],
    step: f32,
    left_out: f32,
    length: f32,
}

impl AtMost<'_> {
    /// The product of what two rough vectors leave out, and of either with the other, is no longer than the
    /// product of their lengths.
    // Loops, and no iterators that call back: only what is inlined is made for the wide registers.
    #[inline(always)]
    fn of_every_text(self, lanes: impl Lanes) -> Vec<f32> {
        let Self { near, rough, step, left_out, length } = self;
        let mut all = Vec::with_capacity(near.ends.len());
        let mut begins = 0;
        for ends in &near.ends {
            let mut most = 0.0_f32;
            for at in begins..*ends {
                let row = &near.rough[at * near.dims..(at + 1) * near.dims];
                let (row_step, row_left_out) = near.steps[at];
                let known = lanes.product(row, rough) as f32 * (row_step * step);
                let unknown = row_left_out * length + (1.0 + row_left_out) * left_out;
                most = most.max(known + unknown + ROUNDING);
            }
            all.push(most.min(1.0));
            begins = *ends;
        }
        all
    }
}

/// How whole numbers are multiplied and summed.
trait Lanes: Copy {
    fn product(self, a: &[i8], b: &[i16]) -> i32;
}

/// By whatever machine.
#[derive(Clone, Copy)]
struct Plain;

impl Lanes for Plain {
    #[inline(always)]
    fn product(self, a: &[i8], b: &[i16]) -> i32 {
        a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V3 {
    #[inline(always)]
    fn product(self, a: &[i8], b: &[i16]) -> i32 {
        let (a, a_rest) = a.as_chunks::<LANES>();
        let (b, b_rest) = b.as_chunks::<LANES>();
        let mut sums = self.avx._mm256_setzero_si256();
        for (a, b) in a.iter().zip(b) {
            let a = self.avx2._mm256_cvtepi8_epi16(pulp::cast(*a));
            let pairs = self.avx2._mm256_madd_epi16(a, pulp::cast(*b));
            sums = self.avx2._mm256_add_epi32(sums, pairs);
        }
        let sums: [i32; 8] = pulp::cast(sums);
        sums.iter().sum::<i32>() + Plain.product(a_rest, b_rest)
    }
}

/// The work in the wide registers of a machine that has them.
#[cfg(target_arch = "x86_64")]
struct Wide<'a> {
    work: AtMost<'a>,
    lanes: pulp::x86::V3,
}

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for Wide<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(self) -> Vec<f32> {
        self.work.of_every_text(self.lanes)
    }
}

/// Adds `vector` in whole numbers; what a step is worth, and how long what they leave out is.
fn roughly(vector: &[f32], rough: &mut Vec<i8>) -> (f32, f32) {
    let largest = vector.iter().fold(0.0_f32, |largest, it| largest.max(it.abs()));
    let step = (largest / ROUGH_MAX).max(f32::MIN_POSITIVE);
    let mut left_out = 0.0;
    for value in vector {
        let whole = (value / step).round().clamp(-ROUGH_MAX, ROUGH_MAX);
        rough.push(whole as i8);
        let left = value - whole * step;
        left_out += left * left;
    }
    (step, left_out.sqrt())
}

/// Of vectors of length one. In lanes, which the compiler can take at once.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (sums.iter().sum::<f32>() + rest).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn nothing_is_nearer_than_it_is_at_most(
            rows in proptest::collection::vec(proptest::collection::vec(-1.0_f32..1.0, 37), 1..9),
            question in proptest::collection::vec(-1.0_f32..1.0, 37),
        ) {
            let unit = |vector: &[f32]| {
                let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt().max(1e-6);
                vector.iter().map(|it| it / length).collect::<Vec<f32>>()
            };
            let question = unit(&question);
            let mut near = Near::default();
            for pair in rows.chunks(2) {
                near.add(&pair.iter().map(|row| unit(row)).collect::<Vec<_>>());
            }

            let at_most = near.at_most(&question);

            proptest::prop_assert_eq!(at_most.len(), rows.len().div_ceil(2));
            for (text, most) in at_most.into_iter().enumerate() {
                let is = near.nearest(text, &question);
                proptest::prop_assert!(is <= most && most <= is.max(0.0) + 0.05, "{} {}", is, most);
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn wide_registers_sum_the_same_as_a_plain_loop() {
        let Some(wide) = pulp::x86::V3::try_new() else {
            eprintln!("skipped: this machine has no wide registers");
            return;
        };
        let most = ROUGH_MAX as i8;
        for length in 0..=400_usize {
            let spread = |step: usize| {
                (0..length).map(move |at| (at * step + length) % 255).map(|it| it as i32 - 127)
            };
            let a: Vec<i8> = spread(89).map(|it| it as i8).collect();
            let b: Vec<i16> = spread(57).map(|it| it as i16).collect();
            assert_eq!(wide.product(&a, &b), Plain.product(&a, &b), "{length}");

            let (low, high) = (vec![-most; length], vec![i16::from(most); length]);
            let sum = -127 * 127 * length as i32;
            assert_eq!(wide.product(&low, &high), sum, "{length}");
            assert_eq!(Plain.product(&low, &high), sum, "{length}");
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "one length")]
    fn vectors_of_another_length_are_a_mistake_of_the_program() {
        let mut near = Near::default();
        near.add(&[vec![1.0, 0.0]]);
        near.add(&[vec![1.0, 0.0, 0.0]]);
    }

    #[test]
    fn the_nearest_of_several_vectors_counts_and_a_text_without_one_is_not_near() {
        let mut near = Near::default();
        near.add(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        near.add(&[]);
        near.add(&[vec![0.6, 0.8]]);
        near.add(&[vec![0.0, 0.0]]);

        let nearest: Vec<f32> = (0..4).map(|text| near.nearest(text, &[0.0, 1.0])).collect();

        assert_eq!(nearest, [1.0, 0.0, 0.8, 0.0]);
        assert!(near.at_most(&[0.0, 1.0]).iter().zip(nearest).all(|(most, is)| *most >= is));
    }
}
