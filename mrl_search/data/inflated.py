"""A test collection in a larger haystack: documents that nobody judged beside its own."""

from collections.abc import Iterator
from dataclasses import replace

from mrl_search.data import stdlib_docs
from mrl_search.data.collection import Corpus, Dataset
from mrl_search.data.corpus import open_corpus
from mrl_search.data.documents import Tolerance
from mrl_search.document import Document
from mrl_search.errors import CorpusError, DatasetError

_SPANS = 2**27  # places that the words' hashes fall into
_SPAN = 5  # words in a row
_PREFIX = "distractor:"  # of their ids, so that none is a judged one's


def inflated(dataset: Dataset, distractors: str) -> Dataset:
    """The same queries and judgements over a corpus to whose end `distractors` are added.

    distractors: SOURCE, as a corpus is named for `open_corpus`, or SOURCE:N for its first N; N alone is of the
    standard library's docstrings. One that a document of the collection holds is left out, as it would be as relevant:
    one with its very text, or of five words or more that stand in the collection in every row of five (a large
    collection has many: some are then left out for nothing). Takes 128 MiB.
    Raises DatasetError for N below 1, CorpusError as `open_corpus`, and when read where there are too few.
    """
    source, count = _told(distractors)
    corpus = open_corpus(source)

    def read(tolerance: Tolerance) -> Iterator[Document]:
        own, spans = set(), bytearray(_SPANS)
        for document in dataset.corpus.read(tolerance):
            own.add(hash(document.content))
            for place in _spans(document.content):
                spans[place] = True
            yield document
        added = 0
        for document in corpus.read(tolerance):
            if added == count:
                return
            text = document.content
            if hash(text) not in own and not ((found := _spans(text)) and all(spans[place] for place in found)):
                added += 1
                yield replace(document, id=_PREFIX + document.id)
        if added < (count or 1):
            raise CorpusError(
                f"{source} has {added:,} documents to add, asked for {count or 'some'}; name a larger one"
            )

    return replace(dataset, corpus=Corpus(dataset.corpus.name, f"{dataset.corpus.source} + {distractors}", read))


def _spans(text: str) -> list[int]:
    """The place of every five words in a row; none of fewer."""
    words = text.casefold().split()
    return [hash(span) % _SPANS for span in zip(*(words[start:] for start in range(_SPAN)), strict=False)]


def _told(distractors: str) -> tuple[str, int | None]:
    """Source, and how many of it; None for all."""
    source, _, number = distractors.rpartition(":")
    if not number.isdecimal():
        return distractors, None
    if int(number) < 1:
        raise DatasetError(f"asked for {number} distractors; ask for at least 1")
    return source or stdlib_docs.SOURCE, int(number)
