"""What is said of Matryoshka embeddings, put to published results: numbers for it and against it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mrl_search.errors import RecipeError
from mrl_search.eval.paired import SURE, holm, paired, shares
from mrl_search.eval.report import Evaluation, Row
from mrl_search.eval.standing import MARGIN
from mrl_search.recipe import read_recipe


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
        if self.keeps is not None and not 0 < self.keeps <= 1:
            raise RecipeError(f"keeps is a share above 0 and at most 1, found {self.keeps}")
        if not self.results:
            raise RecipeError("a piece of evidence names one result at least")
        if bool(self.dims) != any("{dim}" in row.funnel for row in (self.left, self.right)):
            raise RecipeError("dims and {dim} in a funnel go together, found one without the other")


class _Pair(NamedTuple):
    """One comparison of one piece of evidence."""

    result: str
    left: Row
    right: Row
    keeps: float | None
    measure: str


@dataclass(frozen=True)
class Claim:
    """What is said, and by whom; what would bear it out."""

    text: str
    source: str
    evidence: tuple[Evidence, ...]

    def __post_init__(self) -> None:
        if not self.evidence:
            raise RecipeError(f"no evidence of “{self.text}”; name some")


@dataclass(frozen=True)
class Claims:
    """A file of claims; results are named relative to it."""

    claims: tuple[Claim, ...]


def claims_ledger(path: Path) -> str:
    """Markdown: every claim of the file with its verdict, and every piece of evidence with its numbers.

    A piece of evidence that claims `better` is for or against by the paired randomisation test after Holm's correction
    over the claim; one that claims `keeps` by the bootstrap interval of the share; else it is undecided.
    Raises RecipeError for a row or result that is not there.
    """
    lines = [
        "# Claims and what was found",
        "",
        f"Made by `mrl-search claims {path}`; every figure is in a result beside it.",
        "",
    ]
    for claim in read_recipe(path, Claims).claims:
        found = _weighed([pair for evidence in claim.evidence for pair in _pairs(evidence)], path.parent)
        count = Counter(verdict for verdict, *_ in found)
        told = ", ".join(f"{count[word]} {word}" for word in ("for", "against", "undecided") if count[word])
        lines += [f"## “{claim.text}”", "", f"{claim.source}. **{_overall(count)}**: {told}.", ""]
        lines += ["| | result | left | right | measure | left | right | found | wanted |", "|---|" + "---|" * 8]
        lines += [f"| {' | '.join(cells)} |" for cells in found]
        lines.append("")
    return "\n".join(lines)


def _overall(count: Counter[str]) -> str:
    if count["for"] and not count["against"]:
        return "Holds here" if not count["undecided"] else "Nothing against it"
    if count["against"]:
        return "Does not hold" if not count["for"] else "Holds in part"
    return "Undecided"


def _pairs(evidence: Evidence) -> Iterator[_Pair]:
    for result in evidence.results:
        for dim in map(str, evidence.dims or ("",)):
            left, right = (
                replace(row, funnel=row.funnel.replace("{dim}", dim)) for row in (evidence.left, evidence.right)
            )
            yield _Pair(result, left, right, evidence.keeps, evidence.measure)


def _weighed(evidence: Sequence[_Pair], folder: Path) -> list[tuple[str, ...]]:
    """One line of cells for each piece, the verdict first."""
    pairs = [(_values(one, one.left, folder), _values(one, one.right, folder)) for one in evidence]
    differences = [paired(right, left, MARGIN) for left, right in pairs]
    tested = [place for place, one in enumerate(evidence) if one.keeps is None]
    p_holm = dict(zip(tested, holm([differences[place].p_different for place in tested]), strict=True))
    lines = []
    for place, (one, (left, right)) in enumerate(zip(evidence, pairs, strict=True)):
        if one.keeps is None:
            told = differences[place]
            sure = p_holm[place] < SURE
            verdict = ("for" if told.mean > 0 else "against") if sure else "undecided"
            found = f"{told.mean:+.4f} [{told.low:+.4f}, {told.high:+.4f}], p {p_holm[place]:.4f}"
            wanted = "better"
        else:
            (share,) = shares([left], [right])
            low, high = (share.low, share.high) if share else (0.0, 0.0)
            verdict = "for" if low >= one.keeps else "against" if high < one.keeps else "undecided"
            found = f"{100 * share.share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]" if share else "nothing"
            wanted = f"≥ {100 * one.keeps:g} %"
        means = [f"{sum(values) / len(values):.4f}" for values in (left, right)]
        lines.append(
            (verdict, Path(one.result).stem, str(one.left), str(one.right), one.measure, *means, found, wanted)
        )
    return lines


def _values(evidence: _Pair, row: Row, folder: Path) -> list[float]:
    evaluation = _result(folder / evidence.result)
    found = evaluation.find(row.encoder, row.funnel, rotation=row.rotation, prefix=row.prefix, dtype=row.dtype)
    if found is None or evidence.measure not in found.per_query:
        raise RecipeError(f"{evidence.result} has no row {row} with {evidence.measure}")
    return list(found.per_query[evidence.measure].values())


@cache
def _result(path: Path) -> Evaluation:
    return Evaluation.read(path)
