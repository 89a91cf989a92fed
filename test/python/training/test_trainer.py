"""The loop: resumed as if nothing had happened, stopped where going on is senseless."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training import checkpoints, devices
from training.bases import open_base
from training.checkpoints import weights_of
from training.devices import choose_device, make_deterministic
from training.events import Events, Refusal
from training.trainer import Trainer, rate_at

VERSIONS = {"torch": torch.__version__}


def trained(plan, stop_after=None, **more):
    """The result of a training and its weights; with `stop_after`, one that dies in that step."""
    device = choose_device(plan["device"])
    make_deterministic(plan["seed"], device)
    trainer = Trainer(open_base(plan), plan, Events(plan["events"]), device, VERSIONS, **more)
    if stop_after is not None:
        step = trainer.step

        def dying(batch, number, rate):
            if number == stop_after:
                raise KeyboardInterrupt
            return step(batch, number, rate)

        trainer.step = dying
    return trainer.train(), weights_of(trainer.model)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": {"name": "CachedMultipleNegativesRankingLoss", "options": {}}, "symmetric": True},
        {"precision": "bf16", "gradient_checkpointing": True, "matryoshka": [16, 8]},
        {"select": "dev"},
    ],
)
def test_a_resumed_run_ends_with_the_same_weights_and_curve(make_plan, changes):
    plan = make_plan(checkpoint_every={"steps": 4}, **changes)
    if changes.get("select") == "dev":
        plan["dev"] = plan["data"]
    whole, weights = trained({**plan, "resume": plan["resume"] + "-none"})
    with pytest.raises(KeyboardInterrupt):
        trained(plan, stop_after=6)
    assert [path.name for path in Path(plan["resume"]).iterdir()] == ["step-4"]
    result, resumed = trained(plan)
    assert result["resumed_from"] == 4
    assert result["curve"] == whole["curve"]
    assert same(resumed, weights)
    _, other = trained({**plan, "seed": 2, "resume": plan["resume"] + "-other"})
    assert not same(other, weights)


def test_a_checkpoint_of_other_versions_is_left_alone(make_plan):
    plan = make_plan(checkpoint_every={"steps": 4})
    with pytest.raises(KeyboardInterrupt):
        trained(plan, stop_after=6)
    facts = Path(plan["resume"]) / "step-4" / "facts.json"
    facts.write_text(facts.read_text().replace(torch.__version__, "1.0"))
    assert trained(plan)[0]["resumed_from"] == 0


def test_training_teaches(make_plan):
    plan = make_plan(steps=60, learning_rate=0.02)
    plan["dev"] = plan["data"]
    curve = trained(plan)[0]["curve"]
    assert curve[0]["dev_mrr@10"] < 0.6
    assert curve[-1]["dev_mrr@10"] > 0.75
    assert curve[-1]["loss"] < curve[1]["loss"]


def test_a_loss_that_is_no_number_stops_the_run_and_says_where(make_plan):
    plan = make_plan(scale=float("nan"), loss={"name": "GISTEmbedLoss", "options": {}})
    guide = open_base(plan)
    with torch.no_grad():
        for parameter in guide.parameters():
            parameter.fill_(float("nan"))
    plan = {**plan, "loss": {"name": "MultipleNegativesRankingLoss", "options": {}}, "scale": 20.0}
    device = choose_device("cpu")
    trainer = Trainer(guide, plan, Events(plan["events"]), device, VERSIONS)
    with pytest.raises(Refusal, match=r"the loss became nan at step 1 of 10 \(learning rate 2.50e-03\)"):
        trainer.train()


def test_a_full_disk_at_a_checkpoint_is_told_and_the_one_before_stays(make_plan, monkeypatch):
    plan = make_plan(checkpoint_every={"steps": 2})
    save, calls = checkpoints.save_file, []

    def full(tensors, path):
        calls.append(path)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(Refusal, match="the checkpoint of step 4 can't be written: No space left on device"):
        trained(plan)
    assert [path.name for path in Path(plan["resume"]).iterdir()] == ["step-2"]
    monkeypatch.undo()
    assert trained(plan)[0]["resumed_from"] == 2


class MemoryRunsOut:
    """Makes the first calls of the loss fail as a card that is full does."""

    def __init__(self, trainer, times):
        self.left, self.loss = times, trainer.objective.loss
        trainer.objective.loss = self

    def __call__(self, *arguments):
        if self.left > 0:
            self.left -= 1
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.loss(*arguments)


CACHED = {"name": "CachedMultipleNegativesRankingLoss", "options": {}}


def test_where_memory_runs_out_the_micro_batch_is_halved_and_the_gradient_stays(make_plan):
    plan = make_plan(loss=CACHED, micro_batch=4, halve_on_oom=True, steps=3)
    trainer = Trainer(open_base(plan), plan, Events(plan["events"]), choose_device("cpu"), VERSIONS)
    trainer.model[0].auto_model.config.attention_probs_dropout_prob = 0
    MemoryRunsOut(trainer, 2)
    result = trainer.train()
    assert (result["halved"], result["micro_batch"]) == (2, 1)
    events = [json.loads(line) for line in Path(plan["events"]).read_text().splitlines()]
    assert [event["micro_batch"] for event in events if event["event"] == "halved"] == [2, 1]


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, "a Cached… loss"),
        ({"loss": CACHED}, "`halve_on_oom: true`"),
        ({"precision": "bf16"}, "gradient_checkpointing"),
    ],
)
def test_where_memory_runs_out_the_error_says_what_takes_less(make_plan, changes, advice):
    plan = make_plan(**changes)
    trainer = Trainer(open_base(plan), plan, Events(plan["events"]), choose_device("cpu"), VERSIONS)
    MemoryRunsOut(trainer, 1)
    with pytest.raises(Refusal, match="memory ran out at step 1: a batch of 4 rows does not fit") as refused:
        trainer.train()
    assert advice in refused.value.advice


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (torch.cuda.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_recognised(error, is_it):
    assert devices.is_out_of_memory(error) is is_it


def test_cuda_without_cuda_is_refused_saying_what_was_found(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(Refusal, match=f"torch {torch.__version__} was built for CUDA".replace("+", r"\+")):
        choose_device("cuda")


def test_the_rate_rises_and_falls_along_lines():
    assert [round(rate_at(step, 10, 0.2), 3) for step in range(10)] == [
        0.333, 0.667, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125,
    ]  # fmt: skip


def test_two_processes_train_as_one(make_plan):
    """Two processes with half of each batch give the weights of one with all of it."""
    program = Path(sys.modules["training"].__file__).parent.parent / "train_model.py"
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    out = []
    for name, launcher in [("one", []), ("two", two)]:
        plan = make_plan(folder=name, steps=4, **{"max_grad_norm": 1000.0})
        plan["random"] = {**plan["random"], "dropout": 0.0}
        Path(plan["events"]).with_name("plan.json").write_text(json.dumps(plan))
        command = [sys.executable, *launcher, str(program), "--plan", str(Path(plan["events"]).with_name("plan.json"))]
        subprocess.run(command, check=True, capture_output=True)
        out.append(load_file(Path(plan["out"]) / "model.safetensors"))
        events = [json.loads(line) for line in Path(plan["events"]).read_text().splitlines()]
        assert [event["processes"] for event in events if event["event"] == "started"] == [len(out)]
    for name, tensor in out[0].items():
        assert torch.allclose(tensor, out[1][name], atol=1e-4), name
