"""mrl-search compare."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN RUN...")
@click.option("--qrels", required=True, type=click.Path(path_type=Path), help="Judgements: TREC's, or BEIR's TSV.")
@click.option("--measure", "measures", multiple=True, metavar="NAME", help="As for eval; repeat for several.")
@click.option("--margin", default=0.01, show_default=True, help="Differences within it count as none, for TOST.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def compare_command(
    runs: tuple[Path, ...], qrels: Path, measures: tuple[str, ...], margin: float, as_json: bool
) -> None:
    """Compare TREC runs with the first of them, query by query, with tests."""
    from mrl_search.data import read_any_qrels
    from mrl_search.eval import DEFAULT_MEASURES, compare, comparison_table
    from mrl_search.run import read_run

    if len(runs) < 2:
        raise click.UsageError("name two runs or more; the first is what the others are compared with")
    if not 0 < margin < 1:
        raise click.UsageError(f"--margin must lie between 0 and 1, as measures do, found {margin:g}")
    found = compare(
        [replace(read_run(path), name=name) for path, name in zip(runs, _names(runs), strict=True)],
        read_any_qrels(qrels),
        measures or DEFAULT_MEASURES,
        margin,
    )
    click.echo(found.to_json() if as_json else comparison_table(found))


def _names(paths: Sequence[Path]) -> list[str]:
    """What to call runs: by file, as many tools write one name into all of them; with folders where files are alike."""
    names = [path.stem for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]
