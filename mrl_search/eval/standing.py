"""How every row of an evaluation stands beside full width."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mrl_search.eval import lexical
from mrl_search.eval.hybrid import encoder_of
from mrl_search.eval.paired import Difference, holm, paired_rows, shares
from mrl_search.eval.report import Report

MARGIN = 0.01
"""Of equivalence, in the measure's unit."""


def standing(reports: Sequence[Report], measure: str) -> list[Report]:
    """The rows with kept, difference and p_holm by that measure; rows without it stay as they are.

    The first row of an encoder and rotation is its full width, beside which its hybrids stand too.
    """
    full: dict[tuple[str, str], Report] = {}
    beside: dict[int, Report] = {}
    for place, row in enumerate(reports):
        source = (encoder_of(row.encoder), row.rotation)
        base = reports[0] if row.encoder == lexical.NAME else full.setdefault(source, row)
        if measure in row.per_query and measure in base.per_query:
            beside[place] = base
    if not beside:
        return list(reports)
    values, of = (_matrix(rows, measure) for rows in ([reports[place] for place in beside], list(beside.values())))
    kept = dict(zip(beside, shares(values, of), strict=True))
    tests: dict[int, Difference] = {}
    if values.shape[1] > 1:
        found = zip(beside, paired_rows(values - of, MARGIN), strict=True)
        tests = {place: one for place, one in found if reports[place] is not beside[place]}
    adjusted = dict(zip(tests, holm([one.p_different for one in tests.values()]), strict=True))
    return [
        replace(row, kept=kept.get(place), difference=tests.get(place), p_holm=adjusted.get(place))
        for place, row in enumerate(reports)
    ]


def _matrix(rows: list[Report], measure: str) -> NDArray[np.float64]:
    """(m, q), the queries in one order."""
    queries = rows[0].per_query[measure]
    return np.array([[row.per_query[measure][query] for query in queries] for row in rows])
