"""Encodes texts with SentenceTransformers, as often as it is told: one line of JSON an answer, with wall and CPU seconds."""

import json
import sys
import time

import torch

folder, texts_file, vectors_file, threads = sys.argv[1:5]
torch.set_num_threads(int(threads))
from sentence_transformers import SentenceTransformer  # noqa: E402: after the number of threads is set

model = SentenceTransformer(folder, device="cpu")
with open(texts_file, encoding="utf-8") as file:
    texts = json.load(file)
model.encode(texts[:32])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    batch = int(line)
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = model.encode(texts, batch_size=batch, convert_to_numpy=True, show_progress_bar=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    vectors.astype("float32").tofile(vectors_file)
    print(json.dumps({"wall": wall, "cpu": cpu}), flush=True)
