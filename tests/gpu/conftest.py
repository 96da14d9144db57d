import numpy as np
import pytest
import torch

from mrl_search.device import Device, chosen_device
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, packed
from mrl_search.vectors import unit


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request) -> Device:
    """Every device that a card's code runs on: torch's CPU anywhere, and a card where there is one."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA card here")
    return chosen_device(request.param)


@pytest.fixture
def index_of():
    """Vectors of any length to an index of the CPU's, over unit rows in a stored format."""

    def make(vectors, prefix_dim, dtype="float32", factory="Flat"):
        stored = StoredVectors(packed(unit(vectors), dtype), dtype)
        return VectorIndex(stored, build_prefix(stored, prefix_dim, Codec(factory)))

    return make


@pytest.fixture
def crowded() -> np.ndarray:
    """(3000, 96): clusters, copies, and some rows of zeros, alone and in the first 32 dims."""
    random = np.random.default_rng(3)
    centres = random.standard_normal((30, 96))
    vectors = centres[random.integers(0, 30, 3000)] + 0.7 * random.standard_normal((3000, 96))
    vectors[100:2000:100] = vectors[5]
    vectors[::333] = 0
    vectors[50:60, :32] = 0
    return vectors.astype(np.float32)
