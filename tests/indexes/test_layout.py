import hashlib

import pytest

from mrl_search.errors import IndexStoreError
from mrl_search.indexes import layout
from mrl_search.indexes.layout import FileRecord, Layout, demand_no_links, record_of, write_durably


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


@pytest.mark.parametrize("name", ["writer.json", "index.sqlite-wal", "segments", "segments/000001"])
def test_a_link_in_the_place_of_what_an_index_writes_is_refused(tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (link := tmp_path / "index" / name).parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IndexStoreError, match=f"{name} is a link; an index keeps its own files"):
        demand_no_links(Layout(tmp_path / "index"))


def test_the_folder_of_an_index_may_be_reached_by_a_link(tmp_path):
    (tmp_path / "index/segments/000001").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "index")
    demand_no_links(Layout(tmp_path / "link"))
    demand_no_links(Layout(tmp_path / "none"))


def test_what_another_removes_meanwhile_does_not_stop_the_sweep(tmp_path, monkeypatch):
    """Whoever commits removes what is replaced after the lock is free, as the next writer does."""
    segments = Layout(tmp_path).segments
    for number in ("000001", "000002"):
        (segments / number).mkdir(parents=True)
    found = layout.orphans(Layout(tmp_path), set())
    found[0].rmdir()
    monkeypatch.setattr(layout, "orphans", lambda *_: found)
    layout.sweep(Layout(tmp_path), set())
    assert not list(segments.iterdir())
