"""Encodes texts, or scores pairs, with SentenceTransformers as often as it is told: one line of JSON an answer, with wall
and CPU seconds."""

import json
import sys
import time

import torch

kind, folder, given_file, result_file, threads = sys.argv[1:6]
torch.set_num_threads(int(threads))
from sentence_transformers import CrossEncoder, SentenceTransformer  # noqa: E402: after the number of threads is set

with open(given_file, encoding="utf-8") as file:
    given = json.load(file)
if kind == "cross-encoder":
    scorer = CrossEncoder(folder, device="cpu")

    def run(pairs, batch):
        return scorer.predict(pairs, batch_size=batch, activation_fn=torch.nn.Identity(), show_progress_bar=False)

else:
    encoder = SentenceTransformer(folder, device="cpu")

    def run(texts, batch):
        return encoder.encode(texts, batch_size=batch, convert_to_numpy=True, show_progress_bar=False)


run(given[:32], 32)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run(given, int(line))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result.astype("float32").tofile(result_file)
    print(json.dumps({"wall": wall, "cpu": cpu}), flush=True)
