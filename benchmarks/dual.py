"""Two maps in place of one rotation, where queries differ from documents: what a prefix then finds.

    python benchmarks/dual.py --dataset scifact

Queries are mapped by B, documents by A with AᵀB = I, so every full inner product stays: LeanVec-Sphering (Tepper et
al., 2312.16335 and 2410.22347), A = R·K and B = R·K⁻¹, K the square root of the training queries' second moments and
R the principal axes of K·documents. K is mixed with the identity; 0 is plain PCA. Beside them the rotations a build
fits. The training queries are those without judgements in the test split. Prefixes are compared by inner product
(as LeanVec does) and by cosine (as an index does), with the exact top 10 of the test queries.
"""

import argparse
import sys
from pathlib import Path

import faiss
import numpy as np

from mrl_search.data import Tolerance, load_dataset, read_queries
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.encoders.cached import cached
from mrl_search.encoding import encode_documents
from mrl_search.errors import MRLSearchError
from mrl_search.progress import bar
from mrl_search.provenance import commit, machine
from mrl_search.rotations import fit
from mrl_search.vectors import unit

K = 10
CANDIDATES = (20, 50, 100, 200)
MIXED = (0.0, 0.1, 0.3, 0.6, 0.9)


def encoded(name, root):
    """(documents, test queries, training queries), unit rows of minilm-768; cached."""
    encoder = cached(load_encoder(EncoderSpec("minilm-768")))
    dataset = load_dataset(name, "test", root)
    texts = [document.content for document in dataset.corpus.read(Tolerance(0))]
    with bar(len(texts), f"encoding {name}", "documents", shown=True) as progress:
        documents = np.concatenate(list(encode_documents(encoder, texts, progress)))
    every = read_queries(str(root / name / "queries.jsonl"))
    train = [text for identifier, text in every.items() if identifier not in dataset.queries]
    return documents, encoder.encode_queries(list(dataset.queries.values())), encoder.encode_queries(train)


def moments(rows):
    return rows.T.astype(np.float64) @ rows / len(rows)


def root_of(matrix, power):
    values, axes = np.linalg.eigh(matrix)
    return (axes * np.maximum(values, 1e-12) ** power) @ axes.T


def sphering(documents, queries, mixed):
    """(A, B): (D, D) each. mixed: the share of the queries' second moments in K; the rest is the identity's."""
    dim = documents.shape[1]
    blend = mixed * moments(queries) * dim + (1 - mixed) * np.eye(dim)
    root = root_of(blend, 0.5)
    _, axes = np.linalg.eigh(root @ moments(documents) @ root)
    turn = axes[:, ::-1].T
    return turn @ root, turn @ root_of(blend, -0.5)


def shares(documents, queries, truth, dim, *, cosine):
    short, asked = documents[:, :dim].astype(np.float32), queries[:, :dim].astype(np.float32)
    short = unit(short) if cosine else np.ascontiguousarray(short)
    _, found = faiss.knn(np.ascontiguousarray(asked), short, max(CANDIDATES), metric=faiss.METRIC_INNER_PRODUCT)
    return [np.mean([np.isin(t, f[:many]).mean() for t, f in zip(truth, found, strict=True)]) for many in CANDIDATES]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="scifact")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/beir"))
    told = parser.parse_args()
    documents, asked, train = encoded(told.dataset, told.data)
    if len(train) < documents.shape[1] // 2:
        sys.exit(f"{told.dataset} has {len(train)} queries to train on, wanted half as many as dims at least")
    _, truth = faiss.knn(asked, documents, K, metric=faiss.METRIC_INNER_PRODUCT)
    print(f"{told.dataset}: {len(documents):,} documents, {len(asked)} queries, {len(train)} to train on")
    print(f"{machine()}, commit {commit()}")
    print(f"{'':<24}{'dims':>5}{'':>9}" + "".join(f"{f'S={many}':>8}" for many in CANDIDATES))
    maps = {f"rotation {kind}": fit(kind, documents, (64, 128)).rotation.matrix for kind in ("pca", "learned")}
    maps = {name: (matrix, matrix) for name, matrix in maps.items()}
    maps |= {f"two maps, {mixed:.0%} queries": sphering(documents, train, mixed) for mixed in MIXED}
    for name, (for_documents, for_queries) in maps.items():
        kept = np.abs(for_documents.T @ for_queries - np.eye(documents.shape[1])).max()
        assert kept < 1e-4, f"{name} changes full scores by {kept}"
        for dim in (64, 128):
            for cosine in (False, True):
                found = shares(documents @ for_documents.T, asked @ for_queries.T, truth, dim, cosine=cosine)
                print(f"{name:<24}{dim:>5}{'cosine' if cosine else 'product':>9}" + "".join(f"{s:8.3f}" for s in found))


if __name__ == "__main__":
    try:
        main()
    except MRLSearchError as error:
        sys.exit(f"{error}")
