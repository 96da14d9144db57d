"""mrl-search info."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mrl_search.cli.options import device_option

if TYPE_CHECKING:
    from mrl_search.drift import Drift
    from mrl_search.indexes import TunedRecord

_WORTH_COMPACTING, _MANY = 0.2, 8  # share of deleted rows, segments


@click.command("info")
@click.argument("index", required=False, type=click.Path(path_type=Path))
@click.option("--index", "named", type=click.Path(path_type=Path), help="The same as INDEX, as other verbs take it.")
@click.option("--verify", is_flag=True, help="Read every file to its end and compare it with what was committed.")
@click.option("--drift", is_flag=True, help="Ask whether documents that came last are found as well as the others.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@device_option
def info_command(index: Path | None, named: Path | None, verify: bool, drift: bool, as_json: bool, device: str) -> None:
    """Show what INDEX says of itself, and its bytes per document. The index built last if none is named."""
    from mrl_search.cli.show import one_line
    from mrl_search.device import chosen_device
    from mrl_search.indexes import find_index, measure_index, read_manifest, verify_index
    from mrl_search.placing import told_of

    if index is not None and named is not None:
        raise click.UsageError("INDEX and --index are the same; give one")
    folder = find_index(index or named)
    if verify:
        verify_index(folder)
        click.echo("every file is what was committed", err=True)
    manifest, sizes = measure_index(folder)
    _, segments = read_manifest(folder)
    rows = [segment.documents for segment in segments]
    where = told_of(chosen_device(device), manifest.prefix, is_whole=rows == [manifest.documents])
    drifted = _drift(folder) if drift else None
    if as_json:
        facts = {"index": str(folder), **manifest.told(), "bytes_per_document": sizes._asdict(), "searched_on": where}
        facts |= {"segment_rows": rows, "deleted_rows": sum(rows) - manifest.documents}
        facts |= {"drift": drifted._asdict() | {"is_drifting": drifted.is_drifting}} if drifted is not None else {}
        click.echo(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    record, made, rotation = manifest.encoder, manifest.provenance, manifest.rotation
    told = {
        "index": folder,
        "documents": f"{manifest.documents:,} ({manifest.without_text:,} without text, {manifest.skipped:,} skipped)",
        "segments": _segments(rows, manifest.documents, folder),
        "encoder": record.name,
        "identity": record.identity,
        "query prompt": record.query_prompt,
        "document prompt": record.document_prompt,
        "layer norm": record.layer_norm,
        "precision": record.precision,
        "adapter": f"{adapter.method}, fitted for {', '.join(map(str, adapter.widths))} dims, sha256 {adapter.sha256}"
        if (adapter := manifest.adapter) is not None
        else None,
        "dims": ", ".join(map(str, manifest.dims)),
        "dtype": manifest.dtype,
        "prefix": manifest.prefix,
        "rotation": f"{rotation.kind}  {rotation.why}".rstrip() if rotation is not None else None,
        "funnel": manifest.funnel,
        "tuned": _tuned(manifest.tuned) if manifest.tuned is not None else None,
        "drift": str(drifted or "too few documents to tell") if drift else None,
        "guarantees": ", ".join(["exact"] * (manifest.bounds is not None) + [str(c) for c in manifest.calibrations])
        or None,
        "searched on": where,
        "RAM": f"{sizes.ram:,.1f} bytes per document (prefix index, rotation)",
        "disk": f"{sizes.disk:,.1f} bytes per document: vectors {sizes.vectors:,.1f}, prefix {sizes.prefix:,.1f}, "
        f"rotation {sizes.rotation:,.1f}, sketches {sizes.sketches:,.1f}, bounds {sizes.bounds:,.1f}, "
        f"texts and ids {sizes.catalog:,.1f}",
        "built": f"{made.get('time')} by mrl-search {made.get('mrl_search')}, commit {made.get('commit') or 'unknown'}",
        "machine": f"{made.get('machine')}, on {made.get('device', 'cpu')}",
        "command": made.get("command"),
    }
    for name, value in told.items():
        if value is not None:
            click.echo(f"{name:<16}{one_line(str(value))}")


def _drift(folder: Path) -> "Drift | None":
    from mrl_search.drift import drift
    from mrl_search.indexes import open_index

    stored = open_index(folder)
    try:
        return drift(stored)
    finally:
        stored.close()


def _segments(rows: list[int], documents: int, folder: Path) -> str | None:
    """How the rows lie, and whether to compact them; None for one segment without deleted rows."""
    dead = sum(rows) - documents
    if len(rows) == 1 and not dead:
        return None
    sizes = " + ".join(f"{count:,}" for count in rows)
    worth = dead > sum(rows) * _WORTH_COMPACTING or len(rows) > _MANY
    advice = f"; worth it: mrl-search compact {folder}" if worth else ""
    return f"{len(rows):,} ({sizes} rows), {dead:,} rows deleted{advice}"


def _tuned(record: "TunedRecord") -> str:
    """What the funnel was measured to keep, when and how."""
    asked = f"{record.asked:,} {'documents in place of queries' if record.source == 'documents' else 'queries'}"
    cells = f", {record.probes:,} cells" if record.probes is not None else ""
    return (
        f"recall@{record.k} {record.recall:.4f} [{record.low:.4f}, {record.high:.4f}] for {record.target:g}, p50 "
        f"{record.latency_ms_p50:.3f} ms, p95 {record.latency_ms_p95:.3f} ms{cells}; {asked}, {record.time}, "
        f"{record.machine}"
    )
