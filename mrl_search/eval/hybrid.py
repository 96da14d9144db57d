"""Words and vectors together: BM25 fused with a funnel, as a row beside both."""

from dataclasses import replace

from mrl_search.eval.cost import timed
from mrl_search.eval.encoded import Encoded, without_self
from mrl_search.eval.lexical import NAME, Words
from mrl_search.eval.report import Cost
from mrl_search.funnel import Funnel
from mrl_search.fusion import Fusion
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

    cost: of the funnel alone. drops_self: leave out a document with the query's own id.
    """
    names, deeper = words.queries, funnel.deeper(int(drops_self))

    def answer(first: int, last: int) -> dict[str, list[ScoredDoc]]:
        some, asked = names[first:last], encoded.queries[first:last]
        hits = search(index, asked if encoded.rotation is None else encoded.rotation.apply(asked), deeper)
        near = encoded.ranking(some, hits, funnel.k, drops_self=drops_self)
        said = words.answer(first, last)
        return {
            query: fusion(near[query], without_self(query, said[query], words.depth, drops_self=drops_self), funnel.k)
            for query in some
        }

    times, found = timed(answer, len(names), index.let_go)
    return found, replace(
        cost,
        **times._asdict(),
        macs_per_query=cost.macs_per_query + words.postings,
        ram_bytes_per_document=round(cost.ram_bytes_per_document + words.bytes_per_document, 1),
    )
