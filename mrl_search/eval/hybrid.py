"""Words and vectors together: BM25 fused with a funnel, as a row beside both."""

from dataclasses import replace

import numpy as np

from mrl_search.eval.cost import timed
from mrl_search.eval.encoded import Encoded, without_self
from mrl_search.eval.lexical import NAME, Words, listed
from mrl_search.eval.report import Cost
from mrl_search.funnel import Funnel, Stage
from mrl_search.fusion import Fusion
from mrl_search.hits import Hits, Rows, unscored
from mrl_search.indexes import VectorIndex
from mrl_search.retriever import search
from mrl_search.run import ScoredDoc

_JOINED = f" + {NAME} "


def hybrid_name(encoder: str, fusion: Fusion) -> str:
    """What the rows of both are called, as `minilm-768 + bm25 rrf`."""
    return f"{encoder}{_JOINED}{fusion}"


def encoder_of(name: str) -> str:
    """The encoder of a row so called, or of any other."""
    return name.partition(_JOINED)[0]


def hybrid(
    index: VectorIndex, encoded: Encoded, words: Words, fusion: Fusion, funnel: Funnel, cost: Cost, *, drops_self: bool
) -> tuple[dict[str, list[ScoredDoc]], Cost]:
    """The funnel.k best documents of every query, by words and vectors, and what both together cost.

    For a sum of scores, what either finds is scored by both; ranks are those of what each finds.
    cost: of the funnel alone. drops_self: leave out a document with the query's own id.
    """
    names, deeper = words.queries, funnel.deeper(int(drops_self))

    def answer(first: int, last: int) -> dict[str, list[ScoredDoc]]:
        asked = encoded.queries[first:last]
        turned = asked if encoded.rotation is None else encoded.rotation.apply(asked)
        near = search(index, turned, deeper)
        said = [words.found(query) for query in range(first, last)]
        if fusion.adds_scores:
            rows = _either(near, [found for found, _ in said])
            near = index.rerank(turned, unscored(rows), Stage(funnel.dim, rows.shape[1]))
        fused = {}
        for place, query in enumerate(names[first:last]):
            cosines, close = near.of(place)
            spoken, scores = said[place]
            spoken = close if fusion.adds_scores else spoken
            sides = (listed(encoded.ids, close, cosines), listed(encoded.ids, spoken, scores[spoken]))
            by_vectors, by_words = (without_self(query, one, len(one), drops_self=drops_self) for one in sides)
            fused[query] = fusion(by_vectors, by_words, funnel.k)
        return fused

    times, found = timed(answer, len(names), index.let_go)
    return found, replace(
        cost,
        **times._asdict(),
        macs_per_query=cost.macs_per_query + words.postings,
        ram_bytes_per_document=round(cost.ram_bytes_per_document + words.bytes_per_document, 1),
    )


def _either(near: Hits, said: list[Rows]) -> Rows:
    """(q, m): each query's rows that vectors or words found, each once; -1 fills up."""
    rows = [np.union1d(near.of(place)[1], found) for place, found in enumerate(said)]
    filled = np.full((len(rows), max(map(len, rows), default=0)), -1, np.int64)
    for place, some in enumerate(rows):
        filled[place, : len(some)] = some
    return filled
