//! The tokens of the encoder, found in the corpus.

use serde_json::json;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::BpeTrainer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

use super::noise::SEAM;
use crate::understand::encoder::EncoderError;

/// Tokens with a meaning of their own, by id: what fills up, what is unknown, start and end.
const MARKS: [&str; 4] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
/// Characters that may be tokens: all that the writing systems of the corpus need often.
const ALPHABET_MAX: usize = 4_500;
/// Characters of a token; a longer one would be a whole scene of the corpus.
const TOKEN_CHARS_MAX: usize = 12;

/// `tokenizer.json` with `vocab_size` tokens for texts like `texts`.
///
/// # Errors
/// When there are no texts.
pub(super) fn learn_vocabulary(texts: &[&str], vocab_size: usize) -> Result<Vec<u8>, EncoderError> {
    let wrong = |error: tokenizers::Error| EncoderError::Tokenizer(error.to_string());
    // Written width, case and digits say nothing about what a customer wants.
    let skeleton = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFKC"},
            {"type": "Lowercase"},
            {"type": "Replace", "pattern": {"Regex": r"\p{Nd}"}, "content": "0"},
            {"type": "Replace", "pattern": {"Regex": r"0{4,}"}, "content": "0000"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
            {"type": "Split", "pattern": {"String": SEAM.to_string()}, "behavior": "Removed", "invert": false},
            {"type": "Punctuation", "behavior": "Isolated"},
        ]},
        "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": "[UNK]",
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
            "byte_fallback": false, "ignore_merges": false, "vocab": {}, "merges": []},
    });
    let mut tokenizer = Tokenizer::from_bytes(skeleton.to_string()).map_err(wrong)?;
    let marks = MARKS.map(|mark| AddedToken::from(mark, true));
    let trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .min_frequency(3)
        .limit_alphabet(ALPHABET_MAX)
        .max_token_length(Some(TOKEN_CHARS_MAX))
        .special_tokens(marks.to_vec())
        .show_progress(false)
        .build();
    let mut trainer = TrainerWrapper::BpeTrainer(trainer);
    tokenizer.train(&mut trainer, texts.iter()).map_err(wrong)?;
    let [_, _, start, end] = MARKS.map(|mark| {
        let id = tokenizer.token_to_id(mark);
        (mark.to_owned(), id.expect("marks are the first tokens"))
    });
    tokenizer.with_post_processor(Some(BertProcessing::new(end, start)));
    Ok(tokenizer.to_string(false).map_err(wrong)?.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_become_tokens_and_a_seam_takes_them_apart() {
        let texts = vec!["where is my order 4471?"; 10];
        let file = learn_vocabulary(&texts, 200).expect("a vocabulary");
        let tokenizer = Tokenizer::from_bytes(&file).expect("a tokenizer");
        let tokens = |text: &str| {
            let encoding = tokenizer.encode(text, true).expect("tokens");
            encoding.get_tokens().to_vec()
        };

        assert_eq!(tokens("Where"), ["[CLS]", "▁where", "[SEP]"]);
        assert_eq!(tokens("order 99081"), ["[CLS]", "▁order", "▁0000", "[SEP]"]);
        assert!(tokens(&format!("wh{SEAM}ere")).len() > 3);
        assert_eq!(tokens("ÿ"), ["[CLS]", "▁", "[UNK]", "[SEP]"]);
    }
}
