"""Health, the indexes, the description of the API."""

import json

import numpy as np
import pytest
from serving import served

import mrl_search
from mrl_search.encoders import EncoderSpec
from mrl_search.serve.desk import public_name


def test_a_server_that_listens_is_ready(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_an_index_says_what_it_is_and_not_where(client, library):
    answer = client.get("/v1/indexes")
    (told,) = answer.json()["indexes"]
    assert (told["name"], told["documents"], told["dims"], told["encoder"]) == ("animals", 40, [16, 64], "hashing:64")
    assert answer.json()["read_only"] is True
    assert str(library.parent) not in answer.text


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


@pytest.mark.parametrize(
    "name, told",
    [
        ("minilm-768", "minilm-768"),
        ("sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("/home/someone/models/mine", "mine"),
        ("./models/mine", "mine"),
        ("openai:text-embedding-3-small@http://10.0.0.1:8080/v1", "openai:text-embedding-3-small"),
    ],
)
def test_an_encoder_is_called_by_a_name_that_says_nothing_of_where_it_is(name, told):
    assert public_name(EncoderSpec(name)) == told


def test_an_index_of_vectors_alone_is_searched_by_vectors(tmp_path):
    np.save(tmp_path / "vectors.npy", np.eye(8, dtype=np.float32))
    (tmp_path / "ids.txt").write_text("".join(f"{number}\n" for number in range(8)))
    options = mrl_search.BuildOptions(vectors=tmp_path / "vectors.npy")
    index = mrl_search.build(f"ids:{tmp_path / 'ids.txt'}", tmp_path / "index", dims=(4, 8), options=options)
    with served(index) as (_, client):
        answer = client.post("/v1/search", json={"vectors": [[0, 0, 1, 0, 0, 0, 0, 0]], "k": 1}).json()
        assert answer["results"][0]["answers"][0]["id"] == "2"
        for path, body in (
            ("/v1/search", {"query": "a"}),
            ("/v1/documents", {"documents": [{"id": "a", "text": "b"}]}),
            ("/v1/embeddings", {"model": "index", "input": "a"}),
        ):
            answer = client.post(path, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_encoder")
        assert client.get("/v1/models").json()["data"] == []
