"""What an evaluation found, as values and as JSON."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from mrl_search.errors import RecipeError
from mrl_search.eval.growth import Growth
from mrl_search.eval.paired import Difference, Share
from mrl_search.funnel import Funnel
from mrl_search.indexes import EXACT
from mrl_search.results import Result

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Cost:
    """What a query costs, measured one query at a time from its vector on; encoding is not in it.

    macs_per_query: multiply-adds, by `Funnel.macs` and of the rotation; codes are counted as if they were floats.
    ram_bytes_per_document: the prefix index's. ram_bytes: the rotation's, however many documents there are.
    disk_bytes_per_document: full vectors, and sketches, that are read from there; 0 where prefixes in RAM are enough.
    device: what searched, as `VectorIndex.where`; on a card, RAM is the card's, with the full vectors that lie there.
    """

    macs_per_query: int
    latency_ms_p50: float
    latency_ms_p95: float
    latency_ms_p99: float
    latency_ms_mean: float
    queries_per_second: float
    ram_bytes_per_document: float
    disk_bytes_per_document: float
    device: str
    ram_bytes: int = 0


@dataclass(frozen=True)
class Row:
    """Which row: an encoder, turned by a rotation, stored in a format, walked through one funnel over a kind of prefix.

    All as the recipe names them; rows of one stage are exact.
    """

    encoder: str
    funnel: str
    rotation: str = "none"
    prefix: str = EXACT
    dtype: str = "float32"

    @property
    def source(self) -> tuple[str, ...]:
        """The encoder, and what of rotation, format and prefix is not the usual."""
        parts = ((self.rotation, "none"), (self.dtype, "float32"), (self.prefix, EXACT))
        return (self.encoder, *(part for part, usual in parts if part != usual))

    def __str__(self) -> str:
        return " ".join([*self.source, self.funnel])


@dataclass(frozen=True, kw_only=True)
class Report(Row):
    """What was found in one row.

    mean and per_query hold every measure that the funnel is deep enough for.
    kept, difference, p_holm: beside exact search by the same encoder's full width after the same rotation, in the first
    format (hybrids beside their encoder's, BM25 beside the first row), by the first measure; None where the funnel is
    too short for it or full width finds nothing.
    p_holm is p_different within the family of all rows of the evaluation.
    """

    mean: dict[str, float]
    per_query: dict[str, dict[str, float]]
    cost: Cost
    kept: Share | None = None
    difference: Difference | None = None
    p_holm: float | None = None


@dataclass(frozen=True)
class Evaluation(Result):
    """All rows of one dataset, and how they came about; JSON and back without loss.

    growth: every width as distractors were added, if there were any; the rows are then among all of them.
    notes: what a reader should know of the judgements and vectors.
    """

    dataset: str
    split: str
    documents: int
    queries: int
    measures: tuple[str, ...]
    command: str
    reports: tuple[Report, ...]
    provenance: dict[str, object]
    growth: tuple[Growth, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.measures and self.reports):
            raise RecipeError("a result wants a measure and a row at least")
        first = next(iter(self.reports[0].per_query.values()), {})
        for row in self.reports:
            _demand_whole(row, first.keys())

    @property
    def title(self) -> str:
        """The collection, and how large it is."""
        return f"{self.dataset} ({self.split}): {self.documents:,} documents, {self.queries:,} queries"

    def find(self, encoder: str, funnel: str, **named: str | None) -> Report | None:
        """The first row of that encoder and funnel, and of that rotation, prefix and dtype if they are named."""
        for row in self.reports:
            alike = all(getattr(row, name) == value for name, value in named.items() if value is not None)
            if (row.encoder, row.funnel) == (encoder, funnel) and alike:
                return row
        return None


def _demand_whole(row: Report, queries: Collection[str]) -> None:
    """Raises RecipeError unless it has a finite score of each of those queries by every measure, whose mean it says.

    And FunnelError unless its funnel is one; of BM25 it begins with its name.
    """
    if row.funnel[:1].isdecimal() or not row.funnel.startswith(f"{row.encoder}:"):
        Funnel.parse(row.funnel)
    if row.mean.keys() != row.per_query.keys():
        raise RecipeError(f"the row {row} has means of {', '.join(row.mean)}, scores of {', '.join(row.per_query)}")
    for measure, scores in row.per_query.items():
        if not isinstance(scores, dict) or scores.keys() != queries or not queries:
            raise RecipeError(f"the row {row} has {measure} of other queries than the first row, or of none")
        if not all(_is_number(score) for score in scores.values()):
            raise RecipeError(f"the row {row} has a {measure} that is no number")
        found, told = math.fsum(scores.values()) / len(scores), row.mean[measure]
        if not _is_number(told) or not abs(found - told) <= _ROUNDING:
            raise RecipeError(f"the row {row} says {measure} {told}; its scores' mean is {found:.6f}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
