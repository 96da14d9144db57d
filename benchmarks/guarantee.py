"""What guarantees cost and whether they are kept: `--guarantee exact` beside FAISS's exact indexes; recalls promised.

    python benchmarks/guarantee.py --n 290000

Sentences encoded by minilm-768: the first 10,000 are held-out queries, the n after them (or as many as there are) the
documents. Ours is an index as a build sets it up, with bounds. IndexFlatIPPanorama gets its vectors in principal axes,
as it wants them, with the levels that were fastest. Everything runs in this process, in turn, on as many threads; CPU
time stands beside wall time, since machines are shared. Exact answers are found once, and kept in the cache.
"""

import time

import faiss
import numpy as np
from search.data import DIM, K
from search.held_out import PREFIX, asking, held_out

from mrl_search.calibration import Promise, beginning, chosen, lost, rungs
from mrl_search.errors import GuaranteeError
from mrl_search.funnel import Funnel
from mrl_search.guarantee import certificates, with_candidates
from mrl_search.indexes import (
    EXACT,
    Codec,
    VectorIndex,
    bounded,
    build_prefix,
    sketched,
)
from mrl_search.indexes.kernels.sift import _reaching_near
from mrl_search.retriever import search

LEVELS = 24  # of Panorama's: of 4, 8, 12 and 24 these were the fastest on 59,000
ROUNDS, SINGLES, BATCH = 5, 40, 256
SPLITS, CALIBRATION, REFEREED = 50, 2_000, 2_000


def timed(answers, queries):
    """{name: (wall, CPU)} in µs a query, answered together and one by one: the least of some rounds, all in turn."""
    found = {}
    for number in range(ROUNDS):
        some = queries[number * BATCH :][:BATCH]
        for name, answer in answers.items():
            wall, cpu = time.perf_counter(), time.process_time()
            answer(some)
            each = (time.perf_counter() - wall, time.process_time() - cpu)
            found.setdefault(name, []).append([1e6 * part / len(some) for part in each])
    singles = {name: [] for name in answers}
    for number in range(SINGLES):
        for name, answer in answers.items():
            query = queries[number : number + 1]
            wall, cpu = time.perf_counter(), time.process_time()
            answer(query)
            singles[name].append([1e6 * (time.perf_counter() - wall), 1e6 * (time.process_time() - cpu)])
    for name in answers:
        batch = np.min(found[name], axis=0)
        low, middle = np.min(singles[name], axis=0), np.median(singles[name], axis=0)
        yield name, batch, middle, low


def beside_faiss(index, rotation, documents, queries, funnel):
    def ours(some):
        turned = rotation.apply(some)
        return index.proven(turned, search(index, turned, funnel))

    flat = faiss.IndexFlatIP(DIM)
    flat.add(documents)
    referee(flat, ours, queries[:REFEREED])
    axes = np.linalg.eigh((documents.T @ documents).astype(np.float64))[1][:, ::-1].astype(np.float32)
    panorama = faiss.IndexFlatIPPanorama(DIM, LEVELS)
    panorama.add(documents @ axes)
    answers = {
        "proven": ours,
        "FlatIP": lambda some: flat.search(some, K),
        f"Panorama, {LEVELS} levels": lambda some: panorama.search(some @ axes, K),
    }
    for threads in (1, 2):
        faiss.omp_set_num_threads(threads)
        heads = f"{'batch wall':>12}{'CPU':>9}{'single p50':>12}{'CPU':>9}{'least CPU':>11}"
        print(f"\n{f'{threads} thread(s), µs a query':<33}{heads}")
        for name, batch, middle, low in timed(answers, queries):
            print(
                f"{name:<34}{batch[0]:11.0f}{batch[1]:9.0f}{middle[0]:12.0f}{middle[1]:9.0f}{low[1]:11.0f}", flush=True
            )
    faiss.omp_set_num_threads(2)


def referee(flat, ours, queries):
    """Prints whether FAISS finds the same: its sums round otherwise, so rows of nearly the same score may change."""
    scores, rows = flat.search(queries, K)
    found = ours(queries)
    same = (found.rows == rows).all(axis=1)
    apart = np.abs(found.scores - scores).max()
    print(f"\nFlatIP's own rows, in order: {same.sum():,} of {len(same):,}; no score further from its than {apart:.1e}")


def read_a_query(bounds, turned, kth):
    """Prints what the looks leave, what a query reads, and how fast memory gives it."""
    some, floors = turned[:200], kth[:200]
    rows, count = np.empty(64 * len(bounds.near) + 1, np.int64), len(bounds.far)
    asked = bounds._asked(some, floors)
    left = [
        _reaching_near(
            bounds.near, 0, len(bounds.near), count, asked.near_weights[query], asked.near_terms[query], rows
        )
        for query in range(len(some))
    ]
    compared = (bounds.reaching(some, floors, count)[0] >= 0).sum(axis=1)
    for what, counts in (("left by the first look", left), ("compared in full", compared)):
        p50, p90, p99 = np.percentile(counts, [50, 90, 99])
        print(f"{what}: {p50:.0f} at the median, p90 {p90:.0f}, p99 {p99:.0f}, of {count:,}")
    each = (bounds.near.nbytes + np.mean(left) * bounds.far.shape[1] + np.mean(compared) * 4 * DIM) / count
    print(f"a query reads {each:.0f} bytes a document, of {4 * DIM}: as many as {each / 4:.0f} dims of float32")
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        bounds.near.view(np.uint64).max()
        taken.append(1e6 * (time.perf_counter() - start))
    print(f"reading what the first look reads: {min(taken):.0f} µs, {bounds.near.nbytes / min(taken) / 1e3:.1f} GB/s")


