"""A small living index driven by numbers, and the dictionary it must equal; for tests that kill, damage and try at random.

Vectors are given, so that nothing is encoded: a document's text is a number, and its vector is drawn by it.
"""

from pathlib import Path

import numpy as np

from mrl_search.document import Document
from mrl_search.funnel import Funnel
from mrl_search.indexes import (
    Anew,
    Codec,
    EncoderRecord,
    IndexChange,
    IndexWriter,
    Manifest,
    StoredVectors,
    Turned,
    VectorIndex,
    build_prefix,
    open_index,
    words_of,
)
from mrl_search.retriever import search
from mrl_search.rotation import Rotation
from mrl_search.vectors import unit

DIM = 8
QUERIES = unit(np.random.default_rng(99).standard_normal((3, DIM)).astype(np.float32))


def vector(text):
    return unit(np.random.default_rng(int(text)).standard_normal((1, DIM)).astype(np.float32))


def start(folder: Path, documents: dict[str, str]) -> None:
    """Builds the index of these documents: text by id, at least one."""
    with IndexWriter(folder) as writer:
        for identifier, text in documents.items():
            writer.add(Document(identifier, text))
        writer.write_words(lambda _: None)
        writer.write_vectors(iter([np.concatenate([vector(text) for text in documents.values()])]), DIM, "float32")
        writer.write_prefix(4, Codec("Flat"))
        encoder = EncoderRecord("precomputed", "precomputed", DIM)
        facts = (len(documents), 0, 0, (4, DIM), "float32", "Flat", "4:200,8:10", encoder, {})
        writer.commit(Manifest("model", *facts))


def put(folder: Path, documents: dict[str, str], *, merges: bool = True) -> None:
    """Adds documents; merges: whether segments are merged as `add` does."""
    with IndexChange(folder) as change:
        for identifier, text in documents.items():
            change.put(Document(identifier, text))
        change.write(change.merged() if merges else [], (vector(text) for text in documents.values()))
        _commit(change)


def remove(folder: Path, ids: list[str]) -> None:
    with IndexChange(folder) as change:
        change.remove(ids)
        _commit(change)


def compact(folder: Path) -> None:
    with IndexChange(folder) as change:
        change.write(change.segments, [])
        _commit(change)


def refit(folder: Path) -> None:
    """Writes all into one segment in new axes, which are the old ones."""
    turned = Turned(Rotation(np.eye(DIM, dtype=np.float32), "pca"), "because", lambda vectors: vectors)
    with IndexChange(folder) as change:
        change.write(change.segments, [], Anew(turned))
        _commit(change)


def damage(folder: Path) -> None:
    """Of the prefix index of the first segment, which can be made anew from the vectors."""
    path = min((folder / "segments").glob("*/prefix.faiss"))
    path.write_bytes(path.read_bytes()[:-1])


def _commit(change: IndexChange) -> None:
    from dataclasses import replace

    count = change.manifest.documents - change.changes.removed.documents + change.incoming
    change.commit(replace(change.manifest, documents=count))


def contents(stored) -> dict[str, str]:
    """Text by id of all documents of an open index, in row order."""
    found = stored.documents(stored.vectors.rows.tolist())
    return {found[row].id: found[row].text for row in sorted(found)}


def demand(stored, documents: dict[str, str]) -> None:
    """The open index holds just these documents, and answers as one built of them in its own order."""
    held = contents(stored)
    assert held == documents
    hits = search(stored.vectors, QUERIES, Funnel.parse("4:30,8:10"))
    if not held:
        assert (hits.rows == -1).all()
        return
    whole = StoredVectors(np.concatenate([vector(text) for text in held.values()]), "float32")
    wanted = search(VectorIndex(whole, build_prefix(whole, 4, Codec("Flat"))), QUERIES, Funnel.parse("4:30,8:10"))
    _demand_words(stored, held)
    texts = list(held.values())
    for query in range(len(QUERIES)):
        _, rows = hits.of(query)
        found = [document.text for document in _in_order(stored, rows)]
        assert found == [texts[row] for row in wanted.of(query)[1].tolist()]
    exactly = 0 if stored.rotation is None else 1e-6  # refitting makes rows of unit length anew
    np.testing.assert_allclose(hits.scores, wanted.scores, rtol=0, atol=exactly)


def _demand_words(stored, held: dict[str, str]) -> None:
    """Every text of two digits is found by words, in all documents that have it and in no other."""
    words = words_of(stored.catalog, stored.segments, stored.folder)
    for text in sorted({text for text in held.values() if len(text) > 1})[:3]:
        rows = np.flatnonzero(words.scores(text))
        assert {document.id for document in _in_order(stored, rows)} == {key for key in held if held[key] == text}


def _in_order(stored, rows):
    documents = stored.documents(rows.tolist())
    return [documents[row] for row in rows.tolist()]


def opened(folder: Path, documents: dict[str, str]) -> None:
    stored = open_index(folder)
    try:
        demand(stored, documents)
    finally:
        stored.close()
