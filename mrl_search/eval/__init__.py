"""How good is a funnel, and what does it cost? `eval/` at the top level holds recipes and results."""

from mrl_search.eval.check import check
from mrl_search.eval.compare import Compared, Comparison, compare, comparison_table
from mrl_search.eval.evaluate import EvalOptions, evaluate
from mrl_search.eval.measures import DEFAULT as DEFAULT_MEASURES
from mrl_search.eval.paired import Difference, holm, paired, resampled
from mrl_search.eval.recipes import EvalRecipe, Expected, read_eval_recipe
from mrl_search.eval.report import Cost, Evaluation, Kept, Report
from mrl_search.eval.table import table

__all__ = [
    "DEFAULT_MEASURES",
    "Compared",
    "Comparison",
    "Cost",
    "Difference",
    "EvalOptions",
    "EvalRecipe",
    "Evaluation",
    "Expected",
    "Kept",
    "Report",
    "check",
    "compare",
    "comparison_table",
    "evaluate",
    "holm",
    "paired",
    "read_eval_recipe",
    "resampled",
    "table",
]
