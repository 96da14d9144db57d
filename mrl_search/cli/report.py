"""mrl-search report."""

from pathlib import Path

import click


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
    """Make one page (or table, or picture) of what eval wrote."""
    from mrl_search.eval import Evaluation, read_prices, write_mteb, write_report

    evaluations = [Evaluation.read(path) for path in results]
    asked = read_prices(prices) if prices is not None else None
    for out in outs:
        write_report(evaluations, out, asked, data)
        click.echo(out)
    if mteb is not None:
        click.echo(f"{len(write_mteb(evaluations, mteb))} files in {mteb}")
