"""A corpus, and a corpus with questions and answers: what the rest of the house reads."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from mrl_search.data.documents import Tolerance
from mrl_search.document import Document


@dataclass(frozen=True)
class Corpus:
    """Documents to be streamed; `name` is fit for a folder, `source` is what the user gave."""

    name: str
    source: str
    reader: Callable[[Tolerance], Iterator[Document]] = field(repr=False, compare=False)

    def read(self, tolerance: Tolerance) -> Iterator[Document]:
        """The documents in file order, from the start at each call, except that stdin can be read once.

        Bad records go to `tolerance`. Raises CorpusError, at the first read at
        the earliest. Ids are not checked to be unique.
        """
        return self.reader(tolerance)


@dataclass(frozen=True)
class Dataset:
    """A test collection, cut down to one split.

    queries: query id → text, in the order of the queries' file, judged ones only.
    qrels: query id → document id → grade; may judge documents the corpus lacks.
    """

    name: str
    split: str
    corpus: Corpus
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def folder_name(text: str) -> str:
    """The text as the name of a folder: letters, digits, `.`, `_` and `-`, not empty, not hidden."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip(".") or "corpus"
