"""What is on disk before, during and after a build."""

import os
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import Codec, EncoderRecord, IndexWriter, Manifest, open_index
from mrl_search.indexes.catalog import Catalog


def manifest(count, **other):
    facts = {
        "name": "test",
        "documents": count,
        "without_text": 0,
        "skipped": 0,
        "dims": (2, 4),
        "dtype": "float32",
        "prefix": "Flat",
        "funnel": "2:200,4:10",
        "encoder": EncoderRecord("precomputed", "precomputed", 4),
        "provenance": {},
    }
    return Manifest(**{**facts, **other})


def write(folder, ids, *, replace=False, commit=True):
    vectors = np.eye(4, dtype=np.float32)[np.arange(len(ids)) % 4]
    with IndexWriter(folder, replace=replace) as writer:
        for identifier in ids:
            assert writer.add(Document(identifier, f"text of {identifier}", "title", {"year": 2020}))
        writer.write_vectors(iter([vectors]), 4, "float32")
        writer.write_prefix(2, Codec("Flat"))
        if commit:
            writer.commit(manifest(len(ids)))


def ids_in(folder):
    stored = open_index(folder)
    try:
        return [stored.ids([row])[row] for row in range(stored.manifest.documents)]
    finally:
        stored.close()


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_committed_index_holds_exactly_the_files_of_the_format(tmp_path):
    write(tmp_path / "i", ["a", "b"])
    assert names(tmp_path / "i") == ["index.sqlite", "segments/000001/prefix.faiss", "segments/000001/vectors.npy"]


def test_documents_come_back_whole(tmp_path):
    write(tmp_path / "i", ["a", "b"])
    stored = open_index(tmp_path / "i")
    assert stored.documents([1, 0]) == {
        0: Document("a", "text of a", "title", {"year": 2020}),
        1: Document("b", "text of b", "title", {"year": 2020}),
    }
    stored.close()


def test_an_id_that_is_taken_is_not_added_and_its_owner_is_known(tmp_path):
    with IndexWriter(tmp_path / "i") as writer:
        assert [writer.add(Document(identifier, "x")) for identifier in "aba"] == [True, True, False]
        assert (len(writer), writer.row_of("b")) == (2, 1)


def test_without_commit_a_new_folder_vanishes(tmp_path):
    write(tmp_path / "i", ["a"], commit=False)
    assert not (tmp_path / "i").exists()


def test_without_commit_the_index_that_was_there_stays_as_it_was(tmp_path):
    write(tmp_path / "i", ["old"])
    before = names(tmp_path / "i")
    write(tmp_path / "i", ["new"], replace=True, commit=False)
    assert (ids_in(tmp_path / "i"), names(tmp_path / "i")) == (["old"], before)


def test_an_index_is_replaced_only_if_asked(tmp_path):
    write(tmp_path / "i", ["old"])
    with pytest.raises(IndexStoreError, match="already holds an index of 1 documents; --force replaces it"):
        write(tmp_path / "i", ["new"])
    write(tmp_path / "i", ["new", "newer"], replace=True)
    assert ids_in(tmp_path / "i") == ["new", "newer"]
    assert names(tmp_path / "i") == ["index.sqlite", "segments/000002/prefix.faiss", "segments/000002/vectors.npy"]


def test_replacing_gives_the_old_texts_space_back(tmp_path):
    write(tmp_path / "i", [f"{number:0200}" for number in range(2000)])
    write(tmp_path / "i", ["new"], replace=True)
    assert (tmp_path / "i" / "index.sqlite").stat().st_size < 100_000


def test_a_reader_keeps_its_snapshot_while_the_index_is_replaced(tmp_path):
    write(tmp_path / "i", ["old"])
    stored = open_index(tmp_path / "i")
    write(tmp_path / "i", ["new"], replace=True)
    assert stored.ids([0]) == {0: "old"}
    assert stored.vectors.shortlist(np.eye(4, dtype=np.float32)[:1], stage()).rows.tolist() == [[0]]
    stored.close()
    assert ids_in(tmp_path / "i") == ["new"]


def stage():
    from mrl_search.funnel import Stage

    return Stage(4, 1)


