"""The description of the API, and the shape of what is no answer."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mrl_search.serve import Settings
from mrl_search.serve.app import described_app


def test_the_description_has_an_example_for_every_body_and_names_every_refusal(client):
    told = client.get("/openapi.json").json()
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for path in told["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    ]
    assert sorted(bodies) == ["EmbeddingsRequest", "RemoveRequest", "SearchRequest", "UpsertRequest"]
    assert all(told["components"]["schemas"][body].get("examples") for body in bodies)
    assert {"401", "413", "422", "429", "503", "504"} <= set(told["paths"]["/v1/search"]["post"]["responses"])


@pytest.mark.parametrize("keys", [None, Path("keys.json")])
def test_keys_are_described_where_they_are_wanted(keys):
    told = described_app(Settings((Path("nowhere"),), keys=keys), SimpleNamespace()).openapi()
    assert told.get("security") == (None if keys is None else [{"key": []}])
    assert ("securitySchemes" in told["components"]) == (keys is not None)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/nothing", "/v1/indexes/"])
def test_there_are_no_pages_that_load_from_elsewhere_and_what_is_not_there_is_json(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_another_method_is_told_which_there_are(client):
    answer = client.put("/v1/search", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert client.get("/v1/documents").headers["allow"] == "DELETE, POST"


def test_of_what_may_be_got_the_head_may_be_asked_for_alone(client):
    for path in ("/", "/healthz", "/v1/indexes", "/nowhere"):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.headers["content-length"]) == (
            whole.status_code,
            whole.headers["content-length"],
        )
        assert not head.content
    assert client.head("/v1/search").status_code == 405
