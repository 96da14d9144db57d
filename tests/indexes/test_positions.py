"""Where the rows of a shard stand in the whole: kept as they were given, or refused."""

import numpy as np
import pytest

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.layout import FileRecord, Layout, Segment
from mrl_search.indexes.positions import read_positions, write_positions

NO_FILE = FileRecord(0, "")


def segments(layout, *parts):
    """Segments of those positions, numbered from 1, whose files are written."""
    for number, positions in enumerate(parts, 1):
        layout.positions(number).parent.mkdir(parents=True)
        write_positions(layout, number, np.array(positions, np.int64))
    return [Segment(number, len(positions), NO_FILE, NO_FILE) for number, positions in enumerate(parts, 1)]


def test_positions_of_all_segments_come_back_one_after_another(tmp_path):
    layout = Layout(tmp_path)
    kept = segments(layout, [0, 3, 4], [], [7, 1 << 40])
    assert read_positions(layout, kept).tolist() == [0, 3, 4, 7, 1 << 40]
    assert read_positions(layout, []).tolist() == []


@pytest.mark.parametrize("wrong", [[3, 3], [4, 3], [-1, 3]])
def test_positions_that_do_not_ascend_from_nought_are_not_written(tmp_path, wrong):
    with pytest.raises(IndexStoreError, match="must ascend"):
        segments(Layout(tmp_path), wrong)


def test_segments_that_do_not_follow_each_other_are_refused(tmp_path):
    layout = Layout(tmp_path)
    kept = segments(layout, [5, 6], [6, 7])
    with pytest.raises(IndexStoreError, match="do not ascend; build the shard again"):
        read_positions(layout, kept)


def test_an_index_that_is_no_shard_has_none(tmp_path):
    layout = Layout(tmp_path)
    kept = segments(layout, [5, 6], [8])
    layout.positions(2).unlink()
    assert read_positions(layout, kept) is None


def test_every_damaged_byte_and_every_cut_is_found(tmp_path):
    layout = Layout(tmp_path)
    kept = segments(layout, [5, 6])
    path = layout.positions(1)
    whole = path.read_bytes()
    assert len(whole) == 3 * 8  # two positions and their sum
    damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole))]
    for told in [*damaged, *(whole[:size] for size in range(len(whole))), whole + b"\0"]:
        path.write_bytes(told)
        with pytest.raises(IndexStoreError, match="is damaged; build the shard again"):
            read_positions(layout, kept)
