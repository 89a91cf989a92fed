"""What the bench of search compares with; prints one line of JSON."""

import json
import sys
import time

import numpy as np


def dense(passages, queries, dimensions, k, threads):
    import faiss

    faiss.omp_set_num_threads(int(threads))
    index = faiss.IndexFlatIP(int(dimensions))
    index.add(np.fromfile(passages, dtype=np.float32).reshape(-1, int(dimensions)))
    wanted = np.fromfile(queries, dtype=np.float32).reshape(-1, int(dimensions))
    started, used = time.perf_counter(), time.process_time()
    scores, found = index.search(wanted, int(k))
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "processor": processor, "first": found[0].tolist(), "scores": scores[0].tolist()}


def bm25(texts):
    import bm25s
    import Stemmer

    with open(texts, encoding="utf-8") as file:
        given = json.load(file)
    stemmer = Stemmer.Stemmer("porter")
    started = time.perf_counter()
    tokens = bm25s.tokenize(given["passages"], stopwords="en", stemmer=stemmer, show_progress=False)
    index = bm25s.BM25(method="lucene", k1=0.9, b=0.4)
    index.index(tokens, show_progress=False)
    indexed = time.perf_counter()
    wanted = bm25s.tokenize(given["queries"], stopwords="en", stemmer=stemmer, show_progress=False)
    index.retrieve(wanted, k=min(1000, len(given["passages"])), show_progress=False)
    return {"index": indexed - started, "search": time.perf_counter() - indexed}


print(json.dumps({"dense": dense, "bm25": bm25}[sys.argv[1]](*sys.argv[2:])))
