"""Opening: what is verified, and what is said of an index that is not right."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from forging import forge
from test_writer import manifest, write

from mrl_search.document import Document
from mrl_search.errors import FunnelError, IndexStoreError, VectorsError
from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, IndexWriter, measure_index, open_index, reader, stamp_of, verify_index
from mrl_search.indexes.layout import record_of
from mrl_search.retriever import open_retriever, search
from mrl_search.rotation import Rotation

GOLDEN = Path(__file__).parent / "golden" / "format-1"


@pytest.fixture
def index(tmp_path):
    write(tmp_path / "i", ["a", "b", "c"])
    return tmp_path / "i"


def test_no_index_says_how_to_build_one(tmp_path):
    with pytest.raises(IndexStoreError, match="there is no index in .*; build one: mrl-search build CORPUS --index"):
        open_index(tmp_path)


def test_a_stamp_changes_with_what_is_committed_and_with_nothing_else(index, tmp_path):
    before = stamp_of(index)
    assert stamp_of(index) == before
    write(tmp_path / "i", ["a", "b", "x"], replace=True)
    assert stamp_of(index) != before


def test_a_missing_file_is_named(index):
    (index / "segments/000001/vectors.npy").unlink()
    with pytest.raises(IndexStoreError, match=r"vectors\.npy is missing"):
        open_index(index)


@pytest.mark.parametrize("name", ["vectors.npy", "prefix.faiss"])
def test_a_truncated_file_is_named_with_both_sizes(index, name):
    path = index / "segments/000001" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(IndexStoreError, match=rf"{name} has {len(whole) - 1} bytes, {len(whole)} were committed"):
        open_index(index)


def test_a_flipped_bit_in_the_faiss_file_is_found_before_faiss_reads_it(index):
    path = index / "segments/000001/prefix.faiss"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexStoreError, match=r"prefix\.faiss is damaged \(its sha256"):
        open_index(index)


def test_another_format_is_refused_by_number(index):
    forge(index, "PRAGMA user_version = 99")
    with pytest.raises(IndexStoreError, match="index format 99, this mrl-search reads 1 to 3"):
        open_index(index)


def test_another_programs_sqlite_file_is_refused(index):
    forge(index, "PRAGMA application_id = 7")
    with pytest.raises(IndexStoreError, match="an SQLite file, but not of mrl-search"):
        open_index(index)


def test_a_file_that_is_not_sqlite_is_refused(tmp_path):
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(IndexStoreError, match="cannot be read: file is not a database"):
        open_index(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "not a JSON object"),
        ("{", "cannot be read"),
        ('{"name": "x"}', "the key 'documents' is missing"),
        ('{"surprise": 1}', "unknown key 'surprise'"),
    ],
)
def test_a_manifest_that_is_not_right_is_refused(index, text, reason):
    forge(index, "UPDATE manifest SET json = ?", text)
    with pytest.raises(IndexStoreError, match=reason):
        open_index(index)


def test_a_manifest_that_contradicts_the_segments_is_refused(index):
    forge(index, "UPDATE segments SET documents = 2")
    with pytest.raises(IndexStoreError, match="contradicts itself"):
        open_index(index)


def test_reading_leaves_no_file_behind(index):
    before = sorted(path.name for path in index.iterdir())
    open_index(index).close()
    assert sorted(path.name for path in index.iterdir()) == before


def test_a_search_without_texts_does_not_ask_sqlite(index):
    stored = open_index(index)
    stored.close()
    assert search(stored.vectors, np.eye(1, 4, dtype=np.float32), Funnel.parse("2:3,4:1")).rows.tolist() == [[0]]
    with pytest.raises(IndexStoreError, match="was closed"):
        stored.ids([0])


def test_bytes_per_document_are_the_files(index):
    manifest, sizes = measure_index(index)
    vectors = (index / "segments/000001/vectors.npy").stat().st_size
    assert sizes.vectors * manifest.documents == pytest.approx(vectors)
    assert sizes.disk == sizes.vectors + sizes.prefix + sizes.rotation + sizes.catalog
    assert sizes.ram > 2 * 4


@pytest.fixture
def turned(tmp_path):
    """An index of three documents whose axes are in another order."""
    matrix = np.eye(4, dtype=np.float32)[[2, 0, 3, 1]]
    with IndexWriter(tmp_path / "t") as writer:
        for identifier in "abc":
            writer.add(Document(identifier, identifier))
        writer.write_vectors(iter([np.eye(3, 4, dtype=np.float32) @ matrix.T]), 4, "float32")
        writer.write_prefix(2, Codec("Flat"))
        record = writer.write_rotation(Rotation(matrix, "pca"), "because")
        writer.commit(manifest(3, rotation=record))
    return tmp_path / "t"


def test_a_rotated_index_turns_its_queries(turned):
    stored = open_index(turned)
    assert (stored.manifest.rotation.kind, stored.manifest.rotation.why) == ("pca", "because")
    queries = stored.turned(np.array([[0, 1, 0, 0, 7, 7]], np.float32))  # cut to 4 dims, turned
    assert queries.tolist() == [[0, 0, 0, 1]]
    assert search(stored.vectors, queries, Funnel.parse("2:3,4:1")).rows.tolist() == [[1]]
    assert measure_index(turned)[1].rotation == (turned / "segments/000001/rotation.npy").stat().st_size / 3
    stored.close()


def test_queries_too_narrow_to_be_turned_are_refused(turned):
    stored = open_index(turned)
    with pytest.raises(VectorsError, match="the queries have 2 dims; this index is rotated and needs 4"):
        stored.turned(np.ones((1, 2), np.float32))
    stored.close()


def test_a_rotation_that_is_damaged_or_missing_is_found_when_the_index_is_opened(turned):
    path = turned / "segments/000001/rotation.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    with pytest.raises(IndexStoreError, match=r"rotation\.npy is damaged"):
        open_index(turned)
    path.unlink()
    with pytest.raises(IndexStoreError, match=r"rotation\.npy is missing"):
        verify_index(turned)


def test_a_matrix_that_is_no_rotation_is_refused_though_its_digest_is_right(turned):
    path = turned / "segments/000001/rotation.npy"
    path.write_bytes(path.read_bytes()[:-4] + np.float32(5).tobytes())
    facts = {"kind": "pca", "why": "", "segment": 1, **record_of(path)._asdict()}
    forge(turned, "UPDATE manifest SET json = json_set(json, '$.rotation', json(?))", json.dumps(facts))
    with pytest.raises(IndexStoreError, match=r"rotation\.npy: a rotation must be orthogonal to 1e-05"):
        open_index(turned)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_the_golden_index_of_format_1_opens_and_answers_for_ever(tmp_path, dtype):
    folder = tmp_path / dtype
    shutil.copytree(GOLDEN / dtype, folder)
    with open_retriever(folder) as retriever:
        found = retriever.search(["wooden doll"], funnel=Funnel.parse("16:5,64:3"))[0]
        assert [answer.id for answer in found] == ["doll", "nest", "tree"]
        assert found[0].metadata == {"year": 1890}
        np.testing.assert_allclose([answer.score for answer in found], [0.5107, 0.3515, 0.3185], atol=0.005)


def test_an_index_replaced_while_it_is_opened_is_opened_as_it_is_now(index, monkeypatch):
    real = reader.verify
    calls = []

    def late(path, record, *, digest=False):
        if not calls:
            calls.append(path)
            write(index, ["new"], replace=True)  # sweeps the segment whose name was just read
        real(path, record, digest=digest)

    monkeypatch.setattr(reader, "verify", late)
    stored = open_index(index)
    assert stored.ids([0]) == {0: "new"}
    stored.close()


def test_verifying_reads_every_file_to_its_end(index):
    verify_index(index)
    path = index / "segments/000001/vectors.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    open_index(index).close()  # opening looks at sizes only
    with pytest.raises(IndexStoreError, match=r"vectors\.npy is damaged"):
        verify_index(index)


def test_a_damaged_header_of_vectors_is_found_without_being_parsed(index):
    path = index / "segments/000001/vectors.npy"
    content = path.read_bytes().replace(b"'descr'", b"'de\\cr'")
    path.write_bytes(content)
    with pytest.raises(IndexStoreError, match="does not begin as 3 × 4 float32 should"):
        open_index(index)


def test_documents_that_are_gone_are_missed(index):
    forge(index, "DELETE FROM documents WHERE row = 1")
    stored = open_index(index)
    with pytest.raises(IndexStoreError, match="lacks documents that its vectors have"):
        stored.ids([0, 1])
    stored.close()


def test_damaged_metadata_names_its_document(index):
    forge(index, "UPDATE documents SET metadata = '{'")
    stored = open_index(index)
    with pytest.raises(IndexStoreError, match="the metadata of the document 'a' is damaged"):
        stored.documents([0])
    stored.close()


def test_random_damage_to_the_catalog_ends_in_one_clear_error_or_none(index):
    random = np.random.default_rng(0)
    path = index / "index.sqlite"
    whole = path.read_bytes()
    for _ in range(150):
        content = bytearray(whole)
        start = random.integers(len(content))
        content[start : start + 40] = random.bytes(len(content[start : start + 40]))
        path.write_bytes(content)
        try:
            stored = open_index(index)
        except (IndexStoreError, FunnelError):
            continue
        try:
            stored.documents([0, 1, 2])
        except IndexStoreError:
            pass
        finally:
            stored.close()


@pytest.mark.parametrize("name", ["vectors.npy", "prefix.faiss"])
def test_a_link_in_the_place_of_a_file_is_not_followed(index, tmp_path, name):
    path = index / "segments/000001" / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IndexStoreError, match="is not a file"):
        open_index(index)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(index):
    path = index / "segments/000001/vectors.npy"
    path.unlink()
    os.mkfifo(path)
    forge(index, "UPDATE segments SET vectors_bytes = 0")
    with pytest.raises(IndexStoreError, match=r"vectors\.npy is not a file"):
        open_index(index)


def test_a_segment_whose_number_is_a_path_is_refused(index):
    connection = sqlite3.connect(index / "index.sqlite", isolation_level=None)
    connection.execute("ALTER TABLE segments RENAME TO old")
    columns = "documents, vectors_bytes, vectors_sha256, prefix_bytes, prefix_sha256, prefix"
    connection.execute(f"CREATE TABLE segments AS SELECT '../../x' AS number, {columns} FROM old")
    connection.close()
    forge(index, "DROP TABLE old")
    with pytest.raises(IndexStoreError, match="segment '../../x' of 3 documents cannot be"):
        open_index(index)
