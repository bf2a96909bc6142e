"""Writes what `tests/translate/local.rs` compares with: a small Marian model with seeded random weights, and
what the reference implementation, MarianMTModel of Hugging Face's transformers, makes of texts with it.

    python -m venv venv
    venv/bin/pip install --require-hashes -r tests/translate/marian/reference.lock
    venv/bin/python tests/python/marian_reference.py tests/translate/marian

No weight is trained: what comes out is no language, and the same numbers have to come out. The two
SentencePiece models are trained on the sentences of `models/corpus`. None of it is needed to run the
tests. With `--size base` the model has the shape of the published ones (for measuring how long it
takes) and no reference is written.
"""

import argparse
import json
import tempfile
from pathlib import Path

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

CORPUS = Path(__file__).parents[2] / "models" / "corpus"
PIECES = {"small": 240, "base": 3000}
SHAPES = {
    "small": dict(d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                  decoder_attention_heads=2, encoder_ffn_dim=48, decoder_ffn_dim=64, max_position_embeddings=96),
    "base": dict(d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
                 decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048, max_position_embeddings=512),
}
# As many tokens as one of the published models has.
VOCABULARY = {"small": None, "base": 58101}
# Wider than weights begin with, so that a choice is never a matter of rounding; narrow for the table of
# tokens, which would have every token say itself again, and for what attention compares, which would make
# rounding count.
SPREAD, TOKENS_SPREAD, ATTENTION_SPREAD, BIAS_SPREAD = 1.1, 0.2, 0.4, 0.05
# How much the end is favoured: without it a random model hardly ever ends.
END_BIAS = 1.0
# Least distance between the best and the second best token wherever one is chosen.
MARGIN = 2e-4
NEW_TOKENS_MAX = 20
TEXTS = [
    "Where is my order?",
    "I want my money back, the blender arrived in pieces and nobody answers my e-mails!",
    "hi",
    "  Do   you ship\tto Norway, and how much is it?  ",
    "THE COUPON CODE SUMMER20 DOES NOT WORK...",
    "Ｆｕｌｌ　ｗｉｄｔｈ ﬁne print № ½ ™ ① café cafe\u0301 Å\u030a",
    "</s> <unk> <pad> >>de<< are no tokens",
    "订单什么时候发货? 🙏🙏",
    "Ελληνικά и русский",
    "zero\u200bwidth, soft\u00adhyphen, \u0000 and \ufffd",
    "x",
    "a_b ▁ c",
    "1234567890 99.5% $5",
]


def train(folder, side, rule, pieces):
    lines = [json.loads(line)["text"] for line in (CORPUS / f"{side}.jsonl").read_text().splitlines()]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text:
        text.write("\n".join(lines))
        text.flush()
        sentencepiece.SentencePieceTrainer.train(
            input=text.name, model_prefix=str(folder / side), vocab_size=pieces, model_type="unigram",
            normalization_rule_name=rule, character_coverage=0.998, num_threads=1, minloglevel=2,
            # The path of the machine is none of the model's business.
            input_format="text",
        )
    (folder / f"{side}.vocab").unlink()
    return folder / f"{side}.model"


def without_trainer(path):
    """The model without the record of how it was trained, which names files of the machine."""
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(path.read_bytes())
    kept = model.trainer_spec.model_type, model.trainer_spec.unk_id
    model.trainer_spec.Clear()
    model.trainer_spec.model_type, model.trainer_spec.unk_id = kept
    path.write_bytes(model.SerializeToString())
    return [piece.piece for piece in model.pieces if piece.type == piece.NORMAL]


def spread(name, weight):
    if weight.ndim == 1:
        return BIAS_SPREAD
    if name == "model.shared.weight":
        return TOKENS_SPREAD
    return ATTENTION_SPREAD if "q_proj" in name or "k_proj" in name else SPREAD


def model_of(size, vocabulary):
    end, padding = vocabulary["</s>"], vocabulary["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocabulary), activation_function="swish", scale_embedding=True, pad_token_id=padding,
        eos_token_id=end, forced_eos_token_id=end, decoder_start_token_id=padding, dropout=0.0, **SHAPES[size],
    )
    model = MarianMTModel(config).eval()
    chance = torch.Generator().manual_seed(20481)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if "embed_positions" in name:
                continue
            drawn = torch.randn(weight.shape, generator=chance)
            if name.endswith("layer_norm.weight"):
                weight.copy_(1.0 + 0.1 * drawn)
            else:
                weight.copy_(spread(name, weight) * drawn)
        # What a random model says everywhere is taken out of what it says, or it would say nothing else.
        some = lambda length: torch.randint(2, len(vocabulary) - 1, (64, length), generator=chance)
        mean = model(input_ids=some(20), decoder_input_ids=some(12)).logits.mean(dim=(0, 1))
        model.final_logits_bias.copy_(0.1 * torch.randn(mean.shape, generator=chance) - mean)
        model.final_logits_bias[0, end] += END_BIAS
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SHAPES, default="small")
    arguments = parser.parse_args()
    folder = arguments.folder / "model"
    folder.mkdir(parents=True, exist_ok=True)

    pieces = PIECES[arguments.size]
    paths = {"source": train(folder, "en", "nmt_nfkc", pieces), "target": train(folder, "de", "identity", pieces)}
    names = ["</s>", "<unk>"]
    for side, path in paths.items():
        spm = folder / f"{side}.spm"
        path.rename(spm)
        # Some are left out: a piece of SentencePiece's that the model does not know is unknown.
        names += [piece for at, piece in enumerate(without_trainer(spm)) if piece not in names and at % 41 != 40]
    names += [">>de<<", ">>fra<<"]
    names += [f"filler{at}" for at in range((VOCABULARY[arguments.size] or 0) - len(names) - 1)]
    vocabulary = {name: at for at, name in enumerate([*names, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, indent=0))

    model = model_of(arguments.size, vocabulary)
    model.save_pretrained(folder)
    if arguments.size != "small":
        return

    tokenizer = MarianTokenizer(str(folder / "source.spm"), str(folder / "target.spm"), str(folder / "vocab.json"),
                                source_lang="en", target_lang="de")
    model = model.double()
    cases, tensors = [], {}
    for at, text in enumerate(TEXTS + [">>de<< Where is it?"]):
        # Read as text, not as tokens, whatever a customer writes; only the router sets a language.
        source = tokenizer(text, return_tensors="pt", split_special_tokens=True).input_ids
        # In double precision, so that only the router's rounding is measured.
        with torch.no_grad():
            out = model.generate(source, num_beams=1, do_sample=False, max_new_tokens=NEW_TOKENS_MAX,
                                 bad_words_ids=[[vocabulary["<pad>"]]], forced_eos_token_id=None)
            logits = model(input_ids=source, decoder_input_ids=out[:, :-1]).logits
        best = logits[0].topk(2).values
        assert (best[:, 0] - best[:, 1]).min() > MARGIN, text
        end = vocabulary["</s>"]
        ids = out[0].tolist()
        said = tokenizer.decode(out[0], skip_special_tokens=True, use_source_tokenizer=False)
        cases.append({"text": text, "source": source[0].tolist(), "target": ids, "ended": ids[-1] == end, "said": said})
        tensors[f"logits.{at}"] = logits[0].float().contiguous()
    (arguments.folder / "reference.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
    save_file(tensors, arguments.folder / "reference.safetensors")
    for case in cases:
        print(case["ended"], len(case["source"]), len(case["target"]), case["said"])


if __name__ == "__main__":
    main()
