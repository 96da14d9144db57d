import dataclasses

import pytest

from mrl_search.geometry import shown_diff
from mrl_search.geometry.pictures import analysis_figure


def test_the_notes_three_figures_stand_side_by_side_on_a_logarithmic_axis_of_widths(analysis):
    panels = analysis_figure(analysis).axes
    assert [panel.get_title().split()[0] for panel in panels[:3]] == ["IsoScore", "uniformity", "mean"]
    assert panels[0].get_xscale() == "log"
    assert [label.get_text() for label in panels[0].get_xticklabels()] == ["4", "8", "16"]


def test_every_subject_has_its_line_in_every_panel(analysis):
    for panel in analysis_figure(analysis).axes:
        assert len(panel.containers) == len(analysis.subjects)
    line = analysis_figure(analysis).axes[0].containers[0].lines[0]
    assert line.get_xdata().tolist() == [4, 8, 16]
    assert line.get_ydata().tolist() == pytest.approx(
        [one.value for one in analysis.subjects[0].values if one.measure == "isoscore"]
    )


def test_a_picture_says_that_one_seed_tells_nothing_of_seeds(diffed, analysis):
    trained = dataclasses.replace(analysis, notes=("mrl-seed0: of 9 rows too low", "one seed of each arm: not known"))
    assert analysis_figure(trained).get_supxlabel() == "one seed of each arm: not known"
    assert shown_diff(diffed).figure().get_supxlabel().startswith("noise is of seeds")
