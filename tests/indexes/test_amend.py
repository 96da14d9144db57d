"""Adding bounds and calibrations to an index that is there."""

import dataclasses
import json

import numpy as np
import pytest
from test_writer import manifest

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import (
    Calibration,
    Codec,
    IndexWriter,
    Manifest,
    StoredVectors,
    add_bounds,
    add_calibration,
    bounded,
    measure_index,
    open_index,
    read_manifest,
    verify_index,
)
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.layout import Layout

CALIBRATION = Calibration(0.9, 0.95, 5, "16:50,72:5", 400, 0.93, "queries")


@pytest.fixture
def folder(tmp_path, stored):
    """An index of 100 documents."""
    with IndexWriter(tmp_path / "i") as writer:
        for row in range(100):
            writer.add(Document(str(row), "text"))
        writer.write_vectors(iter([stored.data[:100]]), 72, "float32")
        writer.write_prefix(16, Codec("Flat"))
        writer.commit(manifest(100, dims=(16, 72)))
    return tmp_path / "i"


def files(folder):
    return sorted(path.name for path in (folder / "segments/000001").iterdir())


def test_bounds_that_are_added_are_those_of_the_vectors(folder, stored):
    record = add_bounds(folder)
    there = bounded(StoredVectors(stored.data[:100], "float32"))
    opened = open_index(folder)
    found = opened.vectors._bounds
    opened.close()
    assert np.array_equal(found.near, there.near)
    assert np.array_equal(found.far, there.far)
    assert np.array_equal(found.axes.matrix, there.axes.matrix)
    assert found.axes.means.tolist() == there.axes.means.tolist()
    assert read_manifest(folder)[0].bounds == record
    assert Manifest.from_json(opened.manifest.to_json(), "here") == opened.manifest
    assert "means" not in opened.manifest.told()["bounds"]
    _, each = measure_index(folder)
    assert each.bounds == sum(record.sizes) / 100
    assert each.disk == each.vectors + each.prefix + each.bounds + each.catalog


def test_bounds_are_added_once(folder):
    record = add_bounds(folder)
    before = [(folder / "segments/000001" / name).stat().st_mtime_ns for name in files(folder)]
    assert add_bounds(folder) == record
    assert [(folder / "segments/000001" / name).stat().st_mtime_ns for name in files(folder)] == before


def test_what_a_killed_process_left_is_written_anew(folder):
    for name in ("axes", "near"):
        (folder / f"segments/000001/bounds-{name}.npy").write_bytes(b"half")
    add_bounds(folder)
    verify_index(folder)


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interruption_leaves_the_index_as_it_was(folder, monkeypatch, fault):
    before, there = read_manifest(folder), files(folder)

    def fail(*_):
        raise fault

    monkeypatch.setattr("mrl_search.indexes.amend.far_blocks", fail)
    with pytest.raises((IndexStoreError, KeyboardInterrupt)):
        add_bounds(folder)
    assert files(folder) == there
    assert read_manifest(folder) == before


def test_two_do_not_write_at_once(folder, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.catalog._LOCK_SECONDS", 0.01)
    other = Catalog.write(Layout(folder).catalog)
    with pytest.raises(IndexStoreError, match="another process is writing"):
        add_bounds(folder)
    other.close()


def test_where_there_is_no_index_none_is_made(tmp_path):
    with pytest.raises(IndexStoreError, match="there is no index"):
        add_bounds(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("part", ["axes", "near", "far"])
def test_damaged_bounds_are_found(folder, part):
    add_bounds(folder)
    verify_index(folder)
    path = folder / f"segments/000001/bounds-{part}.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IndexStoreError, match=rf"bounds-{part}\.npy is damaged"):
        verify_index(folder)
    path.write_bytes(whole[:-1])
    with pytest.raises(IndexStoreError, match="bytes"):
        open_index(folder)


@pytest.mark.parametrize(
    "wrong",
    [{"means": (float("nan"),)}, {"sizes": (1, 2)}, {"means": (), "deviations": ()}],
)
def test_a_record_that_cannot_be_is_refused(folder, wrong):
    record = add_bounds(folder)
    with pytest.raises(IndexStoreError, match="contradict themselves"):
        dataclasses.replace(record, **wrong)


def test_a_calibration_takes_the_place_of_one_for_the_same_promise(folder):
    add_calibration(folder, CALIBRATION)
    other = dataclasses.replace(CALIBRATION, recall=0.8)
    add_calibration(folder, other)
    better = dataclasses.replace(CALIBRATION, funnel="16:40,72:5")
    add_calibration(folder, better)
    found = read_manifest(folder)[0]
    assert found.calibrations == (other, better)
    assert Manifest.from_json(found.to_json(), "here") == found


def test_a_calibration_whose_funnel_gives_another_number_of_answers_is_refused():
    with pytest.raises(IndexStoreError, match="cannot be"):
        dataclasses.replace(CALIBRATION, k=4)


def test_an_index_with_neither_says_nothing_of_them(folder):
    assert not {"bounds", "calibrations"} & set(json.loads(read_manifest(folder)[0].to_json()))
