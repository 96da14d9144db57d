"""A funnel: how many candidates are kept at which width, written as `64:200,768:10`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from mrl_search.errors import FunnelError

_STAGE = re.compile(r"\s*(\d{1,9})\s*:\s*(\d{1,9})\s*", re.ASCII)


@dataclass(frozen=True, order=True)
class Stage:
    """Score by the first `dim` coordinates and keep the `k` best."""

    dim: int
    k: int

    def __post_init__(self) -> None:
        if self.dim < 1 or self.k < 1:
            raise FunnelError(f"the stage {self.dim}:{self.k} needs a width and a count of at least 1")

    def __str__(self) -> str:
        return f"{self.dim}:{self.k}"


@dataclass(frozen=True)
class Funnel:
    """Stages from the cheapest width to the longest; `Funnel.parse(str(funnel)) == funnel`.

    Widths grow from stage to stage and counts never grow; else FunnelError.
    This is MRL's "Rerank Cascade" zipped with its "Shortlist Cascade" (Kusupati
    et al. 2022, §4.3.1).
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise FunnelError("a funnel needs at least one stage, as in 64:200,768:10")
        for shorter, longer in pairwise(self.stages):
            if longer.dim <= shorter.dim:
                raise FunnelError(f"in the funnel {self} the widths must grow, but {longer} follows {shorter}")
            if longer.k > shorter.k:
                raise FunnelError(f"in the funnel {self} no stage can keep more than the one before it: {longer}")

    def __str__(self) -> str:
        return ",".join(map(str, self.stages))

    @classmethod
    def parse(cls, text: str) -> "Funnel":
        """Reads `64:200,768:10`: keep 200 by 64 dims, then the best 10 of them by 768."""
        stages = []
        for part in text.split(","):
            found = _STAGE.fullmatch(part)
            if not found:
                raise FunnelError(
                    f"cannot read the stage {part!r} of the funnel {text!r}; wanted DIM:K,DIM:K, as 64:200,768:10"
                )
            stages.append(Stage(int(found[1]), int(found[2])))
        return cls(tuple(stages))

    @classmethod
    def default(cls, dims: Sequence[int], k: int = 10) -> "Funnel":
        """The funnel of an index nobody has tuned: 20 candidates an answer, at least 200, narrowing geometrically.

        Kusupati et al. (2022, §4.3) shortlist 200 for their top 10. dims must grow.
        """
        first = max(200, 20 * k) if len(dims) > 1 else k
        steps = max(len(dims) - 1, 1)
        return cls(tuple(Stage(dim, round(first * (k / first) ** (step / steps))) for step, dim in enumerate(dims)))

    @property
    def k(self) -> int:
        """How many answers come out."""
        return self.stages[-1].k

    @property
    def dim(self) -> int:
        """The width that decides the final order."""
        return self.stages[-1].dim

    def keeping(self, k: int) -> "Funnel":
        """The same stages for k answers: fewer take as many candidates, more take more in proportion."""
        times = max(1.0, k / self.k)
        return Funnel((*(Stage(stage.dim, ceil(times * stage.k)) for stage in self.stages[:-1]), Stage(self.dim, k)))

    def reaching(self, depth: int) -> "Funnel":
        """The same stages for so many answers, no stage keeping more than it did but for their sake."""
        return Funnel((*(Stage(one.dim, max(one.k, depth)) for one in self.stages[:-1]), Stage(self.dim, depth)))

    def deeper(self, more: int) -> "Funnel":
        """The same with so many more candidates at every stage."""
        return Funnel(tuple(Stage(stage.dim, stage.k + more) for stage in self.stages))

    def macs(self, n: int) -> int:
        """Multiply-adds a query costs among n documents: N·d + Σ k_i·d_(i+1), the shortlist being exhaustive."""
        first = self.stages[0]
        return n * first.dim + sum(min(before.k, n) * after.dim for before, after in pairwise(self.stages))
