"""Which of measured funnels is chosen, which are shown, and what would build a better index."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mrl_search.errors import FunnelError
from mrl_search.funnel import Funnel
from mrl_search.indexes import Manifest
from mrl_search.tuning.points import Point

_FASTER = 1.1  # times as fast as the index's own must another be to be worth a build


@dataclass(frozen=True)
class Wish:
    """What is asked of a funnel: at least so much recall@k, surely; at most so many ms (p95) and bytes of RAM.

    others: also try structures and widths that the index does not have. ahead: also tell what more documents will need.
    A cluster can do neither: its vectors lie in its shards, and nobody reads all of them.
    """

    recall: float = 0.99
    k: int = 10
    p95_ms: float | None = None
    ram_bytes: float | None = None
    others: bool = True
    ahead: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.recall <= 1:
            raise FunnelError(f"a recall lies between 0 and 1, found {self.recall:g}")


def is_own(point: Point, manifest: Manifest) -> bool:
    """Whether the index can walk it as it is."""
    first = Funnel.parse(point.funnel).stages[0]
    return first.dim == manifest.dim or (point.prefix, first.dim) == (manifest.prefix, manifest.prefix_dim)


def meets(point: Point, wish: Wish, documents: int) -> bool:
    """Whether it surely reaches the target within all limits."""
    return (
        point.recall.low >= wish.recall
        and (wish.p95_ms is None or point.latency_ms_p95 <= wish.p95_ms)
        and (wish.ram_bytes is None or point.ram_bytes_per_document * documents <= wish.ram_bytes)
    )


def fastest_meeting(points: Sequence[Point], wish: Wish, documents: int) -> tuple[Point | None, Point | None]:
    """The fastest that meets all wishes; or else, second, the one of most recall within the limits, or the fastest."""
    meeting = [point for point in points if meets(point, wish, documents)]
    if meeting:
        return min(meeting, key=lambda point: point.latency_ms_p50), None
    in_time = [point for point in points if wish.p95_ms is None or point.latency_ms_p95 <= wish.p95_ms]
    if in_time:
        return None, max(in_time, key=lambda point: point.recall.low)
    return None, min(points, key=lambda point: point.latency_ms_p95)


def faster_elsewhere(
    points: Sequence[Point], chosen: Point | None, wish: Wish, documents: int, manifest: Manifest
) -> Point | None:
    """The fastest of another structure, if it is clearly faster than what was chosen."""
    others = [point for point in points if not is_own(point, manifest) and meets(point, wish, documents)]
    best = min(others, key=lambda point: point.latency_ms_p50, default=None)
    if best is None or (chosen is not None and best.latency_ms_p50 * _FASTER > chosen.latency_ms_p50):
        return None
    return best


def front(points: Sequence[Point], named: Point | None) -> list[Point]:
    """Those that no other beats in recall, p50 and RAM at once, and the named one; from fast to slow."""

    def beats(one: Point, other: Point) -> bool:
        ours, theirs = (
            (-point.recall.value, point.latency_ms_p50, point.ram_bytes_per_document) for point in (one, other)
        )
        return ours != theirs and all(mine <= its for mine, its in zip(ours, theirs, strict=True))

    kept = [point for point in points if point == named or not any(beats(other, point) for other in points)]
    return sorted(kept, key=lambda point: point.latency_ms_p50)


def build_command(point: Point, manifest: Manifest, index: str) -> str:
    """What builds such an index in place of this one, of the same CORPUS; its rotation is fitted for that width."""
    encoder = manifest.encoder
    words = ["mrl-search", "build", "CORPUS", "--index", index]
    if encoder.name == "precomputed":
        words += ["--vectors", "FILE.npy"]
    else:
        words += ["--encoder", encoder.name if encoder.layers is None else f"{encoder.name}:layers={encoder.layers}"]
    for option, value in (("--query-prompt", encoder.query_prompt), ("--document-prompt", encoder.document_prompt)):
        words += [option, value] if value is not None else []
    words += ["--adapter", "DIR"] if manifest.adapter is not None else []
    words += ["--layer-norm"] if encoder.layer_norm else []
    words += ["--precision", encoder.precision] if encoder.precision != "auto" else []
    words += ["--dims", f"{Funnel.parse(point.funnel).stages[0].dim},{manifest.dim}"]
    return shlex.join([*words, "--prefix", point.prefix, "--dtype", manifest.dtype, "--force"])
