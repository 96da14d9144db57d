"""What is searched: sentences encoded by the product's default encoder, or a user's own vectors, and the exact answers.

All of it is kept in `<cache>/benchmarks/` and made again when deleted; delete it when the encoder changes.
"""

import gzip
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrl_search.cache import cache_root
from mrl_search.progress import bar
from mrl_search.vectors import Vectors, load_vectors, unit

ENCODER, DIM = "minilm-768", 768
QUERIES = 1_000  # the first rows, held out
K = 10
SHORTLIST_DIM = 128  # of the funnels, ours and Qdrant's
_BLOCK = 8_192  # rows appended to the cache at a time, and lost at most when it is interrupted
_ROW_BYTES = DIM * 4


class Data(NamedTuple):
    """Unit rows. queries: (q, D). documents: (n, D). truth: (q, K), the rows of the exact answers."""

    name: str
    queries: Vectors
    documents: Vectors
    truth: np.ndarray


def cache_folder() -> Path:
    folder = cache_root() / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sentences(n: int, source: Path) -> Data:
    """The first 1,000 sentences as queries, the n after them (or as many as there are) as documents."""
    path = cache_folder() / f"sentences-{ENCODER}.f32"
    if _rows(path) < QUERIES + n:
        _encode(source, path, QUERIES + n)
    count = min(QUERIES + n, _rows(path))
    vectors = np.fromfile(path, np.float32, count=count * DIM).reshape(count, DIM)
    return _split(
        f"sentences, {ENCODER}", vectors, n, keep=cache_folder() / f"{path.stem}-n{count - QUERIES}-top{K}.npy"
    )


def own_vectors(n: int, path: Path) -> Data:
    """The same cut of any (m, D) vectors, brought to unit length."""
    vectors = load_vectors(path)[: QUERIES + n]
    if vectors.shape[1] <= SHORTLIST_DIM:
        sys.exit(f"{path} holds {vectors.shape[1]} dims; the funnels compared want more than {SHORTLIST_DIM}")
    return _split(path.stem, unit(vectors), n, keep=None)


def _split(name: str, vectors: Vectors, n: int, keep: Path | None) -> Data:
    queries, documents = vectors[:QUERIES], vectors[QUERIES:]
    if len(documents) < K:
        sys.exit(f"{name}: {len(vectors)} vectors, wanted at least {QUERIES + K}")
    if len(documents) < n:
        print(f"{name}: asked for {n:,} documents, there are {len(documents):,} besides the queries", file=sys.stderr)
    if keep is not None and keep.exists():
        return Data(name, queries, documents, np.load(keep))
    truth = _exact(queries, documents)
    if keep is not None:
        np.save(keep, truth)
    return Data(name, queries, documents, truth)


def _exact(queries: Vectors, documents: Vectors) -> np.ndarray:
    import faiss

    _, rows = faiss.knn(queries, documents, K, metric=faiss.METRIC_INNER_PRODUCT)
    return rows


def _rows(path: Path) -> int:
    return path.stat().st_size // _ROW_BYTES if path.exists() else 0


def _encode(source: Path, path: Path, wanted: int) -> None:
    """Appends whole blocks until `wanted` rows (or all) are there; goes on after the whole blocks it finds."""
    from mrl_search.encoders import EncoderSpec, load_encoder

    if not source.is_file():
        sys.exit(f"there is no file {source}; name it with --sentences FILE, or give --vectors FILE.npy")
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        texts = lines.read().splitlines()
    done = _rows(path) // _BLOCK * _BLOCK
    end = min(-(-wanted // _BLOCK) * _BLOCK, len(texts))
    if _rows(path) >= end:
        return
    encoder = load_encoder(EncoderSpec(ENCODER))
    with path.open("ab") as file, bar(end, "encoding", "sentences", shown=True) as progress:
        file.truncate(done * _ROW_BYTES)
        progress.update(done)
        for start in range(done, end, _BLOCK):
            block = encoder.encode_documents(texts[start : min(start + _BLOCK, end)])
            file.write(np.ascontiguousarray(block, np.float32).tobytes())
            file.flush()
            progress.update(len(block))