def walked(index, queries, funnel):
    first, *rest = funnel.stages
    stages = [(first, index.shortlist(queries, first, in_order=not rest))]
    for stage in rest:
        stages.append((stage, index.rerank(queries, stages[-1][1], stage)))
    return stages


def certified(stored, index, turned, truth):
    """Prints how many answers of plain funnels carry a certificate, and how many are right."""
    print(f"\n{'plain funnel, of 1,000 queries':<44}{'certified':>11}{'right':>9}")
    for width, candidates in ((None, 100), (128, 200), (256, 200), (256, 1_000), (384, 200), (512, 200)):
        some = index if width is None else VectorIndex(stored, build_prefix(stored, width, Codec(EXACT)))
        funnel = Funnel.parse(f"{width or PREFIX}:{candidates},{DIM}:{K}")
        stages = walked(some, turned[:1_000], funnel)
        right = (np.sort(stages[-1][1].rows) == np.sort(truth[:1_000])).all(axis=1)
        share = certificates(some, turned[:1_000], stages).certified
        assert right[share].all()
        name = f"{funnel}, {'codes' if width is None else 'exact prefixes'}"
        print(f"{name:<44}{share.mean():>11.3f}{right.mean():>9.3f}", flush=True)


def promises(index, turned, truth, funnel):
    """Prints whether calibrated recalls are kept on further queries, over random splits."""
    known = {}

    def losses(candidates):
        if candidates not in known:
            known[candidates] = lost(search(index, turned, with_candidates(funnel, candidates)).rows, truth)
        return known[candidates]

    print(f"\n{SPLITS} splits: {CALIBRATION:,} queries calibrate, {len(turned) - CALIBRATION:,} test")
    for recall, confidence in ((0.9, 0.95), (0.95, 0.95), (0.99, 0.95), (0.99, 0.8), (0.995, 0.95)):
        promise, taken, missed = Promise(recall, K, confidence), [], []
        for seed in range(SPLITS):
            order = np.random.default_rng(seed).permutation(len(turned))
            pilot, prove, test = np.split(order, [CALIBRATION // 10, CALIBRATION])
            try:
                most = beginning(lambda one, part=pilot: losses(one)[part], promise, len(index))
                candidates, _ = chosen(lambda one, part=prove: losses(one)[part], rungs(K, most), promise)
            except GuaranteeError:
                continue
            taken.append(candidates)
            missed.append(recall - (1 - losses(candidates)[test].mean()))
        kept = np.mean(np.array(missed) <= 0) if taken else np.nan
        print(
            f"recall {recall:g} at {confidence:g}: {len(taken)} calibrated, kept by {kept:.2f}, widest miss "
            f"{max([0, *missed]):.4f}, mean recall {recall - np.mean(missed or [np.nan]):.4f}, "
            f"candidates {min(taken, default=0)} to {max(taken, default=0)}",
            flush=True,
        )


def main():
    parser = asking(__doc__, n=290_000, rotation="learned")
    parser.add_argument("--only", default="exact,read,certified,promises")
    told = parser.parse_args()
    found = held_out(told)
    rotation, stored, turned, truth, codec = found.rotation, found.stored, found.turned, found.truth, found.codec
    start = time.process_time()
    bounds = bounded(stored)
    print(
        f"bounds: {(bounds.near.nbytes + bounds.far.nbytes) / len(stored):.0f} bytes a document, "
        f"{len(bounds.axes.matrix)} axes, made in {time.process_time() - start:.0f} s of CPU"
    )
    sketches = sketched(stored) if codec.is_refined else None
    index = VectorIndex(stored, build_prefix(stored, PREFIX, codec), sketches, bounds)
    funnel = Funnel.default([PREFIX, DIM], K)
    hits = search(index, turned, funnel)
    proven = index.proven(turned, hits)
    same = (proven.rows == truth).all(axis=1)
    print(f"proven answers that are those of comparing everything, ties included: {same.sum():,} of {len(same):,}")
    print(f"plain {funnel} ({codec.factory}): recall {1 - lost(hits.rows, truth).mean():.4f}")
    if "read" in told.only:
        read_a_query(bounds, turned, hits.scores[:, -1])
    if "certified" in told.only:
        certified(stored, index, turned, truth)
    if "promises" in told.only:
        promises(index, turned, truth, funnel)
    if "exact" in told.only:
        beside_faiss(index, rotation, found.documents, found.queries, funnel)


if __name__ == "__main__":
    main()
