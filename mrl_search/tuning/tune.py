"""The fastest funnel that surely keeps what is asked for. `docs/tuning.md` says how it is searched for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mrl_search.errors import FunnelError
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import (
    EXACT,
    Codec,
    Manifest,
    StoredIndex,
    TunedRecord,
    VectorIndex,
    build_prefix,
    chosen_codec,
    store_tuned,
)
from mrl_search.progress import Bar, bar
from mrl_search.provenance import provenance
from mrl_search.results import Result
from mrl_search.retriever import Retriever, encoder_of, open_retriever
from mrl_search.tuning.ahead import Ahead, look_ahead
from mrl_search.tuning.asked import Asked, Lists, asked_of, fewest, lists
from mrl_search.tuning.points import Bench, Point, timed
from mrl_search.tuning.wish import Wish, build_command, faster_elsewhere, fastest_meeting, front, is_own

_DEPTH, _PER_ANSWER = 500, 5  # candidates, at least and for each answer; a prefix that needs more is too short to pay
_OTHERS = 2  # structures that are built to compare with the index's own
_MIDDLES = (2, 4)  # times the prefix's width, of a stage between
_LEAST_QUERIES = 20
_WORTH_CODES = 10_000  # documents, from which codes without cells may do


@dataclass(frozen=True)
class Tuning(Result):
    """What the tuner found.

    points: those that no other beats in recall, p50 and RAM at once, and the chosen or nearest one, from fast to slow.
    chosen: the fastest that this index can walk and that meets every wish; None if none does. nearest: then, the one
    that misses least.
    better: one of another structure that is at least a tenth faster, and build: the command that makes it.
    ahead: what candidates more documents will need.
    """

    index: str
    documents: int
    k: int
    target: float
    p95_ms: float | None
    ram_bytes: float | None
    asked: int
    source: str
    points: tuple[Point, ...]
    chosen: Point | None
    nearest: Point | None
    better: Point | None
    build: str
    ahead: Ahead | None
    provenance: dict[str, object]


def tune(
    folder: Path,
    wish: Wish,
    *,
    queries: str | None = None,
    asked: int = 1_000,
    store: bool = True,
    progress: bool = False,
    device: str = "auto",
) -> Tuning:
    """Tunes an index, and commits the chosen funnel as its default if `store`.

    queries: a file of held-out ones, encoded on `device`; else `asked` documents stand in, which questions differ from.
    Raises FunnelError for wishes that cannot be, and for fewer than 20 queries; what opening and encoding raise.
    """
    with open_retriever(folder, encoder_of(folder, device), device="cpu") as retriever:
        found = measured(retriever, wish, queries, asked, progress=progress)
        manifest = retriever.stored.manifest
    if store and found.chosen is not None:
        store_tuned(folder, manifest, found.chosen.funnel, record_of(found, found.chosen))
    return found


def measured(
    retriever: Retriever, wish: Wish, queries: str | None = None, asked: int = 1_000, *, progress: bool = False
) -> Tuning:
    """As `tune`, of what is open, without storing anything."""
    stored = retriever.stored
    told = asked_of(retriever, queries, asked)
    if len(told.vectors) < _LEAST_QUERIES:
        raise FunnelError(f"{len(told.vectors)} queries cannot tell a recall; give at least {_LEAST_QUERIES}")
    if wish.k + told.extra > len(stored.vectors):
        raise FunnelError(f"asked for {wish.k} answers of {len(stored.vectors)} documents")
    widths = _widths(stored.manifest, wish)
    with bar(None, "tuning", "steps", shown=progress) as shown:
        found = lists(stored, told, widths, wish.k, max(_DEPTH, _PER_ANSWER * wish.k))
        shown.update()
        points = list(_points(stored, told, found, wish, shown))
    own = [point for point in points if is_own(point, stored.manifest)]
    chosen, nearest = fastest_meeting(own, wish, len(stored.vectors))
    better = faster_elsewhere(points, chosen, wish, len(stored.vectors), stored.manifest)
    return Tuning(
        index=str(stored.folder),
        documents=len(stored.vectors),
        k=wish.k,
        target=wish.recall,
        p95_ms=wish.p95_ms,
        ram_bytes=wish.ram_bytes,
        asked=len(told.vectors),
        source=told.source,
        points=tuple(front(points, chosen or nearest)),
        chosen=chosen,
        nearest=nearest,
        better=better,
        build=build_command(better, stored.manifest, str(stored.folder)) if better is not None else "",
        ahead=look_ahead(found, stored.manifest.prefix_dim, wish.recall) if widths else None,
        provenance=provenance(),
    )


def _widths(manifest: Manifest, wish: Wish) -> list[int]:
    """The prefixes that are tried: the index's own, and powers of two from half of it to four times it."""
    own, full = manifest.prefix_dim, manifest.dim
    if own == full or not (wish.others or wish.ahead):
        return []
    others = {own // 2, own * 2, own * 4} if wish.others else set()
    return sorted({own, *(dim for dim in others if 8 <= dim <= full // 2)})


def _points(stored: StoredIndex, asked: Asked, found: Lists, wish: Wish, shown: Bar) -> Iterator[Point]:
    """Measured points: of the index's own prefix index, of others that promise as much, and of exact search."""
    manifest = stored.manifest
    timings: list[tuple[Bench, Point]] = []
    own = Bench(stored.vectors, manifest.prefix, asked, found, stored.rotation)
    if manifest.prefix_dim < manifest.dim:
        timings += _walks(own, wish, found)
        shown.update()
        for codec, dim in _others(manifest, found, wish):
            prefixes = build_prefix(stored.vectors.stored, dim, codec)
            if wish.ram_bytes is not None and prefixes.nbytes > wish.ram_bytes:
                continue
            index = VectorIndex(stored.vectors.stored, prefixes, stored.vectors.sketches)
            timings += _walks(Bench(index, codec.factory, asked, found, stored.rotation), wish, found)
            shown.update()
    scan = Bench(stored.vectors, "none", asked, found, stored.rotation)  # whose prefixes stay in RAM, used or not
    exact = scan.points([(None, Funnel((Stage(manifest.dim, wish.k),)))])
    yield from (point for _, point in timed(timings))
    yield from (point for _, point in timed([(scan, point) for point in exact], count=_LEAST_QUERIES))


def _walks(bench: Bench, wish: Wish, found: Lists) -> list[tuple[Bench, Point]]:
    """The faster half of the funnels that surely reach the target over one prefix index, and some between stages."""
    dim, full = bench.index.prefix_dim, bench.index.dim
    found_there = bench.candidates(wish.recall)
    walks = [(probes, Funnel((Stage(dim, count), Stage(full, wish.k)))) for probes, count in found_there]
    if not walks:
        return _best_effort(bench, wish, found)
    measured = [(bench, point) for point in bench.points(walks)]
    quick = sorted(timed(measured, count=30), key=lambda walk: walk[1].latency_ms_p50)
    kept = quick[: max(2, (len(quick) + 1) // 2)]
    return kept + _longer(kept[0], wish)


def _longer(walk: tuple[Bench, Point], wish: Wish) -> list[tuple[Bench, Point]]:
    """The same funnel with a stage between that still reaches the target, for the widths that allow one."""
    bench, point = walk
    first, last = Funnel.parse(point.funnel).stages
    middles = [first.dim * times for times in _MIDDLES if first.dim * times < last.dim]
    counts = [count for count in (2 * wish.k, 4 * wish.k) if count < first.k]
    walks = [(point.probes, Funnel((first, Stage(dim, count), last))) for dim in middles for count in counts]
    return [(bench, longer) for longer in bench.points(walks) if longer.recall.low >= wish.recall]


def _best_effort(bench: Bench, wish: Wish, found: Lists) -> list[tuple[Bench, Point]]:
    """Where nothing reaches the target: as many candidates as were looked at, in all cells."""
    stages = Stage(bench.index.prefix_dim, max(found.depth, wish.k)), Stage(bench.index.dim, wish.k)
    cells = bench.index.cells
    return [(bench, point) for point in bench.points([(None if cells == 1 else cells, Funnel(stages))])]


def _others(manifest: Manifest, found: Lists, wish: Wish) -> Iterator[tuple[Codec, int]]:
    """The structures that promise most by the bytes a query reads, unless the index has them; at most _OTHERS.

    A prefix that needs more candidates, searched exactly, than were looked at is left out: codes need no fewer.
    """
    if not wish.others:
        return
    promising = []
    for dim in sorted(dim for dim in found.by if dim < manifest.dim):
        needed = fewest(found.ranks(dim), wish.recall)
        if needed is None:
            continue
        codecs = {chosen_codec(manifest.documents, dim), Codec(EXACT), Codec("SQ8")}
        if manifest.documents >= _WORTH_CODES:
            codecs.add(chosen_codec(_WORTH_CODES, dim))
        for codec in codecs:
            if (codec.factory, dim) != (manifest.prefix, manifest.prefix_dim):
                reads = manifest.documents * _bytes(codec, dim) + needed * manifest.dim
                promising.append((reads, codec.factory, codec, dim))
    for _, _, codec, dim in sorted(promising)[:_OTHERS]:
        yield codec, dim


def _bytes(codec: Codec, dim: int) -> float:
    """Bytes of a row that a query scans, in all cells."""
    per_dim = {EXACT: 4.0, "SQ8": 1.0}
    if codec.factory in per_dim:
        return per_dim[codec.factory] * dim
    tables = int(codec.factory.partition("PQ")[2].partition("x")[0])
    return tables / 2


def record_of(found: Tuning, point: Point) -> TunedRecord:
    """What a manifest says of a point that becomes its funnel."""
    made = found.provenance
    return TunedRecord(
        probes=point.probes,
        k=found.k,
        target=found.target,
        recall=point.recall.value,
        low=point.recall.low,
        high=point.recall.high,
        asked=found.asked,
        source=found.source,
        latency_ms_p50=point.latency_ms_p50,
        latency_ms_p95=point.latency_ms_p95,
        time=str(made["time"]),
        machine=str(made["machine"]),
        command=str(made["command"]),
    )
