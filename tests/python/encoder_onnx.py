"""Builds the ONNX graph of a BERT encoder from its safetensors, for the feature `fastembed`.

    python tests/python/encoder_onnx.py MODEL_DIR

Writes `model.onnx` beside `model.safetensors`. Needs the packages `onnx` and `safetensors`. The
graph takes `input_ids`, `attention_mask` and `token_type_ids` (texts x tokens) and gives
`last_hidden_state` (texts x tokens x values); texts and tokens may be as many as one likes.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from safetensors.numpy import load_file


class Graph:
    """Nodes and constants, with names that are made up on the way."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, array, name=None):
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def number(self, value):
        return self.constant(np.array(value, dtype=np.float32))

    def integers(self, values):
        return self.constant(np.array(values, dtype=np.int64))

    def node(self, operation, *inputs, output=None, **attributes):
        output = output or f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output


def build(weights, config):
    graph = Graph()
    epsilon = config.get("layer_norm_eps", 1e-12)
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    width = hidden // heads

    def linear(x, name):
        product = graph.node("MatMul", x, graph.constant(weights[f"{name}.weight"].T))
        return graph.node("Add", product, graph.constant(weights[f"{name}.bias"]))

    def norm(x, name):
        scale, shift = graph.constant(weights[f"{name}.weight"]), graph.constant(weights[f"{name}.bias"])
        return graph.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def split(x, order):
        parts = graph.node("Reshape", x, graph.integers([0, 0, heads, width]))
        return graph.node("Transpose", parts, perm=order)

    def gelu(x):
        error = graph.node("Erf", graph.node("Div", x, graph.number(math.sqrt(2.0))))
        return graph.node("Mul", graph.node("Mul", x, graph.number(0.5)), graph.node("Add", error, graph.number(1.0)))

    length = graph.node("Gather", graph.node("Shape", "input_ids"), graph.integers(1))
    places = graph.node("Range", graph.integers(0), length, graph.integers(1))
    table = lambda name: graph.constant(weights[f"embeddings.{name}.weight"])
    words = graph.node("Gather", table("word_embeddings"), "input_ids")
    positions = graph.node("Gather", table("position_embeddings"), places)
    segments = graph.node("Gather", table("token_type_embeddings"), "token_type_ids")
    x = graph.node("Add", graph.node("Add", words, positions), segments)
    x = norm(x, "embeddings.LayerNorm")

    mask = graph.node("Unsqueeze", graph.node("Cast", "attention_mask", to=TensorProto.FLOAT), graph.integers([1, 2]))
    shut = graph.node("Mul", graph.node("Sub", graph.number(1.0), mask), graph.number(-10000.0))
    for at in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{at}"
        attention = f"{layer}.attention.self"
        query = split(linear(x, f"{attention}.query"), [0, 2, 1, 3])
        key = split(linear(x, f"{attention}.key"), [0, 2, 3, 1])
        value = split(linear(x, f"{attention}.value"), [0, 2, 1, 3])
        scores = graph.node("Div", graph.node("MatMul", query, key), graph.number(math.sqrt(width)))
        shares = graph.node("Softmax", graph.node("Add", scores, shut), axis=-1)
        seen = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        seen = graph.node("Reshape", seen, graph.integers([0, 0, hidden]))
        attended = linear(seen, f"{layer}.attention.output.dense")
        x = norm(graph.node("Add", x, attended), f"{layer}.attention.output.LayerNorm")
        narrow = linear(gelu(linear(x, f"{layer}.intermediate.dense")), f"{layer}.output.dense")
        x = norm(graph.node("Add", x, narrow), f"{layer}.output.LayerNorm")
    graph.node("Identity", x, output="last_hidden_state")

    integers = lambda name: helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
    inputs = [integers(name) for name in ("input_ids", "attention_mask", "token_type_ids")]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["texts", "tokens", hidden])
    made = helper.make_graph(graph.nodes, "encoder", inputs, [output], graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    if (config["model_type"], config.get("hidden_act", "gelu")) != ("bert", "gelu"):
        sys.exit("only encoders of the type bert with gelu are built")
    loaded = load_file(folder / "model.safetensors").items()
    weights = {name.removeprefix("bert."): array.astype(np.float32) for name, array in loaded if array.dtype.kind == "f"}
    model = build(weights, config)
    checker.check_model(model)
    save(model, folder / "model.onnx")


if __name__ == "__main__":
    main()
