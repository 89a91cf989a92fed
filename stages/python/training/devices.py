"""Which device trains, at which precision, and what running out of its memory looks like."""

import contextlib
import os
import platform
import resource

import torch

from .events import Refusal


def choose_device(wanted: str) -> torch.device:
    """`auto` takes CUDA where it works; `cuda` without it is refused, saying what was found."""
    if wanted == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if wanted == "cuda":
        built = torch.version.cuda
        found = f"torch {torch.__version__} was built for CUDA {built}" if built else "this torch has no CUDA"
        raise Refusal(
            f"`device: cuda`, and torch finds no CUDA device ({found}; it sees {torch.cuda.device_count()} cards)",
            "Look at `nvidia-smi`: the driver may be missing or older than this CUDA. Or say `device: cpu`.",
        )
    return torch.device("cpu")


def make_deterministic(seed: int, device: torch.device) -> dict:
    """Seeds, and switches off what sums in an order of its own; returns what was set, for the record."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = False
    # On CUDA some kernels have no such form: they warn, and the record says so.
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    torch.manual_seed(seed)
    return {
        "deterministic": "strict" if device.type == "cpu" else "where kernels can",
        "threads": torch.get_num_threads(),
    }


def seed_step(seed: int, step: int, rank: int) -> None:
    """Random numbers of a step depend on nothing before it, so that a resumed run draws what the first one drew."""
    torch.manual_seed((seed * 1_000_003 + step) * 1_009 + rank)


def precision_context(precision: str, device: torch.device):
    """Where the forward pass runs in half precision; weights and their updates stay in 32 bits."""
    if precision == "fp32":
        return contextlib.nullcontext()
    if precision == "fp16" and device.type == "cpu":
        raise Refusal("fp16 needs a CUDA device", "Say `precision: bf16`, or leave it out.")
    return torch.autocast(device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16)


def is_out_of_memory(error: BaseException) -> bool:
    """Every form in which torch and Python say that memory ran out."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "CUBLAS_STATUS_ALLOC_FAILED" in text
    )


def memory_advice(plan: dict, is_cached: bool) -> str:
    """What uses less, in the order in which it costs the least."""
    ideas = []
    if not is_cached:
        ideas.append("a Cached… loss with a small `micro_batch` (the same gradient, slower)")
    elif plan["micro_batch"] > 1:
        ideas.append("a smaller `micro_batch`, or `halve_on_oom: true`")
    if plan["precision"] == "fp32":
        ideas.append("`precision: bf16`")
    if not plan.get("gradient_checkpointing"):
        ideas.append("`gradient_checkpointing: true`")
    ideas.append("a shorter `max_length`")
    if not is_cached:
        ideas.append("a smaller `batch` (fewer negatives: other results)")
    return f"What takes less: {'; '.join(ideas)}."


def peak_memory(device: torch.device) -> int:
    """Most bytes in use so far: of the card, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def describe(device: torch.device) -> dict:
    """Hardware and versions, for the record."""
    import sentence_transformers
    import transformers

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": device.type,
        "hardware": name,
        "cards": [f"GPU-{torch.cuda.get_device_properties(i).uuid}" for i in range(torch.cuda.device_count())]
        if device.type == "cuda"
        else [],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "sentence_transformers": sentence_transformers.__version__,
            **({"cuda": torch.version.cuda} if device.type == "cuda" else {}),
        },
    }
