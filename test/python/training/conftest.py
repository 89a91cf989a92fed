"""A plan for a transformer so small that a step takes milliseconds, and its files."""

import json
from array import array

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

# Threads that wait for one another cost more than such small models do.
torch.set_num_threads(1)

WORDS = [
    "where",
    "is",
    "the",
    "small",
    "large",
    "old",
    "harbour",
    "orchard",
    "furnace",
    "glacier",
    "one",
    "may",
    "see",
    "quay",
    "apples",
    "smelting",
    "icefall",
    "here",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SHAPE = {"layers": 2, "hidden": 16, "heads": 2, "max_length": 32, "dropout": 0.1}
THINGS = {"harbour": "quay", "orchard": "apples", "furnace": "smelting", "glacier": "icefall"}


def pairs():
    for topic, thing in THINGS.items():
        for size in ("small", "large", "old"):
            yield f"where is the {size} {topic}", f"one may see {thing} here {size}"


@pytest.fixture
def tokenizer_file(tmp_path):
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return str(path)


@pytest.fixture
def make_plan(tmp_path, tokenizer_file):
    """Writes rows and batches, and returns the plan with these changes."""

    def make(rows=None, folder="run", **changes):
        place = tmp_path / folder
        place.mkdir()
        if rows is None:
            rows = [
                {"anchor": anchor, "positive": positive, "negatives": [], "query": i, "passages": [i]}
                for i, (anchor, positive) in enumerate(pairs())
            ]
        (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        plan = {
            "random": SHAPE,
            "tokenizer": tokenizer_file,
            "data": str(place / "rows.jsonl"),
            "batches": str(place / "batches.bin"),
            "out": str(place / "out"),
            "resume": str(place / "resume"),
            "events": str(place / "events.jsonl"),
            "loss": {"name": "MultipleNegativesRankingLoss", "options": {}},
            "scale": 20.0,
            "symmetric": False,
            "prefixes": {"query": "", "passage": ""},
            "max_length": {"query": 32, "passage": 32},
            "steps": 10,
            "batch": 4,
            "micro_batch": 2,
            "learning_rate": 0.005,
            "curve_every": 3,
            "weight_decay": 0.01,
            "max_grad_norm": 1.0,
            "warmup": 0.1,
            "precision": "fp32",
            "gradient_checkpointing": False,
            "halve_on_oom": False,
            "checkpoint_every": {"steps": 100},
            "seed": 1,
            "select": "last",
            "device": "cpu",
            "int8": False,
            "trust_remote_code": False,
            **changes,
        }
        numbers = [(7 * i + 5 * (i // len(rows))) % len(rows) for i in range(plan["batch"] * plan["steps"])]
        (place / "batches.bin").write_bytes(array("I", numbers).tobytes())
        return plan

    return make