def test_two_writers_exclude_one_another(tmp_path, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.catalog._LOCK_SECONDS", 0.1)
    write(tmp_path / "i", ["old"])
    with (
        IndexWriter(tmp_path / "i", replace=True),
        pytest.raises(IndexStoreError, match="another process is writing to"),
    ):
        write(tmp_path / "i", ["new"], replace=True)
    assert ids_in(tmp_path / "i") == ["old"]


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_with_other_things_in_it_is_never_touched(tmp_path, force):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(IndexStoreError, match="is not empty and holds no index"):
        write(tmp_path, ["a"], replace=force)
    assert names(tmp_path) == ["thesis.tex"]


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "i").write_text("x")
    with pytest.raises(IndexStoreError, match="is a file; --index names a folder"):
        write(tmp_path / "i", ["a"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(IndexStoreError, match="could not be written"):
        write(tmp_path / "i", ["a"])
    tmp_path.chmod(0o700)


def test_a_full_disk_leaves_the_old_index(tmp_path, monkeypatch):
    write(tmp_path / "i", ["old"])

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mrl_search.indexes.segment_files.write_durably", full)
    with pytest.raises(IndexStoreError, match="No space left on device; nothing was committed"):
        write(tmp_path / "i", ["new"], replace=True)
    assert ids_in(tmp_path / "i") == ["old"]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_writer
from mrl_search.indexes import segment_files, writer
point = sys.argv[2]
owner = segment_files if hasattr(segment_files, point) else writer.IndexWriter
def killed(*args, **rest):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, point, killed)
test_writer.write(Path(sys.argv[1]), ["new"], replace=True)
"""


@pytest.mark.parametrize("there", [False, True], ids=["new", "replacing"])
@pytest.mark.parametrize("point", ["write_durably", "record_of", "sync_folder", "commit"])
def test_a_kill_leaves_the_old_index_and_the_next_build_sweeps(tmp_path, point, there):
    folder = tmp_path / "i"
    if there:
        write(folder, ["old"])
    here = os.path.dirname(__file__)  # noqa: PTH120
    done = subprocess.run([sys.executable, "-c", KILLED.format(tests=here), str(folder), point], check=False)
    assert done.returncode == -signal.SIGKILL
    if there:
        assert ids_in(folder) == ["old"]
    else:
        with pytest.raises(IndexStoreError):
            open_index(folder)
    write(folder, ["newer"], replace=there)
    assert ids_in(folder) == ["newer"]
    assert len(names(folder)) == 3


def test_an_interrupt_that_arrives_as_commit_returns_keeps_the_new_index(tmp_path, monkeypatch):
    write(tmp_path / "i", ["old"])
    real = Catalog.commit

    def interrupted(self, manifest):
        real(self, manifest)
        raise KeyboardInterrupt

    monkeypatch.setattr(Catalog, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "i", ["new"], replace=True)
    assert ids_in(tmp_path / "i") == ["new"]


def test_the_maker_of_a_folder_that_gets_the_lock_second_leaves_the_winners_index(tmp_path, monkeypatch):
    folder = tmp_path / "i"
    real = Catalog.write

    def late(path):
        monkeypatch.setattr(Catalog, "write", real)
        write(folder, ["winner"])  # another process, between our making the folder and our lock
        return real(path)

    monkeypatch.setattr(Catalog, "write", late)
    with pytest.raises(IndexStoreError, match="already holds an index"):
        write(folder, ["loser"])
    assert ids_in(folder) == ["winner"]


def test_what_others_put_among_the_segments_is_left_alone(tmp_path):
    write(tmp_path / "i", ["old"])
    (tmp_path / "i/segments/.DS_Store").write_text("x")
    write(tmp_path / "i", ["new"], replace=True)
    assert (tmp_path / "i/segments/.DS_Store").exists()


def test_a_link_in_the_place_of_segments_is_refused_before_anything_is_swept(tmp_path):
    (tmp_path / "victim/000009").mkdir(parents=True)
    (tmp_path / "i").mkdir()
    (tmp_path / "i/index.sqlite").touch()
    (tmp_path / "i/segments").symlink_to(tmp_path / "victim")
    with pytest.raises(IndexStoreError, match="is a link"):
        write(tmp_path / "i", ["a"])
    assert (tmp_path / "victim/000009").exists()


def test_another_programs_database_is_refused_unchanged(tmp_path):
    (tmp_path / "i").mkdir()
    database = sqlite3.connect(tmp_path / "i/index.sqlite")
    database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = (tmp_path / "i/index.sqlite").read_bytes()
    with pytest.raises(IndexStoreError, match="not of mrl-search"):
        write(tmp_path / "i", ["a"], replace=True)
    assert (tmp_path / "i/index.sqlite").read_bytes() == before


def test_tidying_after_a_commit_leaves_the_next_writers_segment_alone(tmp_path, monkeypatch):
    write(tmp_path / "i", ["old"])
    real = Catalog.tidy

    def late(self):
        (tmp_path / "i/segments/000003").mkdir()  # another process, which took the lock when we let it go
        real(self)

    monkeypatch.setattr(Catalog, "tidy", late)
    write(tmp_path / "i", ["new"], replace=True)
    assert sorted(path.name for path in (tmp_path / "i/segments").iterdir()) == ["000002", "000003"]
