"""Where training starts, what is refused, and the table that an encoder is distilled into."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from training.bases import open_base
from training.checkpoints import weights_of
from training.events import Refusal
from training.loading import complete_plan, load_encoder
from training.saving import save_model
from training.static_table import cut_to_components, plain_tokenizer, rarity_weights, token_vectors, write_static_model


def test_random_weights_follow_from_the_seed(make_plan):
    plan = make_plan()
    one, same, other = (weights_of(open_base({**plan, "seed": seed})) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_top_layers_are_drawn_anew_and_nothing_else(make_plan, tmp_path):
    plan = make_plan()
    model = open_base(plan)
    # As after training: biases are no zeros any more.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1
    save_model(model, tmp_path / "base", plan["prefixes"])
    given = {**plan, "model": str(tmp_path / "base"), "reinitialise": 1}
    given.pop("random")
    before, after = weights_of(model), weights_of(open_base(given))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(".layer.1." in name for name in changed)
    assert len(changed) == sum(".layer.1." in name for name in before)
    with pytest.raises(Refusal, match="the base has 2 layers, and 3 are to be drawn anew"):
        open_base({**given, "reinitialise": 3})


def test_a_saved_model_has_no_trace_of_the_machine(make_plan, tmp_path):
    plan = make_plan(prefixes={"query": "query: ", "passage": "passage: "})
    save_model(open_base(plan), tmp_path / "model", plan["prefixes"])
    for path in (tmp_path / "model").rglob("*.json"):
        text = path.read_text()
        assert str(tmp_path) not in text and "/tmp" not in text, path
        assert torch.__version__ not in text, path
    again = load_encoder(tmp_path / "model")
    assert again.prompts == {"query": "query: ", "document": "passage: "}
    completed = {"max_length": {}}
    complete_plan(again, completed)
    assert completed["prefixes"] == plan["prefixes"]
    assert completed["max_length"] == {"query": 32, "passage": 32}


def test_a_length_beyond_the_positions_is_refused(make_plan):
    plan = make_plan(max_length={"query": 16, "passage": 64})
    with pytest.raises(Refusal, match="max_length is 64 for a passage, and the base has 32 positions"):
        complete_plan(open_base(plan), plan)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is not a model: it has neither config.json nor modules.json"),
        ({"config.json": "{}"}, "the model has no weights"),
        ({"config.json": "{}", "pytorch_model.bin": "x"}, r"as a pickle only \(pytorch_model.bin\)"),
        ({"config.json": "{}", "model.safetensors": "x"}, "the model has no tokenizer"),
        (
            {"config.json": '{"auto_map": {"AutoModel": "own.py"}}', "model.safetensors": "x", "vocab.txt": "x"},
            r"config.json asks for code of its own \(auto_map\)",
        ),
        (
            {"modules.json": '[{"path": "", "type": "own.Module"}]', "model.safetensors": "x", "vocab.txt": "x"},
            "modules.json asks for code of its own: own.Module",
        ),
    ],
)
def test_a_folder_that_is_no_safe_base_is_refused(make_plan, tmp_path, files, message):
    base = tmp_path / "base"
    base.mkdir()
    for name, text in files.items():
        (base / name).write_text(text)
    plan = {**make_plan(), "model": str(base)}
    plan.pop("random")
    with pytest.raises(Refusal, match=message):
        open_base(plan)


def test_a_tokenizer_without_special_tokens_is_refused(make_plan, tokenizer_file):
    content = json.loads(Path(tokenizer_file).read_text())
    content["added_tokens"] = []
    content["model"]["vocab"].pop("[SEP]")
    Path(tokenizer_file).write_text(json.dumps(content))
    with pytest.raises(Refusal, match=r"the tokenizer has no \[SEP\]"):
        open_base(make_plan())


def test_an_encoder_becomes_a_table(make_plan, tmp_path):
    model = open_base(make_plan()).eval()
    tokenizer, tokens = plain_tokenizer(model)
    told = []
    vectors = token_vectors(model, tokens, told.append)
    assert told == [len(tokens)]
    ids = model[0].tokenizer("harbour", return_tensors="pt")
    with torch.no_grad():
        alone = model[0].auto_model(**ids).last_hidden_state.mean(dim=1)[0].numpy()
    assert np.allclose(vectors[tokenizer["model"]["vocab"]["harbour"]], alone, atol=1e-5)

    table = cut_to_components(vectors, 4)
    assert np.allclose(table.mean(axis=0), 0, atol=1e-9)
    variances = (table**2).mean(axis=0)
    assert (np.diff(variances) <= 1e-9).all()
    weights = rarity_weights(tokenizer)
    ranked = [weights[number] for token, number in tokenizer["model"]["vocab"].items() if not token.startswith("[")]
    assert len(weights) == len(tokens) and (np.diff(ranked) > 0).all()
    assert weights[:5] == pytest.approx(ranked[0])
    write_static_model(tmp_path / "static", tokenizer, table * weights[:, None])
    written = load_file(tmp_path / "static" / "model.safetensors")["embedding.weight"]
    assert written.shape == (len(tokens), 4) and written.dtype == np.float32
    with pytest.raises(Refusal, match="64 dimensions are wanted, and the encoder has 16"):
        cut_to_components(vectors, 64)
