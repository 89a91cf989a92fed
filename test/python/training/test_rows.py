"""Which candidates are masked, and what a batch looks like."""

import json

from training.rows import lay_out, read_batches, read_rows


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(query, passages, negatives=(), **more):
    texts = {"anchor": f"q{query}", "positive": f"p{passages[0]}", "negatives": list(negatives)}
    return {**texts, "query": query, "passages": passages, **more}


def test_known_positives_are_masked_whichever_row_brings_them(tmp_path):
    rows = [row(0, [0]), row(1, [1, 2, 0], ["n2", "n0"]), row(0, [2]), row(2, [3, 4], ["n4"])]
    data = read_rows(write(tmp_path / "rows", rows), {"query": "query: ", "passage": "passage: "})
    batch = lay_out(data, [0, 1, 3], data.most_negatives)
    assert batch.columns[0] == ["query: q0", "query: q1", "query: q2"]
    assert batch.columns[2] == ["", "passage: n2", "passage: n4"]
    assert batch.columns[3] == ["", "passage: n0", ""]
    # Candidates: positives 0 1 3; first negatives - 2 4; second ones - 0 -. Query 0 has positives 0 and 2.
    assert batch.masked[0] == [False, False, False, True, True, False, True, True, True]
    assert batch.masked[1] == [False, False, False, True, False, False, True, False, True]
    absent = 3
    assert batch.compared == 3 * (9 - 1 - absent)
    assert batch.masked_count == 2


def test_batches_are_rows_of_the_file(tmp_path):
    from array import array

    (tmp_path / "batches").write_bytes(array("I", range(6)).tobytes())
    assert [list(batch) for batch in read_batches(tmp_path / "batches", 3)] == [[0, 1, 2], [3, 4, 5]]
