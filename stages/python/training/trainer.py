"""The training loop: one pass over the planned batches, with a curve, checkpoints and one model kept at the end."""

import math
import time
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs

from .checkpoints import load_checkpoint, save_checkpoint, state_of, weights_of
from .dev import DevMetric
from .devices import is_out_of_memory, memory_advice, peak_memory, precision_context, seed_step
from .events import Events, Refusal
from .objective import Objective
from .rows import Batch, lay_out, read_batches, read_rows

SAY_EVERY_S = 1.0
ENCODE_BATCH = 64


class Trainer:
    """Trains `model` in place as the plan says. Equal plans on equal machines give equal weights, resumed or not."""

    def __init__(self, model, plan: dict, events: Events, device: torch.device, versions: dict, guide=None):
        self.plan = plan
        self.events = events
        self.device = device
        self.versions = versions
        # Poolers that the loss never sees are no reason to wait for their gradients.
        shared = DistributedDataParallelKwargs(find_unused_parameters=not plan["gradient_checkpointing"])
        self.accelerator = Accelerator(cpu=device.type == "cpu", kwargs_handlers=[shared])
        self.world = self.accelerator.num_processes
        self.rank = self.accelerator.process_index
        self.model = model.to(device)
        if plan["gradient_checkpointing"]:
            model[0].auto_model.activation_checkpointing_enable({"use_reentrant": False})
        self.data = read_rows(plan["data"], plan["prefixes"])
        self.batches = read_batches(plan["batches"], plan["batch"]) if plan["steps"] > 0 else []
        if plan["batch"] % self.world != 0:
            raise Refusal(f"a batch of {plan['batch']} can't be shared by {self.world} cards", "Make it a multiple.")
        self.objective = Objective(model, plan, self.world, guide)
        if plan["steps"] > 0:
            self.objective.check(self.data)
        self.negatives = self.objective.negatives(self.data)
        self.optimiser = torch.optim.AdamW(parameter_groups(model, plan["weight_decay"]), lr=plan["learning_rate"])
        self.scaler = torch.amp.GradScaler(device.type, enabled=plan["precision"] == "fp16")
        self.curve: list[dict] = []
        self.totals = {"compared": 0, "masked": 0, "halved": 0}
        # Since the last point of the curve.
        self.losses = {"sum": 0.0, "steps": 0}
        self.best: dict | None = None
        self.best_point = (-1.0, 0)
        self.dev = DevMetric(read_rows(plan["dev"], plan["prefixes"]), self.encode) if plan.get("dev") else None

    def train(self) -> dict:
        plan = self.plan
        resume = Path(plan["resume"])
        start = self.resume(resume)
        if self.world > 1:
            share_between_cards(self.objective, self.accelerator.prepare(self.model))
        if start == 0 and self.dev:
            self.add_point(0, {})
        rows_seen = 0
        began = said = saved = time.monotonic()
        self.model.train()
        for step in range(start, plan["steps"]):
            rate = plan["learning_rate"] * rate_at(step, plan["steps"], plan["warmup"])
            batch = lay_out(self.data, self.batches[step], self.negatives)
            loss = self.attempt(batch, step, rate)
            if not math.isfinite(loss):
                raise Refusal(
                    f"the loss became {loss} at step {step + 1} of {plan['steps']} (learning rate {rate:.2e})",
                    "Try a lower learning rate, a longer warm-up, or `precision: fp32`; look at the rows of that batch.",
                )
            self.losses["sum"] += loss
            self.losses["steps"] += 1
            rows_seen += plan["batch"]
            self.totals["compared"] += batch.compared if self.objective.masks else 0
            self.totals["masked"] += batch.masked_count if self.objective.masks else 0
            done, now = step + 1, time.monotonic()
            if done % plan["curve_every"] == 0 or done == plan["steps"]:
                mean = self.losses["sum"] / self.losses["steps"]
                self.losses = {"sum": 0.0, "steps": 0}
                self.add_point(done, {"loss": mean, "learning_rate": rate})
            if now - said >= SAY_EVERY_S or done == plan["steps"]:
                said = now
                speed = rows_seen / (now - began)
                self.say("step", step=done, loss=loss, rows_per_second=speed, memory=peak_memory(self.device))
            due = plan["checkpoint_every"]
            # By the clock, a checkpoint costs little whatever a step costs; by steps, tests know when to expect one.
            is_due = done % due["steps"] == 0 if "steps" in due else now - saved >= due["seconds"]
            if is_due and done < plan["steps"] and self.rank == 0:
                self.save(resume, done)
                saved = time.monotonic()
        seconds = time.monotonic() - began
        self.model.eval()
        if self.best is not None:
            with torch.no_grad():
                for name, tensor in state_of(self.model).items():
                    tensor.copy_(self.best[name])
        return {
            "curve": self.curve,
            "selected": self.best_point[1] if self.best is not None else plan["steps"],
            "resumed_from": start,
            "seconds": seconds,
            "rows_per_second": rows_seen / seconds if rows_seen > 0 else 0,
            "peak_memory": peak_memory(self.device),
            "micro_batch": self.objective.inner.mini_batch_size if self.objective.is_cached else None,
            **self.totals,
        }

    def attempt(self, batch: Batch, step: int, rate: float) -> float:
        """One step; where memory runs out and the plan allows it, again with half the micro-batch."""
        while True:
            try:
                return self.step(batch, step, rate)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self.optimiser.zero_grad(set_to_none=True)
                smaller = self.objective.shrink() if self.plan["halve_on_oom"] and self.world == 1 else None
                if smaller is None:
                    raise Refusal(
                        f"memory ran out at step {step + 1}: a batch of {self.plan['batch']} rows does not fit "
                        f"({str(error).splitlines()[0]})",
                        memory_advice(self.plan, self.objective.is_cached),
                    ) from error
            # Outside of the handler, whose traceback holds on to the tensors of the failed attempt.
            release_memory(self.device)
            self.totals["halved"] += 1
            self.say("halved", step=step + 1, micro_batch=smaller)

    def step(self, batch: Batch, step: int, rate: float) -> float:
        seed_step(self.plan["seed"], step, self.rank)
        share = self.plan["batch"] // self.world
        own = slice(self.rank * share, (self.rank + 1) * share)
        if self.objective.similarity:
            masked = torch.tensor(batch.masked, device=self.device)
            self.objective.similarity.begin_batch(masked, own.start, share)
        features = [
            self.tokenize(column[own], "query" if place == 0 else "passage")
            for place, column in enumerate(batch.columns)
        ]
        labels = torch.tensor(batch.scores[own] if batch.scores else [], device=self.device)
        with precision_context(self.plan["precision"], self.device):
            loss = self.objective.loss(features, labels)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan["max_grad_norm"])
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        loss = loss.detach()
        return float(self.accelerator.reduce(loss, "mean")) if self.world > 1 else float(loss)

    def tokenize(self, texts: list[str], role: str) -> dict[str, torch.Tensor]:
        tokens = self.model[0].tokenizer(
            texts, padding=True, truncation=True, max_length=self.plan["max_length"][role], return_tensors="pt"
        )
        return {name: tensor.to(self.device) for name, tensor in tokens.items()}

    def encode(self, texts: list[str], role: str) -> torch.Tensor:
        """Directions of texts as they are now, without dropout."""
        was_training = self.model.training
        self.model.eval()
        vectors = []
        with torch.no_grad():
            for at in range(0, len(texts), ENCODE_BATCH):
                features = self.tokenize(texts[at : at + ENCODE_BATCH], role)
                vectors.append(self.model(features)["sentence_embedding"].float().cpu())
        self.model.train(was_training)
        return torch.nn.functional.normalize(torch.cat(vectors), dim=1)

    def add_point(self, step: int, facts: dict) -> None:
        point = {"step": step, **facts}
        if self.dev:
            point["dev_mrr@10"] = self.dev()
            if self.plan["select"] == "dev" and point["dev_mrr@10"] > self.best_point[0]:
                self.best_point = (point["dev_mrr@10"], step)
                self.best = weights_of(self.model)
        self.curve.append(point)
        self.say("point", **point)

    def save(self, folder: Path, step: int) -> None:
        facts = {
            "versions": self.versions,
            "curve": self.curve,
            "totals": self.totals,
            "losses": self.losses,
            "best_point": self.best_point,
            "scaler": self.scaler.state_dict(),
        }
        save_checkpoint(folder, step, self.model, self.optimiser, facts, self.best)
        self.say("checkpoint", step=step)

    def resume(self, folder: Path) -> int:
        found = load_checkpoint(folder, self.model, self.optimiser, self.versions)
        if found is None:
            return 0
        facts, self.best = found
        self.curve = facts["curve"]
        self.totals = facts["totals"]
        self.losses = facts["losses"]
        self.best_point = tuple(facts["best_point"])
        if facts["scaler"]:
            self.scaler.load_state_dict(facts["scaler"])
        self.say("resumed", step=facts["step"])
        return facts["step"]

    def say(self, event: str, **facts) -> None:
        if self.rank == 0:
            self.events.say(event, **facts)


def rate_at(step: int, steps: int, warmup: float) -> float:
    """Share of the greatest learning rate: up along a line over the warm-up, then down to just above 0."""
    rising = math.floor(warmup * steps + 0.5)
    return (step + 1) / (rising + 1) if step < rising else (steps - step) / (steps - rising)


def parameter_groups(model, weight_decay: float) -> list[dict]:
    """Biases and the weights of normalisations are not decayed."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


def share_between_cards(objective: Objective, wrapped) -> None:
    """Makes the loss call the model that averages gradients between processes."""
    for loss in {objective.loss, objective.inner, getattr(objective.inner, "loss", objective.inner)}:
        loss.model = wrapped
    for name in ("preprocess", "get_embedding_dimension"):
        setattr(wrapped, name, getattr(wrapped.module, name))


def release_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
