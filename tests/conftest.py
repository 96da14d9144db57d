"""What tests share: the real data, small corpora and vectors, a private cache."""

import json
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real corpora; the test skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a two-layer BERT of 16 dims with dropout, mean pooling and normalisation, weights by a fixed seed."""
    from small_bert import WORDS, saved

    return saved(tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("tiny"), WORDS)


@pytest.fixture(autouse=True)
def _private_places(tmp_path, monkeypatch):
    """No test reads or writes the user's cache, and none reaches a hub."""
    monkeypatch.setenv("MRL_SEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MRL_SEARCH_DATA", raising=False)


@pytest.fixture
def corpus(tmp_path):
    """Writes documents as JSON lines and returns the file's name."""

    def write(*documents, name="corpus.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(document) + "\n" for document in documents))
        return str(path)

    return write


@pytest.fixture
def clustered() -> np.ndarray:
    """(600, 32) unit vectors in 20 clusters, every tenth one an exact copy of the first of its cluster."""
    random = np.random.default_rng(7)
    centres = random.standard_normal((20, 32))
    vectors = np.repeat(centres, 30, axis=0) + 0.4 * random.standard_normal((600, 32))
    vectors[::10] = np.repeat(vectors[::30], 3, axis=0)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def pretended_card(monkeypatch):
    """A Device that is decided about as a card and computes on the CPU: what a card's path does, without one."""
    from mrl_search.device import Device
    from mrl_search.gpu import opening

    monkeypatch.setattr(Device, "__str__", lambda device: "cpu")
    monkeypatch.setattr(opening, "_free_bytes", lambda card: 80 * 2**30)
    monkeypatch.setattr(opening, "_all_bytes", lambda card: 80 * 2**30)
    return Device("cuda", 0, "a card")


@pytest.fixture
def apart(monkeypatch):
    """No segment is ever merged by `add`."""
    from mrl_search.indexes import merging

    monkeypatch.setattr(merging, "_SMALL", -1)
    monkeypatch.setattr(merging, "_LARGEST", 0)


@pytest.fixture
def built(tmp_path, corpus):
    """30 documents, indexed by a hashing encoder."""
    from living_corpus import document

    import mrl_search

    path = corpus(*(document(number) for number in range(30)))
    return mrl_search.build(path, tmp_path / "index", dims=(16, 64), encoder="hashing:64")


@pytest.fixture
def rotated(tmp_path, corpus):
    """1,200 documents, indexed in principal axes."""
    from living_corpus import document

    import mrl_search

    path = corpus(*(document(number, f"word{number % 13} word{number % 7} {number}") for number in range(1_200)))
    options = mrl_search.BuildOptions(rotation="pca")
    return mrl_search.build(path, tmp_path / "rotated", dims=(16, 64), encoder="hashing:64", options=options)
