"""Sketches as files of an index."""

import dataclasses

import numpy as np
import pytest
from test_writer import manifest

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import (
    Codec,
    IndexWriter,
    Manifest,
    StoredVectors,
    measure_index,
    open_index,
    sketched,
    verify_index,
)


@pytest.fixture
def folder(tmp_path, stored):
    """An index of 100 documents with sketches."""
    with IndexWriter(tmp_path / "i") as writer:
        for row in range(100):
            writer.add(Document(str(row), "text"))
        writer.write_vectors(iter([stored.data[:60], stored.data[60:100]]), 72, "float32")
        writer.write_prefix(16, Codec("Flat"))
        writer.commit(manifest(100, dims=(16, 72), sketches=writer.write_sketches()))
    return tmp_path / "i"


def test_what_is_written_is_what_is_opened(folder, stored):
    there = sketched(StoredVectors(stored.data[:100], "float32"))
    opened = open_index(folder)
    found = opened.vectors._sketches
    opened.close()
    assert np.array_equal(found.codes, there.codes)
    assert [part.tolist() for part in found.levels] == [part.tolist() for part in there.levels]
    assert found.residence is not None
    _, each = measure_index(folder)
    assert each.sketches == (100 * (72 + 8) + 128) / 100  # a checksum of each row is 8
    assert each.disk == each.vectors + each.prefix + each.sketches + each.catalog


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: b"?" + whole[1:]])
def test_damaged_sketches_are_found_at_open(folder, damage):
    path = folder / "segments/000001/sketches.npy"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        IndexStoreError, match=r"sketches\.npy (has 8127 bytes|does not begin as 100 × 72 uint8 should)"
    ):
        open_index(folder)


def test_a_flipped_bit_is_found_by_verifying(folder):
    verify_index(folder)
    path = folder / "segments/000001/sketches.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(IndexStoreError, match=r"sketches\.npy is damaged"):
        verify_index(folder)


@pytest.mark.parametrize(
    "wrong",
    [{"steps": (0.1,) * 71}, {"lows": (*(0.1,) * 71, float("nan"))}, {"steps": (-0.1,) * 72}, {"steps": (1e39,) * 72}],
)
def test_levels_that_cannot_be_are_refused(folder, wrong):
    opened = open_index(folder)
    opened.close()
    with pytest.raises(IndexStoreError, match="no level for each of 72 dims"):
        dataclasses.replace(opened.manifest, sketches=dataclasses.replace(opened.manifest.sketches, **wrong))
    assert Manifest.from_json(opened.manifest.to_json(), "here") == opened.manifest
    assert list(opened.manifest.told()["sketches"]) == ["segment", "size", "sha256"]
