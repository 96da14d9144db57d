"""The three observations of the notes this project started from, asked of an analysis.

They were made of one baseline, an MRL encoder with one cut and one with several, by a picture without intervals. Asked
here of the first arm as the baseline and of the others, in the order they were named, as MRL with more and more cuts.
"""

from collections.abc import Sequence
from itertools import pairwise

from mrl_search.geometry.analysis import Analysis, Gap
from mrl_search.geometry.measuring import CORRELATION, ISOSCORE, UNIFORMITY
from mrl_search.geometry.seeds import arm

HOLDS, PARTLY, MIXED, NOT, UNCLEAR = "holds", "holds in part", "mixed", "does not hold", "unclear"


def observations(found: Analysis) -> list[str]:
    """One line of Markdown a statement and pair of arms; none of a single arm."""
    arms = list(dict.fromkeys(arm(one.name) for one in found.subjects))
    if len(arms) < 2:
        return []
    first, *others = arms
    lines = []
    for other in others:
        wide = _between(found, ISOSCORE, other, first)[1:]
        lines.append(
            _line(f"IsoScore of {first} is higher than {other}'s at all widths but the narrowest", wide, sign=-1)
        )
    for fewer, more in pairwise(others):
        gaps = _between(found, ISOSCORE, more, fewer)
        lines.append(_line(f"IsoScore of {more} is higher than {fewer}'s at every width", gaps, sign=1))
    lines += [_sooner(found, other, first) for other in others]
    for other in others:
        gaps = _between(found, CORRELATION, other, first)
        lines.append(_line(f"dims of {first} are less correlated than {other}'s at every width", gaps, sign=1))
    return lines


def verdict(gaps: Sequence[Gap], sign: int) -> str:
    """Whether gaps have a sign: at all widths, at some, at some but the reverse at others, the reverse; or unclear."""
    sure = [_sure(gap) for gap in gaps]
    with_it, against = sure.count(sign), sure.count(-sign)
    if with_it == len(sure):
        return HOLDS
    if with_it:
        return MIXED if against else PARTLY
    return NOT if against else UNCLEAR


def _line(statement: str, gaps: Sequence[Gap], sign: int) -> str:
    told = []
    for words, wanted in (("so at", sign), ("the reverse at", -sign), ("not told apart at", 0)):
        dims = [str(gap.dim) for gap in gaps if _sure(gap) == wanted]
        told += [f"{words} {', '.join(dims)}"] if dims else []
    return f"- **{verdict(gaps, sign)}**: {statement} ({'; '.join(told)} dims)"


def _sooner(found: Analysis, other: str, first: str) -> str:
    """As dims are cut off, MRL gets ahead at a wider width by uniformity (lower is better) than by IsoScore."""
    of_isoscore, of_uniformity = (_between(found, measure, other, first) for measure in (ISOSCORE, UNIFORMITY))
    by_isoscore, by_uniformity = _ahead(of_isoscore, sign=1), _ahead(of_uniformity, sign=-1)
    behind = any(_sure(gap) > 0 for gap in of_uniformity[:1])  # when most is cut off, so it never gets ahead
    said = HOLDS if by_uniformity > by_isoscore else NOT if by_isoscore or behind else UNCLEAR
    told = [
        f"by {name} {f'from {dim} dims down' if dim else 'at no width'}"
        for name, dim in (("uniformity", by_uniformity), ("IsoScore", by_isoscore))
    ]
    statement = f"as dims are cut off, {other} gets ahead of {first} sooner by uniformity than by IsoScore"
    return f"- **{said}**: {statement} (surely ahead {', '.join(told)})"


def _ahead(gaps: Sequence[Gap], sign: int) -> int:
    """The widest width down from which all gaps surely have the sign; 0 if the narrowest lacks it."""
    widest = 0
    for gap in gaps:
        if _sure(gap) != sign:
            break
        widest = gap.dim
    return widest


def _between(found: Analysis, measure: str, one: str, of: str) -> list[Gap]:
    """The gaps of two arms by width, the narrowest first."""
    gaps = [gap for gap in found.gaps if (gap.measure, gap.arm, gap.of) == (measure, one, of)]
    return sorted(gaps, key=lambda gap: gap.dim)


def _sure(gap: Gap) -> int:
    """1 or -1 if the interval, and the noise of seeds where it is known, leave no other sign; else 0."""
    if gap.noise is not None and abs(gap.value) <= gap.noise:
        return 0
    return int(gap.low > 0) - int(gap.high < 0)
