"""mrl-search report."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mrl_search.eval import Evaluation, Prices
    from mrl_search.geometry.outputs import Shown


@click.command("report")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option(
    "--out",
    "outs",
    multiple=True,
    default=[Path("report.html")],
    type=click.Path(path_type=Path),
    help="Where to; .html, .md, .tex, .csv, .png or .svg; repeat for several.  [default: report.html]",
)
@click.option("--data", type=click.Path(path_type=Path), help="A folder that holds the collections, for their texts.")
@click.option("--prices", type=click.Path(path_type=Path), help="A TOML file of prices, instead of round numbers.")
@click.option("--mteb", type=click.Path(path_type=Path), help="A folder to write every row to as mteb's result JSON.")
def report_command(
    results: tuple[Path, ...], outs: tuple[Path, ...], data: Path | None, prices: Path | None, mteb: Path | None
) -> None:
    """Make one page (or table, or picture) of what eval wrote; the page has what analyze and diff wrote, too.

    One result of analyze or diff alone is written as these write it.
    """
    from mrl_search.eval import Evaluation, read_prices, write_mteb
    from mrl_search.geometry import read_shown

    read = {path: read_shown(path) for path in results}
    shown = [one for one in read.values() if one is not None]
    evaluations = [Evaluation.read(path) for path, one in read.items() if one is None]
    asked = read_prices(prices) if prices is not None else None
    for out in outs:
        _write(evaluations, shown, out, asked, data)
        click.echo(out)
    if mteb is not None:
        click.echo(f"{len(write_mteb(evaluations, mteb))} files in {mteb}")


def _write(
    evaluations: "list[Evaluation]", shown: "list[Shown]", out: Path, prices: "Prices | None", data: Path | None
) -> None:
    """Raises RecipeError for geometry beside evaluations in anything but a page."""
    from mrl_search.errors import RecipeError
    from mrl_search.eval import write_report
    from mrl_search.geometry import section, write_shown

    if not evaluations and len(shown) == 1:
        write_shown(shown[0], out)
    elif shown and (not evaluations or out.suffix.lower() != ".html"):
        raise RecipeError(
            f"cannot write {out}: what analyze and diff wrote stands beside evaluations in an .html page, or each alone"
        )
    else:
        write_report(evaluations, out, prices, data, [section(one) for one in shown])
