from mrl_search.eval import Difference, Measured, Study
from mrl_search.training.study_cells import seeds_note, told_difference


def test_a_difference_is_told_with_its_interval_and_marked_where_it_is_none():
    assert told_difference(Difference(-0.1, -0.2, 0.0, 0.04, 0.01, 0.25)) == "-0.1000 [-0.200,+0.000] ="
    assert told_difference(Difference(0.1, 0.05, 0.2, 0.04, 0.2, 0.25)) == "+0.1000 [+0.050,+0.200]  "


def test_one_seed_is_said_to_be_one():
    measured = tuple(Measured("tiny", "nDCG@10", "none", "a", seed, 16, 0.5) for seed in (0, 1))
    both = Study({}, (), {}, measured, (), {}, {})
    assert seeds_note(both).startswith("2 seeds")
    assert seeds_note(Study({}, (), {}, measured[:1], (), {}, {})).startswith("One seed")
