"""What a change of a living index does to its catalog, inside the writer's transaction."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mrl_search.document import Document, has_surrogate
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.filters import Condition
from mrl_search.indexes.layout import Segment
from mrl_search.indexes.postings import forget_words
from mrl_search.indexes.sums import MOVED

_INCOMING = 0  # stands for the segment of documents that have none yet; numbers begin at 1


class Removed(NamedTuple):
    """How many documents went, and how many of them had no text."""

    documents: int = 0
    without_text: int = 0


class Changes:
    """Puts documents in and takes documents out; the rows of those that go become tombstones."""

    def __init__(self, catalog: Catalog) -> None:
        catalog.upgrade()
        self._catalog = catalog
        self._connection = catalog.connection
        self.removed = Removed()

    def put(self, row: int, document: Document) -> bool:
        """Adds a document in the place of one with its id; False, and nothing done, if that came in by this change."""
        found = self._connection.execute("SELECT segment FROM documents WHERE id = ?", (document.id,)).fetchone()
        if found is not None:
            if found[0] == _INCOMING:
                return False
            self.remove([document.id])
        return self._catalog.add(_INCOMING, row, document)

    def remove(self, ids: Iterable[str]) -> list[str]:
        """Removes the documents of these ids; returns those that are no document's."""
        missing = []
        for identifier in ids:
            if has_surrogate(identifier):  # which no document's can be, nor can SQLite be asked for it
                missing.append(identifier)
                continue
            found = self._connection.execute(
                "SELECT segment, row, title, text FROM documents WHERE id = ?", (identifier,)
            ).fetchone()
            if found is None:
                missing.append(identifier)
                continue
            self._connection.execute("INSERT INTO tombstones VALUES (?, ?)", found[:2])
            self._connection.execute("DELETE FROM documents WHERE id = ?", (identifier,))
            bare = not f"{found[2]} {found[3]}".strip()
            self.removed = Removed(self.removed.documents + 1, self.removed.without_text + bare)
        return missing

    def remove_where(self, condition: Condition) -> None:
        """Removes the documents that a filter passes."""
        statement = f"SELECT id FROM documents WHERE {condition.sql}"  # noqa: S608  names and values are parameters
        self.remove([one for (one,) in self._connection.execute(statement, condition.parameters).fetchall()])

    def incoming(self) -> Iterator[Document]:
        """The documents that came in, in the order they came, streamed."""
        return self._catalog.documents(_INCOMING)

    def live_rows(self, segment: Segment) -> list[int]:
        """The rows of a segment's documents, ascending."""
        rows = self._connection.execute("SELECT row FROM documents WHERE segment = ? ORDER BY row", (segment.number,))
        return segment.checked([row for (row,) in rows])

    def live(self, segment: Segment) -> int:
        """How many documents a segment has."""
        dead = self._connection.execute("SELECT count(*) FROM tombstones WHERE segment = ?", (segment.number,))
        return segment.documents - int(dead.fetchone()[0])

    def settle(self, number: int, carried: Sequence[int]) -> int:
        """Moves all documents of the carried segments and what came in to segment `number`; returns how many they are.

        Their rows are numbered anew in that order; the carried segments and their tombstones go.
        """
        some = ",".join(map(str, map(int, carried)))
        self._connection.execute(
            "CREATE TEMP TABLE moved AS SELECT rowid AS document, row_number() OVER "  # noqa: S608  numbers only
            f"(ORDER BY segment = {_INCOMING}, segment, row) - 1 AS row FROM documents "
            f"WHERE segment IN ({','.join(filter(None, [some, str(_INCOMING)]))})"
        )
        moved = self._connection.execute(
            f"UPDATE documents SET segment = ?, row = moved.row, sum = {MOVED} FROM temp.moved AS moved "  # noqa: S608
            "WHERE documents.rowid = moved.document",
            (number, number),
        ).rowcount
        self._connection.execute("DROP TABLE temp.moved")
        self._connection.execute(f"DELETE FROM tombstones WHERE segment IN ({some})")  # noqa: S608
        self._connection.execute(f"DELETE FROM segments WHERE number IN ({some})")  # noqa: S608
        forget_words(self._connection, carried)
        return int(moved)
