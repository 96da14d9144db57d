"""Ids of documents from a file or stdin."""

from mrl_search.data.lines import exact_lines
from mrl_search.data.queries import Strict
from mrl_search.errors import CorpusError


def read_ids(source: str) -> list[str]:
    """The ids of a file (.gz, or `-` for stdin), one a line; blank lines are passed over.

    Blanks at a line's ends belong to the id: they may be all that tells two documents apart.
    Raises CorpusError for a line that is not UTF-8, and where there are none.
    """
    ids = list(exact_lines(source, Strict()))
    if not ids:
        raise CorpusError(f"{'stdin' if source == '-' else source} holds no ids")
    return ids
