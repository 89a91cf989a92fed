"""The losses of SentenceTransformers with masks give what masking by hand gives."""

import pytest
import torch
from sentence_transformers.util import cos_sim
from training.bases import open_base
from training.devices import choose_device
from training.events import Events, Refusal
from training.objective import Objective
from training.rows import lay_out
from training.trainer import Trainer

# Rows 0 and 2 ask the same; the negative of row 1 is a positive of theirs.
ROWS = [
    {"anchor": "where is the harbour", "positive": "see quay", "negatives": [], "query": 0, "passages": [0]},
    {
        "anchor": "where is the orchard",
        "positive": "see apples",
        "negatives": ["see quay"],
        "query": 1,
        "passages": [1, 0],
    },
    {"anchor": "where is the harbour", "positive": "see large quay", "negatives": [], "query": 0, "passages": [2]},
    {
        "anchor": "the old furnace",
        "positive": "smelting",
        "negatives": ["icefall here"],
        "query": 2,
        "passages": [3, 4],
    },
]


def trainer_of(plan, tmp_path):
    torch.manual_seed(0)
    model = open_base(plan)
    return Trainer(model, plan, Events(tmp_path / "events"), choose_device("cpu"), {})


def loss_by_hand(trainer, batch, symmetric, dims=None):
    vectors = [trainer.encode(column, "passage")[:, :dims] for column in batch.columns]
    anchors, candidates = vectors[0], torch.cat(vectors[1:])
    masked = torch.tensor(batch.masked)
    scores = (20 * cos_sim(anchors, candidates)).masked_fill(masked, -torch.inf)
    own = torch.arange(len(anchors))
    loss = torch.nn.functional.cross_entropy(scores, own)
    if not symmetric:
        return loss
    back = (20 * cos_sim(anchors, vectors[1])).masked_fill(masked[:, : len(anchors)], -torch.inf).T
    return (loss + torch.nn.functional.cross_entropy(back, own)) / 2


@pytest.mark.parametrize("name", ["MultipleNegativesRankingLoss", "CachedMultipleNegativesRankingLoss"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_masked_candidates_do_not_count(make_plan, tmp_path, name, symmetric):
    plan = make_plan(ROWS, loss={"name": name, "options": {}}, symmetric=symmetric, micro_batch=3)
    trainer = trainer_of(plan, tmp_path)
    trainer.model.eval()
    batch = lay_out(trainer.data, [0, 1, 2, 3], 1)
    assert batch.masked_count == 4
    trainer.objective.similarity.begin_batch(torch.tensor(batch.masked))
    features = [trainer.tokenize(column, "passage") for column in batch.columns]
    loss = trainer.objective.loss(features, torch.tensor([]))
    assert float(loss.detach()) == pytest.approx(float(loss_by_hand(trainer, batch, symmetric)), abs=1e-5)


@pytest.mark.parametrize("name", ["MultipleNegativesRankingLoss", "CachedMultipleNegativesRankingLoss"])
def test_matryoshka_sums_over_the_first_dimensions(make_plan, tmp_path, name):
    plan = make_plan(ROWS, loss={"name": name, "options": {}}, matryoshka=[16, 4], micro_batch=3)
    trainer = trainer_of(plan, tmp_path)
    trainer.model.eval()
    batch = lay_out(trainer.data, [0, 1, 2, 3], 1)
    trainer.objective.similarity.begin_batch(torch.tensor(batch.masked))
    features = [trainer.tokenize(column, "passage") for column in batch.columns]
    by_hand = loss_by_hand(trainer, batch, False) + loss_by_hand(trainer, batch, False, 4)
    assert float(trainer.objective.loss(features, torch.tensor([])).detach()) == pytest.approx(float(by_hand), abs=1e-5)


@pytest.mark.parametrize("name", ["GISTEmbedLoss", "CachedGISTEmbedLoss"])
def test_guides_take_part(make_plan, tmp_path, name):
    plan = make_plan(loss={"name": name, "options": {"temperature": 0.05}}, steps=2)
    model = open_base(plan)
    trainer = Trainer(model, plan, Events(tmp_path / "events"), choose_device("cpu"), {}, guide=open_base(plan))
    assert trainer.train()["curve"][-1]["loss"] > 0


def test_margins_are_learned_from_scores(make_plan, tmp_path):
    rows = [
        {**row, "negatives": ["icefall here"], "passages": [*row["passages"][:1], 9], "scores": [3.0, 1.0]}
        for row in ROWS
    ]
    plan = make_plan(rows, loss={"name": "MarginMSELoss", "options": {}}, steps=30, learning_rate=0.01)
    curve = trainer_of(plan, tmp_path).train()["curve"]
    assert curve[-1]["loss"] < curve[0]["loss"]
    rows[2].pop("scores")
    with pytest.raises(Refusal, match="needs the teacher's `scores` in every row"):
        trainer_of(make_plan(rows, folder="without", loss={"name": "MarginMSELoss", "options": {}}), tmp_path)


def test_what_a_loss_does_not_take_is_refused(make_plan):
    plan = make_plan(loss={"name": "MultipleNegativesRankingLoss", "options": {"hardness_mode": "odd"}})
    with pytest.raises(Refusal, match="does not take these options: hardness_mode must be"):
        Objective(open_base(plan), plan)
    with pytest.raises(Refusal, match="there is no loss OddLoss here"):
        Objective(open_base(plan), {**plan, "loss": {"name": "OddLoss"}})
