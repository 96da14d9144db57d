"""What a funnel costs a month, by a price list that the reader may change."""

from dataclasses import dataclass
from pathlib import Path

from mrl_search.eval.report import Cost
from mrl_search.funnel import Funnel
from mrl_search.recipe import read_recipe

_GIB = 2**30


@dataclass(frozen=True)
class Prices:
    """What is asked of a service, and what a month of its parts costs, in `currency`.

    documents: how many it holds. queries_per_second: how many it answers at its busiest. replicas: copies of all of it.
    ram, disk: of a GiB. core: of a core, that is busy at most `load` of the time.
    The defaults are round numbers to begin with, nobody's offer.
    """

    documents: int = 10_000_000
    queries_per_second: float = 50.0
    replicas: int = 2
    ram: float = 3.0
    disk: float = 0.1
    core: float = 25.0
    load: float = 0.5
    currency: str = "€"

    def monthly(self, cost: Cost, funnel: Funnel, documents: int) -> float:
        """Of a funnel whose cost was measured among so many documents.

        Bytes grow with the documents. So does the time, by the multiply-adds that `Funnel.macs` counts: true of an
        exhaustive shortlist, too much for one in cells or a graph.
        """
        grown = cost.macs_per_query + funnel.macs(self.documents) - funnel.macs(documents)
        seconds = grown / cost.macs_per_query * cost.latency_ms_mean / 1000
        cores = seconds * self.queries_per_second / self.load
        ram, disk = (
            each * self.documents / _GIB for each in (cost.ram_bytes_per_document, cost.disk_bytes_per_document)
        )
        return self.replicas * (ram * self.ram + disk * self.disk) + cores * self.core


def read_prices(path: Path) -> Prices:
    """A TOML file of `Prices`; what it leaves out is as by default. Raises RecipeError."""
    return read_recipe(path, Prices)
