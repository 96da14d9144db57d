"""Expected figures against measured ones."""

from mrl_search.eval.recipes import Expected
from mrl_search.eval.report import Evaluation


def check(evaluation: Evaluation, expected: tuple[Expected, ...]) -> list[str]:
    """One line for every expectation, beginning with `OK` or `FAIL`; a figure that was not measured fails."""
    return [_verdict(evaluation, one) for one in expected]


def _verdict(evaluation: Evaluation, one: Expected) -> str:
    where = (one.encoder, one.rotation, one.dtype, one.prefix, one.funnel)
    what = " ".join([evaluation.dataset, *filter(None, where), one.measure])
    report = evaluation.find(one.encoder, one.funnel, rotation=one.rotation, prefix=one.prefix, dtype=one.dtype)
    found = report.mean.get(one.measure) if report else None
    if found is None:
        return f"FAIL  {what}: not measured, expected {one}"
    return f"{'OK  ' if one.met_by(found) else 'FAIL'}  {what}: {found:.4f}, expected {one}"
