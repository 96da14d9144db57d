"""Encoders told that they are on a card: what they do then, on the CPU; and on a card, if there is one."""

import numpy as np
import pytest
import torch

from mrl_search.device import CPU, Device, chosen_device
from mrl_search.encoders import EncoderSpec, cached, load_encoder
from mrl_search.encoders import minilm as minilms

TEXTS = [f"text {'long ' * (number % 7)}{number}" for number in range(40)]
PLAIN = EncoderSpec("minilm-768", precision="float32")


def test_what_a_card_encoded_is_kept_apart_in_the_cache():
    card, cpu = (load_encoder(PLAIN, device) for device in (Device("cuda", 1), CPU))
    assert card.identity == f"{cpu.identity} device=cuda"
    assert cached(card).path != cached(cpu).path
    assert card.identity == load_encoder(PLAIN, Device("cuda", 0)).identity  # whichever card


def test_a_card_takes_more_texts_at_a_time_also_through_the_cache():
    card, cpu = (load_encoder(PLAIN, device) for device in (Device("cuda"), CPU))
    assert (card.texts_at_a_time, cached(card).texts_at_a_time) == (4096, 4096)
    assert (cpu.texts_at_a_time, cached(cpu).texts_at_a_time) == (None, None)


def test_batches_of_a_card_are_as_large_as_their_tokens_allow(pretended_card, monkeypatch):
    monkeypatch.setattr(minilms, "_CARD_TOKENS", 60)
    encoder = load_encoder(PLAIN, pretended_card)
    shapes = [(len(ids), len(ids[0])) for _, ids in encoder._batches(TEXTS)]
    assert sum(count for count, _ in shapes) == len(TEXTS)
    assert all(count * longest <= 60 for count, longest in shapes)
    assert [longest for _, longest in shapes] == sorted((longest for _, longest in shapes), reverse=True)
    np.testing.assert_allclose(
        encoder.encode_documents(TEXTS), load_encoder(PLAIN, CPU).encode_documents(TEXTS), atol=1e-5
    )


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_card_encodes_as_the_cpu_does(precision):
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA card here")
    on_card = load_encoder(EncoderSpec("minilm-768", precision=precision), chosen_device("cuda"))
    cosines = (on_card.encode_documents(TEXTS) * load_encoder(PLAIN, CPU).encode_documents(TEXTS)).sum(axis=1)
    assert cosines.min() > (0.99999 if precision == "float32" else 0.999)
