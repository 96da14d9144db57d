"""Compiled inner loops. numba appears only here, and importing this loads it; `indexes` does so at the first search."""

from mrl_search.indexes.kernels.fastscan import scan
from mrl_search.indexes.kernels.rescore import STEP, rescore
from mrl_search.indexes.kernels.simd import LANES

__all__ = ["LANES", "STEP", "rescore", "scan"]
