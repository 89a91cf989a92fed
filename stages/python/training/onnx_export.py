"""A SentenceTransformers model as one ONNX file: from token ids to the vectors of tokens and of the whole text."""

import os
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from .events import Refusal

OPSET = 17
LEAST_COSINE = 0.9999
SAMPLES = [
    "query",
    "How do vaccines work?",
    "the boundary layer of a flat plate in hypersonic flow , with heat transfer",
    "Ångström, naïve café, 北京 and 東京, 🙂 — and a few words in русский.",
    "x",
    "A passage that is much longer than the others, so that padding and positions matter. " * 12,
]


class TextToVector(torch.nn.Module):
    """The model's modules with plain tensors as inputs and outputs, as an ONNX graph needs them."""

    def __init__(self, model, inputs: list[str]):
        super().__init__()
        self.transformer = model[0].auto_model
        self.modules_after = torch.nn.ModuleList(list(model)[1:])
        self.inputs = inputs

    def forward(self, *tensors):
        features = dict(zip(self.inputs, tensors, strict=True))
        hidden = self.transformer(**features).last_hidden_state
        features = {"token_embeddings": hidden, "attention_mask": features["attention_mask"]}
        for module in self.modules_after:
            features = module(features)
        return hidden, features["sentence_embedding"]


def export_onnx(model, file: Path) -> list[str]:
    """Writes the graph; batch and length stay free. Returns the names of its inputs."""
    tokens = tokenize(model, SAMPLES[:2])
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in tokens]
    file.parent.mkdir(parents=True, exist_ok=True)
    axes = {name: {0: "batch", 1: "sequence"} for name in [*names, "last_hidden_state"]}
    wrapped = TextToVector(model, names).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            tuple(tokens[name] for name in names),
            str(file),
            input_names=names,
            output_names=["last_hidden_state", "sentence_embedding"],
            dynamic_axes={**axes, "sentence_embedding": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return names


def quantise(file: Path, to: Path) -> None:
    """Weights of the matrix products in 8 bits; activations are scaled as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as scratch:
        made = os.path.join(scratch, "model.onnx")
        quantize_dynamic(str(file), made, weight_type=QuantType.QInt8)
        shutil.move(made, to)


def parity(model, file: Path) -> float:
    """The lowest cosine between the model's own vectors and those of the ONNX file, over sample texts."""
    from onnxruntime import InferenceSession

    session = InferenceSession(str(file), providers=["CPUExecutionProvider"])
    tokens = tokenize(model, SAMPLES)
    wanted = {node.name for node in session.get_inputs()}
    _, got = session.run(None, {name: tokens[name].numpy() for name in wanted})
    with torch.no_grad():
        own = model.encode(SAMPLES, prompt="", convert_to_numpy=True, show_progress_bar=False)
    lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(got, axis=1)
    return float(((own * got).sum(axis=1) / lengths).min())


def require_parity(cosine: float) -> None:
    """An export that gives other vectors than the model would spoil every number that rests on it."""
    if not cosine >= LEAST_COSINE:
        raise Refusal(
            f"the ONNX model disagrees with the trained one: lowest cosine {cosine:.6f}, at least {LEAST_COSINE} is needed",
            "This architecture does not export well. Evaluate it in Python, or take another base.",
        )


def tokenize(model, texts: list[str]) -> dict[str, torch.Tensor]:
    tokens = model[0].tokenizer(
        texts, padding=True, truncation=True, max_length=model.max_seq_length, return_tensors="pt"
    )
    return dict(tokens)
