"""Writes a cross-encoder's folder with an ONNX graph: `onnx/model.onnx`, from token ids of pairs to raw scores (`logits`).

The graph must agree with the model (to 0.001 on sample pairs), else nothing is written.
"""

import argparse
import shutil
import warnings
from pathlib import Path

from training.events import Events, Refusal, run_with_events

OPSET = 17
MOST_DIFFERENCE = 1e-3
PAIRS = [
    ("query", "a passage"),
    ("How do vaccines work?", "Vaccines train the immune system to recognise a pathogen. " * 8),
    ("naïve café", "北京 and 東京, 🙂 — and a few words in русский."),
    ("x", ""),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path, help="folder of Transformers")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--events", required=True, type=Path)
    arguments = parser.parse_args()
    run_with_events(arguments.events, lambda events: export(arguments.model, arguments.out, events))


def export(folder: Path, out: Path, events: Events) -> None:
    from training.loading import check_folder

    check_folder(folder)
    import torch
    from onnxruntime import InferenceSession
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    events.say("progress", note="loading the model")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, attn_implementation="eager"
    ).eval()
    first, second = zip(*PAIRS, strict=True)
    # Positions of RoBERTa begin behind the id of its padding.
    longest = min(128, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 512) - 2)
    tokens = dict(
        tokenizer(list(first), list(second), padding=True, truncation=True, max_length=longest, return_tensors="pt")
    )
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in tokens]

    class PairToScore(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *tensors):
            return self.model(**dict(zip(names, tensors, strict=True))).logits

    events.say("progress", note="writing the ONNX graph")
    file = out / "onnx" / "model.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            PairToScore().eval(),
            tuple(tokens[name][:2] for name in names),
            str(file),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={**{name: {0: "batch", 1: "sequence"} for name in names}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
        own = model(**tokens).logits.numpy()
    (got,) = InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(
        None, {name: tokens[name].numpy() for name in names}
    )
    difference = float(abs(own - got).max())
    if not difference <= MOST_DIFFERENCE:
        raise Refusal(
            f"the ONNX model disagrees with the cross-encoder: scores differ by {difference:.5f}",
            "This architecture does not export well. Export it another way, and name the folder with the graph.",
        )
    for path in sorted(folder.glob("*.json")):
        shutil.copyfile(path, out / path.name)
    if not (out / "tokenizer.json").exists():
        tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    events.say("exported", difference=difference, labels=int(own.shape[1]))


if __name__ == "__main__":
    main()
