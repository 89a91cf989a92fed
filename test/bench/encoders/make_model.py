"""Makes a model whose time is measured, from the folder of an encoder: its scores or vectors mean nothing."""

import sys

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from transformers import AutoModelForSequenceClassification, AutoTokenizer

kind, source, out = sys.argv[1:4]
torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(source)
if kind == "cross-encoder":
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=1)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
else:
    static = StaticEmbedding(tokenizer, embedding_dim=512)
    SentenceTransformer(modules=[static, Normalize()], device="cpu").save_pretrained(out)
