"""How good is a funnel, and what does it cost? `eval/` at the top level holds recipes and results."""

from mrl_search.eval.check import check
from mrl_search.eval.evaluate import EvalOptions, evaluate
from mrl_search.eval.paired import Difference, paired, resampled
from mrl_search.eval.recipes import EvalRecipe, Expected, read_eval_recipe
from mrl_search.eval.report import Cost, Evaluation, Kept, Report
from mrl_search.eval.table import table

__all__ = [
    "Cost",
    "Difference",
    "EvalOptions",
    "EvalRecipe",
    "Evaluation",
    "Expected",
    "Kept",
    "Report",
    "check",
    "evaluate",
    "paired",
    "read_eval_recipe",
    "resampled",
    "table",
]
