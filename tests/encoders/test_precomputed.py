import pytest

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import EncoderError


def test_it_knows_a_width_and_encodes_nothing():
    encoder = load_encoder(EncoderSpec("precomputed", dim=5))
    assert encoder.dim == 5
    for encode in (encoder.encode_queries, encoder.encode_documents):
        with pytest.raises(EncoderError, match=r"search it with --vectors queries\.npy"):
            encode(["text"])


def test_it_cannot_be_asked_for_by_name():
    with pytest.raises(EncoderError, match="have no encoder to load; give --vectors FILE"):
        load_encoder(EncoderSpec("precomputed"))
