"""mrl-search shards."""

import json
from pathlib import Path

import click

from mrl_search.cli.options import PlaceType


@click.command("shards")
@click.argument("cluster", type=PlaceType())
@click.option("--split", metavar="NAME", help="Two shards in the place of this one.")
@click.option("--merge", "merged", multiple=True, metavar="NAME", help="One shard in the place of several; repeat.")
@click.option("--move", nargs=2, metavar="NAME FOLDER", help="The shard's files to another folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shards_command(
    cluster: Path | str, split: str | None, merged: tuple[str, ...], move: tuple[str, str] | None, as_json: bool
) -> None:
    """Show the shards of CLUSTER, or make others of the same documents; no answer changes, and readers go on."""
    from mrl_search.errors import ClusterError
    from mrl_search.scale import find_cluster, merge_shards, move_shard, read_cluster, split_shard

    if sum(map(bool, (split, merged, move))) > 1:
        raise click.UsageError("--split, --merge and --move exclude one another")
    folder = find_cluster(cluster)
    if folder is None:
        raise ClusterError(f"there is no cluster in {cluster}; build one: mrl-search build CORPUS --shards N")
    if split is not None:
        told = split_shard(folder, split)
    elif merged:
        told = merge_shards(folder, merged)
    elif move is not None:
        told = move_shard(folder, *move)
    else:
        told = read_cluster(folder)
    where = f"{cluster}/" if isinstance(cluster, str) else f"{folder}/"  # of a shard that was moved it is another
    places = [one.where if Path(one.where).is_absolute() else where + one.where for one in told.shards]
    if as_json:
        shards = [
            {"name": one.name, "folder": place, "documents": one.documents}
            for one, place in zip(told.shards, places, strict=True)
        ]
        click.echo(json.dumps({"cluster": where[:-1], "version": told.version, "shards": shards}, ensure_ascii=False))
        return
    click.echo(f"{where[:-1]}: version {told.version}, {told.manifest.documents:,} documents")
    for one, place in zip(told.shards, places, strict=True):
        click.echo(f"{one.name}  {one.documents:,} documents  {place}")
