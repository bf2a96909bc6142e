"""Writes what `tests/encoder/minilm.rs` compares with: vectors of all-MiniLM-L6-v2 by plain numpy.

    python tests/python/encoder_reference.py MODEL_DIR > tests/encoder/minilm.json

An independent reading of the architecture, in double precision: the tokens come from
`tokenizer.json` (package `tokenizers`), the weights from `model.safetensors` (package
`safetensors`), the arithmetic from this file. Needs numpy besides; none of the three is needed to
run the tests.
"""

import base64
import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

SENTENCES = [
    "Where is my order?",
    "I want my money back, the blender arrived in pieces and nobody answers my e-mails!",
    "hi",
    "Do you ship to Norway, and how much is it?",
    "THE COUPON CODE SUMMER20 DOES NOT WORK...",
    "¿Dónde está mi paquete? Llevo dos semanas esperando.",
    "订单什么时候发货",
    "مرحبا، أريد إلغاء الطلب",
    "thanks 🙏🙏",
    "My order number is 4471-8829. " * 30,
]
TOKENS_MAX = 128


def layer_norm(x, weights, name, eps=1e-12):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def gelu(x):
    return x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def encode(ids, weights, layers, heads):
    """The unit vector of one text; without a batch there is nothing to mask."""
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, weights, "embeddings.LayerNorm")
    width = x.shape[1] // heads
    for at in range(layers):
        name = f"encoder.layer.{at}"
        split = lambda part: (
            linear(x, weights, f"{name}.attention.self.{part}").reshape(len(ids), heads, width).transpose(1, 0, 2)
        )
        query, key, value = split("query"), split("key"), split("value")
        seen = softmax(query @ key.transpose(0, 2, 1) / math.sqrt(width)) @ value
        seen = seen.transpose(1, 0, 2).reshape(len(ids), heads * width)
        x = layer_norm(x + linear(seen, weights, f"{name}.attention.output.dense"), weights, f"{name}.attention.output.LayerNorm")
        wide = gelu(linear(x, weights, f"{name}.intermediate.dense"))
        x = layer_norm(x + linear(wide, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def main():
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    weights = {name: tensor.astype(np.float64) for name, tensor in load_file(folder / "model.safetensors").items() if tensor.dtype.kind == "f"}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS_MAX)
    rows = []
    for text in SENTENCES:
        vector = encode(tokenizer.encode(text).ids, weights, config["num_hidden_layers"], config["num_attention_heads"])
        packed = base64.b64encode(vector.astype("<f4").tobytes()).decode()
        rows.append({"text": text, "vector_f32_le": packed})
    json.dump(rows, sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
