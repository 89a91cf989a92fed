"""The same dev metric as in-process training: mean reciprocal rank at 10 of each row's positive among all of them."""

import torch

MOST_ROWS = 500
CUTOFF = 10


class DevMetric:
    """Rows are looked at from the beginning; other known positives of an anchor are left out, ties count against it."""

    def __init__(self, data, encode):
        self.encode = encode
        rows = data.rows[:MOST_ROWS]
        self.anchors = [row.anchor for row in rows]
        self.pool = list(dict.fromkeys(row.positive for row in rows))
        places = {text: place for place, text in enumerate(self.pool)}
        passage = {row.positive: row.passages[0] for row in rows}
        self.own = torch.tensor([places[row.positive] for row in rows])
        self.known = torch.tensor(
            [[passage[text] in data.known[row.query] for text in self.pool] for row in rows], dtype=torch.bool
        )

    def __call__(self) -> float:
        scores = self.encode(self.anchors, "query") @ self.encode(self.pool, "passage").T
        own = scores.gather(1, self.own.unsqueeze(1))
        ahead = ((scores >= own) & ~self.known).sum(dim=1)
        ranks = ahead + 1
        return float(torch.where(ranks <= CUTOFF, 1.0 / ranks, torch.zeros(())).mean())
