"""Adapters, fitted to the vectors of a frozen encoder; `mrl_search.adapter` checks and applies what comes out."""

from mrl_search.adapters.fitting import METHODS, NEEDS_PAIRS, demand_enough, fit_adapter
from mrl_search.adapters.gate import Verdict, judged
from mrl_search.adapters.material import Material, Settings

__all__ = ["METHODS", "NEEDS_PAIRS", "Material", "Settings", "Verdict", "demand_enough", "fit_adapter", "judged"]
