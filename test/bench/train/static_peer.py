"""SentenceTransformers' StaticEmbedding under its MultipleNegativesRankingLoss, in a bare loop of torch: no trainer's overhead.

Prints the seconds from texts in memory to the trained table; loading torch is not counted.
"""

import json
import random
import sys
import time

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

plan = json.loads(sys.argv[1])
torch.manual_seed(plan["seed"])
random.seed(plan["seed"])
rows = [json.loads(line) for line in open(plan["rows"], encoding="utf-8")]
tokenizer = Tokenizer.from_file(plan["tokenizer"])
model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=plan["dimensions"])], device="cpu")
loss_of = MultipleNegativesRankingLoss(model)

began = time.perf_counter()
optimiser = torch.optim.AdamW(model.parameters(), lr=plan["learning_rate"], weight_decay=0)
warmup = round(0.1 * plan["steps"])
order = []
for step in range(plan["steps"]):
    batch = []
    # Their NO_DUPLICATES: no anchor and no positive twice in a batch.
    seen = set()
    passed = []
    while len(batch) < plan["batch"]:
        if not order:
            order = random.sample(range(len(rows)), len(rows))
        row = rows[order.pop()]
        if row["anchor"] in seen or row["positive"] in seen:
            if len(passed) > 8 * plan["batch"]:
                break
            passed.append(row)
            continue
        seen.update((row["anchor"], row["positive"]))
        batch.append(row)
    share = (step + 1) / (warmup + 1) if step < warmup else (plan["steps"] - step) / (plan["steps"] - warmup)
    for group in optimiser.param_groups:
        group["lr"] = plan["learning_rate"] * share
    features = [model.preprocess([row[column] for row in batch]) for column in ("anchor", "positive")]
    loss = loss_of(features, None)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
seconds = time.perf_counter() - began
save_file({"embedding.weight": model[0].embedding.weight.detach().contiguous()}, plan["out"])
print(json.dumps({"seconds": seconds, "loss": float(loss.detach()), "threads": torch.get_num_threads()}))
