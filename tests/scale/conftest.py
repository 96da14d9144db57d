"""Small clusters beside the one index of the same documents."""

import numpy as np
import pytest

import mrl_search
from mrl_search.scale import build_cluster

WORDS = ["red fox", "tax law", "whale of the sea", "number 7", "number 3 of 4", ""]


def document(number):
    """Of 90 texts: every one comes several times, so that scores tie across shards and at the edge of every stage."""
    return {
        "_id": f"d{number}",
        "title": f"title {number % 9}",
        "text": f"number {number % 90}",
        "year": 1990 + number % 9,
    }


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """A corpus of 700 documents."""
    import json

    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    path.write_text("".join(json.dumps(document(number)) + "\n" for number in range(700)))
    return path


@pytest.fixture(scope="session")
def single(many):
    """One index of them."""
    options = mrl_search.BuildOptions(prefix="Flat", rotation="pca")
    return mrl_search.build(many, many.parent / "single", dims=(16, 64), encoder="hashing:64", options=options)


@pytest.fixture(scope="session")
def cluster(many):
    """The same in four shards."""
    options = mrl_search.BuildOptions(prefix="Flat", rotation="pca")
    return build_cluster(many, many.parent / "cluster", shards=4, dims=(16, 64), encoder="hashing:64", options=options)


@pytest.fixture(scope="session")
def queries():
    """(60, 64) vectors, a third of them of documents, so that they tie at the best."""
    encoder = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))
    texts = [f"title {number % 9} number {number}" for number in range(20)]
    noise = np.random.default_rng(3).standard_normal((40, 64)).astype(np.float32)
    return np.concatenate([encoder.encode_documents(texts), noise])


@pytest.fixture(scope="module", params=["one process", pytest.param("Ray Serve", marks=pytest.mark.slow)])
def serving(request):
    """What serves a cluster."""
    from ray_nodes import ray_nodes
    from served_clusters import in_one_process, on_ray_serve

    if request.param == "one process":
        yield in_one_process
        return
    pytest.importorskip("ray")
    with ray_nodes():
        yield on_ray_serve


@pytest.fixture
def store(tmp_path, monkeypatch):
    """fsspec's memory://, empty, and a cache of this test's own."""
    import fsspec

    monkeypatch.setenv("MRL_SEARCH_CACHE", str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()
