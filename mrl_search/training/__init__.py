"""Training encoders that differ in their widths alone, and saying what that cost.

`training/` at the top level holds recipes and results. Importing this loads torch and sentence-transformers.
"""

from mrl_search.eval import Study
from mrl_search.training.plots import plot
from mrl_search.training.study import curves, prepared, study
from mrl_search.training.study_table import markdown, table
from mrl_search.training.train_recipe import Arm, Judged, Source, TrainRecipe, read_train_recipe
from mrl_search.training.trainer import TrainOptions, train_arm

__all__ = [
    "Arm",
    "Judged",
    "Source",
    "Study",
    "TrainOptions",
    "TrainRecipe",
    "curves",
    "markdown",
    "plot",
    "prepared",
    "read_train_recipe",
    "study",
    "table",
    "train_arm",
]
