"""What cutting, and training to be cut, does to vectors, weights and training. Measures are of (n, d) arrays."""

from mrl_search.geometry.analysis import Analysis, Geometry, analyze
from mrl_search.geometry.analysis_table import shown_analysis
from mrl_search.geometry.crosscoder import CrosscoderRecipe
from mrl_search.geometry.curves import Dynamics, courses, dynamics
from mrl_search.geometry.curves_table import shown_dynamics
from mrl_search.geometry.diff import Compared, Diff, diff
from mrl_search.geometry.diff_table import shown_diff
from mrl_search.geometry.materials import Asked
from mrl_search.geometry.outputs import check_outs, section, write_shown
from mrl_search.geometry.published import read_shown

__all__ = [
    "Analysis",
    "Asked",
    "Compared",
    "CrosscoderRecipe",
    "Diff",
    "Dynamics",
    "Geometry",
    "analyze",
    "check_outs",
    "courses",
    "diff",
    "dynamics",
    "read_shown",
    "section",
    "shown_analysis",
    "shown_diff",
    "shown_dynamics",
    "write_shown",
]
