"""Which index is meant."""

import sqlite3
from pathlib import Path

import pytest
from test_writer import write

from mrl_search.errors import IndexStoreError
from mrl_search.indexes import find_index


def test_the_last_built_index_is_found_and_a_leftover_is_not(tmp_path):
    write(tmp_path / "one", ["a"])
    write(tmp_path / "two", ["b"])
    (tmp_path / "three").mkdir()
    sqlite3.connect(tmp_path / "three" / "index.sqlite").close()  # empty, as a killed build may leave it
    assert find_index(root=tmp_path) == tmp_path / "two"
    assert find_index(Path("one"), tmp_path) == tmp_path / "one"


def test_no_index_anywhere_says_so(tmp_path):
    with pytest.raises(IndexStoreError, match="there is no index under .*; build one"):
        find_index(root=tmp_path / "nowhere")
