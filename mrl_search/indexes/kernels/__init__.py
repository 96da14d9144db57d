"""Compiled inner loops. numba appears only here, and importing this loads it; `indexes` does so at the first search,
or when it opens 4-bit codes.

What is compiled is kept beside the sources. numba looks only at the file a function stands in: after a change to
`simd`, `lookup`, `blocks`, `select` or `finer`, delete `__pycache__/*.nb?` (`make clean` does).
"""

from mrl_search.indexes.kernels.fastscan import scan
from mrl_search.indexes.kernels.lookup import TABLES, laid_out
from mrl_search.indexes.kernels.narrow import FACTS, narrow
from mrl_search.indexes.kernels.rescore import STEP, rescore
from mrl_search.indexes.kernels.select import load_compiler
from mrl_search.indexes.kernels.sift import sift
from mrl_search.indexes.kernels.simd import STRIDE
from mrl_search.indexes.kernels.vouch import sum_rows, unsound

__all__ = [
    "FACTS",
    "STEP",
    "STRIDE",
    "TABLES",
    "laid_out",
    "load_compiler",
    "narrow",
    "rescore",
    "scan",
    "sift",
    "sum_rows",
    "unsound",
]
