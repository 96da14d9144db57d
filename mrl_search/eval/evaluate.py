"""One encoding, every width and funnel."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from mrl_search.atomic import filling
from mrl_search.data import Dataset, inflated, load_dataset
from mrl_search.device import Device, chosen_device
from mrl_search.encoders import Encoder, cached, load_encoder
from mrl_search.errors import DatasetError, DimensionError, FunnelError
from mrl_search.eval import measures as _measures
from mrl_search.eval.encoded import Encoded, Fitting, distinct_ids, encode, rotated, stored_as
from mrl_search.eval.groups import Group, fingerprint, remembered
from mrl_search.eval.growth import Growth, grown, sizes
from mrl_search.eval.lexical import Lexicon, words_of
from mrl_search.eval.recipes import EvalRecipe
from mrl_search.eval.report import Evaluation
from mrl_search.eval.rows import Asked, lexical_row, rows, single
from mrl_search.eval.standing import standing
from mrl_search.eval.traps import judged_traps, machine_traps, vector_traps
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import AUTO, Codec, check_codec
from mrl_search.progress import bar
from mrl_search.provenance import provenance

_SHORTLIST = 200  # candidates of the default funnel; see Funnel.default
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
    read = _Read(dataset, ids, at, recipe, options)
    if options.runs is None:
        groups = list(_groups(read, None))
    else:
        _demand_words(dataset, ids)
        with filling(options.runs) as runs:  # all of them, or none
            groups = list(_groups(read, runs))
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
class _Read:
    """A dataset and what is asked of it. at: the numbers of documents of its growth, if that is asked for."""

    dataset: Dataset
    ids: list[str]
    at: list[int]
    recipe: EvalRecipe
    options: EvalOptions

    @cached_property
    def words(self) -> Lexicon:
        """What BM25 knows; indexed when that is first needed."""
        depth = self.recipe.depth + self.recipe.drops_self
        return words_of(self.dataset, self.ids, depth, progress=self.options.progress)

    def asked(self, runs: Path | None) -> Asked:
        device = chosen_device(self.options.device)
        return Asked(self.dataset, len(self.ids), self.recipe, runs, device, self.options.progress)


@dataclass(frozen=True)
class _Seen:
    """The dataset as one encoder sees it; encoded when that is first needed."""

    read: _Read
    encoder: Encoder

    @cached_property
    def plain(self) -> Encoded:
        options = self.read.options
        encoder = cached(self.encoder, wanted=options.cache)
        return encode(self.read.dataset, self.read.ids, encoder, progress=options.progress)

    @cached_property
    def traps(self) -> tuple[str, ...]:
        return tuple(vector_traps(self.plain))


def _groups(read: _Read, runs: Path | None) -> Iterator[Group]:
    """The rows of every encoder and rotation, with every width's growth if that is asked for; then BM25's."""
    recipe, options = read.recipe, read.options
    content = fingerprint(read.dataset) if options.cache else ""
    for spec in recipe.encoders:
        encoder = load_encoder(spec, options.device, recipe.encoders if options.cache else ())
        funnels = _funnels(recipe, encoder.dim)
        seen = _Seen(read, encoder)
        for kind in recipe.rotations:
            asked = {
                **{"dataset": content, "encoder": encoder.identity, "trained": encoder.trained_dims, "rotation": kind},
                **{"funnels": [str(funnel) for funnel in funnels], "prefixes": recipe.prefixes, "sizes": read.at},
                **{"dtypes": recipe.dtypes, "measures": recipe.measures, "drops_self": recipe.drops_self},
                **{"device": chosen_device(options.device).told, "hybrid": recipe.hybrid},
            }
            yield remembered(asked if options.cache else None, runs, partial(_group, seen, kind, funnels))
    if recipe.reads_words:
        yield Group((lexical_row(read.words, read.asked(runs)),))


def _group(seen: _Seen, kind: str, funnels: list[Funnel], runs: Path | None) -> Group:
    read = seen.read
    asked, recipe = read.asked(runs), read.recipe
    fitting = Fitting(_prefix_widths(funnels), seen.encoder.trained_dims, asked.device)
    turned = rotated(seen.plain, kind, fitting, progress=asked.progress)
    words = read.words if recipe.hybrid else None
    with _spared():
        reports = tuple(row for dtype in recipe.dtypes for row in rows(stored_as(turned, dtype), funnels, words, asked))
    busy = machine_traps()
    growth: list[Growth] = []
    if read.at:
        with bar(None, f"growing {read.dataset.name}", "", shown=asked.progress):
            widths = [funnel.dim for funnel in single(funnels)]
            growth = grown(read.dataset, turned, recipe, widths, read.at, device=asked.device)
    return Group(reports, tuple(growth), (*seen.traps, *busy), busy=bool(busy))


@contextmanager
def _spared() -> Iterator[None]:
    """Leaves what is there alone while ranked documents come and go by the million.

    Each of those is an object that Python's collector counts, and every so often it would walk all that lives: modules
    and models, half a million objects, a quarter of a grid's time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


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


def _demand_words(dataset: Dataset, documents: Iterable[str]) -> None:
    """Raises DatasetError, before anything is encoded, for an id that no TREC run can hold."""
    for identifier in (*documents, *dataset.queries):
        if identifier.split() != [identifier]:
            raise DatasetError(
                f"the id {identifier!r} in {dataset.name} holds white space, which a TREC run file cannot hold; "
                "evaluate with --no-runs"
            )
