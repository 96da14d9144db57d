"""mrl-search add."""

import time
from pathlib import Path

import click

from mrl_search.cli.options import PlaceType, corpus_options, device_option, ray_option
from mrl_search.cli.show import changed


@click.command("add")
@click.argument("index", type=PlaceType())
@click.argument("corpus")
@corpus_options
@click.option("--no-cache", is_flag=True, help="Neither read nor write the embedding cache.")
@ray_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@device_option
def add_command(
    index: Path | str,
    corpus: str,
    vectors: Path | None,
    skip_bad: int,
    no_cache: bool,
    ray: str | None,
    as_json: bool,
    device: str,
) -> None:
    """Add CORPUS to INDEX, each document in the place of one with its id.

    CORPUS is what `build` takes; the encoder is the index's own. When this returns, the documents are found.
    """
    from mrl_search.indexes import find_index
    from mrl_search.living import AddOptions, add
    from mrl_search.scale import add_to_cluster, find_cluster, working_on

    start = time.perf_counter()
    options = AddOptions(vectors, skip_bad, cache=not no_cache, progress=True, device=device)
    if (folder := find_cluster(index)) is not None:
        with working_on(ray) as work:
            done = add_to_cluster(folder, corpus, options=options, work=work)
    else:
        folder = find_index(Path(index))
        done = add(folder, corpus, options=options)
    told = f"{done.added:,} added, {done.removed:,} of them in the place of others"
    click.echo(changed(folder, told, done, time.perf_counter() - start, as_json=as_json))
    if done.skipped:
        click.echo(f"bad records skipped: {done.skipped:,}", err=True)
