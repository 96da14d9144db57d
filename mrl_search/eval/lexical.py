"""BM25: what the words alone find, as a row beside the encoders'."""

from collections import defaultdict
from itertools import islice
from typing import Any

import numpy as np

from mrl_search.data import Dataset, Tolerance
from mrl_search.errors import MissingPackageError
from mrl_search.eval.cost import timed
from mrl_search.eval.report import Cost
from mrl_search.hits import best
from mrl_search.progress import bar
from mrl_search.run import Run, ranked

NAME = "bm25"
_BLOCK = 1_000  # documents whose words are strings at a time


def bm25(dataset: Dataset, ids: list[str], depth: int, *, progress: bool = False) -> tuple[Run, Cost]:
    """The `depth` best documents of each query that share a word with it, by bm25s as it comes.

    English stop words and Porter's stemmer, Lucene's BM25 with k1 = 1.5 and b = .75 (Lù 2024, 2407.03618). A
    multiply-add of the cost is a posting that is read; tokens are at hand when the clock starts.
    Raises MissingPackageError without bm25s or PyStemmer.
    """
    index, stem = _indexed(dataset, len(ids), progress=progress)
    asked = _tokens(list(dataset.queries.values()), stem)

    def answer(first: int, last: int) -> list[tuple[list[str], list[float]]]:
        return [_search(index, tokens, ids, depth) for tokens in asked[first:last]]

    times, answers = timed(answer, len(asked))
    found = {query: ranked(*one) for query, one in zip(dataset.queries, answers, strict=True)}
    starts, words = index.scores["indptr"], index.vocab_dict
    postings = [sum(int(starts[words[t] + 1] - starts[words[t]]) for t in tokens if t in words) for tokens in asked]
    held = sum(index.scores[name].nbytes for name in ("data", "indices", "indptr"))
    cost = Cost(round(float(np.mean(postings))), *times, round(held / len(ids), 1), 0.0, "cpu")
    return Run(NAME, found), cost


def _indexed(dataset: Dataset, count: int, *, progress: bool) -> tuple[Any, Any]:
    try:
        import bm25s
        import Stemmer
    except ImportError as error:
        raise MissingPackageError(error.name or "bm25s", "BM25", "bm25") from None
    stem = Stemmer.Stemmer("english")
    with bar(count, f"indexing words of {dataset.name}", "documents", shown=progress) as shown:
        numbers: defaultdict[str, int] = defaultdict(lambda: len(numbers))
        texts: list[list[int]] = []  # as numbers: of words as strings, every document has its own
        contents = (document.content for document in dataset.corpus.read(Tolerance(0)))
        for block in iter(lambda: list(islice(contents, _BLOCK)), []):
            texts.extend([numbers[word] for word in words] for words in _tokens(block, stem))
            shown.update(len(block))
    index = bm25s.BM25()
    index.index((texts, dict(numbers)), show_progress=False)
    return index, stem


def _tokens(texts: list[str], stem: Any) -> list[list[str]]:
    import bm25s

    tokens: list[list[str]] = bm25s.tokenize(texts, stemmer=stem, return_ids=False, show_progress=False)
    return tokens


def _search(index: Any, tokens: list[str], ids: list[str], depth: int) -> tuple[list[str], list[float]]:
    known = [token for token in tokens if token in index.vocab_dict]
    if not known:
        return [], []
    scores = np.asarray(index.get_scores(known), np.float32)
    rows = np.flatnonzero(scores > 0)
    if len(rows) > depth:  # the k-th best and all that equal it
        rows = rows[scores[rows] >= np.partition(scores[rows], -depth)[-depth]]
    hits = best(scores[rows][None], rows[None].astype(np.int64), depth)
    values, places = hits.of(0)
    return [ids[row] for row in places.tolist()], values.tolist()
