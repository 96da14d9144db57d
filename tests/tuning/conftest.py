"""Texts for the encoder of planted.py."""

import numpy as np
import pytest
from planted import LEAVES, texts


@pytest.fixture(scope="session")
def leafy_texts(tmp_path_factory):
    """A file of 1,500 texts, one a line."""
    path = tmp_path_factory.mktemp("texts") / "leafy.txt"
    random = np.random.default_rng(3)
    lines = [" ".join(f"w{word}" for word in words) for words in texts(random, random.integers(LEAVES, size=1_500))]
    path.write_text("\n".join(lines))
    return path
