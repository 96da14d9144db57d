"""An analysis of arms whose geometry is known."""

import numpy as np
import pytest
from arm_vectors import arm_vectors

from mrl_search.encoders import EncoderSpec
from mrl_search.geometry import Asked, analyze


@pytest.fixture(scope="session")
def analysis(tmp_path_factory):
    """Of a baseline of even dims, an arm whose dims fall steeply, and one whose dims fall less."""
    folder = tmp_path_factory.mktemp("arms")
    specs = []
    for place, (name, falling) in enumerate((("baseline", 1), ("two", 0.1), ("five", 0.3))):
        np.save(folder / f"{name}.npy", arm_vectors(falling, place))
        specs.append(EncoderSpec(str(folder / f"{name}.npy")))
    return analyze(specs, Asked(sample=1_200), (4, 8))
