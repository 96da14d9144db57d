"""Documents, pairs and their vectors by a hashing encoder."""

import numpy as np

from mrl_search.encoders import EncoderSpec, load_encoder

HASHED = EncoderSpec("hashing:32")


def write_hashed_texts(folder):
    """`docs.jsonl` and `pairs.jsonl` of 120 each, and their vectors; returns the folder."""
    random = np.random.default_rng(0)
    said = [" ".join(f"word{n}" for n in random.integers(0, 40, 6)) for _ in range(120)]
    (folder / "docs.jsonl").write_text("".join(f'{{"_id": "{n}", "text": "{text}"}}\n' for n, text in enumerate(said)))
    pairs = "".join(f'{{"query": "{text[:12]}", "positive": "{text}"}}\n' for text in said)
    (folder / "pairs.jsonl").write_text(pairs)
    encoder = load_encoder(HASHED)
    np.save(folder / "docs.npy", 2 * encoder.encode_documents(said))
    np.save(folder / "queries.npy", encoder.encode_queries([text[:12] for text in said]))
    return folder
