"""Health, the indexes, the description of the API."""

import json

from serving import served


def test_a_server_that_listens_is_ready(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_an_index_says_what_it_is_and_not_where(client, library):
    answer = client.get("/v1/indexes")
    (told,) = answer.json()["indexes"]
    assert (told["name"], told["documents"], told["dims"], told["encoder"]) == ("animals", 40, [16, 64], "hashing:64")
    assert answer.json()["read_only"] is True
    assert str(library.parent) not in answer.text


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


def test_two_indexes_are_told_apart_by_name(library, built):
    with served(library, built) as (_, client):
        told = {"query": "red fox", "k": 1}
        assert client.post("/v1/search", json=told).json()["error"]["code"] == "index_missing"
        assert client.post("/v1/search", json={**told, "index": "animals"}).json()["index"] == "animals"


def test_a_tuning_is_told_where_the_server_was_given_it(library):
    with served(library, tunings={"animals": {"points": []}}) as (_, client):
        assert client.get("/v1/indexes/animals/tuning").json() == {"points": []}
        assert client.get("/v1/indexes/other/tuning").status_code == 404
        assert client.get("/v1/indexes").json()["indexes"][0]["has_tuning"] is True


def test_no_tuning_is_a_refusal_that_says_how_to_give_one(client):
    answer = client.get("/v1/indexes/animals/tuning")
    assert answer.status_code == 404
    assert "--tuning" in json.dumps(answer.json())
