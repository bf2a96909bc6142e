//! The layers of Marian's encoder and decoder. A tensor has a row for each token of one sentence: a
//! sentence alone needs no mask.

use candle_core::{Result, Tensor};
use candle_nn::{LayerNorm, Linear, Module, VarBuilder, layer_norm, linear, ops};

use super::config::{Activation, Config, Stack};

const NORM_EPS: f64 = 1e-5;

/// What attention looks at: a key and a value of each token, heads × tokens × values.
#[derive(Clone)]
pub(super) struct Seen {
    keys: Tensor,
    values: Tensor,
}

impl Seen {
    /// With more tokens behind.
    fn and(&self, more: &Self) -> Result<Self> {
        Ok(Self {
            keys: Tensor::cat(&[&self.keys, &more.keys], 1)?,
            values: Tensor::cat(&[&self.values, &more.values], 1)?,
        })
    }
}

/// Attention of several heads.
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
}

impl Attention {
    fn load(vb: &VarBuilder, width: usize, heads: usize) -> Result<Self> {
        let square = |name: &str| linear(width, width, vb.pp(name));
        Ok(Self {
            query: square("q_proj")?,
            key: square("k_proj")?,
            value: square("v_proj")?,
            out: square("out_proj")?,
            heads,
        })
    }

    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (length, width) = x.dims2()?;
        x.reshape((length, self.heads, width / self.heads))?.transpose(0, 1)?.contiguous()
    }

    fn see(&self, x: &Tensor) -> Result<Seen> {
        Ok(Seen {
            keys: self.split(&self.key.forward(x)?)?,
            values: self.split(&self.value.forward(x)?)?,
        })
    }

    fn attend(&self, x: &Tensor, seen: &Seen) -> Result<Tensor> {
        let (length, width) = x.dims2()?;
        let query = self.split(&self.query.forward(x)?)?;
        let scores = query.matmul(&seen.keys.t()?)?;
        let scores = (scores / ((width / self.heads) as f64).sqrt())?;
        let mixed = ops::softmax_last_dim(&scores)?.matmul(&seen.values)?;
        self.out.forward(&mixed.transpose(0, 1)?.reshape((length, width))?)
    }
}

/// Two linear maps with an activation between them, added to what went in.
struct Wide {
    wide: Linear,
    narrow: Linear,
    norm: LayerNorm,
    activation: Activation,
}

impl Wide {
    fn load(vb: &VarBuilder, config: &Config, stack: Stack) -> Result<Self> {
        Ok(Self {
            wide: linear(config.width, stack.wide, vb.pp("fc1"))?,
            narrow: linear(stack.wide, config.width, vb.pp("fc2"))?,
            norm: layer_norm(config.width, NORM_EPS, vb.pp("final_layer_norm"))?,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let wide = self.wide.forward(x)?;
        let wide = match self.activation {
            Activation::Swish => wide.silu()?,
            Activation::Relu => wide.relu()?,
            Activation::Gelu => wide.gelu_erf()?,
        };
        self.norm.forward(&(x + self.narrow.forward(&wide)?)?)
    }
}

/// A layer of the encoder: each token looks at all of the sentence.
pub(super) struct EncoderLayer {
    attention: Attention,
    norm: LayerNorm,
    wide: Wide,
}

impl EncoderLayer {
    pub(super) fn load(vb: &VarBuilder, config: &Config) -> Result<Self> {
        Ok(Self {
            attention: Attention::load(&vb.pp("self_attn"), config.width, config.encoder.heads)?,
            norm: layer_norm(config.width, NORM_EPS, vb.pp("self_attn_layer_norm"))?,
            wide: Wide::load(vb, config, config.encoder)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let attended = self.attention.attend(x, &self.attention.see(x)?)?;
        self.wide.forward(&self.norm.forward(&(x + attended)?)?)
    }
}

/// A layer of the decoder: each token looks at those before it, then at the sentence that is read.
pub(super) struct DecoderLayer {
    said: Attention,
    said_norm: LayerNorm,
    read: Attention,
    read_norm: LayerNorm,
    wide: Wide,
}

impl DecoderLayer {
    pub(super) fn load(vb: &VarBuilder, config: &Config) -> Result<Self> {
        let attention =
            |name: &str| Attention::load(&vb.pp(name), config.width, config.decoder.heads);
        let norm = |name: &str| layer_norm(config.width, NORM_EPS, vb.pp(name));
        Ok(Self {
            said: attention("self_attn")?,
            said_norm: norm("self_attn_layer_norm")?,
            read: attention("encoder_attn")?,
            read_norm: norm("encoder_attn_layer_norm")?,
            wide: Wide::load(vb, config, config.decoder)?,
        })
    }

    /// What the layer sees of a sentence, whatever is said later.
    pub(super) fn read(&self, encoded: &Tensor) -> Result<Seen> {
        self.read.see(encoded)
    }

    /// The next token, a row; `said` is what was seen of those before it, and gets it.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        said: &mut Option<Seen>,
        read: &Seen,
    ) -> Result<Tensor> {
        let new = self.said.see(x)?;
        let all = match said.take() {
            Some(before) => before.and(&new)?,
            None => new,
        };
        let attended = self.said.attend(x, &all)?;
        *said = Some(all);
        let x = self.said_norm.forward(&(x + attended)?)?;
        let attended = self.read.attend(&x, read)?;
        self.wide.forward(&self.read_norm.forward(&(x + attended)?)?)
    }
}
