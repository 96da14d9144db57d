"""Results of analyze and diff that were written as JSON, to be shown again."""

import json
from pathlib import Path

from mrl_search.errors import RecipeError
from mrl_search.geometry.analysis import Analysis
from mrl_search.geometry.analysis_table import shown_analysis
from mrl_search.geometry.diff import Diff
from mrl_search.geometry.diff_table import shown_diff
from mrl_search.geometry.outputs import Shown


def read_shown(path: Path) -> Shown | None:
    """What a JSON file of analyze or diff shows; None for any other file, or none.

    Raises RecipeError for one of `dynamics`, whose picture needs the runs, and for one of the others that is not whole.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    keys = set(found) if isinstance(found, dict) else set()
    if {"subjects", "gaps"} <= keys:
        return shown_analysis(Analysis.read(path))
    if {"pair", "crosscoded"} <= keys:
        return shown_diff(Diff.read(path))
    if {"runs", "seeds"} <= keys:
        raise RecipeError(f"{path} is of dynamics, whose picture needs the runs; use mrl-search dynamics RUN... --out")
    return None
