"""Small data to train on; the small model is in the conftest above."""

import functools
import gc
import json

import jinja2
import numpy as np
import pytest

WORDS = [f"word{number}" for number in range(60)]  # those that the tiny model knows


@pytest.fixture(scope="session", autouse=True)
def _one_card_and_little_garbage():
    """The library compiles its card's template anew for every model, and the trainer collects garbage after every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", functools.cache(jinja2.Environment.compile))
        gc.freeze()  # what is imported by now is none
        yield
        gc.unfreeze()


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
