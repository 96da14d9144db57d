"""Texts without padding between them: each is computed as if it were alone."""

import threading

import numpy as np
import pytest
import torch

from mrl_search.device import CPU
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.encoders.packed import packed_states

PLAIN = EncoderSpec("minilm-768", precision="float32")


@pytest.fixture(scope="module")
def encoder():
    encoder = load_encoder(PLAIN, CPU)
    encoder.encode_queries(["loads the model"])
    return encoder


def test_texts_side_by_side_do_not_see_each_other(encoder):
    ids = [[101, 2023, 2003, 102], [101, 3899, 4937, 102], [101, 102]]  # two of one length, one of another
    with torch.inference_mode():
        together = packed_states(encoder._model, ids)
        alone = torch.cat([packed_states(encoder._model, [text]) for text in ids])
    assert together.shape == (10, 384)
    torch.testing.assert_close(together, alone, atol=2e-6, rtol=0)


def test_what_is_packed_is_what_is_padded(encoder, pretended_card):
    texts = [f"text {'long ' * (number % 40)}{number}" for number in range(90)] + ["", "word " * 400]
    padded = load_encoder(PLAIN, pretended_card)
    np.testing.assert_allclose(encoder.encode_documents(texts), padded.encode_documents(texts), atol=1e-6)


def test_several_threads_may_encode_at_once(encoder):
    texts = [[f"text {'long ' * number}{thread}" for number in range(20)] for thread in range(4)]
    wanted, found = [encoder.encode_queries(some) for some in texts], {}

    def encode(thread):
        for _ in range(5):
            found[thread] = encoder.encode_queries(texts[thread])

    threads = [threading.Thread(target=encode, args=(thread,)) for thread in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for thread in range(4):
        np.testing.assert_array_equal(found[thread], wanted[thread])
