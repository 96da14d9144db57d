import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import EncoderError
from mrl_search.geometry.models import encoded, loaded

TEXTS = [f"word{n} word{n * 7 % 60}" for n in range(150)]


def test_every_number_of_layers_gives_what_an_encoder_of_so_many_does(tiny):
    found = encoded(loaded(str(tiny), "tiny"), TEXTS, "cpu")
    assert list(found.layers) == [1, 2]
    for layers in (1, 2):
        alone = load_encoder(EncoderSpec(str(tiny), layers=layers), "cpu").encode_documents(TEXTS)
        np.testing.assert_allclose(found.layers[layers], alone, atol=1e-6)
    assert found.vectors is found.layers[2]


def test_weights_are_the_model_s_by_name(tiny):
    found = loaded(str(tiny), "tiny").weights
    assert any(name.endswith("word_embeddings.weight") and of.shape == (62, 16) for name, of in found.items())


def test_an_encoder_that_is_no_transformer_is_refused():
    with pytest.raises(EncoderError, match="hashing:16 is no sentence-transformers model"):
        loaded("hashing:16", "hashing")
