//! The layers of BERT, RoBERTa and XLM-R.

use candle_core::{Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, ops};

use super::config::{Activation, Config, Family};

/// A stack of transformer layers over tables of words, positions and segments.
pub(super) struct Bert {
    words: Tensor,
    /// From the values of a token to those of a vector, where there are fewer.
    widened: Option<Linear>,
    positions: Tensor,
    /// The row of the first segment; a message has no other.
    segment: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    family: Family,
    first_position: u32,
}

impl Bert {
    /// Takes the tensors by the names that the Hugging Face tools give them.
    ///
    /// # Errors
    /// When one is missing or of another shape.
    pub(super) fn load(vb: &VarBuilder, config: &Config) -> Result<Self> {
        let hidden = config.hidden_size;
        let tables = vb.pp("embeddings");
        let table = |rows: usize, name: &str| tables.get((rows, hidden), &format!("{name}.weight"));
        let layers = (0..config.layers)
            .map(|at| Layer::load(&vb.pp("encoder").pp("layer").pp(at), config))
            .collect::<Result<_>>()?;
        let narrow = config.embedding_size;
        let widened = (narrow != hidden)
            .then(|| linear(narrow, hidden, tables.pp("word_projection")))
            .transpose()?;
        Ok(Self {
            words: tables.get((config.vocab_size, narrow), "word_embeddings.weight")?,
            widened,
            positions: table(config.positions, "position_embeddings")?,
            segment: table(config.types, "token_type_embeddings")?.get(0)?,
            norm: Norm::load(&tables.pp("LayerNorm"), config)?,
            layers,
            family: config.family,
            first_position: config.first_position(),
        })
    }

    /// From token ids (texts × tokens) and their mask to one vector a token (texts × tokens ×
    /// values).
    pub(super) fn forward(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (texts, length) = ids.dims2()?;
        let words = self.words.index_select(&ids.flatten_all()?, 0)?;
        let words = match &self.widened {
            Some(map) => map.forward(&words)?,
            None => words,
        };
        let hidden = words.dim(1)?;
        let words = words.reshape((texts, length, hidden))?;
        let places = self.places(mask, length)?;
        let positions = self.positions.index_select(&places, 0)?;
        let positions = positions.reshape(((), length, hidden))?;
        let sum = words.broadcast_add(&positions)?.broadcast_add(&self.segment)?;
        let mut x = self.norm.forward(&sum)?;
        // Added to the attention's scores: nothing for tokens, an abyss for what fills up.
        let shut = mask.affine(-1.0, 1.0)?.affine(-10_000.0, 0.0)?;
        let shut = shut.reshape((texts, 1, 1, length))?;
        for layer in &self.layers {
            x = layer.forward(&x, &shut)?;
        }
        Ok(x)
    }

    /// The position of each token. Texts are filled up at their ends, so a text's own tokens count
    /// from the first in both families; RoBERTa gives the filling the padding's position.
    fn places(&self, mask: &Tensor, length: usize) -> Result<Tensor> {
        let first = self.first_position;
        match self.family {
            Family::Bert => Tensor::arange(0, length as u32, mask.device()),
            Family::Roberta => {
                let real: Vec<f32> = mask.flatten_all()?.to_vec1()?;
                let place = |(at, real): (usize, &f32)| match *real > 0.0 {
                    true => first + (at % length) as u32,
                    false => first - 1,
                };
                let places: Vec<u32> = real.iter().enumerate().map(place).collect();
                let count = places.len();
                Tensor::from_vec(places, count, mask.device())
            }
        }
    }
}

/// Attention, then two linear maps, each added to what went in.
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: Norm,
    wide: Linear,
    narrow: Linear,
    norm: Norm,
    heads: usize,
    activation: Activation,
}

impl Layer {
    fn load(vb: &VarBuilder, config: &Config) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let attention = vb.pp("attention");
        let square = |name: &str| linear(hidden, hidden, attention.pp("self").pp(name));
        Ok(Self {
            query: square("query")?,
            key: square("key")?,
            value: square("value")?,
            attended: linear(hidden, hidden, attention.pp("output").pp("dense"))?,
            attended_norm: Norm::load(&attention.pp("output").pp("LayerNorm"), config)?,
            wide: linear(hidden, wide, vb.pp("intermediate").pp("dense"))?,
            narrow: linear(wide, hidden, vb.pp("output").pp("dense"))?,
            norm: Norm::load(&vb.pp("output").pp("LayerNorm"), config)?,
            heads: config.heads,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor, shut: &Tensor) -> Result<Tensor> {
        let attended = self.attended.forward(&self.attend(x, shut)?)?;
        let x = self.attended_norm.forward(&(x + attended)?)?;
        let wide = self.wide.forward(&x)?;
        let wide = match self.activation {
            Activation::Gelu => wide.gelu_erf()?,
            Activation::GeluNew => wide.gelu()?,
            Activation::Relu => wide.relu()?,
        };
        let narrow = self.narrow.forward(&wide)?;
        self.norm.forward(&(x + narrow)?)
    }

    fn attend(&self, x: &Tensor, shut: &Tensor) -> Result<Tensor> {
        let (texts, length, hidden) = x.dims3()?;
        let width = hidden / self.heads;
        let split = |x: Tensor| {
            x.reshape((texts, length, self.heads, width))?.transpose(1, 2)?.contiguous()
        };
        let query = split(self.query.forward(x)?)?;
        let key = split(self.key.forward(x)?)?;
        let value = split(self.value.forward(x)?)?;
        let scores = (query.matmul(&key.t()?)? / (width as f64).sqrt())?;
        let scores = scores.broadcast_add(shut)?;
        let shares = ops::softmax_last_dim(&scores)?;
        shares.matmul(&value)?.transpose(1, 2)?.reshape((texts, length, hidden))
    }
}

/// Layer normalisation.
struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    fn load(vb: &VarBuilder, config: &Config) -> Result<Self> {
        // Old files call the two by other names.
        let name = |new: &'static str, old| if vb.contains_tensor(old) { old } else { new };
        let weight = vb.get(config.hidden_size, name("weight", "gamma"))?;
        let bias = vb.get(config.hidden_size, name("bias", "beta"))?;
        Ok(Self { weight, bias, eps: config.norm_eps as f32 })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(&x.contiguous()?, &self.weight, &self.bias, self.eps)
    }
}

/// The mean of the tokens' vectors (texts × tokens × values) over those that the mask shows.
pub(super) fn mean_of_tokens(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let mask = mask.unsqueeze(2)?;
    let sum = x.broadcast_mul(&mask)?.sum(1)?;
    sum.broadcast_div(&mask.sum(1)?)
}

/// Rows scaled to length one.
pub(super) fn unit_rows(x: &Tensor) -> Result<Tensor> {
    let length = x.sqr()?.sum_keepdim(1)?.affine(1.0, 1e-12)?.sqrt()?;
    x.broadcast_div(&length)
}
