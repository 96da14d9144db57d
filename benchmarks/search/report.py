"""What was measured, as tables for people and as a picture."""

from pathlib import Path

import numpy as np

from search.measure import Measured, Point, label

TARGETS = (0.95, 0.99)
_SHOWN = 0.85  # recall from which points are worth a line


def front(points: list[Point], speed: str = "qps_1") -> list[Point]:
    """Those that no other point beats in recall and speed, from fast to accurate."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (-point.recall, -getattr(point, speed))):
        if not kept or getattr(point, speed) > getattr(kept[-1], speed):
            kept.append(point)
    return kept[::-1]


def best(points: list[Point], target: float, speed: str) -> float | None:
    """The highest speed at a recall of at least `target`, None when it was not reached."""
    return max((getattr(point, speed) for point in points if point.recall >= target), default=None)


def fronts_table(results: dict[str, Measured], threads: int) -> str:
    lines = [
        f"{'method':<32} {'setting':<33} {'recall@10':>9} {'p50 µs':>8} {'p95 µs':>8} {'QPS 1 thread':>12}"
        f" {f'QPS {threads} threads':>13} {'build s':>8} {'RAM B/doc':>9} {'disk B/doc':>10}"
    ]
    lines += [
        f"{name:<32} {label(point.setting):<33} {point.recall:9.4f} {point.p50_us:8.0f} {point.p95_us:8.0f}"
        f" {point.qps_1:12.0f} {point.qps_n:13.0f} {measured.build_s:8.1f}"
        f" {measured.ram_bytes_per_doc:9.0f} {measured.disk_bytes_per_doc:10.0f}"
        for name, measured in results.items()
        for point in front(measured.points)
        if point.recall >= _SHOWN
    ]
    return "\n".join(lines)


def summary(results: dict[str, Measured], threads: int, ours: str) -> str:
    """Each method's best QPS at the targets, then between its points at exactly these; ours through the best other's.

    The second says more: of two methods one may happen to have a point just above a target, and the other not.
    """
    columns = [(target, speed) for target in TARGETS for speed in ("qps_1", "qps_n")]
    blocks = []
    for sign, of in (("≥", best), ("=", between)):
        heads = [f"{sign}{target}, {1 if speed == 'qps_1' else threads} thr." for target, speed in columns]
        table = {name: [of(measured.points, *column) for column in columns] for name, measured in results.items()}
        lines = [f"{'QPS at recall@10':<32}" + "".join(f"{head:>16}" for head in heads)]
        lines += [f"{name:<32}" + "".join(f"{_number(qps):>16}" for qps in row) for name, row in table.items()]
        others = [row for name, row in table.items() if not name.startswith(ours)]  # ours comes in several dtypes
        if ours in table and others:
            most = [max((row[at] or 0 for row in others), default=0) for at in range(len(columns))]
            pairs = zip(table[ours], most, strict=True)
            ratios = [f"{mine / other:.2f}×" if mine and other else "–" for mine, other in pairs]
            lines.append(f"{ours + ' / best peer':<32}" + "".join(f"{ratio:>16}" for ratio in ratios))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def between(points: list[Point], target: float, speed: str) -> float | None:
    """The speed at exactly that recall, on straight lines in recall and log QPS along the method's front.

    Below the front's least recall its fastest point counts: a setting with less recall was slower, or none was tried.
    """
    along = front(points, speed)
    recalls, speeds = [point.recall for point in along], [getattr(point, speed) for point in along]
    if target > recalls[-1]:
        return None
    return float(np.exp(np.interp(target, recalls, np.log(speeds))))


def _number(qps: float | None) -> str:
    return "–" if qps is None else f"{qps:.0f}"


def plot(results: dict[str, Measured], title: str, ours: str, path: Path) -> None:
    """Recall against QPS in one thread, the front of each method."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6))
    colours = pyplot.get_cmap("tab20")
    for number, (name, measured) in enumerate(results.items()):
        points = front(measured.points)
        axes.plot(
            [point.recall for point in points],
            [point.qps_1 for point in points],
            marker="o",
            markersize=4,
            linewidth=3 if name == ours else 1.3,
            color="black" if name == ours else colours(number),
            label=name,
        )
    axes.set(xlabel="recall@10", ylabel="queries per second, one thread", yscale="log", xlim=(_SHOWN, 1.002))
    axes.set_title(title, fontsize=9)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)
