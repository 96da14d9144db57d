"""Queries from a file or stdin."""

from collections.abc import Iterable
from typing import NoReturn

from mrl_search.data.corpus import reader_of
from mrl_search.data.documents import Tolerance, to_documents
from mrl_search.data.files import STDIN
from mrl_search.data.lines import text_records
from mrl_search.data.record import Record
from mrl_search.errors import CorpusError


class Strict(Tolerance):
    """Forgives nothing: a measure over some of the queries is not the measure."""

    def bad(self, where: str, reason: str) -> NoReturn:
        """Raises CorpusError."""
        raise CorpusError(f"{where}: {reason}")


def read_queries(source: str) -> dict[str, str]:
    """Query id → text, in file order.

    source: a file as a corpus may be one, with `_id` (or `id`) and `text`; of
    a .txt file, and of stdin for `-`, each line is a query and its number the
    id. Raises CorpusError for a bad line, a repeated id, an empty query, and
    when there are no queries at all.
    """
    reader = text_records if source == STDIN else reader_of(source)[0]
    strict = Strict()
    queries = collect_queries(reader(source, strict))
    if not queries:
        raise CorpusError(f"{'stdin' if source == STDIN else source} holds no queries")
    return queries


def collect_queries(records: Iterable[Record]) -> dict[str, str]:
    """Query id → text, in order. Raises CorpusError at the first record that is not a new, non-empty query."""
    strict = Strict()
    queries: dict[str, str] = {}
    for query in to_documents(records, strict):
        if query.id in queries:
            strict.bad(query.where, f"the query id {query.id!r} stands there a second time")
        if not query.text.strip():
            strict.bad(query.where, f"the query {query.id!r} is empty")
        queries[query.id] = query.text
    return queries
