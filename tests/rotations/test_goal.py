import numpy as np
import pytest

from mrl_search.errors import RotationError
from mrl_search.rotations.goal import Goal, checked_goal

SAMPLE = np.eye(16, dtype=np.float32)


def test_what_is_asked_for_is_the_goal():
    assert checked_goal(SAMPLE, [4, 6], [8, 12], 7) == Goal((4, 6), (8, 12), 7)


def test_widths_may_be_any_from_one_to_one_less_than_the_whole():
    every = tuple(range(1, 16))
    assert checked_goal(SAMPLE, every, every, 0) == Goal(every, every)


def test_no_widths_and_no_rows_are_a_goal_too():
    assert checked_goal(SAMPLE[:0], [], [], 0) == Goal(())


@pytest.mark.parametrize(("trained", "cuts"), [([8, 16], (8,)), ([16], ()), ([], ())])
def test_the_whole_width_may_stand_among_the_trained_ones_and_is_no_cut(trained, cuts):
    assert checked_goal(SAMPLE, [4], trained, 0).trained == cuts


@pytest.mark.parametrize("widths", [[16], [17], [0, 4], [-1], [8, 4], [8, 8], [4, 16]])
def test_prefix_widths_that_do_not_grow_or_do_not_fit_are_refused(widths):
    with pytest.raises(RotationError) as error:
        checked_goal(SAMPLE, widths, [8], 0)
    assert str(error.value) == f"the prefix widths must grow and lie between 1 and 15, found {widths}"


@pytest.mark.parametrize(
    ("trained", "found"),
    [([17], [17]), ([0, 4], [0, 4]), ([8, 4], [8, 4]), ([8, 8], [8, 8]), ([8, 4, 16], [8, 4]), ([16, 4], [16, 4])],
)
def test_trained_widths_that_do_not_grow_or_do_not_fit_are_refused(trained, found):
    with pytest.raises(RotationError) as error:
        checked_goal(SAMPLE, [4], trained, 0)
    assert str(error.value) == f"the trained widths must grow and lie between 1 and 15, found {found}"


@pytest.mark.parametrize(
    ("sample", "found"),
    [
        (SAMPLE.astype(np.float64), "float64 of shape (16, 16)"),
        (SAMPLE.astype(np.float16), "float16 of shape (16, 16)"),
        (SAMPLE.astype(np.int8), "int8 of shape (16, 16)"),
        (SAMPLE[0], "float32 of shape (16,)"),
        (SAMPLE[None], "float32 of shape (1, 16, 16)"),
    ],
)
def test_vectors_that_are_no_float32_rows_are_refused(sample, found):
    with pytest.raises(RotationError) as error:
        checked_goal(sample, [4], [], 0)
    assert str(error.value) == f"a rotation is fitted to float32 rows, found {found}"


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_single_number_that_is_not_finite_is_refused(broken):
    sample = SAMPLE.copy()
    sample[15, 15] = broken
    with pytest.raises(RotationError, match="not all finite"):
        checked_goal(sample, [4], [], 0)
