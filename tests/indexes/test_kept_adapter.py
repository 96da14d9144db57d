"""The adapter in an index's catalog: kept once, read whole or not at all, let go of."""

import sqlite3
from types import SimpleNamespace

import numpy as np
import pytest

from mrl_search.adapter import Adapter, Fitted
from mrl_search.errors import IndexStoreError
from mrl_search.indexes.kept_adapter import drop, keep, read_adapter

ADAPTER = Adapter(Fitted("smec", 4, (2,), "hashing:4"), {"matrix": np.diag([1, 2, 3, 4]).astype(np.float32)})


@pytest.fixture
def catalog():
    """What these functions need of a Catalog: a connection."""
    with sqlite3.connect(":memory:") as connection:
        yield SimpleNamespace(connection=connection)


def manifest(record):
    return SimpleNamespace(adapter=record)


def test_what_is_kept_is_read_again_bit_for_bit(catalog):
    record = keep(catalog, ADAPTER)
    assert (record.method, record.widths, record.sha256) == ("smec", (2,), ADAPTER.digest)
    found = read_adapter(catalog, manifest(record))
    assert (found.digest, found.fitted) == (ADAPTER.digest, ADAPTER.fitted)


def test_where_there_is_none_there_is_no_table_either(catalog):
    assert keep(catalog, None) is None
    assert read_adapter(catalog, manifest(None)) is None
    assert catalog.connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_what_is_dropped_makes_room_for_another(catalog):
    keep(catalog, ADAPTER)
    drop(catalog)
    other = Adapter(ADAPTER.fitted, {"matrix": np.eye(4, dtype=np.float32)})
    assert read_adapter(catalog, manifest(keep(catalog, other))).digest == other.digest
    drop(catalog)
    drop(catalog)  # and where there is none


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("UPDATE adapter SET content = substr(content, 2)", "not the one that was committed"),
        ("DELETE FROM adapter", "not the one that was committed"),
        ("DROP TABLE adapter", "cannot be read: no such table"),
    ],
)
def test_what_is_not_what_was_committed_is_an_error(catalog, damage, why):
    record = keep(catalog, ADAPTER)
    catalog.connection.execute(damage)
    with pytest.raises(IndexStoreError, match=f"the adapter that the index keeps.*{why}"):
        read_adapter(catalog, manifest(record))


def test_a_file_that_is_no_adapter_is_one_of_the_store_s_errors(catalog):
    import hashlib

    record = keep(catalog, ADAPTER)
    junk = b"no safetensors"
    catalog.connection.execute("UPDATE adapter SET content = ?", (junk,))
    told = SimpleNamespace(size=len(junk), sha256=hashlib.sha256(junk).hexdigest())
    with pytest.raises(IndexStoreError, match="what the index keeps"):
        read_adapter(catalog, manifest(told))
    assert record.size != len(junk)
