import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import EncoderError
from mrl_search.vectors import prefix


def encode(texts, dim=256):
    return load_encoder(EncoderSpec(f"hashing:{dim}")).encode_documents(texts)


def test_the_same_text_gives_the_same_vector_for_ever():
    # computed once with version 1; a change breaks every index built with it
    signs = encode(["matryoshka"], 8)[0] > 0
    assert signs.tolist() == [False, False, True, False, False, True, True, True]


def test_rows_have_length_one_and_a_text_without_words_is_zero():
    assert np.linalg.norm(encode(["two words", "...", ""]), axis=1).tolist() == pytest.approx([1, 0, 0])


def test_texts_that_share_words_are_closer_at_every_width():
    query, near, far = encode(["a red fox jumps", "the red fox", "quarterly budget report"])
    for dim in (64, 128, 256):
        cut = prefix(np.stack([query, near, far]), dim)
        assert cut[0] @ cut[1] > cut[0] @ cut[2]


def test_case_and_word_order_make_no_difference():
    a, b = encode(["Red Fox", "fox red"])
    assert (a == b).all()


def test_a_width_that_is_no_multiple_of_eight_works():
    assert encode(["word"], 13).shape == (1, 13)


def test_no_text_gives_no_row():
    assert encode([]).shape == (0, 256)


@pytest.mark.parametrize("name", ["hashing:", "hashing:0", "hashing:-3", "hashing:x", "hashing:99999", "hashing:²"])
def test_a_width_that_cannot_be_is_refused(name):
    with pytest.raises(EncoderError, match="wanted hashing:DIM with DIM from 1 to 65536"):
        load_encoder(EncoderSpec(name))
