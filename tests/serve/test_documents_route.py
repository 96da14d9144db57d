"""Documents that are written or deleted over HTTP are so when it is answered."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import mrl_search


def first(client, text, **told):
    answers = client.post("/v1/search", json={"query": text, "k": 1, **told}).json()["results"][0]["answers"]
    return answers[0]["id"] if answers else None


def test_a_document_is_found_as_soon_as_it_is_acknowledged(writing, built):
    _, client = writing
    document = {"id": "zebra", "title": "zebra crossing", "text": "stripes", "metadata": {"year": 1949}}
    answer = client.post("/v1/documents", json={"documents": [document]})
    assert answer.json() == {"index": "index", "written": 1, "removed": 0, "missing": [], "documents": 31}
    assert first(client, "zebra crossing stripes") == "zebra"
    assert first(client, "zebra crossing stripes", where="year = 1949") == "zebra"
    with mrl_search.open(built) as retriever:  # on disk, for any process
        assert retriever.search(["zebra crossing stripes"], k=1)[0][0].id == "zebra"


def test_a_document_takes_the_place_of_the_one_with_its_id(writing):
    _, client = writing
    for text in ("zebra", "walrus"):
        client.post("/v1/documents", json={"documents": [{"id": "d3", "text": text}]})
    assert first(client, "walrus") == "d3"
    assert client.get("/v1/indexes").json()["indexes"][0]["documents"] == 30


def test_deleted_documents_are_found_no_more(writing):
    _, client = writing
    answer = client.request("DELETE", "/v1/documents", json={"ids": ["d3", "nobody"]})
    assert answer.json() == {"index": "index", "written": 0, "removed": 1, "missing": ["nobody"], "documents": 29}
    found = client.post("/v1/search", json={"query": "number 3", "funnel": "64:29"}).json()["results"][0]["answers"]
    assert "d3" not in [one["id"] for one in found]


def test_a_filter_deletes_what_it_passes(writing):
    _, client = writing
    answer = client.request("DELETE", "/v1/documents", json={"where": "id IN ('d1', 'd2')"})
    assert answer.json()["removed"] == 2


def test_upserts_that_come_together_are_all_there(writing):
    _, client = writing

    def write(number):
        document = {"id": f"n{number}", "text": f"newcomer {number}"}
        return client.post("/v1/documents", json={"documents": [document]}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(24))) == {200}
    assert client.get("/v1/indexes").json()["indexes"][0]["documents"] == 54
    assert all(first(client, f"newcomer {number}") == f"n{number}" for number in range(24))


@pytest.mark.parametrize(
    "documents, message",
    [
        ([], "documents"),
        ([{"id": "a", "text": " "}], "title or text must say something"),
        ([{"id": "", "text": "a"}], "documents.0.id"),
        ([{"id": "a\nb", "text": "a"}], "document 0: its _id 'a\\nb' holds a control character"),
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "two documents have one id"),
        ([{"id": "a", "text": "x", "color": "red"}], "color"),
    ],
)
def test_a_document_that_is_none_is_refused_and_nothing_is_written(writing, documents, message):
    _, client = writing
    answer = client.post("/v1/documents", json={"documents": documents})
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]
    assert client.get("/v1/indexes").json()["indexes"][0]["documents"] == 30


def test_a_server_that_only_reads_writes_nothing(client):
    answer = client.post("/v1/documents", json={"documents": [{"id": "a", "text": "b"}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "read_only")


def test_who_writes_elsewhere_is_waited_for_and_told_of(writing, built, monkeypatch):
    from mrl_search.indexes import IndexChange

    monkeypatch.setattr("mrl_search.indexes.catalog._LOCK_SECONDS", 0.1)
    _, client = writing
    with IndexChange(built):
        answer = client.post("/v1/documents", json={"documents": [{"id": "a", "text": "b"}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "index_busy")
    assert answer.headers["retry-after"] == "1"
    assert str(built) not in answer.text
