"""What a study of trained arms found, as values and as JSON: training fills it in, claims are weighed by it."""

from dataclasses import dataclass
from typing import Any

from mrl_search.eval.paired import Difference, Share
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
class ComparedArm:
    """An arm less the first arm, at one width; values of each query are means over the seeds."""

    dataset: str
    measure: str
    rotation: str
    arm: str
    dim: int
    difference: Difference


@dataclass(frozen=True)
class Kept:
    """What a width has of the arm's own widest, seeds meaned, with the interval over the queries, or pairs, redrawn."""

    dataset: str
    measure: str
    rotation: str
    arm: str
    dim: int
    share: Share


@dataclass(frozen=True)
class Study(Result):
    """One result: what was trained on what, how the arms did, what their widths keep, how they differ from the first.

    step_seconds: median seconds of a step by run, `ARM-seedN`. kept: empty in results of before it was measured.
    notes: for people, what else was found of a run.
    """

    recipe: dict[str, Any]
    sources: tuple[dict[str, object], ...]
    overlaps: dict[str, dict[str, int]]
    measured: tuple[Measured, ...]
    compared: tuple[ComparedArm, ...]
    step_seconds: dict[str, float]
    provenance: dict[str, object]
    kept: tuple[Kept, ...] = ()
    notes: tuple[str, ...] = ()
