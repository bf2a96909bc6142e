//! The tensors of an encoder out of `model.safetensors`.
//!
//! A table of bytes (U8) is one of numbers in 4 bits: rows of blocks of 32 values, each a scale (F16) and 16
//! bytes, as llama.cpp's Q4_0 has them. All else is as the Hugging Face tools write it.

use std::borrow::Cow;
use std::collections::HashMap;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::EncoderError;

const WORDS: &str = "embeddings.word_embeddings.weight";
const PACKED: GgmlDType = GgmlDType::Q4_0;

/// The tensors by their names behind `bert.`, `roberta.` or whatever a larger model called its encoder.
///
/// # Errors
/// When the file is damaged or is of no encoder.
pub(super) fn tensors(file: Vec<u8>) -> Result<VarBuilder<'static>, EncoderError> {
    let wrong = |error: safetensors::SafeTensorError| EncoderError::Weights(error.to_string());
    let failed = |error: candle_core::Error| EncoderError::Weights(error.to_string());
    let read = SafeTensors::deserialize(&file).map_err(wrong)?;
    let found = read.names().into_iter().find_map(|name| name.strip_suffix(WORDS));
    let prefix = found.ok_or_else(|| EncoderError::Weights(format!("no tensor `{WORDS}`")))?;
    let prefix = prefix.trim_end_matches('.').to_owned();
    let vb = if read.iter().any(|(_, view)| is_packed(&view)) {
        let unpacked = read.iter().map(|(name, view)| Ok((name.to_owned(), unpacked(&view)?)));
        let unpacked: HashMap<String, Tensor> =
            unpacked.collect::<candle_core::Result<_>>().map_err(failed)?;
        VarBuilder::from_tensors(unpacked, DType::F32, &Device::Cpu)
    } else {
        VarBuilder::from_buffered_safetensors(file, DType::F32, &Device::Cpu).map_err(failed)?
    };
    Ok(if prefix.is_empty() { vb } else { vb.pp(prefix) })
}

fn is_packed(view: &TensorView<'_>) -> bool {
    view.dtype() == safetensors::Dtype::U8
}

fn unpacked(view: &TensorView<'_>) -> candle_core::Result<Tensor> {
    if !is_packed(view) {
        return view.load(&Device::Cpu);
    }
    let (block, bytes) = (PACKED.block_size(), PACKED.type_size());
    let &[rows, row_bytes] = view.shape() else {
        candle_core::bail!("numbers in 4 bits have two dimensions, not {:?}", view.shape());
    };
    if rows == 0 || row_bytes == 0 || !row_bytes.is_multiple_of(bytes) {
        candle_core::bail!("{rows} × {row_bytes} bytes are no blocks of {bytes}");
    }
    // A copy of its own: blocks begin at even addresses, which parts of a file need not.
    let storage = QStorage::from_data(Cow::Owned(view.data().to_vec()), &Device::Cpu, PACKED)?;
    QTensor::new(storage, (rows, row_bytes / bytes * block))?.dequantize(&Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tensors: &[(&str, safetensors::Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            (*name, TensorView::new(*dtype, shape.clone(), data).expect("a tensor"))
        });
        safetensors::serialize(views, None).expect("a file")
    }

    /// A block whose values are −8 to 7, and again, times the number with these bits in 16.
    fn block(scale_f16: u16) -> Vec<u8> {
        let mut block = scale_f16.to_le_bytes().to_vec();
        block.extend((0..16u8).map(|at| at | at << 4));
        block
    }

    #[test]
    fn numbers_in_four_bits_come_out_beside_others_and_behind_any_prefix() {
        let rows = [block(0x3800), block(0x4000)].concat();
        let norm: Vec<u8> = [1.0f32, -1.0].iter().flat_map(|it| it.to_le_bytes()).collect();
        let file = file(&[
            ("bert.embeddings.word_embeddings.weight", safetensors::Dtype::U8, vec![2, 18], rows),
            ("bert.norm", safetensors::Dtype::F32, vec![2], norm),
        ]);

        let vb = tensors(file).expect("tensors");

        let words = vb.get((2, 32), WORDS).expect("a table").to_vec2::<f32>().expect("numbers");
        let steps: Vec<f32> = (-8i8..8).chain(-8..8).map(f32::from).collect();
        assert_eq!(words[0], steps.iter().map(|it| it * 0.5).collect::<Vec<_>>());
        assert_eq!(words[1], steps.iter().map(|it| it * 2.0).collect::<Vec<_>>());
        let norm = vb.get(2, "norm").expect("a row").to_vec1::<f32>().expect("numbers");
        assert_eq!(norm, [1.0, -1.0]);
    }

    #[test]
    fn bytes_that_are_no_blocks_are_an_error() {
        for (shape, bytes) in [(vec![1, 17], 17), (vec![18], 18), (vec![0, 18], 0)] {
            let file = file(&[(WORDS, safetensors::Dtype::U8, shape, vec![0; bytes])]);
            assert!(matches!(tensors(file).err(), Some(EncoderError::Weights(_))));
        }
        assert!(tensors(file(&[])).err().expect("no words").to_string().contains(WORDS));
        assert!(tensors(vec![1, 2, 3]).is_err());
    }
}
