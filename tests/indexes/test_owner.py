import json
import os

import pytest

from mrl_search.indexes.owner import claimed_by, say_who, unsay


def test_who_writes_is_said_until_it_is_unsaid(tmp_path):
    say_who(tmp_path)
    assert claimed_by(tmp_path).startswith(f": process {os.getpid()} on ")
    unsay(tmp_path)
    assert (claimed_by(tmp_path), list(tmp_path.iterdir())) == ("", [])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x", "host": "h", "since": "s"}', "[" * 100_000])
def test_what_cannot_be_read_says_nothing(tmp_path, text):
    (tmp_path / "writer.json").write_text(text)
    assert claimed_by(tmp_path) == ""


def test_a_long_name_is_cut(tmp_path):
    (tmp_path / "writer.json").write_text(json.dumps({"pid": 1, "host": "h" * 10_000, "since": "now"}))
    assert len(claimed_by(tmp_path)) < 150


def test_a_folder_that_takes_no_file_stops_nobody(tmp_path):
    say_who(tmp_path / "none")
    unsay(tmp_path / "none")
