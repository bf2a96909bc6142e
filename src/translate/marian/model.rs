//! A sentence through encoder and decoder: tokens in, the likeliest tokens out.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::config::Config;
use super::layers::{DecoderLayer, EncoderLayer, Seen};
use super::{ModelError, Unsaid};

const FILE: &str = "model.safetensors";
/// What the table of the tokens is called: files hold a shared tensor once, under one of its names.
const TABLES: [&str; 4] = [
    "model.shared.weight",
    "model.encoder.embed_tokens.weight",
    "model.decoder.embed_tokens.weight",
    "lm_head.weight",
];

/// The layers of a model, and its table of tokens.
pub(super) struct Marian {
    config: Config,
    /// What each token means, both where it is read and where it is said.
    words: Tensor,
    bias: Tensor,
    positions: Tensor,
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
}

/// What the decoder's layers see of a sentence.
pub(super) struct Read(Vec<Seen>);

/// What was said so far, as each layer of the decoder sees it.
#[derive(Default)]
pub(super) struct Saying {
    length: usize,
    seen: Vec<Option<Seen>>,
}

/// Tokens that a model said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Without the one that ends a sentence.
    pub ids: Vec<u32>,
    /// Whether it came to an end within its bound.
    pub has_ended: bool,
}

impl Marian {
    /// Takes the tensors by the names that the Hugging Face tools give them.
    ///
    /// # Errors
    /// When one is missing or of another shape.
    pub(super) fn load(weights: Vec<u8>, config: Config) -> std::result::Result<Self, ModelError> {
        let wrong = |error: candle_core::Error| ModelError::new(FILE, error);
        let vb = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)
            .map_err(wrong)?;
        let table = TABLES.into_iter().find(|name| vb.contains_tensor(name));
        let table = table.ok_or_else(|| ModelError::new(FILE, "no table of tokens"))?;
        Self::take(&vb, table, config).map_err(wrong)
    }

    fn take(vb: &VarBuilder, table: &str, config: Config) -> Result<Self> {
        let words = vb.get((config.vocabulary, config.width), table)?;
        let stack = |name: &str| vb.pp("model").pp(name).pp("layers");
        let (encoder, decoder) = (stack("encoder"), stack("decoder"));
        Ok(Self {
            words,
            bias: vb.get((1, config.vocabulary), "final_logits_bias")?,
            positions: positions(config.positions, config.width)?,
            encoder: (0..config.encoder.layers)
                .map(|at| EncoderLayer::load(&encoder.pp(at), &config))
                .collect::<Result<_>>()?,
            decoder: (0..config.decoder.layers)
                .map(|at| DecoderLayer::load(&decoder.pp(at), &config))
                .collect::<Result<_>>()?,
            config,
        })
    }

    /// Longest sequence of tokens.
    pub(super) fn positions(&self) -> usize {
        self.config.positions
    }

    /// Reads a sentence, the token that ends it included.
    pub(super) fn read(&self, ids: &[u32]) -> Result<Read> {
        let mut x = self.embed(ids, 0)?;
        for layer in &self.encoder {
            x = layer.forward(&x)?;
        }
        Ok(Read(self.decoder.iter().map(|layer| layer.read(&x)).collect::<Result<_>>()?))
    }

    /// How likely each token is behind `token` (a logarithm, but for a constant).
    pub(super) fn next(&self, read: &Read, saying: &mut Saying, token: u32) -> Result<Vec<f32>> {
        saying.seen.resize_with(self.decoder.len(), || None);
        let mut x = self.embed(&[token], saying.length)?;
        for ((layer, read), said) in self.decoder.iter().zip(&read.0).zip(&mut saying.seen) {
            x = layer.forward(&x, said, read)?;
        }
        saying.length += 1;
        (x.matmul(&self.words.t()?)? + &self.bias)?.squeeze(0)?.to_vec1()
    }

    /// Says a sentence that was cut into `ids`, in at most `tokens_max` tokens.
    ///
    /// # Errors
    /// When nobody waits for it any more, or the arithmetic fails.
    pub(super) fn say(
        &self,
        ids: &[u32],
        tokens_max: usize,
        is_wanted: &dyn Fn() -> bool,
    ) -> std::result::Result<Said, Unsaid> {
        let read = self.read(ids)?;
        let mut saying = Saying::default();
        let (mut said, mut token) = (Vec::new(), self.config.start);
        while said.len() < tokens_max.min(self.config.positions) {
            if !is_wanted() {
                return Err(Unsaid::Unwanted);
            }
            token = likeliest(&self.next(&read, &mut saying, token)?, self.config.pad)?;
            if token == self.config.end {
                return Ok(Said { ids: said, has_ended: true });
            }
            said.push(token);
        }
        Ok(Said { ids: said, has_ended: false })
    }

    fn embed(&self, ids: &[u32], from: usize) -> Result<Tensor> {
        let rows = Tensor::new(ids, &Device::Cpu)?;
        let words = (self.words.index_select(&rows, 0)? * self.config.scale)?;
        words + self.positions.narrow(0, from, ids.len())?
    }
}

/// The first of the likeliest tokens. The filling is never said.
fn likeliest(logits: &[f32], pad: u32) -> Result<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (token, logit) in (0..).zip(logits) {
        if logit.is_nan() {
            candle_core::bail!("the weights give no numbers");
        }
        if token != pad && best.is_none_or(|(_, highest)| *logit > highest) {
            best = Some((token, *logit));
        }
    }
    best.map(|(token, _)| token).ok_or_else(|| candle_core::Error::msg("no tokens"))
}

/// Sines in the first half of each row and cosines in the second, slower from column to column.
fn positions(rows: usize, width: usize) -> Result<Tensor> {
    let half = width / 2;
    let value = |row: usize, column: usize| {
        let angle = row as f64 / 10_000_f64.powf((2 * (column % half)) as f64 / width as f64);
        if column < half { angle.sin() as f32 } else { angle.cos() as f32 }
    };
    let values = (0..rows).flat_map(|row| (0..width).map(move |column| value(row, column)));
    Tensor::from_vec(values.collect::<Vec<_>>(), (rows, width), &Device::Cpu)
}
