import dataclasses

import pytest

from mrl_search.errors import TrainingError
from mrl_search.training import Arm, Judged, Source, TrainRecipe
from mrl_search.training.sizes import Size, check_depths, depths, rivals, spec_layers, widths

FULL, SMALL = Arm("full", (16,)), Arm("small", (4,), depth=1)
NESTED = Arm("nested", (4, 16), method="starbucks", layers=(1, 2))
GRID = TrainRecipe("b", (Source("d"),), (FULL, SMALL, NESTED), 1, judged=Judged(layers=(1, 2)))
WHOLE = dataclasses.replace(GRID, judged=Judged())


def test_a_small_model_is_measured_at_its_own_size_and_others_at_all():
    assert (depths(GRID, SMALL), widths(GRID, SMALL)) == ((1,), (4,))
    assert (depths(GRID, NESTED), widths(GRID, NESTED)) == ((1, 2), (4, 16))
    assert (depths(GRID, FULL), widths(GRID, FULL)) == ((1, 2), (4, 16))


def test_the_rival_at_a_size_is_the_arm_that_was_trained_there_by_itself():
    assert rivals(GRID, NESTED) == {Size(1, 4): "small", Size(2, 16): "full"}
    assert rivals(GRID, FULL) == {Size(1, 4): "small"}
    assert rivals(GRID, SMALL) == {}


def test_in_a_study_of_whole_encoders_it_is_the_first_arm_at_every_width():
    assert rivals(WHOLE, NESTED) == {Size(None, 4): "full", Size(None, 16): "full"}
    assert rivals(WHOLE, FULL) == {}
    assert (depths(WHOLE, SMALL), widths(WHOLE, SMALL)) == ((None,), (4, 16))


def test_whole_depth_is_no_cut_for_an_encoder():
    assert [spec_layers(GRID, NESTED, layers) for layers in (1, 2)] == [1, None]
    assert spec_layers(GRID, SMALL, 1) is None
    assert spec_layers(WHOLE, NESTED, None) is None


def test_judged_layers_that_do_not_end_where_the_base_does_are_refused(tiny):
    short = dataclasses.replace(GRID, base=str(tiny), arms=(FULL,), judged=Judged(layers=(1,)))
    with pytest.raises(TrainingError, match=r"the layers of \[judged\] end at 1, .* has 2; end at 2"):
        check_depths(short)
    check_depths(dataclasses.replace(GRID, base=str(tiny)))
