"""Checkpoints that survive a kill at any instant: tensors as safetensors, numbers as JSON, nothing that runs code.

One folder a checkpoint, complete under its name or not there. Random numbers need no state: they are drawn anew for every
step from the seed and the step's number.
"""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .events import Refusal

NAME = "step-"


def save_checkpoint(folder: Path, step: int, model, optimiser, facts: dict, best: dict | None) -> None:
    """Writes, syncs and renames; the ones before go when this one is there."""
    aside = folder / f".{NAME}{step}"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        save_file(weights_of(model), aside / "model.safetensors")
        save_file(moments_of(model, optimiser), aside / "optimiser.safetensors")
        if best is not None:
            save_file(best, aside / "best.safetensors")
        (aside / "facts.json").write_text(json.dumps({**facts, "step": step}), encoding="utf-8")
        for path in aside.iterdir():
            sync(path)
        sync(aside)
        # One that could not be used may stand there.
        shutil.rmtree(folder / f"{NAME}{step}", ignore_errors=True)
        os.rename(aside, folder / f"{NAME}{step}")
        sync(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise Refusal(
            f"the checkpoint of step {step} can't be written: {getattr(error, 'strerror', None) or error}",
            "Make room; the next run goes on from the checkpoint before.",
        ) from error
    for older in checkpoints(folder):
        if older != step:
            shutil.rmtree(folder / f"{NAME}{older}", ignore_errors=True)


def load_checkpoint(folder: Path, model, optimiser, versions: dict) -> tuple[dict, dict | None] | None:
    """Puts the newest checkpoint into model and optimiser; None where there is none that
    can be read, or other versions wrote it."""
    steps = checkpoints(folder)
    if not steps:
        return None
    newest = folder / f"{NAME}{steps[-1]}"
    try:
        facts = json.loads((newest / "facts.json").read_text(encoding="utf-8"))
        weights = load_file(newest / "model.safetensors")
        moments = load_file(newest / "optimiser.safetensors")
        best = newest / "best.safetensors"
        kept = load_file(best) if best.exists() else None
    except Exception:
        # Whatever became of it: starting anew is always right.
        return None
    if facts["versions"] != versions:
        return None
    with torch.no_grad():
        for name, tensor in state_of(model).items():
            tensor.copy_(weights[name])
    put_moments(moments, model, optimiser)
    return facts, kept


def checkpoints(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if path.name.startswith(NAME)]
    return sorted(int(name[len(NAME) :]) for name in names if name[len(NAME) :].isdigit())


def state_of(model) -> dict[str, torch.Tensor]:
    """The model's tensors by name, those that share memory once."""
    seen, state = set(), {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            state[name] = tensor
    return state


def weights_of(model) -> dict[str, torch.Tensor]:
    """A copy of the model's tensors on the CPU."""
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state_of(model).items()}


def moments_of(model, optimiser) -> dict[str, torch.Tensor]:
    state = {}
    for name, parameter in model.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            state[f"{key}:{name}"] = torch.as_tensor(value).detach().cpu().clone().contiguous()
    return state


def put_moments(found: dict[str, torch.Tensor], model, optimiser) -> None:
    by_name = dict(model.named_parameters())
    for label, tensor in found.items():
        key, name = label.split(":", 1)
        parameter = by_name[name]
        # The count of steps stays where the optimiser keeps it; moments lie beside their parameter.
        place = tensor if key == "step" else tensor.to(parameter.device, parameter.dtype)
        optimiser.state[parameter][key] = place


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
