"""Sentences as guarantee.py and adaptive_queries.py ask them: 10,000 held-out queries, documents rotated, the truth."""

import argparse
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrl_search.indexes import Codec, StoredVectors, chosen_codec, exact
from mrl_search.provenance import commit, machine
from mrl_search.rotation import Rotation
from mrl_search.rotations import fit
from mrl_search.sampling import drawn
from mrl_search.vectors import Vectors
from search.data import DIM, ENCODER, K, cache_folder, sentences

QUERIES, PREFIX = 10_000, 128


class HeldOut(NamedTuple):
    """queries: (q, D), documents: (n, D), as encoded; turned, stored: the same, rotated. truth: (q, K) rows.

    codec: of the prefix that a build of so many documents would have.
    """

    queries: Vectors
    documents: Vectors
    rotation: Rotation
    turned: Vectors
    stored: StoredVectors
    truth: np.ndarray
    codec: Codec


def asking(description: str, *, n: int, rotation: str) -> argparse.ArgumentParser:
    """What both scripts are told, with their defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=n)
    parser.add_argument("--sentences", type=Path, default=Path("../shared/data/sentences/sentences.txt.gz"))
    parser.add_argument("--rotation", default=rotation)
    return parser


def held_out(told: argparse.Namespace) -> HeldOut:
    """Reads or makes all of it, and says on which machine, of which commit, how much it is."""
    queries, documents = loaded(told.n, told.sentences)
    print(
        f"{machine()}, commit {commit()}, {len(documents):,} documents, {len(queries):,} queries, top {K}, "
        f"rotation {told.rotation}",
        flush=True,
    )
    rotation = fit(told.rotation, documents[drawn(len(documents))], [PREFIX], ()).rotation
    assert rotation is not None  # pca and learned always have one
    stored, turned = StoredVectors(rotation.apply(documents), "float32"), rotation.apply(queries)
    truth = truth_of(stored, turned, rotation)
    return HeldOut(queries, documents, rotation, turned, stored, truth, chosen_codec(len(documents), PREFIX))


def loaded(n: int, source: Path) -> tuple[Vectors, Vectors]:
    """(queries, documents), read from the cache, which sentences() fills if it is not there."""
    path = cache_folder() / f"sentences-{ENCODER}.f32"
    if not path.exists():
        sentences(QUERIES + n, source)
    count = min(QUERIES + n, path.stat().st_size // (4 * DIM))
    vectors = np.fromfile(path, np.float32, count=count * DIM).reshape(count, DIM)
    return vectors[:QUERIES].copy(), vectors[QUERIES:].copy()


def truth_of(stored: StoredVectors, queries: Vectors, rotation: Rotation) -> np.ndarray:
    """(q, K) rows of the exact answers, by comparing everything; kept beside the vectors.

    The rotation's digest is part of the name: fitted on another number of threads it rounds otherwise, and answers
    whose scores are nearly equal change places.
    """
    digest = hashlib.sha256(rotation.matrix.tobytes()).hexdigest()[:12]
    path = cache_folder() / f"guarantee-{ENCODER}-{digest}-n{len(stored)}-q{len(queries)}-top{K}.npy"
    if not path.exists():
        np.save(path, exact(stored, queries, [DIM], K)[DIM].rows)
    return np.load(path)
