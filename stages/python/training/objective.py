"""SentenceTransformers' losses by their names, with known positives kept from counting as negatives."""

import torch
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.util import cos_sim

from .events import Refusal

RANKING = ("MultipleNegativesRankingLoss", "CachedMultipleNegativesRankingLoss")
GUIDED = ("GISTEmbedLoss", "CachedGISTEmbedLoss")
NAMES = (*RANKING, *GUIDED, "MarginMSELoss")


class MaskedCosine:
    """Cosines between anchors and candidates, minus infinity where the batch's mask says so.

    The losses call it for one block of anchors after the other, in each of their directions in turn.
    """

    def __init__(self, directions: tuple[str, ...] = ("query_to_doc",)):
        self.directions = directions
        self.begin_batch(None)

    def begin_batch(self, masked: torch.Tensor | None, first: int = 0, rows: int | None = None) -> None:
        """Takes the mask of a batch, anchors x candidates; `first` and `rows` tell which anchors are this process's."""
        self.masked = masked
        self.first = first
        self.rows = rows if rows is not None or masked is None else len(masked)
        self.row = 0
        self.call = 0

    def __call__(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        scores = cos_sim(left, right)
        if self.masked is None:
            return scores
        direction = self.directions[self.call]
        begin = self.first + self.row
        if direction == "query_to_doc":
            block = len(left)
            masked = self.masked[begin : begin + block]
        elif direction == "doc_to_query":
            block = len(right)
            masked = self.masked[:, begin : begin + block]
        else:
            block = len(left)
            masked = None
        self.call = (self.call + 1) % len(self.directions)
        if self.call == 0:
            self.row = (self.row + block) % self.rows
        return scores if masked is None else scores.masked_fill(masked, -torch.inf)


class Objective:
    """A loss of SentenceTransformers, and how a batch must be given to it."""

    def __init__(self, model, plan: dict, world: int = 1, guide=None):
        self.name = plan["loss"]["name"]
        options = dict(plan["loss"].get("options", {}))
        if self.name not in NAMES:
            raise Refusal(f"there is no loss {self.name} here", f"Take one of {', '.join(NAMES)}.")
        self.similarity = None
        if self.name in RANKING:
            if plan.get("symmetric"):
                options.setdefault("directions", ("query_to_doc", "doc_to_query"))
                options.setdefault("partition_mode", "per_direction")
            directions = tuple(options.get("directions", ("query_to_doc",)))
            # The losses compute them in this order, whatever order they are named in.
            order = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")
            self.similarity = MaskedCosine(tuple(name for name in order if name in directions))
            options["similarity_fct"] = self.similarity
            options["scale"] = plan["scale"]
        elif self.name in GUIDED:
            options["guide"] = guide
        if self.name != "MarginMSELoss" and world > 1:
            options["gather_across_devices"] = True
        if self.is_cached:
            options["mini_batch_size"] = plan["micro_batch"]
        try:
            loss = getattr(losses, self.name)(model, **options)
        except (TypeError, ValueError) as error:
            raise Refusal(f"{self.name} does not take these options: {error}", "See its documentation.") from error
        self.inner = loss
        matryoshka = plan.get("matryoshka")
        self.loss = losses.MatryoshkaLoss(model, loss, matryoshka_dims=matryoshka) if matryoshka else loss

    @property
    def is_cached(self) -> bool:
        return self.name.startswith("Cached")

    @property
    def masks(self) -> bool:
        """Whether known positives are masked; other losses have a guide or a teacher for them."""
        return self.similarity is not None

    def negatives(self, data) -> int:
        """How many columns of negatives a batch has: where absent ones can't be masked, those that every row has."""
        if self.masks:
            return data.most_negatives
        if self.name == "GISTEmbedLoss":
            return min(data.fewest_negatives, 1)
        return data.fewest_negatives

    def check(self, data) -> None:
        """Says what the data lack for this loss."""
        if self.name != "MarginMSELoss":
            return
        if data.fewest_negatives == 0:
            raise Refusal("MarginMSELoss needs at least one negative in every row", "Mine some in `mix`.")
        wanted = (data.fewest_negatives, data.fewest_negatives + 1)
        if any(row.scores is None or len(row.scores) not in wanted for row in data.rows):
            raise Refusal(
                "MarginMSELoss needs the teacher's `scores` in every row: of the positive, then of each negative",
                "Name a `teacher` in `mix`.",
            )

    def shrink(self) -> int | None:
        """Halves the micro-batch; the gradient stays the same. None if that is impossible."""
        if not self.is_cached or self.inner.mini_batch_size <= 1:
            return None
        self.inner.mini_batch_size //= 2
        return self.inner.mini_batch_size
