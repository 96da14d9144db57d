"""mrl-search build."""

import json
import time
from pathlib import Path
from typing import Any

import click

from mrl_search.cli.options import (
    DimsType,
    PlaceType,
    corpus_options,
    device_option,
    encoder_options,
    encoder_spec,
    program,
    ray_option,
)


@click.command("build")
@click.argument("corpus")
@click.option("--index", type=PlaceType(), help="Folder, or a cluster's URL as s3://….  [default: indexes/CORPUS-NAME]")
@click.option("--dims", type=DimsType(), help="Widths, ascending: first the prefix's, last the stored one.")
@click.option("--encoder", metavar="NAME", help="minilm-768 (default), hashing:DIM, openai:MODEL@URL, MODEL or FOLDER.")
@click.option("--dtype", default="float32", metavar="TYPE", help="float32, bfloat16 or int8: how vectors are stored.")
@click.option("--prefix", default="auto", metavar="FACTORY", help="FAISS factory string of the prefix index, or auto.")
@click.option("--probes", type=click.IntRange(min=1), metavar="N", help="Cells a query looks into.  [default: all]")
@click.option("--rotation", default="auto", metavar="KIND", help="auto, none, pca, learned, block-pca, block-learned.")
@corpus_options
@click.option("--force", is_flag=True, help="Replace the index that is there; cut what does not survive it.")
@click.option("--shards", type=click.IntRange(min=1), metavar="N", help="A cluster of N shards, searched as one index.")
@ray_option
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@encoder_options
@device_option
def build_command(
    corpus: str,
    index: Path | str | None,
    dims: tuple[int, ...] | None,
    encoder: str | None,
    dtype: str,
    prefix: str,
    probes: int | None,
    rotation: str,
    vectors: Path | None,
    skip_bad: int,
    force: bool,
    shards: int | None,
    ray: str | None,
    as_json: bool,
    no_cache: bool,
    device: str,
    **told: Any,
) -> None:
    """Build an index from CORPUS.

    CORPUS is a file (.jsonl .csv .tsv .txt, each also .gz; .parquet), - for JSON lines on stdin, a BEIR folder,
    ids:FILE (one id a line, for --vectors), hf:NAME (Hugging Face), or pydoc:stdlib (Python's own docstrings).
    """
    if ray is not None and shards is None:
        raise click.UsageError("--ray builds a cluster; say of how many shards with --shards N")
    if isinstance(index, str) and shards is None:
        raise click.UsageError("only a cluster lies in object storage; say of how many shards with --shards N")
    from mrl_search.builder import BuildOptions, build
    from mrl_search.indexes import read_manifest

    start = time.perf_counter()
    options = BuildOptions(
        dtype=dtype,
        prefix=prefix,
        probes=probes,
        rotation=rotation,
        vectors=vectors,
        skip_bad=skip_bad,
        force=force,
        cache=not no_cache,
        progress=True,
        device=device,
    )
    spec = encoder_spec(encoder, vectors, **told)
    try:
        if shards is not None:
            from mrl_search.scale import build_cluster, read_cluster, working_on

            with working_on(ray) as work:
                cut: dict[str, Any] = {"shards": shards, "dims": dims, "encoder": spec}
                folder = build_cluster(corpus, index, **cut, options=options, work=work)
            manifest = read_cluster(folder).manifest
        else:
            folder = build(corpus, index, dims=dims, encoder=spec, options=options)
            manifest, _ = read_manifest(folder)
    except KeyboardInterrupt:
        click.echo(err=True)
        goes_on = "" if no_cache else "; run it again, and it goes on from the embedding cache"
        goes_on = goes_on if shards is None else "; run it again, and it goes on from the parts that are encoded"
        raise click.ClickException(f"interrupted, nothing was built{goes_on}") from None
    seconds = time.perf_counter() - start
    where = index if isinstance(index, str) else folder
    if as_json:
        click.echo(json.dumps({"index": str(where), **manifest.told()}, ensure_ascii=False))
        return
    widths = " → ".join(map(str, manifest.dims))
    many = f"{shards} shards, " if shards is not None else ""
    what = f"{many}{manifest.documents:,} documents, {widths} dims, {manifest.encoder.name}, prefix {manifest.prefix}"
    click.echo(f"{where}: {what}; {seconds:.1f} s on {manifest.provenance['device']}")
    if manifest.rotation is not None and manifest.rotation.why:
        click.echo(f"rotation {manifest.rotation.kind}: {manifest.rotation.why}", err=True)
    if manifest.skipped:
        click.echo(f"bad records skipped: {manifest.skipped:,}", err=True)
    if manifest.without_text and vectors is None:
        click.echo(f"documents without text, encoded as the empty string: {manifest.without_text:,}", err=True)
    asked = "--vectors queries.npy" if manifest.encoder.name == "precomputed" else '"..."'
    click.echo(f"next: {program()} query {asked} --index {where}", err=True)
