"""What is said of Matryoshka embeddings, put to published results: numbers for it and against it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrl_search.errors import RecipeError
from mrl_search.eval.evidence import Evidence, Found, Trained
from mrl_search.eval.paired import SURE, holm
from mrl_search.recipe import read_recipe


@dataclass(frozen=True)
class Claim:
    """What is said, and by whom; what would bear it out: rows of evaluations, arms of studies."""

    text: str
    source: str
    evidence: tuple[Evidence, ...] = ()
    trained: tuple[Trained, ...] = ()

    def __post_init__(self) -> None:
        if not (self.evidence or self.trained):
            raise RecipeError(f"no evidence of “{self.text}”; name some")


@dataclass(frozen=True)
class Claims:
    """A file of claims; results are named relative to it."""

    claims: tuple[Claim, ...]


def claims_ledger(path: Path) -> str:
    """Markdown: every claim of the file with its verdict, and every piece of evidence with its numbers.

    A piece of evidence that claims `better` is for or against by its test (the paired randomisation test; of
    correlations a bootstrap) after Holm's correction over the claim; one that claims `keeps` by the bootstrap interval
    of the share; else it is undecided.
    Raises RecipeError for a row, an arm or a result that is not there.
    """
    lines = [
        "# Claims and what was found",
        "",
        f"Made by `mrl-search claims {path}`; every figure is in a result of `eval/results/` or `training/results/`.",
        "",
    ]
    for claim in read_recipe(path, Claims).claims:
        pieces: tuple[Evidence | Trained, ...] = (*claim.evidence, *claim.trained)
        found = _weighed([one for piece in pieces for one in piece.found(path.parent)])
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


def _weighed(pieces: Sequence[Found]) -> list[tuple[str, ...]]:
    """One line of cells for each piece, the verdict first."""
    tested = [place for place, one in enumerate(pieces) if one.difference is not None]
    p_values = [one.difference.p_different for one in pieces if one.difference is not None]
    p_holm = dict(zip(tested, holm(p_values), strict=True))
    lines = []
    for place, one in enumerate(pieces):
        verdict, found, wanted = _kept(one) if one.keeps is not None else _better(one, p_holm[place])
        means = [f"{mean:.4f}" for mean in one.means]
        lines.append((verdict, one.result, one.left, one.right, one.measure, *means, found, wanted))
    return lines


def _better(one: Found, p_holm: float) -> tuple[str, str, str]:
    """(verdict, what was found, what was wanted) of a claim that the left one is better."""
    assert one.difference is not None
    told = one.difference
    verdict = ("for" if told.mean > 0 else "against") if p_holm < SURE else "undecided"
    return verdict, f"{told.mean:+.4f} [{told.low:+.4f}, {told.high:+.4f}], p {p_holm:.4f}", "better"


def _kept(one: Found) -> tuple[str, str, str]:
    """The same of a claim that the left one has so much of the right one."""
    assert one.keeps is not None
    wanted = f"≥ {100 * one.keeps:g} %"
    if one.share is None:
        return "against", "nothing", wanted
    share, low, high = one.share.share, one.share.low, one.share.high
    verdict = "for" if low >= one.keeps else "against" if high < one.keeps else "undecided"
    return verdict, f"{100 * share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]", wanted
