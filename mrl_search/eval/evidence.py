"""What would bear a claim out: rows of evaluations, and arms of studies, with what is wanted of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mrl_search.errors import RecipeError
from mrl_search.eval.arms import Study
from mrl_search.eval.paired import Difference, Share, paired, shares
from mrl_search.eval.report import Evaluation, Row
from mrl_search.eval.standing import MARGIN


class Found(NamedTuple):
    """One comparison: two names and means, and the difference, or the share if a share is wanted (None of nothing)."""

    result: str
    left: str
    right: str
    measure: str
    means: tuple[float, float]
    difference: Difference | None
    share: Share | None
    keeps: float | None


@dataclass(frozen=True)
class Evidence:
    """Two rows of each result. keeps: left has at least that share of right; None: left is better than right.

    dims: once for each of them, which stands where a funnel says {dim}.
    """

    results: tuple[str, ...]
    left: Row
    right: Row
    dims: tuple[int, ...] = ()
    keeps: float | None = None
    measure: str = "nDCG@10"

    def __post_init__(self) -> None:
        _demand(self.results, self.keeps)
        if bool(self.dims) != any("{dim}" in row.funnel for row in (self.left, self.right)):
            raise RecipeError("dims and {dim} in a funnel go together, found one without the other")

    def found(self, folder: Path) -> Iterator[Found]:
        """Every result, named relative to the folder, by every width. Raises RecipeError for what is absent."""
        for result in self.results:
            for dim in map(str, self.dims or ("",)):
                rows = [replace(row, funnel=row.funnel.replace("{dim}", dim)) for row in (self.left, self.right)]
                left, right = (_scores(folder / result, row, self.measure) for row in rows)
                difference = share = None
                if self.keeps is None:
                    difference = paired(right, left, MARGIN)
                else:
                    (share,) = shares([left], [right])
                means = sum(left) / len(left), sum(right) / len(right)
                names = str(rows[0]), str(rows[1])
                yield Found(Path(result).stem, *names, self.measure, means, difference, share, self.keeps)


@dataclass(frozen=True)
class Trained:
    """An arm of each study. keeps: a width has at least that share of the arm's widest; None: it beats the first arm.

    dataset, measure and rotation: as the study names them. dims: once for each.
    """

    results: tuple[str, ...]
    dataset: str
    arm: str
    dims: tuple[int, ...]
    rotation: str = "none"
    keeps: float | None = None
    measure: str = "nDCG@10"

    def __post_init__(self) -> None:
        _demand(self.results, self.keeps)
        if not self.dims:
            raise RecipeError("evidence of a trained arm names one width at least in dims")

    def found(self, folder: Path) -> Iterator[Found]:
        """Every study, named relative to the folder, by every width. Raises RecipeError for what is absent."""
        for result in self.results:
            study = _study(folder / result)
            for dim in self.dims:
                yield self._found(study, result, dim)

    def _found(self, study: Study, result: str, dim: int) -> Found:
        where = (self.dataset, self.measure, self.rotation)
        here = _whole([one for one in study.measured if (one.dataset, one.measure, one.rotation) == where])
        first, widest = (here[0].arm, max(one.dim for one in here)) if here else ("", 0)
        told = [
            one
            for one in _whole(study.compared if self.keeps is None else study.kept)
            if (one.dataset, one.measure, one.rotation, one.arm, one.dim) == (*where, self.arm, dim)
        ]
        if not told:
            kind = "comparison with its first arm" if self.keeps is None else "share kept"
            raise RecipeError(f"{result} has no {kind} of the arm {self.arm} at {dim} dims: {', '.join(where)}")
        rival = getattr(told[0], "against", None) or first
        beside = (self.arm, widest) if self.keeps is not None else (rival, dim)
        values = [[one.mean for one in here if (one.arm, one.dim) == which] for which in ((self.arm, dim), beside)]
        left, right = (sum(some) / len(some) for some in values)
        turned = "" if self.rotation == "none" else f" {self.rotation}"
        names = (f"{self.arm}{turned} {dim}", f"{beside[0]}{turned} {beside[1]}")
        name, measure = f"{Path(result).stem}: {self.dataset}", self.measure
        difference, share = getattr(told[0], "difference", None), getattr(told[0], "share", None)
        return Found(name, *names, measure, (left, right), difference, share, self.keeps)


def _whole(found: Sequence[Any]) -> list[Any]:
    """Those of whole depth, where a study measures several."""
    deepest = max((one.layers or 0 for one in found), default=0)
    return [one for one in found if (one.layers or 0) == deepest]


def _demand(results: tuple[str, ...], keeps: float | None) -> None:
    if keeps is not None and not 0 < keeps <= 1:
        raise RecipeError(f"keeps is a share above 0 and at most 1, found {keeps}")
    if not results:
        raise RecipeError("a piece of evidence names one result at least")


def _scores(path: Path, row: Row, measure: str) -> list[float]:
    evaluation = _evaluation(path)
    found = evaluation.find(row.encoder, row.funnel, rotation=row.rotation, prefix=row.prefix, dtype=row.dtype)
    if found is None or measure not in found.per_query:
        raise RecipeError(f"{path} has no row {row} with {measure}")
    return list(found.per_query[measure].values())


@cache
def _evaluation(path: Path) -> Evaluation:
    return Evaluation.read(path)


@cache
def _study(path: Path) -> Study:
    return Study.read(path)
