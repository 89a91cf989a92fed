"""Training data as the train stage lays it out: rows with numbered texts, and the batches of every step."""

import json
from array import array
from dataclasses import dataclass
from pathlib import Path

# Stands for the text of a row that has fewer negatives than others; masked for every anchor.
ABSENT = -1


@dataclass
class Row:
    """Texts with their prefixes; numbers tell which normalised query and passages they are."""

    anchor: str
    positive: str
    negatives: list[str]
    query: int
    passages: list[int]
    """Of the positive, then of the negatives."""
    scores: list[float] | None


@dataclass
class TrainingRows:
    rows: list[Row]
    known: dict[int, set[int]]
    """By query: the passages that are a positive of it in any row."""

    @property
    def most_negatives(self) -> int:
        return max((len(row.negatives) for row in self.rows), default=0)

    @property
    def fewest_negatives(self) -> int:
        return min((len(row.negatives) for row in self.rows), default=0)


def read_rows(path: str | Path, prefixes: dict[str, str]) -> TrainingRows:
    """Reads rows of `anchor`, `positive`, `negatives`, `query`, `passages` and, if any, `scores`."""
    rows, known = [], {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            rows.append(
                Row(
                    anchor=prefixes["query"] + row["anchor"],
                    positive=prefixes["passage"] + row["positive"],
                    negatives=[prefixes["passage"] + text for text in row["negatives"]],
                    query=row["query"],
                    passages=row["passages"],
                    scores=row.get("scores"),
                )
            )
            known.setdefault(row["query"], set()).add(row["passages"][0])
    return TrainingRows(rows, known)


def read_batches(path: str | Path, size: int) -> list[array]:
    """The row numbers of every step, from a file of unsigned 32-bit numbers."""
    numbers = array("I")
    data = Path(path).read_bytes()
    numbers.frombytes(data)
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]


@dataclass
class Batch:
    """Columns of texts as losses take them: anchors, positives, then one column a negative."""

    columns: list[list[str]]
    masked: list[list[bool]]
    """anchors x candidates; candidates are the columns after the first, one after the other."""
    compared: int
    """Pairs of anchor and real candidate other than its own positive."""
    masked_count: int
    """How many of those are masked."""
    scores: list[list[float]] | None


def lay_out(data: TrainingRows, numbers, negatives: int) -> Batch:
    """A candidate that is a positive of an anchor anywhere in the data is no negative of it, whichever row brings it."""
    rows = [data.rows[number] for number in numbers]
    columns = [[row.anchor for row in rows], [row.positive for row in rows]]
    passages = [[row.passages[0] for row in rows]]
    for place in range(negatives):
        there = [place < len(row.negatives) for row in rows]
        columns.append([row.negatives[place] if has else "" for row, has in zip(rows, there, strict=True)])
        passages.append([row.passages[place + 1] if has else ABSENT for row, has in zip(rows, there, strict=True)])
    candidates = [passage for column in passages for passage in column]
    masked, compared, count = [], 0, 0
    for i, row in enumerate(rows):
        known = data.known[row.query]
        line = [j != i and (passage == ABSENT or passage in known) for j, passage in enumerate(candidates)]
        masked.append(line)
        absent = candidates.count(ABSENT)
        compared += len(candidates) - 1 - absent
        count += sum(line) - absent
    scores = [row.scores for row in rows] if all(row.scores is not None for row in rows) else None
    return Batch(columns, masked, compared, count, scores)
