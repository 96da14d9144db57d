"""One encoding, every width and funnel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mrl_search.atomic import filling
from mrl_search.data import Dataset, load_dataset
from mrl_search.encoders import cached, load_encoder
from mrl_search.errors import DatasetError, DimensionError, FunnelError
from mrl_search.eval import measures as _measures
from mrl_search.eval.cost import measured_cost
from mrl_search.eval.encoded import Encoded, distinct_ids, encode, rotated
from mrl_search.eval.lexical import bm25
from mrl_search.eval.measures import PerQuery
from mrl_search.eval.recipes import EvalRecipe
from mrl_search.eval.report import Cost, Evaluation, Report, kept
from mrl_search.funnel import Funnel, Stage
from mrl_search.hits import Hits
from mrl_search.indexes import (
    AUTO,
    EXACT,
    Codec,
    StoredVectors,
    VectorIndex,
    build_prefix,
    check_codec,
    chosen_codec,
    exact,
    sketched,
)
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.retriever import search
from mrl_search.run import Run, ScoredDoc, ranked
from mrl_search.vectors import Vectors

_SHORTLIST = 200  # candidates of the default funnel; see Funnel.default
_IN_RAM = 2**30  # bytes
_Walk = tuple[str, Funnel]  # a kind of prefix index, and the funnel that begins there
_WIDTHS = (64, 128, 256, 512, 1024, 2048)  # searched exactly unless others are asked for, as far as the encoder goes


@dataclass(frozen=True)
class EvalOptions:
    """How to evaluate, as against what.

    data: the folder to look for `<dataset>/` in first. runs: where to write TREC runs, if anywhere.
    """

    data: Path | None = None
    runs: Path | None = None
    cache: bool = True
    progress: bool = False


def evaluate(recipe: EvalRecipe | str, options: EvalOptions | None = None) -> Evaluation:
    """Encodes each dataset once per encoder and measures every width and funnel from the same vectors.

    A plain name stands for `EvalRecipe(name)`. Rows come encoder by encoder, rotation by rotation: exact search at each
    width, widest first, then the funnels with one kind of prefix index after the other.
    Raises DimensionError or FunnelError, before anything is encoded, for what an encoder is too narrow for.
    """
    options = options or EvalOptions()
    recipe = EvalRecipe(recipe) if isinstance(recipe, str) else recipe
    _measures.demand_computable(recipe.measures)
    dataset = load_dataset(recipe.dataset, recipe.split, options.data)
    ids = distinct_ids(dataset)
    if options.runs is None:
        reports = tuple(_reports(dataset, ids, recipe, options))
    else:
        _demand_words(dataset, ids)
        with filling(options.runs) as runs:  # all of them, or none
            reports = tuple(_reports(dataset, ids, recipe, replace(options, runs=runs)))
    return Evaluation(
        dataset=dataset.name,
        split=dataset.split,
        documents=len(ids),
        queries=len(dataset.queries),
        measures=recipe.measures,
        command=recipe.command(),
        reports=reports,
        provenance=provenance(),
    )


def _reports(dataset: Dataset, ids: list[str], recipe: EvalRecipe, options: EvalOptions) -> Iterator[Report]:
    for spec in recipe.encoders:
        encoder = load_encoder(spec)
        funnels = _funnels(recipe, encoder.dim)
        plain = encode(dataset, ids, cached(encoder, wanted=options.cache), progress=options.progress)
        for kind in recipe.rotations:
            turned = rotated(plain, kind, _prefix_widths(funnels), encoder.trained_dims, progress=options.progress)
            yield from _rows(dataset, turned, funnels, recipe, options)
    if recipe.bm25:
        yield _lexical_row(dataset, ids, recipe, options)


def _funnels(recipe: EvalRecipe, dim: int) -> list[Funnel]:
    """Exact search at every width, widest (the encoder's own) first, then the funnels."""
    widths = recipe.dims or tuple(width for width in _WIDTHS if width < dim)
    if max(widths, default=1) > dim:
        raise DimensionError(f"the encoder gives {dim} dims, asked for {max(widths)}; end --dims at {dim}")
    for prefix in recipe.prefixes:
        if prefix != AUTO:
            check_codec(min(widths, default=dim), Codec(prefix))
    depth = recipe.depth
    full = [Funnel((Stage(width, depth),)) for width in sorted({*widths, dim}, reverse=True)]
    if recipe.funnels is not None:
        funnels = [Funnel.parse(text) for text in recipe.funnels]
    elif (shortest := min(widths, default=dim)) < dim:
        funnels = [Funnel((Stage(shortest, max(_SHORTLIST, depth)), Stage(dim, depth)))]
    else:
        funnels = []
    for funnel in funnels:
        if funnel.dim > dim:
            raise FunnelError(f"the funnel {funnel} asks for {funnel.dim} dims, the encoder gives {dim}")
    return list(dict.fromkeys(full + funnels))


def _prefix_widths(funnels: list[Funnel]) -> list[int]:
    """Every width at which something is scored but the widest, ascending."""
    return sorted({stage.dim for funnel in funnels for stage in funnel.stages})[:-1]


def _rows(
    dataset: Dataset, encoded: Encoded, funnels: list[Funnel], recipe: EvalRecipe, options: EvalOptions
) -> Iterator[Report]:
    """The rows of one encoder and rotation: every width exactly, then every funnel with every kind of prefix index."""
    stored, queries, more = encoded.documents, encoded.turned, int(recipe.drops_self)
    known = _exact(stored, queries, funnels, more)
    walks = [(EXACT, funnel) for funnel in known]
    walks += [(prefix, funnel) for prefix in recipe.prefixes for funnel in funnels if funnel not in known]
    built: tuple[int, Codec] | None = None
    full: PerQuery | None = None  # the first is exact search at full width
    with bar(len(walks), f"searching {dataset.name}", "funnels", shown=options.progress) as progress:
        for prefix, funnel in walks:
            first = funnel.stages[0].dim
            codec = chosen_codec(len(stored), first) if prefix == AUTO else Codec(prefix)
            if (first, codec) != built:  # one at a time, since each is a copy of its prefixes
                index, built = _index(stored, first, codec), (first, codec)
            hits = known[funnel] if funnel in known else search(index, queries, _deeper(funnel, more))
            run = _run(dataset, encoded, hits, (prefix, funnel), more)
            if options.runs is not None:
                run.write(options.runs / f"{run.name}.trec")
            names = _deep_enough(recipe.measures, funnel, len(encoded.ids))
            values = _measures.per_query(run, dataset.qrels, names)
            full = full or values
            cost = measured_cost(index, encoded.queries, funnel, encoded.rotation)
            yield _report(encoded, (prefix, funnel), values, full, cost)
            progress.update(1)


def _lexical_row(dataset: Dataset, ids: list[str], recipe: EvalRecipe, options: EvalOptions) -> Report:
    more = int(recipe.drops_self)
    found, cost = bm25(dataset, ids, recipe.depth + more, progress=options.progress)
    ranking = {query: _without_self(query, some, recipe.depth, more) for query, some in found.ranking.items()}
    run = Run(found.name, ranking)
    if options.runs is not None:
        run.write(options.runs / f"{run.name}.trec")
    values = _measures.per_query(run, dataset.qrels, recipe.measures)
    mean = {name: _measures.mean(per_query) for name, per_query in values.items()}
    return Report(run.name, f"{run.name}:{recipe.depth}", mean, values, None, cost)


def _without_self(query: str, found: Sequence[ScoredDoc], k: int, more: int) -> list[ScoredDoc]:
    """The k best, of which `more` than k were found, but for the query's own document if that is more than none."""
    return [document for document in found if not (more and document.id == query)][:k]


def _exact(stored: StoredVectors, queries: Vectors, funnels: list[Funnel], more: int) -> dict[Funnel, Hits]:
    """The hits of every funnel of one stage, `more` than it asks for, by one pass over the vectors."""
    single = [funnel for funnel in funnels if len(funnel.stages) == 1]
    deepest = max(funnel.k for funnel in single) + more
    found = exact(stored, queries, [funnel.dim for funnel in single], min(deepest, len(stored)))
    return {
        funnel: Hits(found[funnel.dim].scores[:, : funnel.k + more], found[funnel.dim].rows[:, : funnel.k + more])
        for funnel in single
    }


def _index(stored: StoredVectors, dim: int, codec: Codec) -> VectorIndex:
    """An index with such prefixes; without any where exact ones would take more than 1 GiB of RAM."""
    if codec == Codec(EXACT) and 4 * dim * len(stored) > _IN_RAM:
        return VectorIndex(stored)
    return VectorIndex(stored, build_prefix(stored, dim, codec), sketched(stored) if codec.is_refined else None)


def _deeper(funnel: Funnel, more: int) -> Funnel:
    return Funnel(tuple(Stage(stage.dim, stage.k + more) for stage in funnel.stages))


def _report(encoded: Encoded, walk: _Walk, values: PerQuery, full: PerQuery, cost: Cost) -> Report:
    """One row; what is kept is a share of the full width's first measure, where the funnel is deep enough for it."""
    first = next(iter(full), None)
    prefix, funnel = walk
    return Report(
        encoder=encoded.name,
        funnel=str(funnel),
        mean={name: _measures.mean(per_query) for name, per_query in values.items()},
        per_query=values,
        kept=kept(values[first], full[first]) if first in values else None,
        cost=cost,
        rotation=encoded.kind,
        prefix=prefix,
    )


def _deep_enough(measures: tuple[str, ...], funnel: Funnel, documents: int) -> list[str]:
    """The measures that look no deeper than the funnel's ranking goes; the others would be too low."""
    return [name for name in measures if funnel.k >= min(_measures.cutoff(name), documents)]


def _run(dataset: Dataset, encoded: Encoded, hits: Hits, walk: _Walk, more: int) -> Run:
    """The ranking of every query, of which `more` than the funnel gives were fetched to leave its own document out."""
    ranking = {}
    for place, query in enumerate(dataset.queries):
        scores, rows = hits.of(place)
        found = ranked([encoded.ids[row] for row in rows.tolist()], scores.tolist())
        ranking[query] = _without_self(query, found, walk[1].k, more)
    return Run(_run_name(encoded, walk), ranking)


def _demand_words(dataset: Dataset, documents: Iterable[str]) -> None:
    """Raises DatasetError, before anything is encoded, for an id that no TREC run can hold."""
    for identifier in (*documents, *dataset.queries):
        if identifier.split() != [identifier]:
            raise DatasetError(
                f"the id {identifier!r} in {dataset.name} holds white space, which a TREC run file cannot hold; "
                "evaluate with --no-runs"
            )


def _run_name(encoded: Encoded, walk: _Walk) -> str:
    """One word that is fit for a file name: `minilm-768-64x200_768x10`, `minilm-768-learned-SQ8-64x200_768x10`."""
    prefix, funnel = walk
    words = [encoded.name, *([encoded.kind] if encoded.kind != "none" else []), *([prefix] if prefix != EXACT else [])]
    safe = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in "-".join(words))
    return f"{safe}-{str(funnel).replace(':', 'x').replace(',', '_')}"
