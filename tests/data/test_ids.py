import gzip

import pytest

from mrl_search.data import read_ids
from mrl_search.errors import CorpusError


def test_each_line_is_an_id(tmp_path):
    (tmp_path / "ids.txt").write_bytes(b"a\n\n b c \r\n1\n")
    assert read_ids(str(tmp_path / "ids.txt")) == ["a", " b c ", "1"]  # blanks may be what tells two ids apart


def test_a_file_may_be_compressed(tmp_path):
    (tmp_path / "ids.txt.gz").write_bytes(gzip.compress(b"a\nb\n"))
    assert read_ids(str(tmp_path / "ids.txt.gz")) == ["a", "b"]


@pytest.mark.parametrize("held, told", [(b"\n", "holds no ids"), (b"a\n\xff\n", "line 2: ")])
def test_a_file_without_ids_or_not_of_text_is_refused(tmp_path, held, told):
    (tmp_path / "ids.txt").write_bytes(held)
    with pytest.raises(CorpusError, match=told):
        read_ids(str(tmp_path / "ids.txt"))
