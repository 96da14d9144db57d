"""Vectors made to be searched as sentence embeddings are: their spectrum, and neighbours as near.

    python benchmarks/synthetic.py --n 20000 --like sentences-minilm-768.f32

prints both beside those of real ones (raw float32 rows, or .npy). Imitated are, of 20,000 of minilm-768's sentences,
the eigenvalues of the second moment (the first axis is the mean, a third of it all; then about i^-0.5 up to the
hundredth, and steeply down), and the cosines with the 1st, 10th and 200th neighbour. Rows are a mean, a centre that
hundreds of rows share, a centre that a few share, and noise of their own, all with this spectrum. They stand in
principal axes, so that a prefix is what a PCA rotation makes of it.
"""

import argparse

import numpy as np
import torch

DIM = 768
_PLACES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 512, 768)
_EIGENVALUES = (3.38e-1, 2.98e-2, 1.23e-2, 7.47e-3, 5.54e-3, 4.01e-3, 2.87e-3, 1.77e-3, 5.95e-4, 1.02e-4, 5.26e-5, 1e-5)
_FEW, _MANY = 6, 400  # rows that share a centre
_OF_FEW, _OF_MANY = 0.28, 0.22  # of a row's variance
_BLOCK = 65_536


def spectrum(dim=DIM):
    """(dim,) eigenvalues that add up to 1: straight lines between those measured, on logarithmic axes."""
    values = np.exp(np.interp(np.log(np.arange(1, dim + 1)), np.log(_PLACES), np.log(_EIGENVALUES)))
    return (values / values.sum()).astype(np.float32)


def made(n, queries, device="cpu", seed=0):
    """(n, 768) documents and (queries, 768) queries, unit float32 rows in the host's memory, made on the device."""
    random = torch.Generator(device).manual_seed(seed)
    scale = torch.tensor(spectrum(), device=device).sqrt()
    mean, scale[0] = scale[0].item(), 0.0

    def normal(count):
        return torch.randn(count, DIM, generator=random, device=device)

    def drawn(count, below):
        return torch.randint(below, (count,), generator=random, device=device)

    centres = normal(max(1, n // _MANY))
    documents, asked = np.empty((n, DIM), np.float32), None
    done = 0
    while done < n:
        count = min(_BLOCK, n - done) + (queries if asked is None else 0)
        few = normal(max(1, count // _FEW))
        mine = drawn(count, len(few))
        around = drawn(len(few), len(centres))[mine]  # who share the one centre share the other
        rows = _OF_MANY**0.5 * centres[around] + _OF_FEW**0.5 * few[mine]
        rows = scale * (rows + (1 - _OF_MANY - _OF_FEW) ** 0.5 * normal(count))
        rows[:, 0] = mean
        block = torch.nn.functional.normalize(rows).cpu().numpy()
        if asked is None:
            asked, block = block[:queries].copy(), block[queries:]
        documents[done : done + len(block)] = block
        done += len(block)
    return documents, asked


def described(vectors, sample=20_000, queries=500):
    """One line: the share of the second moment in the first dims by PCA, and how near neighbours are."""
    some = np.asarray(vectors[np.sort(np.random.default_rng(0).permutation(len(vectors))[:sample])], np.float32)
    values = np.linalg.eigvalsh((some.T @ some / len(some)).astype(np.float64))[::-1]
    shares = np.cumsum(values) / values.sum()
    queries = min(queries, len(some) // 2)
    near = np.sort(some[:queries] @ some[queries:].T, axis=1)[:, ::-1]
    widths = [dim for dim in (1, 16, 64, 128, 256) if dim <= len(shares)]
    told = ", ".join(f"{dim}: {shares[dim - 1]:.3f}" for dim in widths)
    ranks = [rank for rank in (1, 10, 200) if rank <= near.shape[1]]
    cosines = ", ".join(f"{rank}: {np.median(near[:, rank - 1]):.3f}" for rank in ranks)
    mean = f"mean {near.mean():.3f}"
    return f"{len(some):,} rows; share of the first dims {told}; median cosine with neighbour {cosines}; {mean}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--like", help="a file of real vectors of 768 dims")
    told = parser.parse_args()
    print("made:", described(made(told.n, 1)[0]))
    if told.like:
        raw = told.like.endswith(".f32")
        real = np.fromfile(told.like, np.float32).reshape(-1, DIM) if raw else np.load(told.like, mmap_mode="r")
        print("real:", described(real[np.linalg.norm(real, axis=1) > 0.5]))


if __name__ == "__main__":
    main()
