"""What the tables of studies share: how a difference is told, and what a reader of them must know."""

from mrl_search.eval import Difference, Study

LEGEND = (
    "Differences from {others} with their 95 % interval over queries (pairs), seeds meaned; "
    "=: as good as equal, TOST p < .05 at the margin {margin:g}"
)
_ALPHA = 0.05


def told_difference(found: Difference) -> str:
    """The mean, its interval, and = where TOST says that it is none."""
    mark = " =" if found.p_equivalent < _ALPHA else "  "
    return f"{found.mean:+.4f} [{found.low:+.3f},{found.high:+.3f}]{mark}"


def seeds_note(study: Study) -> str:
    """What the number of seeds does not tell."""
    seeds = {one.seed for one in study.measured}
    if len(seeds) == 1:
        return "One seed: these are differences between these models; how far another seed moves them is not known."
    return f"{len(seeds)} seeds: the intervals are of queries (pairs) alone, and hold nothing of how seeds differ."
