"""mrl-search tune."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mrl_search.cli.options import PlaceType, demand_queries, encoding_device_option

if TYPE_CHECKING:
    from mrl_search.tuning import Tuning, Wish

_UNITS = {"": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


class MillisecondsType(click.ParamType[Any]):
    """`5ms` or `5` as 5.0."""

    name = "MS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Milliseconds above 0, or a usage error."""
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(ms)?", str(value))
        if not found or float(found[1]) <= 0:
            self.fail(f"{value!r} is no time; wanted for instance 5ms", param, ctx)
        return float(found[1])


class BytesType(click.ParamType[Any]):
    """`2GB` as 2e9."""

    name = "BYTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Bytes above 0, or a usage error."""
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]B|)", str(value).upper())
        if not found or float(found[1]) <= 0:
            self.fail(f"{value!r} is no size; wanted for instance 2GB", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


@click.command("tune")
@click.argument("index", required=False, type=PlaceType())
@click.option(
    "--recall", type=float, default=0.99, show_default=True, help="Share of the exact answers to keep, surely."
)
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True, help="Answers.")
@click.option("--p95", type=MillisecondsType(), help="The slowest a query of twenty may be, as 5ms.")
@click.option("--ram", type=BytesType(), help="What the prefix index may take, as 2GB.")
@click.option("--queries", metavar="FILE", help="Held-out queries.  [default: documents stand in for them]")
@click.option("--sample", type=click.IntRange(min=20), default=1000, show_default=True, help="Documents that stand in.")
@click.option("--own", is_flag=True, help="Try no other widths and structures than the index has.")
@click.option("--dry-run", is_flag=True, help="Store nothing.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the front and the growth: a .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@encoding_device_option
def tune_command(
    index: Path | str | None,
    recall: float,
    k: int,
    p95: float | None,
    ram: float | None,
    queries: str | None,
    sample: int,
    own: bool,
    dry_run: bool,
    plot: Path | None,
    as_json: bool,
    device: str,
) -> None:
    """Find the fastest funnel of INDEX that surely keeps --recall of the exact answers, and make it the index's own.

    The index built last if none is named. Exits with 1, storing nothing, where no funnel meets what is asked for.
    """
    from mrl_search.device import chosen_device
    from mrl_search.indexes import find_index
    from mrl_search.scale import find_cluster
    from mrl_search.tuning import Wish, new_figure, plot_tuning, tune, tuning_table

    if not 0 < recall <= 1:
        raise click.UsageError(f"--recall must lie between 0 and 1, found {recall:g}")
    if plot is not None:
        new_figure(plot)  # what cannot be drawn is said before minutes of work
    chosen_device(device)
    cluster = find_cluster(index)
    if queries is None and cluster is None:
        click.echo(
            "documents stand in for queries; questions differ from them, so give --queries FILE if you can", err=True
        )
    wish, store = Wish(recall, k, p95, ram, others=not own), not dry_run
    if cluster is not None:
        found = _of_cluster(cluster, wish, queries, store=store, device=device)
    else:
        folder = find_index(None if index is None else Path(index))
        found = tune(folder, wish, queries=queries, asked=sample, store=store, progress=True, device=device)
    click.echo(found.to_json() if as_json else tuning_table(found))
    if plot is not None:
        plot_tuning(found, plot)
    if found.chosen is None:
        raise click.ClickException("no funnel of this index meets what was asked for; nothing was stored")


def _of_cluster(folder: Path, wish: "Wish", queries: str | None, *, store: bool, device: str) -> "Tuning":
    """A cluster's, over its own prefixes alone: no other could be tried without all vectors in one place."""
    from mrl_search.encoding import load_encoder, spec_of
    from mrl_search.scale import open_cluster, read_cluster, tune_cluster
    from mrl_search.tuning import measured, record_of

    demand_queries(queries)
    told = read_cluster(folder)
    with open_cluster(folder, load_encoder(spec_of(told.manifest), device), device="cpu") as retriever:
        found = measured(retriever, replace(wish, others=False, ahead=False), queries, progress=True)
    if store and found.chosen is not None:
        tune_cluster(folder, found.chosen.funnel, record_of(found, found.chosen), told.version)
    return found
