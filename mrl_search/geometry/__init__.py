"""What cutting, and training to be cut, does to vectors, weights and training. Measures are of (n, d) arrays."""

from mrl_search.geometry.analysis import Analysis, Geometry, analyze
from mrl_search.geometry.analysis_table import shown_analysis
from mrl_search.geometry.materials import Asked
from mrl_search.geometry.outputs import check_outs, write_shown

__all__ = ["Analysis", "Asked", "Geometry", "analyze", "check_outs", "shown_analysis", "write_shown"]
