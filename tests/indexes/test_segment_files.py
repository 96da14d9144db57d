"""The files of one segment: written once, recorded as they are, made anew from the vectors."""

import numpy as np
import pytest
from test_writer import manifest

from mrl_search.errors import IndexStoreError
from mrl_search.indexes import Codec
from mrl_search.indexes.layout import FileRecord, Layout, Segment, record_of
from mrl_search.indexes.manifest import RotationRecord
from mrl_search.indexes.segment_files import SegmentFiles
from mrl_search.rotation import Rotation

ROWS = np.eye(3, 4, dtype=np.float32)


@pytest.fixture
def files(tmp_path):
    written = SegmentFiles(Layout(tmp_path), 7)
    written.record = written.write_vectors(iter([ROWS[:2], ROWS[2:]]), 3, 4, "float32")
    return written


def test_vectors_are_one_npy_of_all_blocks(tmp_path, files):
    path = Layout(tmp_path).vectors(7)
    np.testing.assert_array_equal(np.load(path), ROWS)
    assert files.record == record_of(path)


def test_fewer_vectors_than_documents_are_refused(tmp_path):
    with pytest.raises(IndexStoreError, match="2 vectors for 3 documents"):
        SegmentFiles(Layout(tmp_path), 1).write_vectors(iter([ROWS[:2]]), 3, 4, "float32")


def test_nothing_is_ever_written_over(tmp_path, files):
    with pytest.raises(FileExistsError):
        SegmentFiles(Layout(tmp_path), 7)
    with pytest.raises(FileExistsError):
        files.write_vectors(iter([ROWS]), 3, 4, "float32")


def test_a_rotation_is_a_file_with_its_record_and_none_is_none(tmp_path, files):
    assert files.write_rotation(None, "too few") == RotationRecord("none", "too few")
    record = files.write_rotation(Rotation(np.eye(4, dtype=np.float32)[::-1].copy(), "pca"), "better")
    assert (record.kind, record.why, record.segment) == ("pca", "better", 7)
    assert FileRecord(record.size, record.sha256) == record_of(Layout(tmp_path).rotation(7))


def test_prefix_and_sketches_are_made_anew_byte_by_byte(tmp_path, files):
    layout = Layout(tmp_path)
    prefix, sketches = files.write_prefix(2, Codec("Flat")), files.write_sketches()
    layout.prefix(7).unlink()
    layout.sketches(7).unlink()
    again = SegmentFiles.of(layout, Segment(7, 3, files.record, prefix), manifest(3))
    assert (again.write_prefix(2, Codec("Flat")), again.write_sketches()) == (prefix, sketches)
    again.sync()
