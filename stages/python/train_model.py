"""Trains a transformer encoder as a plan (JSON) says, and writes its folder with an ONNX graph that agrees with it.

What happens is told as JSON Lines in the plan's `events` file: `started`, `resumed`, `step`, `point`, `checkpoint`,
`halved`, `finished`; or `refused`, with words for people. A killed process goes on from its last checkpoint in the plan's
`resume` folder; on a CPU it then ends with the weights of a run that nothing happened to.
"""

import argparse
import json
from pathlib import Path

from training.events import Events, run_with_events


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", required=True, type=Path)
    plan = json.loads(parser.parse_args().plan.read_text(encoding="utf-8"))
    run_with_events(plan["events"], lambda events: train(plan, events))


def train(plan: dict, events: Events) -> None:
    from training.bases import open_base
    from training.devices import choose_device, describe, make_deterministic
    from training.loading import complete_plan, load_encoder
    from training.onnx_export import export_onnx, parity, quantise, require_parity
    from training.saving import save_model
    from training.trainer import Trainer

    device = choose_device(plan["device"])
    flags = make_deterministic(plan["seed"], device)
    model = open_base(plan)
    complete_plan(model, plan)
    guide = load_encoder(plan["guide"], device=str(device)) if "guide" in plan else None
    facts = describe(device)
    trainer = Trainer(model, plan, events, device, {**facts["versions"], "hardware": facts["hardware"]}, guide)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trainer.say("started", parameters=parameters, processes=trainer.world, **facts, **flags)
    result = trainer.train()
    if trainer.rank != 0:
        return

    out = Path(plan["out"])
    model = model.to("cpu").eval()
    save_model(model, out, plan["prefixes"])
    graph = out / "onnx" / "model.onnx"
    events.say("progress", note="writing the ONNX graph")
    export_onnx(model, graph)
    cosine = parity(model, graph)
    require_parity(cosine)
    if plan["int8"]:
        quantise(graph, out / "onnx" / "model_int8.onnx")
        result["int8_cosine"] = parity(model, out / "onnx" / "model_int8.onnx")
    events.say(
        "finished",
        cosine=cosine,
        parameters=parameters,
        dimensions=model.get_embedding_dimension(),
        prefixes=plan["prefixes"],
        max_length=plan["max_length"],
        pooling=getattr(model[1], "pooling_mode", "mean") if len(model) > 1 else "mean",
        **result,
    )


if __name__ == "__main__":
    main()
