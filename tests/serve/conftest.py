"""One server for tests that only read, and one for each that writes."""

import pytest
from serving import served


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """40 documents, indexed by a hashing encoder; read only."""
    import json

    import mrl_search

    folder = tmp_path_factory.mktemp("library")
    animals = ["red fox", "grey wolf", "brown bear", "white whale"]
    documents = [
        {
            "_id": f"d{number}",
            "title": f"title {number}",
            "text": f"the {animals[number % 4]} number {number}",
            "year": 2000 + number,
        }
        for number in range(40)
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    return mrl_search.build(folder / "corpus.jsonl", folder / "animals", dims=(16, 64), encoder="hashing:64")


@pytest.fixture(scope="session")
def reading(library):
    """(server, client) over the library."""
    with served(library, read_only=True) as both:
        yield both


@pytest.fixture
def client(reading):
    return reading[1]


@pytest.fixture
def writing(built):
    """(server, client) over an index that a test may change."""
    with served(built) as both:
        yield both
