"""A corpus read whole, before anything is encoded."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from mrl_search.data import Corpus, Tolerance
from mrl_search.document import Document
from mrl_search.errors import CorpusError
from mrl_search.progress import bar

_LOG = logging.getLogger(__name__)


class Reading(NamedTuple):
    """How a corpus is read. done: what becomes of it, for an error. needs_text: whether one text at least is needed."""

    done: str
    needs_text: bool = True
    skip_bad: int = 0
    progress: bool = False


def ingest(corpus: Corpus, put: Callable[[Document], str], reading: Reading) -> tuple[int, int]:
    """Reads all documents, so that a bad line is met before anything is encoded.

    put: takes a document and returns nothing, or says why not.
    Returns how many records were skipped, and how many documents have no text. Raises CorpusError for more bad records
    than are tolerated, and where nothing is left, or nothing to encode.
    """
    tolerance = Tolerance(reading.skip_bad)
    count = without_text = 0
    with bar(None, "reading", "documents", shown=reading.progress) as progress:
        for document in corpus.read(tolerance):
            if why := put(document):
                tolerance.bad(document.where, why)
            else:
                count += 1
                without_text += not document.content
                progress.update(1)
    for skipped in tolerance.skipped:
        _LOG.warning("skipped %s", skipped)
    if not count:
        raise CorpusError(f"{corpus.source} holds no documents; nothing was {reading.done}")
    if without_text == count and reading.needs_text:
        raise CorpusError(
            f"no document of {corpus.source} has a text to encode; give their vectors with --vectors FILE"
        )
    return len(tolerance.skipped), without_text
