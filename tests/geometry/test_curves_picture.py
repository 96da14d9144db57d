import numpy as np
import pytest
from runs import run

from mrl_search.geometry import courses, dynamics
from mrl_search.geometry.curves_picture import curves_figure


@pytest.fixture
def panels(tmp_path):
    """Of a baseline of one seed and an arm of two, whose gradients are 2 and 2.2; by title, and their legend."""
    folders = [run(tmp_path, "baseline-seed0", (16,)), run(tmp_path, "mrl-seed0", gradient=2.0)]
    run(tmp_path, "mrl-seed1", seed=1, gradient=2.2)
    return curves_figure(dynamics(folders), courses(folders)).axes


def test_losses_and_norms_stand_above_along_training_and_means_below(panels):
    assert [panel.get_title().partition(",")[0] for panel in panels[:4]] == [
        "loss as a share of its first",
        "gradient norm",
        "gradient norm",
        "update norm",
    ]
    assert [line.get_xdata()[[0, -1]].tolist() for line in panels[0].lines] == [[20, 200]] * 3
    assert panels[1].get_xlabel() == "step; 0:4 (pale) to 4:16 (full)"
    assert [tick.get_text() for tick in panels[5].get_xticklabels()] == ["0:4", "4:16"]


def test_an_arm_of_several_seeds_has_bands_and_whiskers_over_them(panels):
    assert len(panels[0].collections) == 2  # of both widths of mrl, none of the baseline's
    (band,) = [one for one in panels[2].collections if one.get_facecolor()[0][3] < 1]
    assert band.get_paths()[0].get_extents().ymin == pytest.approx(2.0)
    assert band.get_paths()[0].get_extents().ymax == pytest.approx(2.2)
    ends = [segment[:, 1].tolist() for whisker in panels[6].collections for segment in whisker.get_segments()]
    assert any(np.allclose(end, [2.0, 2.2]) for end in ends)


def test_blocks_are_compared_over_the_root_of_their_dims(panels):
    heights = [patch.get_height() for patch in panels[5].containers[0].patches]
    assert heights == pytest.approx([2 / np.sqrt(4), 3 / np.sqrt(12)])


def test_the_legend_stands_where_nothing_else_does(panels):
    assert [panel.get_legend() is not None for panel in panels] == [False] * 4 + [True] + [False] * 3
    assert not panels[4].axison
    told = [text.get_text() for text in panels[4].get_legend().get_texts()]
    assert told == ["baseline-seed0 at 16", "mrl-seed0 at 4", "mrl-seed0 at 16"]


def test_sub_models_are_named_by_layers_and_dims(tmp_path):
    folder = run(tmp_path, "starbucks-seed0", ("1:4", 16))
    legend = curves_figure(dynamics([folder]), courses([folder])).axes[4].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "starbucks-seed0 at 4, 1 layer",
        "starbucks-seed0 at 16",
    ]
