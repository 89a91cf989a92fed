"""Makes a static embedding model of an encoder, in the manner of Model2Vec: one vector a token, no context.

Each token of the vocabulary is encoded by itself, the vectors are centred and cut to their principal components, and
weighted so that rare tokens, which tell more, count more.
"""

import argparse
from pathlib import Path

from training.events import Events, Refusal, run_with_events


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--dimensions", required=True, type=int)
    parser.add_argument("--events", required=True, type=Path)
    parser.add_argument("--trust-remote-code", action="store_true")
    arguments = parser.parse_args()
    run_with_events(arguments.events, lambda events: distil(arguments, events))


def distil(arguments: argparse.Namespace, events: Events) -> None:
    from training.loading import load_encoder

    model = load_encoder(arguments.model, trust_remote_code=arguments.trust_remote_code).eval()
    if not hasattr(model[0], "auto_model"):
        raise Refusal("only a transformer can be distilled, and this is a static model already", "Take it as the base.")

    from training.static_table import (
        cut_to_components,
        plain_tokenizer,
        rarity_weights,
        token_vectors,
        write_static_model,
    )

    tokenizer, kept = plain_tokenizer(model)
    vectors = token_vectors(model, kept, lambda done: events.say("progress", done=done, total=len(kept)))
    table = cut_to_components(vectors, arguments.dimensions)
    table *= rarity_weights(tokenizer)[:, None]
    # Entries of variance 1 on average, as in a random table: one learning rate fits both.
    table /= (table**2).mean() ** 0.5
    write_static_model(arguments.out, tokenizer, table)
    events.say("distilled", tokens=len(kept), dimensions=table.shape[1])


if __name__ == "__main__":
    main()
