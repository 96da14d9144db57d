"""Small indexes that live, and what one build of their documents would answer."""

import json

import mrl_search
from mrl_search.indexes import (
    open_index,
)

QUERIES = ["red fox", "tax law", "whale of the sea", "number 7", ""]
FUNNEL = "16:1000,64:50"
HASHING = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))


def document(number, text=None, **other):
    return {
        "_id": f"d{number}",
        "title": f"title {number}",
        "text": text or f"number {number} of {number % 7}",
        **other,
    }


def answers(folder, funnel=FUNNEL, **told):
    with mrl_search.open(folder) as retriever:
        return retriever.search(QUERIES, funnel=funnel, **told)


def built_of(tmp_path, *documents):
    """What one build of these documents answers."""
    path = tmp_path / "whole.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in documents))
    options = mrl_search.BuildOptions(force=True)
    return answers(mrl_search.build(path, tmp_path / "whole", dims=(16, 64), encoder="hashing:64", options=options))


def original(folder):
    """All vectors in the encoder's axes, by id."""
    stored = open_index(folder)
    rows = stored.vectors.rows
    vectors = stored.vectors.take(rows)
    if stored.rotation is not None:
        vectors = vectors @ stored.rotation.matrix
    ids = stored.ids(rows.tolist())
    stored.close()
    return {ids[row]: vector for row, vector in zip(rows.tolist(), vectors, strict=True)}
