"""Runs beside the first of them, query by query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mrl_search.columns import aligned
from mrl_search.errors import RunError
from mrl_search.eval.measures import DEFAULT, cutoff, demand_computable, per_query
from mrl_search.eval.measures import mean as mean_of
from mrl_search.eval.paired import Difference, holm, paired, verdict
from mrl_search.eval.traps import judged_traps
from mrl_search.results import Result
from mrl_search.run import Run


@dataclass(frozen=True)
class Compared:
    """One run by one measure.

    difference: from the first run; None of itself, and where both find nothing. p_holm: p_different within the family.
    """

    run: str
    measure: str
    mean: float
    difference: Difference | None
    p_holm: float | None

    @property
    def verdict(self) -> str:
        """As `paired.verdict` says it."""
        return verdict(self.difference, self.p_holm)


@dataclass(frozen=True)
class Comparison(Result):
    """All runs by all measures, over the judged queries; notes: what a reader should know of the runs."""

    queries: int
    measures: tuple[str, ...]
    margin: float
    rows: tuple[Compared, ...]
    notes: tuple[str, ...]


def compare(
    runs: Sequence[Run],
    qrels: Mapping[str, Mapping[str, int]],
    measures: Sequence[str] = DEFAULT,
    margin: float = 0.01,
) -> Comparison:
    """Every run by every measure, and each but the first less the first: Holm's p values are over all of these tests.

    A judged query that a run does not answer counts zero. margin: of equivalence, in the measures' unit.
    Raises RunError for fewer than two judged queries or two runs of one name, MeasureError for what is no measure.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise RunError(f"two runs have the same name, which tells them apart here: {', '.join(names)}")
    if len(qrels) < 2:
        raise RunError(f"found judgements of {len(qrels)} queries, wanted two or more: a test needs them")
    demand_computable(tuple(measures))
    values = {run.name: per_query(run, qrels, measures) for run in runs}
    rows = []
    for measure in measures:
        first = values[names[0]][measure]
        for name in names:
            found = values[name][measure]
            judged = [[scores[q] for q in qrels] for scores in (first, found)]
            told = paired(judged[0], judged[1], margin) if name != names[0] and any(map(any, judged)) else None
            rows.append((name, measure, mean_of(found), told))
    adjusted = iter(holm([told.p_different for *_, told in rows if told is not None]))
    return Comparison(
        len(qrels),
        tuple(measures),
        margin,
        tuple(Compared(*row, None if row[3] is None else next(adjusted)) for row in rows),
        (*judged_traps(qrels), *(note for run in runs for note in _notes(run, qrels, measures))),
    )


def _notes(run: Run, qrels: Mapping[str, Mapping[str, int]], measures: Sequence[str]) -> list[str]:
    deepest = max(map(len, run.ranking.values()), default=0)
    missing = sum(not run.ranking.get(query) for query in qrels)
    selves = sum(any(document.id == query for document in run.ranking.get(query, ())) for query in qrels)
    notes = [
        f"{run.name} ranks {deepest:,} documents a query at most, and {measure} looks at {cutoff(measure):,}"
        for measure in measures
        if deepest < cutoff(measure)
    ]
    if missing:
        notes.append(
            f"{run.name} answers {len(qrels) - missing:,} of {len(qrels):,} judged queries; the others count 0"
        )
    if unjudged := sum(query not in qrels for query in run.ranking):
        notes.append(f"{run.name} answers {unjudged:,} queries that nobody judged; they are left out")
    if tied := sum(len(some) > 1 and len({one.score for one in some}) == 1 for some in run.ranking.values()):
        notes.append(f"{run.name} gives all documents of {tied:,} queries one score; trec_eval orders those by id")
    if selves:
        notes.append(
            f"{run.name} finds the query's own id for {selves:,} queries; BEIR leaves that out for arguana and quora"
        )
    return notes


def comparison_table(comparison: Comparison) -> str:
    """One line a run and measure, columns aligned; what the p values are of stands below."""
    heads = ["run", "measure", "mean", "difference", "95 % interval", "p", "p Holm", "p equal", "detectable", "verdict"]
    lines = [heads, *(_cells(row) for row in comparison.rows)]
    text = aligned(lines, {0, 1, len(heads) - 1})
    legend = (
        f"{comparison.queries:,} judged queries. p: paired randomisation test against the first run; Holm: over all of "
        f"them;\np equal: TOST within ± {comparison.margin:g}; detectable: the difference found four times of five."
    )
    return "\n".join([*text, "", legend, *(f"note: {note}" for note in comparison.notes)])


def _cells(row: Compared) -> list[str]:
    head = [row.run, row.measure, f"{row.mean:.4f}"]
    told = row.difference
    if told is None or row.p_holm is None:
        return [*head, *["–"] * 6, row.verdict]
    return [
        *head,
        f"{told.mean:+.4f}",
        f"[{told.low:+.4f}, {told.high:+.4f}]",
        f"{told.p_different:.4f}",
        f"{row.p_holm:.4f}",
        f"{told.p_equivalent:.4f}",
        f"{told.detectable:.4f}",
        row.verdict,
    ]
