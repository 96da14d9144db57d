"""What Ray's workers raise on purpose comes here as it is; the rest of RayWork needs nodes (test_on_ray)."""

import pytest

from mrl_search.errors import CorpusError

pytest.importorskip("ray")

from ray.exceptions import RayTaskError, UserCodeException

from mrl_search.scale.ray_work import RayWork, _plainly


def wrapped(error):
    """As Ray Data does: a task's error around that of the user's code, around the error."""
    user = UserCodeException("in a map")
    user.__cause__ = error
    return RayTaskError("map", "pages of a trace", user)


@pytest.mark.parametrize("wrap", [lambda error: RayTaskError("f", "pages", error), wrapped])
def test_an_error_is_taken_out_of_what_ray_wraps_around_it(wrap):
    with pytest.raises(CorpusError, match="^line 3 is bad$"), _plainly():
        raise wrap(CorpusError("line 3 is bad"))


def test_what_has_no_cause_stays_what_it_is():
    with pytest.raises(RayTaskError), _plainly():
        raise RayTaskError("f", "pages", None)
    with pytest.raises(KeyError), _plainly():
        raise KeyError("x")


def test_nothing_to_encode_starts_nothing():
    assert list(RayWork().encode(len, [])) == []
