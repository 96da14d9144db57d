"""What a reader should know before believing a figure: judgements and vectors that are not what they seem."""

import os
from collections.abc import Collection, Mapping

import numpy as np

from mrl_search.eval.encoded import Encoded
from mrl_search.vectors import Vectors

_SPARE = 0.5
_SAMPLED = 2_000
_FEWEST = 100  # rows that say anything of a spectrum
_MORE_THAN_CHANCE = 1.2  # times the largest eigenvalue of random vectors


def judged_traps(qrels: Mapping[str, Mapping[str, int]], ids: Collection[str] | None = None) -> list[str]:
    """Notes on queries without a relevant document, and on relevant ones that are not among the corpus's ids."""
    relevant = {document for grades in qrels.values() for document, grade in grades.items() if grade > 0}
    nothing = sum(max(grades.values(), default=0) <= 0 for grades in qrels.values())
    notes = [f"{nothing:,} of {len(qrels):,} judged queries have no relevant document; they count 0"] if nothing else []
    if ids is not None and (absent := len(relevant.difference(ids))):
        notes.append(
            f"{absent:,} of {len(relevant):,} relevant documents are not in the corpus; nothing can find them, "
            "and recall counts them as missed"
        )
    return notes


def vector_traps(encoded: Encoded) -> list[str]:
    """A note where the documents' vectors have no more structure than random ones."""
    rows = np.linspace(0, len(encoded.documents) - 1, min(_SAMPLED, len(encoded.documents))).astype(np.int64)
    if len(rows) < _FEWEST or not _is_random(encoded.documents.take(rows, encoded.documents.dim)):
        return []
    return [
        f"the vectors of {encoded.name} look random: no direction holds more of their variance than chance would give "
        "it; are they embeddings of these texts?"
    ]


def machine_traps() -> list[str]:
    """A note where more programs wanted to run in the last minute than there are cores: times are then too long."""
    cores = os.cpu_count() or 1
    if not hasattr(os, "getloadavg") or os.getloadavg()[0] < cores + _SPARE:
        return []
    return ["while some rows were timed, more programs ran than there are cores: their times are too long"]


def _is_random(vectors: Vectors) -> bool:
    """Whether the largest eigenvalue of their covariance is one that independent coordinates would have.

    That is at most (1 + √(D / n))² times the mean one (Marchenko & Pastur 1967).
    """
    count, dim = vectors.shape
    centred = vectors - vectors.mean(axis=0)
    singular = np.linalg.svd(centred, compute_uv=False) ** 2
    return bool(singular[0] < _MORE_THAN_CHANCE * (1 + np.sqrt(dim / count)) ** 2 * singular.sum() / dim)
