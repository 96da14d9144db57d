"""Everything that can be wrong with an index is said; what can be made good is, and nothing else is touched."""

import numpy as np
import pytest
from forging import forge
from test_writer import ids_in, manifest, names

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import Codec, IndexChange, IndexWriter, add_bounds, check, open_index, verify_index


@pytest.fixture
def index(tmp_path):
    """Three documents in two segments, and a deleted row."""
    with IndexWriter(tmp_path / "i") as writer:
        for identifier in "abc":
            writer.add(Document(identifier, "text"))
        writer.write_vectors(iter([np.eye(4, dtype=np.float32)[:3]]), 4, "float32")
        writer.write_prefix(2, Codec("Flat"))
        sketches = writer.write_sketches()
        writer.commit(manifest(3, sketches=sketches))
    add_bounds(tmp_path / "i")
    with IndexChange(tmp_path / "i") as change:
        change.put(Document("b", "other"))
        change.write([], iter([np.eye(4, dtype=np.float32)[3:]]))
        change.commit(change.manifest)
    return tmp_path / "i"


def test_a_sound_index_has_no_findings(index):
    assert check(index) == check(index, repair=True) == []
    assert ids_in_all(index) == {"a", "b", "c"}


def ids_in_all(index):
    stored = open_index(index)
    found = set(stored.ids(stored.vectors.rows.tolist()).values())
    stored.close()
    return found


@pytest.mark.parametrize(
    "file", ["000001/prefix.faiss", "000002/prefix.faiss", "000001/sketches.npy", "000001/bounds-near.npy"]
)
@pytest.mark.parametrize("how", ["cut", "flipped", "gone"])
def test_what_the_vectors_give_is_made_anew(index, file, how):
    path = index / "segments" / file
    whole = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-3] if how == "cut" else whole[:-1] + bytes([whole[-1] ^ 1]))
    before = names(index)
    (finding,) = check(index)
    assert (file in finding.problem, finding.cure, finding.is_mended) == (True, "make it anew from the vectors", False)
    assert names(index) == before
    (finding,) = check(index, repair=True)
    assert finding.is_mended
    assert check(index) == []
    assert path.read_bytes() == whole
    verify_index(index)


@pytest.mark.parametrize("file", ["000001/vectors.npy", "000002/vectors.npy"])
def test_damaged_vectors_cannot_be_made_good_and_nothing_else_is_touched(index, file):
    path = index / "segments" / file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (index / "segments/000009").mkdir()
    found = check(index, repair=True)
    assert [bool(one.cure) for one in found] == [False, True]
    assert not any(one.is_mended for one in found)
    assert (index / "segments/000009").exists()


def test_folders_that_nothing_names_are_removed(index):
    (index / "segments/000009").mkdir()
    (index / "segments/000009/vectors.npy").write_bytes(b"x")
    (index / "segments/notes").mkdir()
    (finding,) = check(index, repair=True)
    assert "000009 is named by nothing that was committed" in finding.problem
    assert sorted(path.name for path in (index / "segments").iterdir()) == ["000001", "000002", "notes"]


@pytest.mark.parametrize(
    "statement, told",
    [
        ("DELETE FROM documents WHERE id = 'a'", "segment 1 has 3 rows, 1 documents and 1 deleted ones"),
        ("UPDATE documents SET row = 7 WHERE id = 'a'", "the catalog speaks of row 7 of segment 1, which has 3"),
        ("UPDATE documents SET row = 1 WHERE id = 'a'", "segment 1: 1 rows are a document's and deleted"),
        ("UPDATE documents SET segment = 5 WHERE id = 'a'", "1 documents are of segments that are not there"),
        ("UPDATE documents SET metadata = '{' WHERE id = 'a'", "the metadata of 1 documents is not JSON"),
        ("DELETE FROM tombstones", "contradicts itself: 3 documents in 4 rows of 2 segments, 0 of them deleted"),
    ],
)
def test_counts_that_do_not_agree_are_told_and_left_alone(index, statement, told):
    forge(index, statement)
    found = check(index, repair=True)
    assert any(told in one.problem and not one.is_mended for one in found)


def test_there_must_be_an_index(tmp_path):
    with pytest.raises(IndexStoreError, match="there is no index in"):
        check(tmp_path / "none", repair=True)
    assert not (tmp_path / "none").exists()


def test_an_index_that_was_only_built_is_checked_too(tmp_path):
    from test_writer import write

    write(tmp_path / "j", ["a"])
    assert check(tmp_path / "j") == []
    assert ids_in(tmp_path / "j") == ["a"]


def test_a_link_in_the_place_of_segments_is_refused_before_anything_is_swept(tmp_path):
    from test_writer import write

    write(folder := tmp_path / "j", ["a"])
    (folder / "segments").rename(tmp_path / "elsewhere")
    (folder / "segments").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/000009").mkdir()
    with pytest.raises(IndexStoreError, match="is a link"):
        check(folder, repair=True)
    with pytest.raises(IndexStoreError, match="is a link"), IndexChange(folder):
        pass
    assert (tmp_path / "elsewhere/000009").exists()


@pytest.mark.parametrize("row", ["7", "-1", "'x'"])
@pytest.mark.parametrize("table", ["documents", "tombstones"])
def test_rows_that_a_segment_does_not_have_end_in_one_clear_error(index, table, row):
    where = "id = 'a'" if table == "documents" else "segment = 1"
    forge(index, f"UPDATE {table} SET row = {row} WHERE {where}")
    assert check(index)
    with pytest.raises(IndexStoreError, match="row (7|-1|'x') of segment 1, which has 3; build the index again"):
        if table == "tombstones":
            open_index(index).close()
        else:
            with IndexChange(index) as change:
                change.write(change.segments, [])
    if table == "documents":
        stored = open_index(index)
        with pytest.raises(IndexStoreError, match="row (7|-1|'x') of segment 1|the document 'a' is damaged"):
            stored.among("id = 'a'")
        stored.close()
