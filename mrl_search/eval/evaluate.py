"""One encoding, every width and funnel."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from mrl_search.atomic import filling
from mrl_search.data import Dataset, inflated, load_dataset
from mrl_search.device import Device, chosen_device
from mrl_search.encoders import Encoder, cached, load_encoder
from mrl_search.errors import DatasetError, DimensionError, FunnelError
from mrl_search.eval import measures as _measures
from mrl_search.eval.cost import measured
from mrl_search.eval.encoded import Encoded, Fitting, distinct_ids, encode, rotated, stored_as, without_self
from mrl_search.eval.groups import Group, fingerprint, remembered
from mrl_search.eval.growth import Growth, grown, sizes
from mrl_search.eval.lexical import bm25
from mrl_search.eval.measures import PerQuery
from mrl_search.eval.recipes import EvalRecipe
from mrl_search.eval.report import Evaluation, Report, Row
from mrl_search.eval.standing import standing
from mrl_search.eval.traps import judged_traps, machine_traps, vector_traps
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
    sketched,
)
from mrl_search.placing import exact_on, index_on
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.run import Run
from mrl_search.vectors import Vectors

_SHORTLIST = 200  # candidates of the default funnel; see Funnel.default
_IN_RAM = 2**29  # bytes of exact prefixes
_Walk = tuple[str, Funnel]  # a kind of prefix index, and the funnel that begins there
_WIDTHS = (64, 128, 256, 512, 1024, 2048)  # searched exactly unless others are asked for, as far as the encoder goes


@dataclass(frozen=True)
class EvalOptions:
    """How to evaluate, as against what.

    data: the folder to look for `<dataset>/` in first. runs: where to write TREC runs, if anywhere.
    cache: whether embeddings, and groups of rows (see `groups`), are taken from the cache and put there.
    device: what encodes, fits rotations and searches, as `chosen_device` takes it.
    """

    data: Path | None = None
    runs: Path | None = None
    cache: bool = True
    progress: bool = False
    device: str | Device = "auto"


def evaluate(recipe: EvalRecipe | str, options: EvalOptions | None = None) -> Evaluation:
    """Encodes each dataset once per encoder and measures every width and funnel from the same vectors.

    A plain name stands for `EvalRecipe(name)`. Rows come encoder by encoder, rotation by rotation, format by format:
    exact search at each width, widest first, then the funnels with one kind of prefix index after the other.
    Raises DimensionError or FunnelError, before anything is encoded, for what an encoder is too narrow for.
    """
    options = options or EvalOptions()
    options = replace(options, device=(device := chosen_device(options.device)))
    recipe = EvalRecipe(recipe) if isinstance(recipe, str) else recipe
    _measures.demand_computable(recipe.measures)
    dataset = load_dataset(recipe.dataset, recipe.split, options.data)
    ids, at = distinct_ids(dataset), list[int]()
    if recipe.distractors is not None:
        own, dataset = len(ids), inflated(dataset, recipe.distractors)
        ids = distinct_ids(dataset)
        at = sizes(own, len(ids))
    if options.runs is None:
        groups = list(_groups(dataset, ids, at, recipe, options))
    else:
        _demand_words(dataset, ids)
        with filling(options.runs) as runs:  # all of them, or none
            groups = list(_groups(dataset, ids, at, recipe, replace(options, runs=runs)))
    return Evaluation(
        dataset=dataset.name,
        split=dataset.split,
        documents=len(ids),
        queries=len(dataset.queries),
        measures=recipe.measures,
        command=recipe.command(),
        reports=tuple(standing([row for group in groups for row in group.reports], recipe.measures[0])),
        growth=tuple(one for group in groups for one in group.growth),
        notes=(*judged_traps(dataset.qrels, ids), *dict.fromkeys(note for group in groups for note in group.notes)),
        provenance=provenance(device.told),
    )


@dataclass(frozen=True)
class _Seen:
    """A dataset as one encoder sees it; encoded when that is first needed."""

    dataset: Dataset
    ids: list[str]
    encoder: Encoder
    options: EvalOptions

    @cached_property
    def plain(self) -> Encoded:
        encoder = cached(self.encoder, wanted=self.options.cache)
        return encode(self.dataset, self.ids, encoder, progress=self.options.progress)

    @cached_property
    def traps(self) -> tuple[str, ...]:
        return tuple(vector_traps(self.plain))


def _groups(
    dataset: Dataset, ids: list[str], at: list[int], recipe: EvalRecipe, options: EvalOptions
) -> Iterator[Group]:
    """The rows of every encoder and rotation, with every width's growth over the sizes `at`, if there are any."""
    content = fingerprint(dataset) if options.cache else ""
    for spec in recipe.encoders:
        encoder = load_encoder(spec, options.device, recipe.encoders if options.cache else ())
        funnels = _funnels(recipe, encoder.dim)
        seen = _Seen(dataset, ids, encoder, options)
        for kind in recipe.rotations:
            asked = {
                **{"dataset": content, "encoder": encoder.identity, "trained": encoder.trained_dims, "rotation": kind},
                **{"funnels": [str(funnel) for funnel in funnels], "prefixes": recipe.prefixes, "sizes": at},
                **{"dtypes": recipe.dtypes, "measures": recipe.measures, "drops_self": recipe.drops_self},
                "device": chosen_device(options.device).told,
            }
            make = partial(_group, seen, kind, funnels, at, recipe)
            yield remembered(asked if options.cache else None, options.runs, make)
    if recipe.bm25:
        yield Group((_lexical_row(dataset, ids, recipe, options),))


