"""How much faster the first layers of an encoder are."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from mrl_search.device import Device
from mrl_search.encoders import EncoderSpec, load_encoder

_TEXTS = 256
_ROUNDS = 5


def texts_per_second(
    model: Path, depths: Sequence[int], precision: str, texts: Sequence[str], device: Device
) -> dict[str, float]:
    """Number of layers → how many of some texts its sub-model encodes in a second.

    The median of five rounds, in each of which the depths take turns, so that a busy machine slows all alike; the
    sub-models are loaded each by itself, and nothing is cached.
    """
    some = list(dict.fromkeys(texts))[:_TEXTS]
    encoders = {
        depth: load_encoder(EncoderSpec(str(model), precision=precision, layers=depth), device) for depth in depths
    }
    seconds: dict[int, list[float]] = {depth: [] for depth in depths}
    for encoder in encoders.values():
        encoder.encode_queries(some[:32])
    for _ in range(_ROUNDS):
        for depth, encoder in encoders.items():
            began = time.perf_counter()
            encoder.encode_queries(some)
            seconds[depth].append(time.perf_counter() - began)
    return {str(depth): round(len(some) / statistics.median(taken), 1) for depth, taken in seconds.items()}
