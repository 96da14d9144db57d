"""What a study found, as values and as JSON."""

from dataclasses import dataclass
from typing import Any

from mrl_search.eval import Difference
from mrl_search.results import Result


@dataclass(frozen=True)
class Measured:
    """One encoder at one width: the mean over queries, and each query's value (none of a correlation)."""

    dataset: str
    measure: str
    rotation: str
    arm: str
    seed: int
    dim: int
    mean: float
    per_query: tuple[float, ...] = ()


@dataclass(frozen=True)
class Compared:
    """An arm less the first arm, at one width; values of each query are means over the seeds."""

    dataset: str
    measure: str
    rotation: str
    arm: str
    dim: int
    difference: Difference


@dataclass(frozen=True)
class Study(Result):
    """One result: what was trained on what, how the arms did, and how they differ from the first.

    step_seconds: median seconds of a step by run, `ARM-seedN`.
    """

    recipe: dict[str, Any]
    sources: tuple[dict[str, object], ...]
    overlaps: dict[str, dict[str, int]]
    measured: tuple[Measured, ...]
    compared: tuple[Compared, ...]
    step_seconds: dict[str, float]
    provenance: dict[str, object]
