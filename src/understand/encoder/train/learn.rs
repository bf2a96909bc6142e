//! The losses and the steps.

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder, VarMap, ops};

use crate::understand::encoder::Config;
use crate::understand::encoder::bert::{Bert, Mode, mean_of_tokens, unit_rows};
use crate::understand::encoder::heads::Head;
use crate::understand::encoder::tokens::Batch;
use crate::understand::train::Chance;

use super::Options;
use super::lessons::Lesson;

/// Spread of the random weights at the start.
const SPREAD: f32 = 0.03;
/// Share of the steps in which the rate rises.
const WARM_UP: f64 = 0.06;
/// The last steps are this share of the largest.
const LAST_RATE: f64 = 0.02;
/// Share of a vector's values that the heads do not see in a step.
const DROPPED: f32 = 0.15;
/// Probability that is spread over all labels: the corpus has mistakes.
const SMOOTHING: f64 = 0.1;
/// How much the language and the sentiment count beside the intent.
const WEIGHTS: [f64; 3] = [0.3, 1.0, 0.3];
/// Cosines are divided by this in the contrastive loss.
const CONTRAST_TEMPERATURE: f64 = 0.1;

/// An encoder that learns, with its three heads.
pub(super) struct Student {
    map: VarMap,
    bert: Bert,
    heads: [(Tensor, Tensor); 3],
    optimizer: AdamW,
    dims: usize,
    options: Options,
    steps_total: usize,
    step: usize,
}

impl Student {
    /// One with random weights that will learn in `steps_total` steps.
    pub(super) fn new(
        config: &Config,
        labels: [usize; 3],
        options: &Options,
        steps_total: usize,
        chance: &mut Chance,
    ) -> Result<Self> {
        let map = VarMap::new();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        let bert = Bert::load(&vb, config)?;
        let dims = config.hidden_size;
        let head = |at: usize| -> Result<(Tensor, Tensor)> {
            let vb = vb.pp("head").pp(at);
            Ok((vb.get((labels[at], dims), "weight")?, vb.get(labels[at], "bias")?))
        };
        let heads = [head(0)?, head(1)?, head(2)?];
        scatter(&map, chance)?;
        let params = ParamsAdamW { lr: options.rate, weight_decay: 0.02, ..Default::default() };
        let optimizer = AdamW::new(sorted_vars(&map), params)?;
        let options = options.clone();
        Ok(Self { map, bert, heads, optimizer, dims, options, steps_total, step: 0 })
    }

    /// One step; the loss before it.
    pub(super) fn learn(&mut self, lesson: &Lesson, chance: &mut Chance) -> Result<f32> {
        self.optimizer.set_learning_rate(self.rate());
        self.step += 1;
        let loss = match lesson {
            Lesson::Messages(batch, labels) => self.loss_of_messages(batch, labels, chance)?,
            Lesson::Translations(batch, keys) => {
                let near = contrast(&self.vectors(batch)?, &label_tensor(keys)?)?;
                (near * self.options.translation)?
            }
        };
        self.optimizer.backward_step(&loss)?;
        loss.to_scalar()
    }

    fn loss_of_messages(
        &self,
        batch: &Batch,
        labels: &[Vec<u32>; 3],
        chance: &mut Chance,
    ) -> Result<Tensor> {
        let vectors = self.vectors(batch)?;
        let intents = label_tensor(&labels[1])?;
        let mut loss = (contrast(&vectors, &intents)? * self.options.contrast)?;
        let seen = vectors.mul(&dropout(vectors.dims2()?, chance)?)?;
        for (at, (weights, bias)) in self.heads.iter().enumerate() {
            let logits = seen.matmul(&weights.t()?)?.broadcast_add(bias)?;
            let labels = label_tensor(&labels[at])?;
            loss = (loss + (surprise(&logits, &labels)? * WEIGHTS[at])?)?;
        }
        Ok(loss)
    }

    /// The tensors of the encoder, by name.
    pub(super) fn tensors(&self) -> Vec<(String, Tensor)> {
        let data = self.map.data().lock().expect("nothing panics while it holds the map");
        let encoder = data.iter().filter(|(name, _)| !name.starts_with("head."));
        let mut tensors: Vec<_> =
            encoder.map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        tensors
    }

