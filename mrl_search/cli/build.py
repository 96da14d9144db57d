"""mrl-search build."""

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from mrl_search.indexes import Manifest


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
    shards: int | None,
    ray: str | None,
    as_json: bool,
    no_cache: bool,
    **told: Any,
) -> None:
    """Build an index from CORPUS.

    CORPUS is a file (.jsonl .csv .tsv .txt, each also .gz; .parquet), - for JSON lines on stdin, a BEIR folder,
    ids:FILE (one id a line, for --vectors), hf:NAME (Hugging Face), or pydoc:stdlib (Python's own docstrings); with
    --shards also the URL of a file, as s3://….
    """
    if ray is not None and shards is None:
        raise click.UsageError("--ray builds a cluster; say of how many shards with --shards N")
    if isinstance(index, str) and shards is None:
        raise click.UsageError("only a cluster lies in object storage; say of how many shards with --shards N")
    from mrl_search.builder import BuildOptions

    start = time.perf_counter()
    given = {one.name: told.pop(one.name) for one in dataclasses.fields(BuildOptions) if one.name in told}
    options = BuildOptions(cache=not no_cache, progress=True, **given)
    asked = {"dims": dims, "encoder": encoder_spec(encoder, options.vectors, **told), "options": options}
    try:
        folder, manifest = _built(corpus, index, shards, ray, asked)
    except KeyboardInterrupt:
        click.echo(err=True)
        goes_on = "" if no_cache else "; run it again, and it goes on from the embedding cache"
        goes_on = goes_on if shards is None else "; run it again, and it goes on from the parts that are encoded"
        raise click.ClickException(f"interrupted, nothing was built{goes_on}") from None
    where = index if isinstance(index, str) else folder
    if as_json:
        click.echo(json.dumps({"index": str(where), **manifest.told()}, ensure_ascii=False))
        return
    many = f"{shards} shards, " if shards is not None else ""
    _tell(where, manifest, f"{many}{manifest.documents:,} documents", time.perf_counter() - start)
    if manifest.without_text and options.vectors is None:
        click.echo(f"documents without text, encoded as the empty string: {manifest.without_text:,}", err=True)
    question = "--vectors queries.npy" if manifest.encoder.name == "precomputed" else '"..."'
    click.echo(f"next: {program()} query {question} --index {where}", err=True)


def _built(
    corpus: str, index: Path | str | None, shards: int | None, ray: str | None, asked: dict[str, Any]
) -> "tuple[Path, Manifest]":
    """The folder of the index, or cluster, and its manifest."""
    from mrl_search.builder import build
    from mrl_search.indexes import read_manifest
    from mrl_search.scale import build_cluster, read_cluster, working_on

    if shards is None:
        folder = build(corpus, index, **asked)
        return folder, read_manifest(folder)[0]
    with working_on(ray) as work:
        folder = build_cluster(corpus, index, shards=shards, work=work, **asked)
    return folder, read_cluster(folder).manifest


def _tell(where: Path | str, manifest: "Manifest", many: str, seconds: float) -> None:
    widths = " → ".join(map(str, manifest.dims))
    what = f"{many}, {widths} dims, {manifest.encoder.name}, prefix {manifest.prefix}"
    click.echo(f"{where}: {what}; {seconds:.1f} s on {manifest.provenance['device']}")
    if manifest.rotation is not None and manifest.rotation.why:
        click.echo(f"rotation {manifest.rotation.kind}: {manifest.rotation.why}", err=True)
    if manifest.skipped:
        click.echo(f"bad records skipped: {manifest.skipped:,}", err=True)
