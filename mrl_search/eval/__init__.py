"""How good is a funnel, and what does it cost? `eval/` at the top level holds recipes and results."""

from mrl_search.eval.arms import ComparedArm, Kept, Measured, Study
from mrl_search.eval.check import check
from mrl_search.eval.claims import claims_ledger
from mrl_search.eval.compare import Compared, Comparison, compare, comparison_table
from mrl_search.eval.evaluate import EvalOptions, evaluate
from mrl_search.eval.exports import write_report
from mrl_search.eval.growth import Estimate, Growth
from mrl_search.eval.interchange import MTEBEncoder, write_mteb
from mrl_search.eval.measures import DEFAULT as DEFAULT_MEASURES
from mrl_search.eval.paired import (
    PERCENTILES,
    Difference,
    Share,
    bootstrapped,
    holm,
    intervals,
    paired,
    paired_rows,
    redraws,
    resampled,
    resampled_share,
    shares,
)
from mrl_search.eval.prices import Prices, read_prices
from mrl_search.eval.recipes import EvalRecipe, Expected, read_eval_recipe
from mrl_search.eval.report import Cost, Evaluation, Report
from mrl_search.eval.table import table

__all__ = [
    "DEFAULT_MEASURES",
    "PERCENTILES",
    "Compared",
    "ComparedArm",
    "Comparison",
    "Cost",
    "Difference",
    "Estimate",
    "EvalOptions",
    "EvalRecipe",
    "Evaluation",
    "Expected",
    "Growth",
    "Kept",
    "MTEBEncoder",
    "Measured",
    "Prices",
    "Report",
    "Share",
    "Study",
    "bootstrapped",
    "check",
    "claims_ledger",
    "compare",
    "comparison_table",
    "evaluate",
    "holm",
    "intervals",
    "paired",
    "paired_rows",
    "read_eval_recipe",
    "read_prices",
    "redraws",
    "resampled",
    "resampled_share",
    "shares",
    "table",
    "write_mteb",
    "write_report",
]
