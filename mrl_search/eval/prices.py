"""What a funnel costs a month, by a price list that the reader may change."""

import math
from dataclasses import dataclass
from pathlib import Path

from mrl_search.errors import RecipeError
from mrl_search.eval.report import Evaluation, Report
from mrl_search.funnel import Funnel
from mrl_search.recipe import read_recipe

_GIB = 2**30
_MAY_BE_FREE = ("ram", "disk", "core")


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

    def __post_init__(self) -> None:
        told = {name: value for name, value in vars(self).items() if name != "currency"}
        for name, value in told.items():
            if not (0 < value < math.inf or (value == 0 and name in _MAY_BE_FREE)):
                raise RecipeError(f"{name} must be a number above 0, found {value}")
        if self.load > 1:
            raise RecipeError(f"load is a share of a core, at most 1, found {self.load}")

    def monthly(self, row: Report, evaluation: Evaluation) -> float:
        """Of a row's funnel, if the evaluation's documents were as many as `documents`.

        Bytes grow with them, but for what is held once. The time grows by the multiply-adds that `Funnel.macs` counts,
        each as long as `ms_per_mac`: true of an exhaustive shortlist, too much for codes, cells or a graph.
        """
        funnel, cost = Funnel.parse(row.funnel), row.cost
        grown = funnel.macs(self.documents) - funnel.macs(evaluation.documents)
        seconds = (cost.latency_ms_mean + grown * ms_per_mac(row, evaluation)) / 1000
        cores = seconds * self.queries_per_second / self.load
        ram = cost.ram_bytes + cost.ram_bytes_per_document * self.documents
        disk = cost.disk_bytes_per_document * self.documents
        return self.replicas * (ram * self.ram + disk * self.disk) / _GIB + cores * self.core


def ms_per_mac(row: Report, evaluation: Evaluation) -> float:
    """A multiply-add of the widest exact search by the row's encoder, where what a call costs besides counts least."""
    cost = next(one.cost for one in evaluation.reports if one.encoder == row.encoder)
    return cost.latency_ms_mean / cost.macs_per_query


def read_prices(path: Path) -> Prices:
    """A TOML file of `Prices`; what it leaves out is as by default. Raises RecipeError."""
    return read_recipe(path, Prices)
