from dataclasses import replace

import pytest

from mrl_search.geometry.analysis import Gap
from mrl_search.geometry.measuring import ISOSCORE, UNIFORMITY
from mrl_search.geometry.observations import observations, verdict


def gap(dim, low, high, noise=None, measure=ISOSCORE):
    return Gap("mrl", "baseline", measure, dim, (low + high) / 2, low, high, noise)


@pytest.mark.parametrize(
    ("intervals", "said"),
    [
        ([(1, 2), (1, 2)], "holds"),
        ([(1, 2), (-1, 2)], "holds in part"),
        ([(1, 2), (-2, -1)], "mixed"),
        ([(-2, -1), (-1, 1)], "does not hold"),
        ([(-1, 1), (-1, 1)], "unclear"),
    ],
)
def test_a_statement_holds_where_all_intervals_have_its_sign(intervals, said):
    assert verdict([gap(dim, *interval) for dim, interval in enumerate(intervals)], 1) == said


def test_what_seeds_could_do_is_not_believed():
    assert verdict([gap(8, 1, 2, noise=1.6)], 1) == "unclear"


def test_of_planted_arms_the_baseline_is_more_even_and_the_arm_that_falls_less_comes_second(analysis):
    lines = observations(analysis)
    assert len(lines) == 7  # two, one, two, two
    assert all(line.startswith("- **holds**: IsoScore of") for line in lines[:3])
    assert "so at 4, 8, 16 dims" in lines[2]


def test_one_gets_ahead_sooner_where_its_sure_lead_begins_at_a_wider_width(analysis):
    first, second = (one.name for one in analysis.subjects[:2])
    gaps = [
        Gap(second, first, measure, dim, sign * 1.0, sign - 0.1, sign + 0.1, None)
        for measure, signs in ((ISOSCORE, (1, -1, -1)), (UNIFORMITY, (-1, -1, 1)))
        for dim, sign in zip((4, 8, 16), signs, strict=True)
    ]
    found = replace(analysis, subjects=analysis.subjects[:2], gaps=tuple(gaps))
    (line,) = [line for line in observations(found) if "sooner" in line]
    assert line.startswith("- **holds**")
    assert "by uniformity from 8 dims down, by IsoScore from 4 dims down" in line


def test_one_that_is_surely_behind_when_most_is_cut_off_never_gets_ahead(analysis):
    first, second = (one.name for one in analysis.subjects[:2])
    behind = [
        Gap(second, first, measure, 4, at, at - 0.1, at + 0.1, None)
        for measure, at in ((ISOSCORE, -1), (UNIFORMITY, 1))
    ]
    found = replace(analysis, subjects=analysis.subjects[:2], gaps=tuple(behind))
    (line,) = [line for line in observations(found) if "sooner" in line]
    assert line.startswith("- **does not hold**")


def test_of_one_arm_there_is_nothing_to_observe(analysis):
    assert observations(replace(analysis, subjects=analysis.subjects[:1])) == []
