"""BM25: what the words alone find, as a row beside the encoders', and as a half of their hybrids."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from mrl_search.data import Dataset, Tolerance
from mrl_search.errors import MissingPackageError
from mrl_search.eval.cost import timed
from mrl_search.eval.report import Cost
from mrl_search.hits import Rows, Scores, best
from mrl_search.progress import bar
from mrl_search.run import Run, ScoredDoc, ranked

NAME = "bm25"
_BLOCK = 1_000  # documents whose words are strings at a time


@dataclass(frozen=True)
class Words:
    """BM25 over a dataset's documents, by bm25s as it comes; its queries' words are at hand.

    English stop words and Porter's stemmer, Lucene's BM25 with k1 = 1.5 and b = .75 (Lù 2024, 2407.03618).
    queries: their ids, in the dataset's order. depth: documents that a query is given.
    """

    index: Any
    ids: list[str]
    queries: list[str]
    asked: list[list[str]]
    depth: int

    def found(self, query: int) -> tuple[Rows, Scores]:
        """Of the query at that place: the best rows that share a word with it, best first; and every row's score."""
        known = [word for word in self.asked[query] if word in self.index.vocab_dict]
        if not known:
            return np.empty(0, np.int64), np.zeros(len(self.ids), np.float32)
        scores = np.asarray(self.index.get_scores(known), np.float32)
        rows = np.flatnonzero(scores > 0)
        if len(rows) > self.depth:  # the k-th best and all that equal it
            rows = rows[scores[rows] >= np.partition(scores[rows], -self.depth)[-self.depth]]
        return best(scores[rows][None], rows[None].astype(np.int64), self.depth).of(0)[1], scores

    def answer(self, first: int, last: int) -> dict[str, list[ScoredDoc]]:
        """Of the queries first … last - 1: the best documents that share a word with each, best first."""
        ranking = {}
        for query in range(first, last):
            rows, scores = self.found(query)
            ranking[self.queries[query]] = listed(self.ids, rows, scores[rows])
        return ranking

    @property
    def postings(self) -> int:
        """How many a query reads, on average."""
        starts, known = self.index.scores["indptr"], self.index.vocab_dict
        read = [sum(int(starts[known[t] + 1] - starts[known[t]]) for t in one if t in known) for one in self.asked]
        return round(float(np.mean(read)))

    @property
    def bytes_per_document(self) -> float:
        """What its arrays take of RAM."""
        held: int = sum(self.index.scores[name].nbytes for name in ("data", "indices", "indptr"))
        return round(held / len(self.ids), 1)


def words_of(dataset: Dataset, ids: list[str], depth: int, *, progress: bool = False) -> Words:
    """The words of the dataset's documents, whose ids these are. Raises MissingPackageError without bm25s."""
    try:
        import bm25s
        import Stemmer
    except ImportError as error:
        raise MissingPackageError(error.name or "bm25s", "BM25", "bm25") from None
    stem = Stemmer.Stemmer("english")
    with bar(len(ids), f"indexing words of {dataset.name}", "documents", shown=progress) as shown:
        numbers: defaultdict[str, int] = defaultdict(lambda: len(numbers))
        texts: list[list[int]] = []  # as numbers: of words as strings, every document has its own
        contents = (document.content for document in dataset.corpus.read(Tolerance(0)))
        for block in iter(lambda: list(islice(contents, _BLOCK)), []):
            texts.extend([numbers[word] for word in words] for words in _tokens(block, stem))
            shown.update(len(block))
    index = bm25s.BM25()
    index.index((texts, dict(numbers)), show_progress=False)
    return Words(index, ids, list(dataset.queries), _tokens(dataset.queries.values(), stem), depth)


def bm25(words: Words) -> tuple[Run, Cost]:
    """What the words alone find. A multiply-add of the cost is a posting that is read."""
    times, found = timed(words.answer, len(words.queries))
    return Run(NAME, found), Cost(words.postings, *times, words.bytes_per_document, 0.0, "cpu")


def _tokens(texts: Iterable[str], stem: Any) -> list[list[str]]:
    import bm25s

    tokens: list[list[str]] = bm25s.tokenize(list(texts), stemmer=stem, return_ids=False, show_progress=False)
    return tokens


def listed(ids: list[str], rows: Rows, scores: Scores) -> list[ScoredDoc]:
    """The rows as documents, in the order all rankings have."""
    return ranked([ids[row] for row in rows.tolist()], scores.tolist())
