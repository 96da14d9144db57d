"""mrl-search guarantee."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mrl_search.cli.options import GuaranteeType, PlaceType, demand_queries, encoding_device_option

if TYPE_CHECKING:
    from mrl_search.calibration import Promise
    from mrl_search.indexes import Calibration
    from mrl_search.retriever import Retriever


@click.command("guarantee")
@click.argument("level", type=GuaranteeType())
@click.option("--index", type=PlaceType(), help="Folder of the index, or its name under indexes/.")
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="How many answers.")
@click.option(
    "--queries", metavar="FILE", help="Held-out queries (or -); sampled documents stand for them if not given."
)
@click.option("--vectors", type=click.Path(path_type=Path), help="Vectors (.npy) of held-out queries.")
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="How sure the recall is to be kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@encoding_device_option
def guarantee_command(
    level: str | float,
    index: Path | str | None,
    k: int,
    queries: str | None,
    vectors: Path | None,
    confidence: float,
    as_json: bool,
    device: str,
) -> None:
    """Prepare an index for `query --guarantee LEVEL`.

    LEVEL is exact, which writes upper bounds of all vectors beside them; or a recall, as 0.99, for which the least
    number of candidates is chosen so that held-out queries prove it.
    """
    from mrl_search.calibration import Promise
    from mrl_search.device import chosen_device
    from mrl_search.encoding import load_encoder, spec_of
    from mrl_search.guarantee import EXACT
    from mrl_search.indexes import add_calibration, find_index, read_manifest
    from mrl_search.retriever import encoder_of, open_retriever
    from mrl_search.scale import calibrate_cluster, find_cluster, open_cluster, read_cluster

    if level == EXACT and (queries is not None or vectors is not None):
        raise click.UsageError("exact needs no queries")
    encodes, cluster = chosen_device(device), find_cluster(index)
    folder = cluster or find_index(None if index is None else Path(index))
    if level == EXACT:
        click.echo(_bounded(folder, is_cluster=cluster is not None, as_json=as_json))
        return
    promise = Promise(float(level), k, confidence)
    if cluster is not None:
        demand_queries(queries or vectors)
        told = read_cluster(folder)
        opened = open_cluster(folder, load_encoder(spec_of(told.manifest), encodes), device="cpu")
        calibration = _calibrated(opened, queries, vectors, promise)
        calibrate_cluster(folder, calibration, told.version)
    else:
        manifest, segments = read_manifest(folder)
        opened = open_retriever(folder, encoder_of(folder, encodes), device="cpu")
        calibration = _calibrated(opened, queries, vectors, promise)
        add_calibration(folder, calibration, (manifest.documents, segments))
    click.echo(json.dumps(calibration.__dict__) if as_json else str(calibration))


def _bounded(folder: Path, *, is_cluster: bool, as_json: bool) -> str:
    """Writes upper bounds, and says of how many rows, in how many bytes."""
    from mrl_search.indexes import add_bounds, read_manifest
    from mrl_search.scale import prove_cluster

    if is_cluster:
        rows, size = prove_cluster(folder)
        facts: dict[str, object] = {"index": str(folder), "bytes": size}
    else:
        record = add_bounds(folder)
        rows = sum(one.documents for one in read_manifest(folder)[1] if one.number == record.segment)
        size = sum(record.sizes)
        facts = {"index": str(folder), "axes": len(record.means), "bytes": size}
    return json.dumps(facts) if as_json else f"bounds of {rows:,} rows, {size / max(1, rows):,.1f} bytes each"


def _calibrated(opened: "Retriever", queries: str | None, vectors: Path | None, promise: "Promise") -> "Calibration":
    from mrl_search.calibration import calibrate, sampled_queries
    from mrl_search.cli.query import query_vectors
    from mrl_search.data import read_queries
    from mrl_search.funnel import Funnel

    with opened as retriever:
        index, funnel = retriever.stored.vectors, retriever.funnel
        if len(funnel.stages) == 1:  # to which the index was tuned, and which has no candidates to calibrate
            funnel = Funnel.default(list(retriever.stored.manifest.dims), funnel.k)
        if queries is None and vectors is None:
            click.echo(
                "no --queries: documents stand for them, each without itself. Questions differ from documents, and the "
                "promise holds for queries like those it was calibrated with",
                err=True,
            )
            asked, own = sampled_queries(index)
            return calibrate(index, asked, funnel, promise, own)
        texts = read_queries(queries) if queries is not None else None
        _, matrix = query_vectors(retriever, texts, vectors)
        return calibrate(index, retriever.checked_queries(matrix), funnel, promise)
