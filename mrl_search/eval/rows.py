"""The rows of one encoder, rotation and format: every width and funnel, measured and timed; and the row of BM25."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mrl_search.data import Dataset
from mrl_search.device import Device
from mrl_search.eval import measures as _measures
from mrl_search.eval.cost import measured
from mrl_search.eval.encoded import Encoded, without_self
from mrl_search.eval.hybrid import hybrid, hybrid_name
from mrl_search.eval.lexical import Lexicon, bm25
from mrl_search.eval.recipes import EvalRecipe
from mrl_search.eval.report import Cost, Report, Row
from mrl_search.funnel import Funnel
from mrl_search.fusion import Fusion
from mrl_search.hits import Hits
from mrl_search.indexes import AUTO, EXACT, Codec, StoredVectors, VectorIndex, build_prefix, chosen_codec, sketched
from mrl_search.placing import exact_on, index_on
from mrl_search.progress import bar
from mrl_search.run import Run, ScoredDoc
from mrl_search.vectors import Vectors

_IN_RAM = 2**29  # bytes of exact prefixes


class Asked(NamedTuple):
    """What is the same for all rows. documents: how many there are. runs: where TREC runs go, if anywhere.
    device: what searches.
    """

    dataset: Dataset
    documents: int
    recipe: EvalRecipe
    runs: Path | None
    device: Device
    progress: bool = False


def rows(encoded: Encoded, funnels: list[Funnel], words: Lexicon | None, asked: Asked) -> Iterator[Report]:
    """Every width exactly, then all funnels with every kind of prefix.

    With words, each that ends at the full width is followed by its hybrids.
    """
    recipe, stored, more = asked.recipe, encoded.documents, int(asked.recipe.drops_self)
    known = _exact(stored, encoded.turned, funnels, more, asked.device)
    walks = [(EXACT, funnel) for funnel in known]
    walks += [(prefix, funnel) for prefix in recipe.prefixes for funnel in funnels if funnel not in known]
    index, built = VectorIndex(stored), (0, Codec(""))
    with bar(len(walks), f"searching {asked.dataset.name}", "funnels", shown=asked.progress) as progress:
        for prefix, funnel in walks:
            first = funnel.stages[0].dim
            codec = chosen_codec(len(stored), first) if prefix == AUTO else Codec(prefix)
            if (first, codec) != built:
                index = VectorIndex(stored)  # lets go of the one before: each is a copy of its prefixes
                index = index_on(asked.device, _index(stored, first, codec, asked.device), codec.factory)
                built = (first, codec)
            found, cost = measured(index, encoded.queries, funnel.deeper(more), encoded.rotation)
            hits = known.get(funnel, found)
            ranking = encoded.ranking(asked.dataset.queries, hits, funnel.k, drops_self=recipe.drops_self)
            row = Row(encoded.name, str(funnel), encoded.kind, prefix, stored.dtype)
            yield _reported(row, ranking, cost, funnel.k, asked)
            if words is not None and funnel.dim == stored.dim:
                for fusion in map(Fusion.parse, recipe.hybrid):
                    both, paid = hybrid(index, encoded, words, fusion, funnel, cost, drops_self=recipe.drops_self)
                    named = replace(row, encoder=hybrid_name(row.encoder, fusion))
                    yield _reported(named, both, paid, funnel.k, asked)
            progress.update(1)
            stored.release()  # what a rerank touched here and there would stay mapped, page by page


def lexical_row(words: Lexicon, asked: Asked) -> Report:
    """What the words alone find."""
    run, cost = bm25(words)
    depth = asked.recipe.depth
    ranking = {
        query: without_self(query, some, depth, drops_self=asked.recipe.drops_self)
        for query, some in run.ranking.items()
    }
    return _reported(Row(run.name, f"{run.name}:{depth}"), ranking, cost, depth, asked, name=run.name)


def _reported(
    row: Row, ranking: dict[str, list[ScoredDoc]], cost: Cost, k: int, asked: Asked, name: str | None = None
) -> Report:
    """The row with its measures, those that look no deeper than k: the others would be too low. Its run is written.

    name: the run's, where it is not the row's.
    """
    run = Run(name or _run_name(row), ranking)
    if asked.runs is not None:
        run.write(asked.runs / f"{run.name}.trec")
    measures = asked.recipe.measures
    names = [name for name in measures if k >= min(_measures.cutoff(name), asked.documents)]
    values = _measures.per_query(run, asked.dataset.qrels, names)
    means = {name: _measures.mean(by_query) for name, by_query in values.items()}
    return Report(**vars(row), mean=means, per_query=values, cost=cost)


def _exact(
    stored: StoredVectors, queries: Vectors, funnels: list[Funnel], more: int, device: Device
) -> dict[Funnel, Hits]:
    """The hits of every funnel of one stage, `more` than it asks for, by one pass over the vectors."""
    exact = single(funnels)
    deepest = max(funnel.k for funnel in exact) + more
    found = exact_on(device, stored, queries, [funnel.dim for funnel in exact], min(deepest, len(stored)))
    return {
        funnel: Hits(found[funnel.dim].scores[:, : funnel.k + more], found[funnel.dim].rows[:, : funnel.k + more])
        for funnel in exact
    }


def _index(stored: StoredVectors, dim: int, codec: Codec, device: Device) -> VectorIndex:
    """An index with such prefixes; without any where exact ones would take more than half a GiB of RAM.

    A card has room for them, and without them would cut and scale all vectors anew for every query.
    """
    if codec == Codec(EXACT) and 4 * dim * len(stored) > _IN_RAM and not device.is_cuda:
        return VectorIndex(stored)
    return VectorIndex(stored, build_prefix(stored, dim, codec), sketched(stored) if codec.is_refined else None)


def single(funnels: list[Funnel]) -> list[Funnel]:
    """Those of one stage, which are answered exactly."""
    return [funnel for funnel in funnels if len(funnel.stages) == 1]


def _run_name(row: Row) -> str:
    """One word that is fit for a file name: `minilm-768-64x200_768x10`, `minilm-768-learned-SQ8-64x200_768x10`."""
    safe = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in "-".join(row.source))
    return f"{safe}-{row.funnel.replace(':', 'x').replace(',', '_')}"
