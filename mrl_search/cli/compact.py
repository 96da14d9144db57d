"""mrl-search compact."""

import time
from pathlib import Path

import click

from mrl_search.cli.options import PlaceType, device_option
from mrl_search.cli.show import changed


@click.command("compact")
@click.argument("index", type=PlaceType())
@click.option("--refit", is_flag=True, help="Fit the rotation anew to the documents there are now.")
@click.option("--rotation", default="auto", metavar="KIND", help="What --refit fits: a kind as `build` takes it.")
@click.option("--prefix", metavar="FACTORY", help="FAISS factory string, or auto.  [default: as it was built]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@device_option
def compact_command(
    index: Path | str, refit: bool, rotation: str, prefix: str | None, as_json: bool, device: str
) -> None:
    """Write all documents of INDEX into one segment, of a cluster's each shard, and nothing of deleted ones.

    Vectors are copied, not encoded again.
    """
    from mrl_search.errors import ClusterError
    from mrl_search.indexes import find_index
    from mrl_search.living import compact
    from mrl_search.scale import compact_cluster, find_cluster

    start = time.perf_counter()
    if (folder := find_cluster(index)) is not None:
        if refit or prefix is not None:
            raise ClusterError("all shards of a cluster have one rotation and one codec; build it again to change them")
        done = compact_cluster(folder)
    else:
        folder = find_index(Path(index))
        done = compact(folder, refit=refit, rotation=rotation, prefix=prefix, progress=True, device=device)
    click.echo(changed(folder, "compacted", done, time.perf_counter() - start, as_json=as_json))
