"""Ids of documents from a file or stdin."""

from mrl_search.data.lines import id_records
from mrl_search.data.queries import Strict
from mrl_search.errors import CorpusError


def read_ids(source: str) -> list[str]:
    """The ids of a file (.gz, or `-` for stdin), one a line; blank lines are passed over.

    Raises CorpusError for a line that is not UTF-8, and where there are none.
    """
    ids = [str(record.fields["_id"]) for record in id_records(source, Strict())]
    if not ids:
        raise CorpusError(f"{'stdin' if source == '-' else source} holds no ids")
    return ids
