import hashlib

import pytest

from mrl_search.indexes.layout import FileRecord, Layout, record_of, write_durably


def test_a_file_is_recorded_by_size_and_digest_while_it_is_written(tmp_path):
    record = write_durably(tmp_path / "f", iter([b"ab", b"", b"c"]))
    assert record == FileRecord(3, hashlib.sha256(b"abc").hexdigest()) == record_of(tmp_path / "f")


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    (tmp_path / "f").write_text("old")
    with pytest.raises(FileExistsError):
        write_durably(tmp_path / "f", [b"new"])
    assert (tmp_path / "f").read_text() == "old"


def test_segments_are_numbered_folders(tmp_path):
    assert str(Layout(tmp_path).vectors(7)).endswith("segments/000007/vectors.npy")
