"""Small data to train on; the small model is in the conftest above."""

import functools
import gc

import jinja2
import pytest
from small_data import write_collection, write_pairs


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
    """The folder of `pairs.jsonl`."""
    return write_pairs(tmp_path)


@pytest.fixture
def collection(pairs):
    """The folder of `pairs.jsonl` and `beir/tiny`."""
    return write_collection(pairs)


@pytest.fixture(scope="module")
def shared_data_folder(tmp_path_factory):
    """The same for what a module's tests only look at, made once; vectors are cached there too."""
    folder = write_collection(write_pairs(tmp_path_factory.mktemp("shared")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MRL_SEARCH_CACHE", str(folder / "cache"))
        yield folder
