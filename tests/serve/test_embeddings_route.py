"""POST /v1/embeddings, asked with OpenAI's own client."""

import numpy as np
import openai
import pytest

import mrl_search
from mrl_search.vectors import prefix

HASHING = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))
TEXTS = ["red fox", "white whale", "red fox"]


@pytest.fixture
def asked(client):
    with openai.OpenAI(api_key="unused", base_url=f"{client.base_url}/v1", max_retries=0) as their_client:
        yield their_client.embeddings


@pytest.mark.parametrize("told", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_the_openai_client_gets_the_encoder_s_vectors(asked, told):
    answer = asked.create(model="hashing:64", input=TEXTS, **told)
    data = [one.embedding for one in answer.data]
    if told.get("encoding_format") == "base64":  # asked for by name, the client leaves it as it is
        import base64

        data = [np.frombuffer(base64.b64decode(one), "<f4") for one in data]
    assert (answer.model, [one.index for one in answer.data]) == ("hashing:64", [0, 1, 2])
    np.testing.assert_allclose(data, HASHING.encode_documents(TEXTS), atol=1e-6)


def test_dimensions_are_the_first_so_many_at_unit_length(asked):
    answer = asked.create(model="hashing:64", input=TEXTS, dimensions=8)
    found = np.array([one.embedding for one in answer.data])
    np.testing.assert_allclose(found, prefix(HASHING.encode_documents(TEXTS), 8), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_one_text_is_one_vector(asked):
    assert len(asked.create(model="hashing:64", input="red fox").data) == 1


def test_an_index_s_name_means_its_encoder(asked):
    assert len(asked.create(model="animals", input="a").data[0].embedding) == 64


@pytest.mark.parametrize(
    "told, status, message",
    [
        ({"model": "other", "input": "a"}, 404, "there is no such model; there are: hashing:64"),
        ({"model": "hashing:64", "input": "a", "dimensions": 65}, 422, "asked for 65 of 64 dimensions"),
        ({"model": "hashing:64", "input": []}, 422, "input holds no texts"),
        ({"model": "hashing:64", "input": ""}, 422, "an input is empty"),
        ({"model": "hashing:64", "input": [1, 2]}, 422, "input"),
        ({"model": "hashing:64", "input": ["a"] * 257}, 422, "257 inputs in one request; at most 256"),
    ],
)
def test_the_openai_client_shows_why_it_was_refused(asked, told, status, message):
    with pytest.raises(openai.APIStatusError, match=message) as caught:
        asked.create(**told)
    assert caught.value.status_code == status


def test_models_are_listed_as_openai_lists_them(client):
    with openai.OpenAI(api_key="unused", base_url=f"{client.base_url}/v1") as their_client:
        assert [one.id for one in their_client.models.list()] == ["hashing:64"]
        assert their_client.models.retrieve("hashing:64").id == "hashing:64"
        with pytest.raises(openai.NotFoundError, match="there is no such model"):
            their_client.models.retrieve("other")
