"""What an evaluation found, as values and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrl_search.indexes import EXACT
from mrl_search.results import Result

_RESAMPLES = 2_000
_SEED = 0


@dataclass(frozen=True)
class Cost:
    """What a query costs, measured one query at a time from its vector on; encoding is not in it.

    macs_per_query: multiply-adds, by `Funnel.macs` and of the rotation; codes are counted as if they were floats.
    ram_bytes_per_document: the prefix index's and the rotation's.
    disk_bytes_per_document: full vectors, and sketches, that are read from there; 0 where prefixes in RAM are enough.
    """

    macs_per_query: int
    latency_ms_p50: float
    latency_ms_p95: float
    queries_per_second: float
    ram_bytes_per_document: float
    disk_bytes_per_document: float
    device: str


@dataclass(frozen=True)
class Kept:
    """A share of full width's first measure, with its 95 % interval over the queries."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Report:
    """One row: an encoder, turned by a rotation, walked through one funnel over one kind of prefix index.

    rotation, prefix: as the recipe names them; rows of one stage are exact.
    mean and per_query hold every measure that the funnel is deep enough for;
    kept is None where full width finds nothing.
    """

    encoder: str
    funnel: str
    mean: dict[str, float]
    per_query: dict[str, dict[str, float]]
    kept: Kept | None
    cost: Cost
    rotation: str = "none"
    prefix: str = EXACT


@dataclass(frozen=True)
class Evaluation(Result):
    """All rows of one dataset, and how they came about; JSON and back without loss."""

    dataset: str
    split: str
    documents: int
    queries: int
    measures: tuple[str, ...]
    command: str
    reports: tuple[Report, ...]
    provenance: dict[str, object]

    def find(self, encoder: str, funnel: str, rotation: str | None = None, prefix: str | None = None) -> Report | None:
        """The first row of that encoder and funnel, and of that rotation and prefix if they are named."""
        for row in self.reports:
            asked = (encoder, funnel, rotation or row.rotation, prefix or row.prefix)
            if (row.encoder, row.funnel, row.rotation, row.prefix) == asked:
                return row
        return None


def kept(values: Mapping[str, float], full: Mapping[str, float]) -> Kept | None:
    """mean(values) / mean(full) and its percentile bootstrap interval, queries resampled in pairs.

    Efron & Tibshirani 1993, ch. 13; 2,000 resamples, fixed seed. None where full is zero throughout.
    """
    pairs = np.array([(values[query], full[query]) for query in full], dtype=np.float64)  # (q, 2)
    chosen = np.random.default_rng(_SEED).integers(len(pairs), size=(_RESAMPLES, len(pairs)))
    sums = np.array([pairs[some].sum(axis=0) for some in chosen])  # (r, 2)
    sums = sums[sums[:, 1] > 0]
    if not len(sums) or not pairs[:, 1].any():
        return None
    low, high = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    share = pairs[:, 0].sum() / pairs[:, 1].sum()
    return Kept(float(share), float(low), float(high))
