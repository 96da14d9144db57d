"""Do queries that decide for themselves how many candidates they need beat the best fixed funnel, at equal recall?

    python benchmarks/adaptive_queries.py --n 100000

Sentences as in guarantee.py; exact prefixes of 128 dims, exact top 10. A query compares its shortlist from the top, in
full, and stops at the first rung of a ladder where nothing below it is likely to reach its 10th best: with P the
prefix cosines and F the full ones of those compared so far, D = F - P, it stops where 10th best F - last P - mean D is
at least θ standard deviations of D. θ is fitted on one half of the queries to the recall wanted and judged on the
other, as the fixed number of candidates is. Differences are paired by query, with 95 % bootstrap intervals. What
candidates cost is timed by the funnel that a build sets up, with the fixed number and with the adaptive mean: no
stopping rule's own work is in that, nor a second visit to the shortlist, so it is the most that adaptivity could save.
"""

import time

import numpy as np
from search.data import DIM, K
from search.held_out import PREFIX, asking, held_out

from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import EXACT, Codec, VectorIndex, build_prefix, sketched
from mrl_search.retriever import search

ASKED, DEEPEST = 4_000, 800
LADDER = np.unique(np.round(K * 2 ** np.arange(0, np.log2(DEEPEST / K) + 1e-9, 0.25)).astype(int))
RESAMPLES = 2_000


def profile(index, turned, truth):
    """(found (q, rungs), z (q, rungs)): recall with each rung's candidates, and how sure a query is there."""
    found, sure = (np.empty((len(turned), len(LADDER))) for _ in range(2))
    for number in range(len(turned)):
        query = turned[number : number + 1]
        hits = index.shortlist(query, Stage(PREFIX, DEEPEST))
        prefixes, rows = hits.scores[0], hits.rows[0]
        full = index.take(rows) @ query[0]
        held = np.isin(rows, truth[number]).cumsum() / K
        for place, count in enumerate(LADDER):
            differences = full[:count] - prefixes[:count]
            kth = np.partition(full[:count], -K)[-K]
            spread = max(differences.std(), 1e-6)
            sure[number, place] = (kth - prefixes[count - 1] - differences.mean()) / spread
            found[number, place] = held[count - 1]
    return found, sure


def stopped(sure, theta):
    """(q,) the first rung where a query is as sure as that, or the last."""
    enough = sure >= theta
    enough[:, -1] = True
    return enough.argmax(axis=1)


def fixed(found, wanted):
    """Candidates, between rungs, by which the mean recall is reached; with the recall at each rung linear in log C."""
    return float(np.exp(np.interp(wanted, found.mean(axis=0), np.log(LADDER))))


def fitted(found, sure, wanted):
    """The least θ whose mean recall is reached."""
    lines = np.arange(len(found))
    low, high = -10.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        enough = found[lines, stopped(sure, middle)].mean() >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def paired(differences):
    """(mean, low, high) of differences, by the bootstrap over queries."""
    random = np.random.default_rng(0)
    means = [differences[random.integers(0, len(differences), len(differences))].mean() for _ in range(RESAMPLES)]
    return differences.mean(), *np.percentile(means, [2.5, 97.5])


def timed(index, turned, counts):
    """µs of CPU a query takes with so many candidates: the least of some rounds, all counts in turn."""
    taken = {count: [] for count in counts}
    for _ in range(7):
        for count in counts:
            funnel = Funnel.parse(f"{PREFIX}:{count},{DIM}:{K}")
            start = time.process_time()
            for number in range(100):
                search(index, turned[number : number + 1], funnel)
            taken[count].append(1e4 * (time.process_time() - start))
    return {count: min(some) for count, some in taken.items()}


def main():
    all_ = held_out(asking(__doc__, n=100_000, rotation="pca").parse_args())
    stored, turned, truth, codec = all_.stored, all_.turned[:ASKED], all_.truth[:ASKED], all_.codec
    found, sure = profile(VectorIndex(stored, build_prefix(stored, PREFIX, Codec(EXACT))), turned, truth)
    built = VectorIndex(stored, build_prefix(stored, PREFIX, codec), sketched(stored) if codec.is_refined else None)
    half, lines = ASKED // 2, np.arange(ASKED - ASKED // 2)
    for wanted in (0.95, 0.99):
        count = fixed(found[:half], wanted)
        rung = stopped(sure[half:], fitted(found[:half], sure[:half], wanted))
        recall = found[half:][lines, rung]
        at_equal_cost = np.array(
            [np.interp(np.log(LADDER[rung].mean()), np.log(LADDER), line) for line in found[half:]]
        )
        better, low, high = paired(recall - at_equal_cost)
        counts = [round(count), round(LADDER[rung].mean())]
        cost = timed(built, turned, counts)
        microseconds = " and ".join(f"{cost[some]:.0f}" for some in counts)
        print(
            f"recall {wanted}: fixed {counts[0]} candidates, adaptive {counts[1]} on average "
            f"({LADDER[rung].min()} to {LADDER[rung].max()}), recall {recall.mean():.4f}; at equal candidates "
            f"{better:+.4f} [{low:+.4f}, {high:+.4f}]; a whole query {microseconds} µs of CPU",
            flush=True,
        )


if __name__ == "__main__":
    main()
