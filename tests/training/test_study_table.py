import dataclasses
from pathlib import Path

import pytest

from mrl_search.eval import ComparedArm, Difference, Kept, Measured, Share
from mrl_search.training import Study, markdown, table

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ROOT / "training"
FOUND = Study(
    recipe={},
    sources=(),
    overlaps={},
    measured=tuple(
        Measured("tiny", "nDCG@10", "none", arm, seed, dim, mean)
        for arm, seed, dim, mean in [("a", 0, 16, 0.5), ("a", 1, 16, 0.7), ("b", 0, 16, 0.4), ("b", 1, 16, 0.6)]
    ),
    compared=(ComparedArm("tiny", "nDCG@10", "none", "b", 16, Difference(-0.1, -0.2, 0.0, 0.04, 0.01, 0.25)),),
    step_seconds={},
    provenance={},
)


def test_a_line_is_the_mean_of_the_seeds_and_an_equal_arm_is_marked():
    lines = table(FOUND).splitlines()
    assert [line.split() for line in lines[1:4]] == [["16"], ["a", "0.6000"], ["b", "0.5000"]]
    assert lines[4].split() == ["−", "a", "-0.1000", "[-0.200,+0.000]", "="]


def test_markdown_has_the_same_figures_and_what_each_keeps_of_its_own_full_width():
    wide = (
        dataclasses.replace(FOUND.measured[0], dim=32, mean=1.2),
        dataclasses.replace(FOUND.measured[2], dim=32, mean=1),
    )
    compared = FOUND.compared[0], dataclasses.replace(FOUND.compared[0], dim=32)
    found = markdown(dataclasses.replace(FOUND, measured=FOUND.measured + wide, compared=compared))
    assert "| a | 1.2000 (100.0%) | 0.6000 (50.0%) |\n| b | 1.0000 (100.0%) | 0.5000 (50.0%) |" in found
    assert "| b − a | -0.1000 [-0.200,+0.000] = | -0.1000 [-0.200,+0.000] = |" in found
    assert "One seed" not in found
    assert "2 seeds: the intervals are of queries (pairs) alone" in found


def test_an_arm_has_a_line_for_each_arm_it_is_compared_with():
    beside = ComparedArm("tiny", "nDCG@10", "none", "c", 16, Difference(0.1, 0.0, 0.2, 0.04, 0.9, 0.25), None, "b")
    first = dataclasses.replace(beside, difference=FOUND.compared[0].difference, against="a")
    measured = (*FOUND.measured, Measured("tiny", "nDCG@10", "none", "c", 0, 16, 0.5))
    found = dataclasses.replace(FOUND, measured=measured, compared=(*FOUND.compared, first, beside))
    assert (
        "| c | 0.5000 (100.0%) |\n| c − a | -0.1000 [-0.200,+0.000] = |\n| c − b | +0.1000 [+0.000,+0.200]   |"
    ) in markdown(found)
    assert "Differences from the arm that is named with" in markdown(found)
    assert [line.split()[:2] for line in table(found).splitlines()[5:8]] == [["c", "0.5000"], ["−", "a"], ["−", "b"]]


def test_what_is_kept_has_its_interval_where_it_was_measured():
    wide = dataclasses.replace(FOUND.measured[0], dim=32, mean=1.2)
    told = tuple(
        Kept("tiny", "nDCG@10", "none", "a", dim, Share(share, 0.4, 0.6)) for dim, share in [(16, 0.5), (32, 1)]
    )
    found = markdown(dataclasses.replace(FOUND, measured=(*FOUND.measured[:2], wide), compared=(), kept=told))
    assert "| a | 1.2000 (100.0%) | 0.6000 (50.0% [40.0%, 60.0%]) |" in found


def test_an_arm_that_collapsed_has_no_shares():
    nothing = tuple(dataclasses.replace(one, mean=0.0) for one in FOUND.measured)
    assert "| a | 0.0000 |" in markdown(dataclasses.replace(FOUND, measured=nothing))


def test_one_seed_is_said_to_be_one():
    one = tuple(each for each in FOUND.measured if each.seed == 0)
    assert "One seed" in markdown(dataclasses.replace(FOUND, measured=one))


@pytest.mark.parametrize("path", sorted((TRAINING / "results").glob("*.json")), ids=lambda path: path.stem)
def test_the_tables_of_the_pages_are_those_of_the_results(path):
    found = markdown(Study.from_json(path.read_text(encoding="utf-8"), str(path)))
    begin, end = f"<!-- mrl-search {path.stem} -->", f"<!-- /mrl-search {path.stem} -->"
    page = ROOT / ("docs/adapters.md" if path.stem.startswith("adapters-") else "training/README.md")
    section = page.read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]
    assert section.strip() == found.strip(), f"mrl-search train --table {path}"
