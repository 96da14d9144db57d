import re
from dataclasses import replace

from mrl_search.eval import Difference
from mrl_search.geometry import shown_analysis
from mrl_search.geometry.analysis import Gap
from mrl_search.geometry.measuring import ISOSCORE
from mrl_search.geometry.outliers import OutlierDim
from mrl_search.geometry.ranking import Block, Degrading

CHANGE = Difference(0.0123, 0.001, 0.02, 0.01, 0.9, 0.01)


def test_a_line_a_measure_and_a_column_a_width(analysis):
    lines = shown_analysis(analysis).table.splitlines()
    assert lines[1].split() == ["dims", "4", "8", "16"]
    assert re.fullmatch(r"isoscore( +\.9\d\d ±\.0\d\d){2} +\.9\d\d ±\.0\d\d", lines[2])


def test_a_sure_difference_has_a_star_and_in_brackets_where_seeds_differ_as_much(analysis):
    arm, of = analysis.subjects[1].name, analysis.subjects[0].name
    told = [(4, -0.2, None), (8, -0.2, 0.3), (16, 0.2, 0.1)]
    gaps = tuple(Gap(arm, of, ISOSCORE, dim, at, at - 0.1, at + 0.1, noise) for dim, at, noise in told)
    table = shown_analysis(replace(analysis, gaps=gaps)).table
    assert re.search(r"isoscore  -\.200 ±\.100\*  -\.200 ±\.100\(\*\)  \+\.200 ±\.100\*", table)
    assert "(*: the interval excludes 0; (*): but within the noise of seeds)" in table


def test_collapse_outliers_and_what_dims_do_are_told_in_lines(analysis):
    degrading = Degrading(16, 0.5, 7, 8, (3,), (1, 2), 6, CHANGE)
    one = replace(
        analysis.subjects[0],
        outliers=(OutlierDim(5, 0.2, 0.1, 0.25),),
        blocks=(Block(0, 8, CHANGE, 0.01), Block(8, 16, CHANGE, 0.2)),
        degrading=degrading,
    )
    table = shown_analysis(replace(analysis, subjects=(one,), gaps=())).table
    assert "collapsed (below 1e-6 of the largest): none at any width." in table
    assert "5 (25.0%)." in table
    assert "0–7 +0.0123 [+0.0010, +0.0200]*, 8–15 +0.0123 [+0.0010, +0.0200]." in table
    assert "nDCG@10 0.5000: 7 raise it (1 surely), 8 lower it (2 surely)" in table


def test_markdown_says_what_made_it_and_what_the_notes_observed(analysis):
    page = shown_analysis(analysis).markdown
    assert page.startswith("# Geometry at every width\n\nMade by `")
    assert "## The notes' observations\n\n- **holds**" in page
    assert "|---|--:|--:|--:|" in page
