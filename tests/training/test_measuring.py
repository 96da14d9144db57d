import pytest

from mrl_search.eval import Measured
from mrl_search.training import Arm, Judged, Source, TrainRecipe
from mrl_search.training.measuring import compared, kept
from mrl_search.training.sizes import rivals

RECIPE = TrainRecipe("b", (Source("d"),), (Arm("baseline", (16,)), Arm("mrl", (4, 16))), 1, judged=Judged(margin=0.2))


def measured(arm, seed, *values):
    return Measured("tiny", "nDCG@10", "none", arm, seed, 16, sum(values) / len(values), values)


def test_an_arm_is_compared_with_the_first_query_by_query_over_the_means_of_seeds():
    told = [
        measured("baseline", 0, 0.2, 0.4, 0.6),
        measured("baseline", 1, 0.4, 0.4, 0.8),
        measured("mrl", 0, 0.5, 0.4, 0.9),
        measured("mrl", 1, 0.5, 0.6, 0.7),
    ]
    (found,) = compared(told, lambda name: rivals(RECIPE, RECIPE.arm(name)), RECIPE.judged.margin)
    assert (found.arm, found.dim, found.difference.margin) == ("mrl", 16, 0.2)
    assert found.difference.mean == pytest.approx((0.2 + 0.1 + 0.1) / 3)  # .3 .4 .7 against .5 .5 .8


def test_what_a_width_keeps_is_of_the_arms_own_widest_with_an_interval_over_queries():
    wide, narrow = (
        measured("mrl", 0, 0.5, 0.4, 0.9),
        Measured("tiny", "nDCG@10", "none", "mrl", 0, 4, 0.3, (0.2, 0.4, 0.3)),
    )
    short, full = kept([narrow, wide])
    assert (short.dim, full.dim) == (4, 16)
    assert short.share.share == pytest.approx(0.9 / 1.8)
    assert 0.3 / 0.9 <= short.share.low < 0.5 < short.share.high <= 0.4 / 0.4
    assert full.share == type(full.share)(1.0, 1.0, 1.0)


def test_nothing_is_said_of_what_an_arm_keeps_that_finds_nothing():
    assert list(kept([measured("mrl", 0, 0.0, 0.0)])) == []


def test_in_a_study_of_depths_an_arm_is_compared_where_a_small_model_was_trained():
    small, nested = Arm("small", (4,), depth=1), Arm("nested", (4, 16), method="starbucks", layers=(1, 2))
    recipe = TrainRecipe(
        "b", (Source("d"),), (RECIPE.arms[0], small, nested), 1, judged=Judged(margin=0.2, layers=(1, 2))
    )
    where = ("tiny", "nDCG@10", "none")
    told = [
        Measured(*where, "small", 0, 4, 0.5, (0.4, 0.6), 1),
        Measured(*where, "nested", 0, 4, 0.6, (0.6, 0.6), 1),
        Measured(*where, "nested", 0, 4, 0.9, (0.9, 0.9), 2),
    ]
    (found,) = compared(told, lambda name: rivals(recipe, recipe.arm(name)), recipe.judged.margin)
    assert (found.arm, found.layers, found.dim, found.against) == ("nested", 1, 4, "small")
    assert found.difference.mean == pytest.approx(0.1)
    assert {(one.layers, round(one.share.share, 3)) for one in kept(told[1:])} == {(1, 0.667), (2, 1.0)}
