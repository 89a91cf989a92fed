"""Opens encoders from local folders: safetensors only, no code but that of the installed libraries."""

import json
from pathlib import Path

from .events import Refusal

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.h5", "*.msgpack")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "tokenizer.model", "spiece.model", "vocab.json")


def check_folder(folder: Path, trust_remote_code: bool = False) -> None:
    """Refuses what can't be an encoder that is safe to open, saying what is missing."""
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise Refusal(
            f"{folder.name} is not a model: it has neither config.json nor modules.json",
            "Name a folder in the format of Transformers or SentenceTransformers.",
        )
    root = transformer_folder(folder)
    if not any(folder.rglob("*.safetensors")):
        pickles = sorted(str(path.relative_to(folder)) for pattern in PICKLES for path in folder.rglob(pattern))
        if pickles:
            raise Refusal(
                f"the weights are there as a pickle only ({', '.join(pickles[:3])}), which can run code when it is read",
                "Take a revision with model.safetensors, or convert it on a machine that may be harmed.",
            )
        raise Refusal("the model has no weights: there is no .safetensors file", "Look at what the folder holds.")
    if not any((place / name).is_file() for place in (root, folder) for name in TOKENIZERS):
        raise Refusal(
            "the model has no tokenizer", f"One of these must be beside its config.json: {', '.join(TOKENIZERS)}."
        )
    if trust_remote_code:
        return
    for module in modules_of(folder):
        if not str(module.get("type")).startswith("sentence_transformers."):
            raise Refusal(
                f"modules.json asks for code of its own: {module.get('type')}",
                "If you trust its author, say `trust_remote_code: true`.",
            )
    config = root / "config.json"
    if config.is_file() and "auto_map" in json.loads(config.read_text(encoding="utf-8")):
        raise Refusal(
            "config.json asks for code of its own (auto_map)", "If you trust its author, say `trust_remote_code: true`."
        )


def modules_of(folder: Path) -> list[dict]:
    """The modules of a SentenceTransformers folder; none for a plain transformer."""
    path = folder / "modules.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def transformer_folder(folder: Path) -> Path:
    """Where the transformer of a model lies: the folder itself, or that of its first module."""
    modules = modules_of(folder)
    return folder / modules[0]["path"] if modules else folder


def load_encoder(folder: str | Path, device: str = "cpu", trust_remote_code: bool = False):
    """The SentenceTransformer in a folder; a plain transformer gets mean pooling."""
    folder = Path(folder)
    check_folder(folder, trust_remote_code)
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        str(folder),
        device=device,
        local_files_only=True,
        trust_remote_code=trust_remote_code,
        model_kwargs={"use_safetensors": True},
    )


def complete_plan(model, plan: dict) -> None:
    """Fills in what the base decides: prefixes and lengths."""
    prompts = getattr(model, "prompts", None) or {}
    own = {"query": prompts.get("query") or "", "passage": prompts.get("document") or prompts.get("passage") or ""}
    plan.setdefault("prefixes", own)
    longest = model.max_seq_length or model[0].auto_model.config.max_position_embeddings
    for role in ("query", "passage"):
        wanted = plan["max_length"].setdefault(role, longest)
        positions = getattr(model[0].auto_model.config, "max_position_embeddings", wanted)
        if wanted > positions:
            raise Refusal(
                f"max_length is {wanted} for a {role}, and the base has {positions} positions", "Ask for fewer tokens."
            )
    model.max_seq_length = max(plan["max_length"].values())
