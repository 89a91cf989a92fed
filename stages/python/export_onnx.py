"""Writes a model folder with an ONNX graph (`onnx/model.onnx`), and the model's tokenizer and conventions beside it.

The graph has two outputs: `last_hidden_state`, and `sentence_embedding` after all of the model's modules (pooling,
dense layers, normalisation). It must agree with the model (cosine >= 0.9999 on sample texts), else nothing is written.
"""

import argparse
import shutil
from pathlib import Path

from training.events import Events, Refusal, run_with_events


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path, help="folder of SentenceTransformers or Transformers")
    parser.add_argument("--out", required=True, type=Path, help="folder for the result; may be the same")
    parser.add_argument("--events", required=True, type=Path)
    parser.add_argument("--int8", action="store_true", help="also write onnx/model_int8.onnx")
    parser.add_argument("--trust-remote-code", action="store_true")
    arguments = parser.parse_args()
    run_with_events(arguments.events, lambda events: export(arguments, events))


def export(arguments: argparse.Namespace, events: Events) -> None:
    from training.loading import load_encoder

    events.say("progress", note="loading the model")
    model = load_encoder(arguments.model, trust_remote_code=arguments.trust_remote_code).eval()
    if not hasattr(model[0], "auto_model"):
        raise Refusal(
            "the model is not a transformer: there is nothing to export", "Static models are read as they are."
        )

    from training.onnx_export import export_onnx, parity, quantise, require_parity

    out: Path = arguments.out
    file = out / "onnx" / "model.onnx"
    events.say("progress", note="writing the ONNX graph")
    inputs = export_onnx(model, file)
    cosine = parity(model, file)
    require_parity(cosine)
    facts = {"cosine": cosine, "inputs": inputs, "dimensions": model.get_embedding_dimension()}
    if arguments.int8:
        quantised = out / "onnx" / "model_int8.onnx"
        quantise(file, quantised)
        facts["int8_cosine"] = parity(model, quantised)
    if out.resolve() != arguments.model.resolve():
        keep_conventions(arguments.model, out)
    tokenizer = out / "tokenizer.json"
    if not tokenizer.exists():
        model[0].tokenizer.backend_tokenizer.save(str(tokenizer))
    events.say("exported", max_length=model.max_seq_length, **facts)


def keep_conventions(model: Path, out: Path) -> None:
    """Copies the small files that say how texts become ids and tokens become vectors; no weights, no code."""
    for path in sorted(model.rglob("*")):
        name = path.relative_to(model)
        if path.is_file() and path.suffix in (".json", ".txt", ".md") and path.stat().st_size < 64 << 20:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / name)


if __name__ == "__main__":
    main()
