"""One encoding, every width and funnel."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mrl_search.data import Dataset, Tolerance, load_dataset
from mrl_search.encoders import CachedEncoder, Encoder, load_encoder
from mrl_search.encoding import BLOCK, checked, encode_documents
from mrl_search.errors import DatasetError, DimensionError, FunnelError
from mrl_search.eval import measures as _measures
from mrl_search.eval.recipes import EvalRecipe
from mrl_search.eval.report import Cost, Evaluation, Report, kept
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import EXACT, PrefixIndex, StoredVectors, VectorIndex, build_prefix
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.retriever import search
from mrl_search.run import Run, ranked
from mrl_search.vectors import Vectors

_SHORTLIST = 200  # candidates of the default funnel; see Funnel.default
_TIMED_QUERIES = 200
_WARM_UP = 5


@dataclass(frozen=True)
class EvalOptions:
    """How to evaluate, as against what.

    data: the folder to look for `<dataset>/` in first. runs: where to write TREC runs, if anywhere.
    """

    data: Path | None = None
    runs: Path | None = None
    cache: bool = True
    progress: bool = False


@dataclass(frozen=True)
class _Encoded:
    """A dataset as one encoder sees it: row i of documents is ids[i], row j of queries the j-th query."""

    name: str
    ids: list[str]
    documents: Vectors
    queries: Vectors


def evaluate(recipe: EvalRecipe | str, options: EvalOptions | None = None) -> Evaluation:
    """Encodes each dataset once per encoder and measures every width and funnel from the same vectors.

    A plain name stands for `EvalRecipe(name)`. Rows come encoder by encoder:
    the exact search at each width, widest first, then the funnels.
    """
    options = options or EvalOptions()
    recipe = EvalRecipe(recipe) if isinstance(recipe, str) else recipe
    dataset = load_dataset(recipe.dataset, recipe.split, options.data)
    if not dataset.queries:
        raise DatasetError(f"{dataset.name} has no judged queries in its split {dataset.split}")
    reports: list[Report] = []
    documents = 0
    for spec in recipe.encoders:
        encoder = load_encoder(spec)
        encoded = _encode(
            dataset,
            encoder if spec.name.startswith("hashing:") or not options.cache else CachedEncoder(encoder),
            options,
        )
        documents = len(encoded.ids)
        reports += _rows(dataset, encoded, _funnels(recipe, encoder.dim), recipe, options)
    return Evaluation(
        dataset=dataset.name,
        split=dataset.split,
        documents=documents,
        queries=len(dataset.queries),
        measures=recipe.measures,
        command=recipe.command(),
        reports=tuple(reports),
        provenance=provenance(),
    )


def _encode(dataset: Dataset, encoder: Encoder, options: EvalOptions) -> _Encoded:
    documents = list(dataset.corpus.read(Tolerance(0)))
    ids = [document.id for document in documents]
    if len(set(ids)) < len(ids):
        repeated = next(identifier for place, identifier in enumerate(ids) if identifier in set(ids[:place]))
        raise DatasetError(f"{dataset.name} has two documents with the id {repeated!r}")
    if not ids:
        raise DatasetError(f"{dataset.name} has no documents")
    progress = bar(len(ids), f"encoding {dataset.name}", "documents", shown=options.progress)
    vectors = np.concatenate(list(encode_documents(encoder, (document.content for document in documents), progress)))
    texts = iter(dataset.queries.values())
    queries = []
    while block := list(islice(texts, BLOCK)):
        queries.append(checked(encoder.encode_queries(block), len(block), encoder))
    return _Encoded(encoder.spec.name, ids, vectors, np.concatenate(queries))


def _funnels(recipe: EvalRecipe, dim: int) -> list[Funnel]:
    """Exact search at every width, widest (the encoder's own) first, then the funnels."""
    widths = recipe.dims or tuple(width for width in (64, 128, 256, 512, 1024, 2048) if width < dim)
    if max(widths, default=1) > dim:
        raise DimensionError(f"the encoder gives {dim} dims, asked for {max(widths)}; end --dims at {dim}")
    depth = recipe.depth
    exact = [Funnel((Stage(width, depth),)) for width in sorted({*widths, dim}, reverse=True)]
    if recipe.funnels is not None:
        funnels = [Funnel.parse(text) for text in recipe.funnels]
    else:
        shortest = min(widths, default=dim)
        funnels = [Funnel((Stage(shortest, max(_SHORTLIST, depth)), Stage(dim, depth)))] if shortest < dim else []
    for funnel in funnels:
        if funnel.dim > dim:
            raise FunnelError(f"the funnel {funnel} asks for {funnel.dim} dims, the encoder gives {dim}")
    return list(dict.fromkeys(exact + funnels))


def _rows(
    dataset: Dataset, encoded: _Encoded, funnels: Sequence[Funnel], recipe: EvalRecipe, options: EvalOptions
) -> list[Report]:
    stored = StoredVectors(encoded.documents, "float32")
    prefixes: dict[tuple[int, str], PrefixIndex] = {}
    reports: list[Report] = []
    full: Mapping[str, float] = {}
    progress = bar(len(funnels), f"searching {dataset.name}", "funnels", shown=options.progress)
    for funnel in funnels:
        width, factory = funnel.stages[0].dim, recipe.prefix if len(funnel.stages) > 1 else EXACT
        if (width, factory) not in prefixes:
            prefixes[width, factory] = build_prefix(stored, width, factory)
        prefix_index = prefixes[width, factory]
        index = VectorIndex(stored, prefix_index)
        run = _run(dataset, encoded, index, funnel, drop_self=recipe.drops_self)
        deep_enough = [name for name in recipe.measures if funnel.k >= min(_measures.cutoff(name), len(encoded.ids))]
        values = _measures.per_query(run, dataset.qrels, deep_enough or recipe.measures[:1])
        full = full or values[recipe.measures[0]]
        cost = _cost(index, prefix_index, encoded.queries, funnel)
        means = {name: _measures.mean(per_query) for name, per_query in values.items()}
        first = values.get(recipe.measures[0], {})
        reports.append(Report(encoded.name, str(funnel), means, values, kept(first, full), cost))
        if options.runs is not None:
            run.write(options.runs / f"{_file_name(encoded.name)}-{_file_name(str(funnel))}.trec")
        progress.update(1)
    return reports


def _run(dataset: Dataset, encoded: _Encoded, index: VectorIndex, funnel: Funnel, *, drop_self: bool) -> Run:
    """The ranking of every query; with drop_self, one more is fetched and the query's own document left out."""
    fetched = Funnel(tuple(Stage(stage.dim, stage.k + 1) for stage in funnel.stages)) if drop_self else funnel
    hits = search(index, encoded.queries, fetched)
    ranking = {}
    for place, query in enumerate(dataset.queries):
        scores, rows = hits.of(place)
        found = ranked([encoded.ids[row] for row in rows.tolist()], scores.tolist())
        ranking[query] = [document for document in found if not (drop_self and document.id == query)][: funnel.k]
    return Run(_file_name(f"{encoded.name}-{funnel}"), ranking)


def _cost(index: VectorIndex, prefixes: PrefixIndex, queries: Vectors, funnel: Funnel) -> Cost:
    """Timed on up to 200 of the queries, one at a time, after five to warm up; then all at once."""
    for query in queries[:_WARM_UP]:
        search(index, query[np.newaxis], funnel)
    latencies_ms = []
    for query in queries[:_TIMED_QUERIES]:
        start = time.perf_counter()
        search(index, query[np.newaxis], funnel)
        latencies_ms.append(1000 * (time.perf_counter() - start))
    start = time.perf_counter()
    search(index, queries, funnel)
    seconds = time.perf_counter() - start
    p50, p95 = np.percentile(latencies_ms, [50, 95])
    return Cost(
        macs_per_query=funnel.macs(len(index)),
        latency_ms_p50=round(float(p50), 4),
        latency_ms_p95=round(float(p95), 4),
        queries_per_second=round(len(queries) / seconds, 1),
        ram_bytes_per_document=round(prefixes.nbytes / len(index), 1),
        disk_bytes_per_document=4.0 * index.dim if len(funnel.stages) > 1 else 0.0,
        device="cpu",
    )


def _file_name(text: str) -> str:
    return (
        "".join(letter if letter.isalnum() or letter in "-.:," else "-" for letter in text)
        .replace(":", "x")
        .replace(",", "_")
    )