    /// The heads, for vectors of length one.
    pub(super) fn heads(&self) -> Result<[Head; 3]> {
        let head = |(weights, bias): &(Tensor, Tensor)| -> Result<Head> {
            let weights = (weights * scale(self.dims))?.flatten_all()?.to_vec1()?;
            Ok(Head { weights, bias: bias.to_vec1()?, temperature: 1.0 })
        };
        let [language, intent, sentiment] = &self.heads;
        Ok([head(language)?, head(intent)?, head(sentiment)?])
    }

    /// Vectors whose values are about one: what the heads learn on.
    fn vectors(&self, batch: &Batch) -> Result<Tensor> {
        let shape = (batch.texts, batch.length);
        let ids = Tensor::from_slice(&batch.ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_slice(&batch.mask, shape, &Device::Cpu)?.to_dtype(DType::F32)?;
        let states = self.bert.forward(&ids, &mask, Mode::Train)?;
        unit_rows(&mean_of_tokens(&states, &mask)?)? * scale(self.dims)
    }

    /// Up in a line, then down along a cosine.
    fn rate(&self) -> f64 {
        let done = self.step as f64 / self.steps_total.max(1) as f64;
        let share = if done < WARM_UP {
            done / WARM_UP
        } else {
            let falling = (done - WARM_UP) / (1.0 - WARM_UP);
            LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + (std::f64::consts::PI * falling).cos())
        };
        self.options.rate * share.max(1e-3)
    }
}

fn scale(dims: usize) -> f64 {
    (dims as f64).sqrt()
}

fn label_tensor(labels: &[u32]) -> Result<Tensor> {
    Tensor::from_slice(labels, labels.len(), &Device::Cpu)
}

/// Variables in an order that does not hang on a hash.
fn sorted_vars(map: &VarMap) -> Vec<candle_core::Var> {
    let data = map.data().lock().expect("nothing panics while it holds the map");
    let mut vars: Vec<_> = data.iter().collect();
    vars.sort_by(|a, b| a.0.cmp(b.0));
    vars.into_iter().map(|(_, var)| var.clone()).collect()
}

/// Random weights from the seed, since candle's own generator has none on the processor.
fn scatter(map: &VarMap, chance: &mut Chance) -> Result<()> {
    let data = map.data().lock().expect("nothing panics while it holds the map");
    let mut vars: Vec<_> = data.iter().collect();
    vars.sort_by(|a, b| a.0.cmp(b.0));
    for (name, var) in vars {
        let count = var.elem_count();
        let values = if name.ends_with("LayerNorm.weight") {
            vec![1.0; count]
        } else if name.ends_with("bias") {
            vec![0.0; count]
        } else {
            (0..count).map(|_| chance.normal() * SPREAD).collect()
        };
        var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
    }
    Ok(())
}

/// Zero for what is dropped, a little more than one for the rest, so that the sum stays.
fn dropout(shape: (usize, usize), chance: &mut Chance) -> Result<Tensor> {
    let kept = 1.0 / (1.0 - DROPPED);
    let values: Vec<f32> =
        (0..shape.0 * shape.1).map(|_| if chance.unit() < DROPPED { 0.0 } else { kept }).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Mean surprise at the right labels, with some probability for all others.
fn surprise(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let logs = ops::log_softmax(logits, D::Minus1)?;
    let right = logs.gather(&labels.unsqueeze(1)?, 1)?.mean_all()?;
    let all = logs.mean_all()?;
    (right * -(1.0 - SMOOTHING))? + (all * -SMOOTHING)?
}

/// Supervised contrast: texts of one label, in whatever language, shall lie closer to each other than
/// to the rest of the batch (Khosla and others, arXiv:2004.11362).
fn contrast(vectors: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (texts, dims) = vectors.dims2()?;
    let cosines = (vectors.matmul(&vectors.t()?)? / (dims as f64 * CONTRAST_TEMPERATURE))?;
    let itself = Tensor::eye(texts, DType::F32, vectors.device())?;
    let logs = ops::log_softmax(&(cosines - (&itself * 1e4)?)?, D::Minus1)?;
    let rows = labels.unsqueeze(1)?.broadcast_as((texts, texts))?;
    let same = rows.eq(&labels.unsqueeze(0)?.broadcast_as((texts, texts))?)?;
    let same = (same.to_dtype(DType::F32)? - itself)?;
    let partners = same.sum(1)?;
    let near = (logs * same)?.sum(1)?.div(&partners.maximum(1.0)?)?;
    let with_partners = partners.minimum(1.0)?.sum_all()?.maximum(1.0)?;
    near.sum_all()?.div(&with_partners)?.neg()
}