def _group(
    seen: _Seen, kind: str, funnels: list[Funnel], at: list[int], recipe: EvalRecipe, runs: Path | None
) -> Group:
    dataset, options = seen.dataset, replace(seen.options, runs=runs)
    fitting = Fitting(_prefix_widths(funnels), seen.encoder.trained_dims, chosen_device(options.device))
    turned = rotated(seen.plain, kind, fitting, progress=options.progress)
    reports = tuple(
        row for dtype in recipe.dtypes for row in _rows(dataset, stored_as(turned, dtype), funnels, recipe, options)
    )
    busy = machine_traps()
    growth: list[Growth] = []
    if at:
        with bar(None, f"growing {dataset.name}", "", shown=options.progress):
            widths = [funnel.dim for funnel in _single(funnels)]
            growth = grown(dataset, turned, recipe, widths, at, device=fitting.device)
    return Group(reports, tuple(growth), (*seen.traps, *busy))


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
    """The rows of one encoder, rotation and format: every width exactly, then all funnels with every kind of prefix."""
    stored, more = encoded.documents, int(recipe.drops_self)
    device = chosen_device(options.device)
    known = _exact(stored, encoded.turned, funnels, more, device)
    walks = [(EXACT, funnel) for funnel in known]
    walks += [(prefix, funnel) for prefix in recipe.prefixes for funnel in funnels if funnel not in known]
    index, built = VectorIndex(stored), (0, Codec(""))
    with bar(len(walks), f"searching {dataset.name}", "funnels", shown=options.progress) as progress:
        for prefix, funnel in walks:
            first = funnel.stages[0].dim
            codec = chosen_codec(len(stored), first) if prefix == AUTO else Codec(prefix)
            if (first, codec) != built:
                index = VectorIndex(stored)  # lets go of the one before: each is a copy of its prefixes
                index = index_on(device, _index(stored, first, codec), codec.factory)
                built = (first, codec)
            found, cost = measured(index, encoded.queries, _deeper(funnel, more), encoded.rotation)
            hits = known.get(funnel, found)
            ranking = encoded.ranking(dataset.queries, hits, funnel.k, drops_self=recipe.drops_self)
            row = Row(encoded.name, str(funnel), encoded.kind, prefix, stored.dtype)
            run = Run(_run_name(row), ranking)
            if options.runs is not None:
                run.write(options.runs / f"{run.name}.trec")
            names = _deep_enough(recipe.measures, funnel, len(encoded.ids))
            values = _measures.per_query(run, dataset.qrels, names)
            yield Report(**vars(row), mean=_means(values), per_query=values, cost=cost)
            progress.update(1)
            stored.release()  # what a rerank touched here and there would stay mapped, page by page


def _lexical_row(dataset: Dataset, ids: list[str], recipe: EvalRecipe, options: EvalOptions) -> Report:
    found, cost = bm25(dataset, ids, recipe.depth + recipe.drops_self, progress=options.progress)
    ranking = {
        query: without_self(query, some, recipe.depth, drops_self=recipe.drops_self)
        for query, some in found.ranking.items()
    }
    run = Run(found.name, ranking)
    if options.runs is not None:
        run.write(options.runs / f"{run.name}.trec")
    values = _measures.per_query(run, dataset.qrels, recipe.measures)
    return Report(run.name, f"{run.name}:{recipe.depth}", mean=_means(values), per_query=values, cost=cost)


def _means(values: PerQuery) -> dict[str, float]:
    return {name: _measures.mean(by_query) for name, by_query in values.items()}


def _exact(
    stored: StoredVectors, queries: Vectors, funnels: list[Funnel], more: int, device: Device
) -> dict[Funnel, Hits]:
    """The hits of every funnel of one stage, `more` than it asks for, by one pass over the vectors."""
    single = _single(funnels)
    deepest = max(funnel.k for funnel in single) + more
    found = exact_on(device, stored, queries, [funnel.dim for funnel in single], min(deepest, len(stored)))
    return {
        funnel: Hits(found[funnel.dim].scores[:, : funnel.k + more], found[funnel.dim].rows[:, : funnel.k + more])
        for funnel in single
    }


def _index(stored: StoredVectors, dim: int, codec: Codec) -> VectorIndex:
    """An index with such prefixes; without any where exact ones would take more than half a GiB of RAM."""
    if codec == Codec(EXACT) and 4 * dim * len(stored) > _IN_RAM:
        return VectorIndex(stored)
    return VectorIndex(stored, build_prefix(stored, dim, codec), sketched(stored) if codec.is_refined else None)


def _single(funnels: list[Funnel]) -> list[Funnel]:
    """Those of one stage, which are answered exactly."""
    return [funnel for funnel in funnels if len(funnel.stages) == 1]


def _deeper(funnel: Funnel, more: int) -> Funnel:
    return Funnel(tuple(Stage(stage.dim, stage.k + more) for stage in funnel.stages))


def _deep_enough(measures: tuple[str, ...], funnel: Funnel, documents: int) -> list[str]:
    """The measures that look no deeper than the funnel's ranking goes; the others would be too low."""
    return [name for name in measures if funnel.k >= min(_measures.cutoff(name), documents)]


def _demand_words(dataset: Dataset, documents: Iterable[str]) -> None:
    """Raises DatasetError, before anything is encoded, for an id that no TREC run can hold."""
    for identifier in (*documents, *dataset.queries):
        if identifier.split() != [identifier]:
            raise DatasetError(
                f"the id {identifier!r} in {dataset.name} holds white space, which a TREC run file cannot hold; "
                "evaluate with --no-runs"
            )


def _run_name(row: Row) -> str:
    """One word that is fit for a file name: `minilm-768-64x200_768x10`, `minilm-768-learned-SQ8-64x200_768x10`."""
    safe = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in "-".join(row.source))
    return f"{safe}-{row.funnel.replace(':', 'x').replace(',', '_')}"
