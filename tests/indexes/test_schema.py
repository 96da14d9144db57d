"""The tables of a catalog, and what else must not be in it."""

import sqlite3

import pytest
from forging import forge
from test_writer import write

from mrl_search.errors import IndexStoreError
from mrl_search.indexes import IndexChange, check, open_index
from mrl_search.indexes.schema import SUMMED, connect, demand_format, enlarge


@pytest.fixture
def index(tmp_path):
    write(tmp_path / "i", ["a", "b"])
    return tmp_path / "i"


@pytest.mark.parametrize(
    "statements, told",
    [
        (["CREATE VIEW v AS SELECT 1"], "holds the view 'v', which mrl-search did not make"),
        (["CREATE TRIGGER t INSERT ON documents BEGIN SELECT 1; END"], "holds the trigger 't'"),
        (["CREATE VIRTUAL TABLE w USING fts5(x)"], "holds the table 'w'"),
        (
            ["ALTER TABLE segments RENAME TO s", "CREATE VIEW segments AS SELECT * FROM s"],
            "holds the view 'segments'",
        ),
        (
            ["ALTER TABLE documents ADD COLUMN more TEXT AS (zeroblob(100000))"],
            "holds other columns in its table documents",
        ),
        (["ALTER TABLE documents RENAME COLUMN title TO name"], "holds other columns in its table documents"),
        (["DROP TABLE tombstones"], "holds other columns in its table tombstones"),
    ],
)
def test_what_mrl_search_did_not_make_is_refused_before_it_is_asked_anything(index, statements, told):
    for statement in statements:
        connection = sqlite3.connect(index / "index.sqlite", isolation_level=None)
        connection.execute(statement)
        connection.close()
    for use in (open_index, check, lambda folder: IndexChange(folder).__enter__()):
        with pytest.raises(IndexStoreError, match=told):
            use(index)


def test_plain_tables_and_indexes_beside_ours_do_nothing(index):
    forge(index, "CREATE TABLE notes (x)")
    forge(index, "CREATE INDEX more ON documents (title)")
    open_index(index).close()


def test_sqlite_is_told_to_trust_nothing(index):
    connection = connect(index / "index.sqlite", "rw", 1)
    told = [connection.execute(f"PRAGMA {one}").fetchone()[0] for one in ("trusted_schema", "cell_size_check")]
    assert told == [0, 1]
    assert connection.execute("PRAGMA mmap_size").fetchone()[0] == 0
    connection.close()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_catalog_is_enlarged_and_its_documents_get_checksums(tmp_path, version):
    connection = sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None)
    connection.execute("CREATE TABLE documents (segment, row, id, title, text, metadata)")
    connection.execute(f"CREATE TABLE segments (number, a, b, c, d, e{', prefix' * (version == 2)})")
    connection.execute("CREATE TABLE manifest (only, json)")
    if version == 2:
        connection.execute("CREATE TABLE tombstones (segment, row)")
    connection.execute("INSERT INTO documents VALUES (1, 0, 'a', '', 'text', '')")
    enlarge(connection, version)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == SUMMED
    assert connection.execute("SELECT sum FROM documents").fetchone() == (0x06B03519,)
    connection.close()


def test_a_blank_file_is_no_index(tmp_path):
    connection = sqlite3.connect(tmp_path / "index.sqlite")
    with pytest.raises(IndexStoreError, match="nothing is committed in"):
        demand_format(connection, tmp_path / "index.sqlite")
