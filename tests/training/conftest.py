"""Small data to train on; the small model is in the conftest above."""

import json

import numpy as np
import pytest

WORDS = [f"word{number}" for number in range(60)]  # those that the tiny model knows


@pytest.fixture
def pairs(tmp_path):
    """`pairs.jsonl`: 200 pairs that share three of five words, and each a score and a label; returns its folder."""
    random = np.random.default_rng(2)
    with (tmp_path / "pairs.jsonl").open("w") as file:
        for number in range(200):
            shared, first, second = (random.choice(WORDS, size).tolist() for size in (3, 2, 2))
            record = {
                "query": " ".join(shared + first),
                "positive": " ".join(second + shared),
                "score": number % 6,
                "label": number % 3,
            }
            file.write(json.dumps(record) + "\n")
    return tmp_path
