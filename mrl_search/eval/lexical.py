"""BM25: what the words alone find, as a row beside the encoders', and as a half of their hybrids."""

from dataclasses import dataclass

import numpy as np

from mrl_search.data import Dataset, Tolerance
from mrl_search.eval.cost import timed
from mrl_search.eval.report import Cost
from mrl_search.indexes import Said, Words, words_in_memory
from mrl_search.progress import bar
from mrl_search.run import Run, ScoredDoc, ranked

NAME = "bm25"


@dataclass(frozen=True)
class Lexicon:
    """BM25 over a dataset's documents, scored as an index would score them; its queries' texts are at hand.

    queries: their ids, in the dataset's order. depth: documents that a query is given.
    """

    index: Words
    ids: list[str]
    queries: list[str]
    texts: list[str]
    depth: int
    bytes_per_document: float

    def found(self, first: int, last: int) -> Said:
        """Of the queries first … last - 1: the best rows that share a word with each, and any row's score."""
        return self.index.say(self.texts[first:last], self.depth)

    def answer(self, first: int, last: int) -> dict[str, list[ScoredDoc]]:
        """Of the queries first … last - 1: the best documents that share a word with each, best first."""
        said = self.found(first, last)
        found = (
            ranked([self.ids[row] for row in rows.tolist()], scores.tolist())
            for rows, scores in zip(said.rows, said.score(said.rows), strict=True)
        )
        return dict(zip(self.queries[first:last], found, strict=True))

    @property
    def postings(self) -> int:
        """How many a query reads, on average."""
        return round(float(np.mean([self.index.postings(text) for text in self.texts])))


def words_of(dataset: Dataset, ids: list[str], depth: int, *, progress: bool = False) -> Lexicon:
    """The words of the dataset's documents, whose ids these are."""
    with bar(len(ids), f"indexing words of {dataset.name}", "documents", shown=progress) as shown:
        contents = (document.content for document in dataset.corpus.read(Tolerance(0)))
        index, size = words_in_memory(contents, len(ids), shown.update)
    queries = list(dataset.queries), list(dataset.queries.values())
    return Lexicon(index, ids, *queries, depth, round(size / len(ids), 1))


def bm25(words: Lexicon) -> tuple[Run, Cost]:
    """What the words alone find. A multiply-add of the cost is a posting that is read."""
    times, found = timed(words.answer, len(words.queries))
    return Run(NAME, found), Cost(words.postings, *times, words.bytes_per_document, 0.0, "cpu")
