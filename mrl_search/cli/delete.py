"""mrl-search delete."""

import time
from pathlib import Path

import click

from mrl_search.cli.options import PlaceType
from mrl_search.cli.show import changed


@click.command("delete")
@click.argument("index", type=PlaceType())
@click.option("--ids", metavar="FILE", help="Ids of documents, one a line; - for stdin.")
@click.option("--where", metavar="EXPR", help='Documents whose metadata pass, as "year < 2020".')
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def delete_command(index: Path | str, ids: str | None, where: str | None, as_json: bool) -> None:
    """Delete documents from INDEX; when this returns, none of them is found.

    Their vectors stay on disk until `compact`.
    """
    from mrl_search.data import read_ids
    from mrl_search.indexes import find_index
    from mrl_search.living import delete
    from mrl_search.scale import delete_from_cluster, find_cluster

    if (ids is None) == (where is None):
        raise click.UsageError("give --ids FILE or --where EXPR, one of them")
    start = time.perf_counter()
    gone = read_ids(ids) if ids is not None else ()
    if (folder := find_cluster(index)) is not None:
        done = delete_from_cluster(folder, gone, where=where)
    else:
        folder = find_index(Path(index))
        done = delete(folder, gone, where=where)
    click.echo(changed(folder, f"{done.removed:,} deleted", done, time.perf_counter() - start, as_json=as_json))
    if done.missing and not as_json:
        few = ", ".join(done.missing[:5]) + ", …" * (len(done.missing) > 5)
        click.echo(f"ids that no document has: {len(done.missing):,} ({few})", err=True)
