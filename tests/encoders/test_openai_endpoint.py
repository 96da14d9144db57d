"""The openai: encoder against a real HTTP server on 127.0.0.1; the client is the real one."""

import json
import sys

import numpy as np
import pytest
from embeddings_server import KEY, encoder_at, unit_vector

from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.encoders.openai_endpoint import load_openai
from mrl_search.errors import EncoderError, MissingPackageError

pytest.importorskip("openai", reason="the openai package is not installed; run: pip install 'mrl-search[openai]'")

pytestmark = pytest.mark.usefixtures("openai_environment")


def test_rows_are_unit_vectors_in_input_order(server):
    found = encoder_at(server).encode_documents(["a", "b"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [unit_vector("a"), unit_vector("b")], atol=1e-6)  # float32 rounding


def test_order_is_by_index_and_not_by_place_in_the_answer(server):
    server.edit = lambda data: data[::-1]
    found = encoder_at(server).encode_documents(["a", "b", "c"])
    np.testing.assert_allclose(found, [unit_vector(text) for text in "abc"], atol=1e-6)


def test_floats_are_asked_for(server):
    encoder_at(server, dim=4).encode_documents(["a"])
    assert server.requests == [{"input": ["a"], "model": "small", "encoding_format": "float", "dimensions": 4}]


def test_a_width_asked_for_is_the_width_without_asking_the_server(server):
    encoder = encoder_at(server, dim=4)
    assert encoder.dim == 4
    assert server.requests == []
    np.testing.assert_allclose(encoder.encode_queries(["a"]), [unit_vector("a", 4)], atol=1e-6)


def test_the_width_is_learned_from_one_text_once(server):
    encoder = encoder_at(server)
    assert server.requests == []
    assert (encoder.dim, encoder.dim) == (8, 8)
    assert [len(texts) for texts in server.sent()] == [1]
    assert "dimensions" not in server.requests[0]


def test_no_texts_give_no_rows_and_no_request(server):
    assert encoder_at(server, dim=4).encode_documents([]).shape == (0, 4)
    assert server.requests == []


def test_each_side_gets_its_prompt(server):
    encoder = encoder_at(server, dim=4, query_prompt="query: ", document_prompt="passage: ")
    encoder.encode_queries(["a"])
    encoder.encode_documents(["a"])
    assert server.sent() == [["query: a"], ["passage: a"]]


def test_an_empty_text_is_sent_as_one_space(server):
    encoder_at(server, dim=4).encode_documents(["", "a"])
    assert server.sent() == [[" ", "a"]]


def test_a_request_holds_at_most_128_texts(server):
    texts = [str(i) for i in range(257)]
    found = encoder_at(server, dim=4).encode_documents(texts)
    assert [len(batch) for batch in server.sent()] == [128, 128, 1]
    np.testing.assert_allclose(found, [unit_vector(text, 4) for text in texts], atol=1e-6)


def test_a_request_holds_at_most_200_000_characters_and_a_longer_text_goes_alone(server):
    lengths = [120_000, 80_000, 1, 300_000, 5, 6]  # 120,000 + 80,000 is just full
    encoder_at(server, dim=4).encode_documents(["x" * length for length in lengths])
    assert [[len(text) for text in batch] for batch in server.sent()] == [[120_000, 80_000], [1], [300_000], [5, 6]]


def test_identity_tells_apart_all_that_decides_the_vectors(server):
    specs = [{}, {"dim": 4}, {"query_prompt": "q"}, {"document_prompt": "q"}]
    identities = {encoder_at(server, **spec).identity for spec in specs}
    identities.add(load_openai(EncoderSpec(f"openai:large@{server.url}")).identity)
    identities.add(load_openai(EncoderSpec("openai:small")).identity)
    assert len(identities) == 6
    assert not any(KEY in identity for identity in identities)


def test_identity_is_the_same_for_no_prompt_and_an_empty_one(server):
    assert encoder_at(server).identity == encoder_at(server, query_prompt="").identity


def test_the_url_may_come_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    encoder = load_openai(EncoderSpec("openai:small"))
    assert encoder.identity == encoder_at(server).identity
    assert encoder.dim == 8


@pytest.mark.parametrize("model", ["small", "@cf/baai/bge-m3", "embedding@001", "nomic-embed-text:v1.5"])
def test_a_model_may_hold_an_at_sign_or_a_colon(server, model):
    identity = load_openai(EncoderSpec(f"openai:{model}@{server.url}")).identity
    assert identity.startswith(f"openai:{model} url={server.url}/ ")


@pytest.mark.parametrize("name", ["openai:", "openai:@http://h/v1", "openai:small@localhost:8000/v1", "minilm-768"])
def test_a_name_without_model_or_http_is_refused(name):
    with pytest.raises(EncoderError, match="wanted openai:MODEL@http"):
        load_openai(EncoderSpec(name))


@pytest.mark.parametrize("url", ["http://me:hush@h/v1", "http://h/v1?key=hush", "http://h:hush/v1", "http://h..x/v1"])
def test_a_url_with_a_password_or_a_bad_host_or_port_is_refused_without_showing_it(url):
    with pytest.raises(EncoderError, match="not http://HOST:PORT/PATH") as caught:
        load_openai(EncoderSpec(f"openai:small@{url}"))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("setting", [{"layer_norm": True}, {"precision": "bfloat16"}])
def test_a_setting_that_only_a_local_model_has_is_refused(server, setting):
    with pytest.raises(
        EncoderError, match="only the server of 'small' sets layer_norm, precision or layers; leave them out"
    ):
        encoder_at(server, **setting)


def test_the_key_is_sent(server):
    assert encoder_at(server).dim == 8
    assert server.authorizations == [f"Bearer {KEY}"]


def test_a_server_named_by_its_url_needs_no_key(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert encoder_at(server).dim == 8
    assert server.authorizations == ["Bearer no-key-was-set"]


def test_the_default_url_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(EncoderError, match="OPENAI_API_KEY is not set; export it"):
        load_openai(EncoderSpec("openai:small"))


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} {KEY}", "sk-é"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(server, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(EncoderError, match="OPENAI_API_KEY holds a blank") as caught:
        encoder_at(server)
    assert "sk-" not in str(caught.value)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mrl-search\[openai\]'"):
        load_openai(EncoderSpec("openai:small"))


def test_a_row_of_zeros_stays_zeros(server):
    server.edit = lambda data: [{**item, "embedding": [0.0] * 4} for item in data]
    assert encoder_at(server, dim=4).encode_documents(["a"]).tolist() == [[0.0] * 4]


def test_an_index_is_built_and_searched_through_the_endpoint(server, tmp_path):
    from mrl_search.builder import build
    from mrl_search.retriever import open_retriever

    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"_id": text, "text": text}) + "\n" for text in ("fox", "law", "whale")))
    folder = build(str(corpus), tmp_path / "i", dims=(2, 6), encoder=f"openai:small@{server.url}")
    with open_retriever(folder) as retriever:
        assert retriever.search(["law"], k=1)[0][0].id == "law"
    # the stored width is asked of the server; the probe (for the cache, afresh, and at the first query), the texts, the query
    assert [request["dimensions"] for request in server.requests] == [6] * len(server.requests)
    assert [len(texts) for texts in server.sent()] == [1, 1, 3, 1, 1]
