"""Pictures are refused before the work, not after."""

from pathlib import Path

import pytest

from mrl_search.errors import RecipeError
from mrl_search.tuning import new_figure


def test_another_ending_is_refused():
    with pytest.raises(RecipeError, match=r"cannot draw curve.gif: a picture is a .png or an .svg"):
        new_figure(Path("curve.gif"))
