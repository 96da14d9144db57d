"""What an evaluation found, as values and as JSON."""

from dataclasses import dataclass

from mrl_search.eval.growth import Growth
from mrl_search.eval.paired import Difference, Share
from mrl_search.indexes import EXACT
from mrl_search.results import Result


@dataclass(frozen=True)
class Cost:
    """What a query costs, measured one query at a time from its vector on; encoding is not in it.

    macs_per_query: multiply-adds, by `Funnel.macs` and of the rotation; codes are counted as if they were floats.
    ram_bytes_per_document: the prefix index's and the rotation's.
    disk_bytes_per_document: full vectors, and sketches, that are read from there; 0 where prefixes in RAM are enough.
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
    format (BM25 beside the first row), by the first measure; None where the funnel is too short for it or full width
    finds nothing.
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
