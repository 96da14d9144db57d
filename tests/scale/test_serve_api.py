"""The HTTP API of a cluster is that of an index: the API's own tests that only read, against one process and Ray Serve."""

import json

import pytest
from served_clusters import TOLD, api_tests

import mrl_search
from mrl_search.scale import build_cluster
from tests.serve import test_embeddings_route

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray")
globals().update(api_tests("client", "reading", "asked"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """One index of the documents that the API's tests ask for, and the same in three shards beside it."""
    folder = tmp_path_factory.mktemp("library")
    animals = ["red fox", "grey wolf", "brown bear", "white whale"]
    lines = (
        {"_id": f"d{n}", "title": f"title {n}", "text": f"the {animals[n % 4]} number {n}", "year": 2000 + n}
        for n in range(40)
    )
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    build_cluster(folder / "corpus.jsonl", folder / "several" / "animals", shards=3, **TOLD)
    return mrl_search.build(folder / "corpus.jsonl", folder / "one", **TOLD)


@pytest.fixture(scope="module")
def reading(serving, library):
    with serving(library.parent / "several" / "animals", read_only=True) as both:
        yield both


@pytest.fixture
def client(reading):
    return reading[1]


asked = test_embeddings_route.asked  # a fixture
