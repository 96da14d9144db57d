"""Geometry at all widths: ours beside plain numpy, in one process, on the same vectors.

    python benchmarks/geometry.py sentences.f32 --rows 100000 --dim 768

Plain numpy computes, at each width, what the authors of the measures publish, one after the other: IsoScore through
principal axes (as the package IsoScore 1.0 does, eigenvalues of np.cov in place of scikit-learn's decomposition), the
correlation matrix, singular values of the rows (RankMe), and all pairs of the sample for uniformity and neighbours. It
has no redraws: ours has 50 of every figure. Peak memory is of this process, with the vectors.
"""

import argparse
import os
import resource
import time
from pathlib import Path

import numpy as np

from mrl_search.geometry.analysis import measured, paired, widths
from mrl_search.geometry.measuring import CORRELATION, ISOSCORE, OVERLAP, RANKME, UNIFORMITY
from mrl_search.provenance import commit, machine
from mrl_search.vectors import prefix


def plain(vectors, dims):
    found = {}
    top = {}
    rows = paired(vectors)
    for dim in dims:
        points = prefix(vectors, dim)
        variances = np.linalg.eigvalsh(np.cov(points.T))
        scaled = np.sqrt(dim) * variances / np.linalg.norm(variances)
        defect = np.linalg.norm(scaled - 1) / np.sqrt(2 * (dim - np.sqrt(dim)))
        found[ISOSCORE, dim] = ((dim - defect**2 * (dim - np.sqrt(dim))) ** 2 - dim) / (dim * (dim - 1))
        correlations = np.abs(np.corrcoef(points.T))
        found[CORRELATION, dim] = (correlations.sum() - dim) / (dim * (dim - 1))
        values = np.linalg.svd(points, compute_uv=False)
        shares = values / values.sum()
        found[RANKME, dim] = np.exp(-(shares * np.log(shares)).sum())
        sample = prefix(vectors[rows], dim)
        squares = np.maximum(2 - 2 * sample @ sample.T, 0)
        np.fill_diagonal(squares, np.inf)
        found[UNIFORMITY, dim] = np.log(np.exp(-2 * squares).sum() / (len(sample) * (len(sample) - 1)))
        top[dim] = np.argsort(squares, axis=1)[:, :10]
    for dim in dims:
        found[OVERLAP, dim] = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(top[dim], top[dims[-1]], strict=True)])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path, help="raw float32 rows")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--ours-alone", action="store_true")
    told = parser.parse_args()
    mapped = np.memmap(told.vectors, np.float32, "r").reshape(-1, told.dim)
    vectors = np.array(mapped[: told.rows])
    dims = widths(told.dim)
    start, began = time.perf_counter(), time.process_time()
    ours = measured(vectors, dims)
    seconds, computed = time.perf_counter() - start, time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{machine()}, commit {commit()}; {len(vectors):,} × {told.dim}, widths {', '.join(map(str, dims))}")
    print(
        f"ours   {seconds:6.1f} s ({computed:.1f} s of cores, load {os.getloadavg()[0]:.0f}), "
        f"{len(ours)} figures with 50 redraws each; peak {peak:.2f} GiB"
    )
    if told.ours_alone:
        return
    start = time.perf_counter()
    theirs = plain(vectors, dims)
    plainly = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"plain  {plainly:6.1f} s, {len(theirs)} figures, no redraws; peak {peak:.2f} GiB; {plainly / seconds:.1f} ×")
    for measure in dict.fromkeys(name for name, _ in theirs):
        apart = max(abs(theirs[measure, dim] - ours[measure, dim][0]) / abs(theirs[measure, dim]) for dim in dims)
        print(f"  {measure}: at most {apart:.1e} of the value apart")


if __name__ == "__main__":
    main()
