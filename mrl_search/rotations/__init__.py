"""Rotations, fitted to a sample of the documents; `mrl_search.rotation` checks and applies what comes out."""

from mrl_search.rotations.fitting import KINDS, Fitted, fit

__all__ = ["KINDS", "Fitted", "fit"]
