"""Vectors of single tokens, and the table that they become."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from .events import Refusal

BATCH = 512
# As in Model2Vec.
RARITY = 1e-4


def plain_tokenizer(model) -> tuple[dict, list[int]]:
    """The encoder's tokenizer without the tokens it puts around a text, as JSON; and the ids of its tokens in order."""
    tokenizer = json.loads(model[0].tokenizer.backend_tokenizer.to_str())
    tokenizer["post_processor"] = None
    tokenizer["truncation"] = None
    tokenizer["padding"] = None
    size = model[0].tokenizer.backend_tokenizer.get_vocab_size(with_added_tokens=True)
    if size > model[0].auto_model.config.vocab_size:
        raise Refusal(f"the tokenizer has {size} tokens, and the model {model[0].auto_model.config.vocab_size}")
    return tokenizer, list(range(size))


def token_vectors(model, tokens: list[int], told) -> np.ndarray:
    """What the encoder makes of each token standing alone between its special tokens."""
    tokenizer = model[0].tokenizer
    frame = tokenizer("x")["input_ids"]
    (middle,) = tokenizer("x", add_special_tokens=False)["input_ids"][:1]
    place = frame.index(middle)
    rows = []
    with torch.no_grad():
        for at in range(0, len(tokens), BATCH):
            ids = torch.tensor([[*frame[:place], token, *frame[place + 1 :]] for token in tokens[at : at + BATCH]])
            hidden = model[0].auto_model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            rows.append(hidden.mean(dim=1).numpy())
            told(min(at + BATCH, len(tokens)))
    return np.concatenate(rows).astype(np.float64)


def cut_to_components(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """Centred vectors in the directions of their largest variance; signs are fixed, so that equal input gives equal bytes."""
    if dimensions > vectors.shape[1]:
        raise Refusal(
            f"{dimensions} dimensions are wanted, and the encoder has {vectors.shape[1]}", "Ask for fewer, or as many."
        )
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :dimensions]
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(dimensions)])
    return centred @ (directions * signs)


def rarity_weights(tokenizer: dict) -> np.ndarray:
    """a / (a + p) with Zipf's p of a token's rank (Arora et al. 2017): vocabularies list words by frequency.

    Signs, single letters and tokens that never stand in a text are listed apart, and count as the most frequent.
    """
    vocabulary = tokenizer["model"]["vocab"]
    names = vocabulary if isinstance(vocabulary, dict) else {token: i for i, (token, _) in enumerate(vocabulary)}
    added = {token["content"]: token["id"] for token in tokenizer.get("added_tokens", [])}
    tokens = sorted({**names, **added}.items(), key=lambda item: item[1])
    ranks, rank = np.ones(tokens[-1][1] + 1), 0
    for token, number in tokens:
        bare = token.removeprefix("##").lstrip("▁Ġ")
        if len(bare) > 1 and bare.isalnum() and token not in added:
            rank += 1
            ranks[number] = rank
    probabilities = (1 / ranks) / (1 / np.arange(1, max(rank, 1) + 1)).sum()
    return RARITY / (RARITY + probabilities)


def write_static_model(folder: Path, tokenizer: dict, table: np.ndarray) -> None:
    """The layout that static models are trained further from."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"embedding.weight": np.ascontiguousarray(table, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False) + "\n", encoding="utf-8")
    manifest = {"schema": 1, "similarity": "cosine", "pooling": "mean", "prefixes": {"query": "", "passage": ""}}
    (folder / "queryloom.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
