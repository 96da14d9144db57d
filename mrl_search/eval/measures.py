"""Effectiveness, by ir-measures (which runs trec_eval's own code)."""

from collections.abc import Mapping, Sequence
from typing import Any

from mrl_search.errors import MeasureError
from mrl_search.run import Run, ScoredDoc

Qrels = Mapping[str, Mapping[str, int]]
PerQuery = dict[str, dict[str, float]]
"""Measure name → query id → value."""

DEFAULT = ("nDCG@10", "Recall@100", "MRR@10")
_OUR_NAMES = {"MRR": "RR", "Recall": "R"}  # the field's names; ir-measures knows the right-hand ones


def per_query(run: Run, qrels: Qrels, measures: Sequence[str]) -> PerQuery:
    """Every measure for every query of the qrels; one the run does not answer counts zero.

    The order of the run's lists is the ranking. ir-measures asks several
    providers, which break ties differently (pytrec_eval: higher document id
    first; the MS MARCO script: lower first) and read scores as float32; so
    they are given -rank for a score, and there is no tie to break.
    Raises MeasureError for a name that ir-measures does not know.
    """
    import ir_measures

    parsed = {parse(name): name for name in measures}
    ranked = {
        query: {document.id: float(-rank) for rank, document in enumerate(documents, 1)}
        for query, documents in run.ranking.items()
        if documents and query in qrels
    }
    values: PerQuery = {name: dict.fromkeys(qrels, 0.0) for name in measures}
    if ranked and parsed:
        judged = {query: dict(grades) for query, grades in qrels.items()}
        for value in ir_measures.iter_calc(list(parsed), judged, ranked):
            values[parsed[value.measure]][value.query_id] = float(value.value)
    return values


def parse(name: str) -> Any:
    """ir-measures' measure of that name, `MRR@10` and `Recall@100` included."""
    import ir_measures

    head, at, depth = name.partition("@")
    try:
        measure = ir_measures.parse_measure(f"{_OUR_NAMES.get(head, head)}{at}{depth}")
        if measure.params.get("cutoff", 1) < 1:  # on which trec_eval ends the process
            raise ValueError
        return measure
    except (ValueError, NameError, SyntaxError) as error:
        raise MeasureError(
            f"unknown measure {name!r}; wanted one of ir-measures', as nDCG@10, Recall@100, MRR@10, AP"
        ) from error


def demand_distinct(names: Sequence[str]) -> None:
    """Raises MeasureError for no name, and for two of one measure: `per_query` would give its values to one of them."""
    if not names or len({parse(name) for name in names}) < len(names):
        named = ", ".join(names)
        raise MeasureError(f"name one or more measures, each once (MRR is RR, Recall is R); found {named}")


def demand_computable(names: Sequence[str]) -> None:
    """Raises MeasureError, before any work is done, for a measure that ir-measures knows but cannot compute here."""
    demand_distinct(names)
    probe = Run("probe", {"q": [ScoredDoc("d", 1.0)]})
    for name in names:
        try:
            per_query(probe, {"q": {"d": 1}}, [name])
        except Exception as error:  # its providers fail in many ways: assertions, missing programs, missing packages
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise MeasureError(f"ir-measures cannot compute {name} here: {reason}") from error


def cutoff(name: str) -> int:
    """How deep a ranking the measure looks at; 1000 where it looks at all of it."""
    found = parse(name).params.get("cutoff")
    return int(found) if found is not None else 1000


def mean(values: Mapping[str, float]) -> float:
    """The mean over all judged queries."""
    return sum(values.values()) / len(values)
