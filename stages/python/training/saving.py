"""Writes a trained model: a folder that SentenceTransformers loads, whose bytes follow from the model alone."""

import json
import shutil
from pathlib import Path

# Versions and places of the machine that wrote the file; nothing reads them.
NOISE = ("__version__", "transformers_version", "_name_or_path", "name_or_path", "is_local", "local_files_only")


def save_model(model, out: Path, prefixes: dict[str, str]) -> None:
    """Weights as safetensors, tokenizer, modules, and the prefixes as SentenceTransformers' prompts."""
    model.prompts = {"query": prefixes["query"], "document": prefixes["passage"]}
    model.similarity_fn_name = "cosine"
    model.save_pretrained(str(out), create_model_card=False, safe_serialization=True)
    for path in sorted(out.rglob("*.json")):
        if path.name in ("tokenizer.json", "vocab.json"):
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            for name in NOISE:
                content.pop(name, None)
            path.write_text(json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    # An artifact is a list of files: a module without one would have no folder.
    for module in json.loads((out / "modules.json").read_text(encoding="utf-8")):
        folder = out / module["path"]
        if module["path"] and (not folder.is_dir() or not any(folder.iterdir())):
            folder.mkdir(exist_ok=True)
            (folder / "config.json").write_text("{}\n", encoding="utf-8")
    shutil.rmtree(out / ".cache", ignore_errors=True)
