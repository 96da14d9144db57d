"""What a study of trained arms found, as values and as JSON: training fills it in, claims are weighed by it."""

from dataclasses import dataclass, field
from typing import Any

from mrl_search.eval.paired import Difference, Share
from mrl_search.results import Result


@dataclass(frozen=True)
class Measured:
    """One encoder at one width: the mean over queries, and each query's value (none of a correlation).

    layers: how many of its layers, in studies of several depths; None for all, in others.
    """

    dataset: str
    measure: str
    rotation: str
    arm: str
    seed: int
    dim: int
    mean: float
    per_query: tuple[float, ...] = ()
    layers: int | None = None


@dataclass(frozen=True)
class ComparedArm:
    """An arm less another at one width, and depth; values of each query are means over the seeds.

    against: the other's name; None, in results of before it was noted, for the first arm.
    """

    dataset: str
    measure: str
    rotation: str
    arm: str
    dim: int
    difference: Difference
    layers: int | None = None
    against: str | None = None


@dataclass(frozen=True)
class Kept:
    """What a size has of the arm's own largest, seeds meaned, with the interval over the queries, or pairs, redrawn."""

    dataset: str
    measure: str
    rotation: str
    arm: str
    dim: int
    share: Share
    layers: int | None = None


@dataclass(frozen=True)
class Study(Result):
    """One result: what was trained on what, how the arms did, what their sizes keep, how they differ from others.

    step_seconds: median seconds of a step by run, `ARM-seedN`. kept: empty in results of before it was measured.
    texts_per_second: that a sub-model of so many layers encodes, in studies of several depths.
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
    texts_per_second: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
