import sys

import pytest

from mrl_search.errors import MissingPackageError
from mrl_search.training import plot

ROWS = [
    {"step": step, "loss@4": 2.0 / step, "loss@16": 1.0 / step, "gradient[0:4]": 1.0, "update:layer 0": 0.1}
    for step in range(1, 31)
]


def test_a_picture_is_drawn_of_arms_with_different_widths(tmp_path):
    narrow = [{name: value for name, value in row.items() if name != "loss@4"} for row in ROWS]
    plot({"baseline": narrow, "mrl": ROWS}, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]


def test_a_small_model_without_some_layers_stands_beside_whole_ones(tmp_path):
    deep = [row | {"update:layer 1": 0.2} for row in ROWS]
    for arms in ({"small": ROWS, "full": deep}, {"full": deep, "small": ROWS}):
        plot(arms, tmp_path / "p.png")
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r"mrl-search\[train\]"):
        plot({"mrl": ROWS}, tmp_path / "p.png")
