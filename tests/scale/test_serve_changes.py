"""Documents that come and go in a cluster over HTTP: the API's own tests that write, and what is a cluster's own."""

import json
import shutil

import pytest
from served_clusters import TOLD, api_tests
from serving import served

from mrl_search.scale import AnyStore, build_cluster, open_cluster
from mrl_search.scale.cluster import writing as cluster_written
from mrl_search.serve import Timeouts

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray")
globals().update(api_tests("writing"))


@pytest.fixture(scope="module")
def thirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thirty")
    lines = ({"_id": f"d{n}", "title": f"title {n}", "text": f"the text number {n}"} for n in range(30))
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return build_cluster(folder / "corpus.jsonl", folder / "index", shards=3, **TOLD)


@pytest.fixture
def built(thirty, tmp_path):
    return shutil.copytree(thirty, tmp_path / "index")


@pytest.fixture
def writing(serving, built):
    with serving(built) as both:
        yield both


def test_a_document_is_in_the_cluster_once_it_is_acknowledged(writing, built):
    _, client = writing
    answer = client.post("/v1/documents", json={"documents": [{"id": "zebra", "text": "stripes"}]})
    assert answer.json() == {"index": "index", "written": 1, "removed": 0, "missing": [], "documents": 31}
    found = client.post("/v1/search", json={"query": "stripes", "k": 1}).json()
    assert found["results"][0]["answers"][0]["id"] == "zebra"
    with open_cluster(built) as retriever:  # on disk, for any process
        assert retriever.search(["stripes"], k=1)[0][0].id == "zebra"


def test_who_writes_to_the_cluster_elsewhere_is_told_of(writing, built):
    _, client = writing
    with cluster_written(built):
        answer = client.post("/v1/documents", json={"documents": [{"id": "a", "text": "b"}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "index_busy")


def test_a_cluster_tells_its_segments_and_deleted_rows(writing):
    _, client = writing
    client.request("DELETE", "/v1/documents", json={"ids": ["d3", "d4"]})
    (told,) = client.get("/v1/indexes").json()["indexes"]
    assert (told["documents"], told["segments"], told["deleted_rows"]) == (28, 3, 2)
    assert (told["searched_on"], told["has_bounds"]) == ("3 shards", False)


def test_what_one_process_committed_another_finds_in_its_next_search(built):
    """As two HTTP processes of Ray Serve: neither looks for commits by itself within this test."""
    times = Timeouts(reload=600)
    stores = [AnyStore(is_shared=True) for _ in range(2)]
    with (
        served(built, store=stores[0], timeouts=times) as (_, one),
        served(built, store=stores[1], timeouts=times) as (
            _,
            other,
        ),
    ):
        for number in range(3):
            document = {"id": f"zebra{number}", "text": f"stripes {number}"}
            assert one.post("/v1/documents", json={"documents": [document]}).status_code == 200
            found = other.post("/v1/search", json={"query": f"stripes {number}", "k": 1}).json()
            assert found["results"][0]["answers"][0]["id"] == document["id"]
