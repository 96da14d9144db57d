"""Pictures are refused before the work, not after."""

from pathlib import Path

import pytest

from mrl_search.errors import RecipeError
from mrl_search.tuning import new_figure
from mrl_search.tuning.pictures import in_numbers


def test_another_ending_is_refused():
    with pytest.raises(RecipeError, match=r"cannot draw curve.gif: a picture is a .png or an .svg"):
        new_figure(Path("curve.gif"))


def test_a_logarithmic_axis_is_labelled_in_plain_numbers():
    pytest.importorskip("matplotlib")
    panel = new_figure(Path("curve.png")).subplots()
    for values, wanted in (
        ((15.0, 22.0), ["16", "18", "20"]),
        ((650.0, 52_000.0), ["1,000", "2,000", "5,000", "10,000", "20,000", "50,000"]),
        ((0.3, 8.0), ["0.5", "1", "2", "5"]),
    ):
        in_numbers(panel, "x", values)
        panel.set_xlim(*values)
        shown = [label.get_text() for label in panel.get_xticklabels()]
        places = panel.get_xticks()
        assert [text for text, at in zip(shown, places, strict=True) if values[0] <= at <= values[1]] == wanted
