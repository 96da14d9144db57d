import numpy as np
import pytest

from mrl_search.indexes import StoredVectors
from mrl_search.vectors import unit


@pytest.fixture(scope="module")
def stored():
    """3,000 unit vectors of 72 dims, in 40 clusters."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((40, 72)).astype(np.float32)
    vectors = centres[random.integers(0, 40, 3_000)] + random.standard_normal((3_000, 72)).astype(np.float32)
    return StoredVectors(unit(vectors), "float32")
