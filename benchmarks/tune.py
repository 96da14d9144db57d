"""Does a tuned funnel keep what it promises, is it the fastest, and do extrapolated candidates hold?

    python benchmarks/tune.py --n 290000 --sentences FILE
    python benchmarks/tune.py --n 790000 --growth --sentences FILE

Sentences in `<cache>/benchmarks/`, as for search_speed.py. Queries to tune by are documents; fresh ones the 1,000 held
out.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from search.data import QUERIES, own_vectors, sentences

from mrl_search.builder import BuildOptions, build
from mrl_search.eval import intervals
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import StoredVectors, exact, open_index
from mrl_search.provenance import commit, machine
from mrl_search.tuning import Wish, tune
from mrl_search.tuning.ahead import look_ahead
from mrl_search.tuning.asked import Asked, Lists, lists
from mrl_search.tuning.points import Bench, timed

TARGETS = (0.90, 0.95, 0.99)
SHARES = np.linspace(1 / 16, 1, 16)  # of the cells, in the full grid
COUNTS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 500)
SMALL, LARGER, DIM, DEPTH = 50_000, (100_000, 200_000, 400_000, 800_000), 128, 1_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=290_000)
    parser.add_argument("--sentences", type=Path, default=Path("sentences.txt.gz"))
    parser.add_argument("--vectors", type=Path, help="An .npy file instead.")
    parser.add_argument("--rotation", default="auto")
    parser.add_argument("--index", type=Path, help="A folder for the index, kept; one that stands there is taken.")
    parser.add_argument("--growth", action="store_true", help="Only the candidates that larger collections need.")
    told = parser.parse_args()
    data = own_vectors(told.n, told.vectors) if told.vectors else sentences(told.n, told.sentences)
    print(
        f"{data.name}: {len(data.documents):,} documents, {QUERIES:,} fresh queries; commit {commit()}, {machine()}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        (growth if told.growth else targets)(data, told.index or Path(folder), told.rotation)


def built(documents, folder, rotation):
    if (folder / "index" / "index.sqlite").exists():
        return folder / "index"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "v.npy", documents)
    (folder / "ids.txt").write_text("".join(f"{row}\n" for row in range(len(documents))))
    options = BuildOptions(vectors=folder / "v.npy", rotation=rotation, progress=True)
    index = build(f"ids:{folder / 'ids.txt'}", folder / "index", dims=(DIM, documents.shape[1]), options=options)
    (folder / "v.npy").unlink()
    return index


def targets(data, folder, rotation):
    """Each target: what was chosen, on fresh queries; and what is fastest of a full grid by these.

    Of the grid's points some reach the target in the mean, fewer surely, as is asked of the chosen one: by the lower
    end of the interval. Both comparisons are told.
    """
    index = built(data.documents, folder, rotation)
    stored = open_index(index)
    fresh = Asked(stored.turned(np.array(data.queries)), np.full(QUERIES, -1), "fresh")
    bench = Bench(stored.vectors, stored.manifest.prefix, fresh, lists(stored, fresh, [], 10, 10), stored.rotation)
    grid = full_grid(bench)
    print(f"grid: {len(grid)} points over {stored.manifest.prefix}", flush=True)
    heads = f"{'target':>6}  {'chosen':<16} {'cells':>5} {'promised':>24}  {'fresh':>24} {'p50 ms':>7}"
    print(f"{heads}  fastest of the grid, in the mean | surely", flush=True)
    for target in TARGETS:
        start = time.perf_counter()
        chosen = tune(index, Wish(target, others=False), store=False, progress=True).chosen
        took = time.perf_counter() - start
        kept = bench.kept(chosen.probes, Funnel.parse(chosen.funnel))
        ((low, high),) = intervals(kept[None])
        near = [cheapest(grid, target, end) for end in ("value", "low")]
        ours, *others = timed([(bench, chosen), *((bench, point) for some in near for point in some)], count=300)
        told = [
            said_best([point for _, point in some], ours[1])
            for some in (others[: len(near[0])], others[len(near[0]) :])
        ]
        print(
            f"{target:>6}  {chosen.funnel:<16} {chosen.probes or 0:>5} {said(chosen.recall):>24}  "
            f"{kept.mean():.4f} [{low:.4f}, {high:.4f}] {ours[1].latency_ms_p50:>7.3f}  {' | '.join(told)}; "
            f"tuned in {took:.0f} s",
            flush=True,
        )
    stored.close()


def cheapest(grid, target, end):
    """The dozen points near the front, of those whose recall, or the lower end of its interval, reaches the target."""
    return sorted((point for point in grid if getattr(point.recall, end) >= target), key=cost)[:12]


def said_best(points, ours):
    best = min(points, key=lambda point: point.latency_ms_p50)
    ratio = ours.latency_ms_p50 / best.latency_ms_p50
    return f"{best.funnel} in {best.probes}, {best.recall.value:.4f}, {best.latency_ms_p50:.3f} ms: {ratio:.2f}×"


def full_grid(bench):
    """Every number of cells with every number of candidates; with what they keep of the answers, not timed."""
    cells = bench.index.cells
    stages = [(Stage(bench.index.prefix_dim, count), Stage(bench.index.dim, 10)) for count in COUNTS]
    probes = [None] if cells == 1 else sorted({max(1, round(cells * share)) for share in SHARES})
    return bench.points([(some, Funnel(pair)) for some in probes for pair in stages])


def cost(point):
    """Rough: the codes of the cells, and the rows that are reranked; what is timed is near the front of it."""
    return (point.probes or 1) * 70 + Funnel.parse(point.funnel).stages[0].k * 250


def said(recall):
    return f"{recall.value:.4f} [{recall.low:.4f}, {recall.high:.4f}]"


def growth(data, folder, rotation):
    """What 50,000 documents say that more will need, and what these need."""
    random = np.random.default_rng(0)
    small = np.array(data.documents[np.sort(random.permutation(len(data.documents))[:SMALL])])
    stored = open_index(built(small, folder, rotation))
    turn = stored.rotation.matrix.T if stored.rotation is not None else np.eye(small.shape[1], dtype=np.float32)
    queries = np.array(data.queries)
    nobody = Asked(stored.turned(queries), np.full(QUERIES, -1), "fresh")
    found = lists(stored, nobody, [DIM], 10, DEPTH)
    sizes = [size for size in LARGER if size <= len(data.documents)] + [len(data.documents)]
    times = [size / SMALL for size in sizes]
    print(f"{'target':>6} {'documents':>10} {'expected':>24} {'needed':>7}")
    truth = {size: needed_lists(data, turn, nobody, size, random) for size in dict.fromkeys(sizes)}
    for target in TARGETS:
        ahead = look_ahead(found, DIM, target, times)
        for size, one in zip(sizes, ahead.expected, strict=True):
            places = np.sort(truth[size].ranks(DIM).ravel())
            needed = places[int(np.ceil(target * len(places))) - 1]
            print(f"{target:>6} {size:>10,} {one.value:>9.0f} [{one.low:.0f}, {one.high:.0f}] {needed:>10.0f}")
    stored.close()


def needed_lists(data, turn, asked, size, random):
    """The exact lists of so many documents, drawn anew, in the small index's axes."""
    rows = np.sort(random.permutation(len(data.documents))[:size])
    turned = np.concatenate([data.documents[rows[at : at + 16_384]] @ turn for at in range(0, size, 16_384)])
    hits = exact(StoredVectors(turned, "float32"), asked.vectors, [DIM, turned.shape[1]], DEPTH)
    return Lists({dim: found.rows for dim, found in hits.items()}, 10, size)


if __name__ == "__main__":
    main()
