"""Words and vectors together: BM25 fused with a funnel, as a row beside both."""

from dataclasses import replace

from mrl_search.eval.cost import timed
from mrl_search.eval.encoded import Encoded, without_self
from mrl_search.eval.lexical import NAME, Lexicon
from mrl_search.eval.report import Cost
from mrl_search.funnel import Funnel
from mrl_search.fusion import Fusion
from mrl_search.hybrid import sides
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
    index: VectorIndex,
    encoded: Encoded,
    words: Lexicon,
    fusion: Fusion,
    funnel: Funnel,
    cost: Cost,
    *,
    drops_self: bool,
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
        both = sides(index, turned, near, words.found(first, last), fusion, funnel.dim)
        fused = {}
        for query, found in zip(names[first:last], both, strict=True):
            listed = (side.documents(encoded.ids) for side in found)
            by_vectors, by_words = (without_self(query, one, len(one), drops_self=drops_self) for one in listed)
            fused[query] = fusion(by_vectors, by_words, funnel.k)
        return fused

    times, found = timed(answer, len(names), index.let_go)
    return found, replace(
        cost,
        **times._asdict(),
        macs_per_query=cost.macs_per_query + words.postings,
        ram_bytes_per_document=round(cost.ram_bytes_per_document + words.bytes_per_document, 1),
    )
