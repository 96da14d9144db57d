from mrl_search.eval import Difference
from mrl_search.training import Study, markdown, table
from mrl_search.training.result import Compared, Measured

FOUND = Study(
    recipe={},
    sources=(),
    overlaps={},
    measured=tuple(
        Measured("tiny", "nDCG@10", "none", arm, seed, dim, mean)
        for arm, seed, dim, mean in [("a", 0, 16, 0.5), ("a", 1, 16, 0.7), ("b", 0, 16, 0.4), ("b", 1, 16, 0.6)]
    ),
    compared=(Compared("tiny", "nDCG@10", "none", "b", 16, Difference(-0.1, -0.2, 0.0, 0.04, 0.01, 0.25)),),
    step_seconds={},
    provenance={},
)


def test_a_line_is_the_mean_of_the_seeds_and_an_equal_arm_is_marked():
    lines = table(FOUND).splitlines()
    assert [line.split() for line in lines[1:4]] == [["16"], ["a", "0.6000"], ["b", "0.5000"]]
    assert lines[4].split() == ["±", "-0.1000", "[-0.200,+0.000]", "="]


def test_markdown_has_the_same_figures():
    assert "| a | 0.6000 |\n| b | 0.5000 |" in markdown(FOUND)
