"""From a corpus to a cluster: read and cut, encode part by part, fit one rotation, write shard by shard, commit."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mrl_search.builder import (
    BuildOptions,
    check_options,
    checked_dims,
    chosen_encoder,
    codec_for,
    fitted_to,
    needs_no_rotation,
    record_of,
)
from mrl_search.data import open_corpus
from mrl_search.device import chosen_device
from mrl_search.encoders import EncoderSpec
from mrl_search.errors import ClusterError, RecipeError, VectorsError
from mrl_search.funnel import Funnel
from mrl_search.indexes import ROOT, Codec, Manifest, RotationRecord
from mrl_search.ingest import Reading
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.rotations import Fitted
from mrl_search.sampling import drawn
from mrl_search.scale.begun import Build, demand_free, key_of, shard_name, working
from mrl_search.scale.cluster import (
    FORMAT,
    MANIFEST,
    ROTATION,
    ClusterManifest,
    ShardRecord,
    is_cluster,
    read_cluster,
    write_cluster,
    write_rotation,
)
from mrl_search.scale.copies import renew
from mrl_search.scale.parts import (
    NOTE,
    PartEncoder,
    WhatWasRead,
    part_files,
    positions_of,
    read_into_parts,
    vectors_file,
)
from mrl_search.scale.routing import evenly, table
from mrl_search.scale.shard_files import Done, ShardPlan, note_of, write_shard
from mrl_search.scale.storage import Storage, place
from mrl_search.scale.work import LocalWork, Work
from mrl_search.vectors import load_vectors


def build_cluster(
    source: str | Path,
    folder: Path | str | None = None,
    *,
    shards: int,
    dims: Sequence[int] | None = None,
    encoder: str | EncoderSpec | None = None,
    options: BuildOptions | None = None,
    work: Work | None = None,
) -> Path:
    """Builds a cluster of so many shards and returns its folder, which all workers must reach by that name.

    folder: or the URL of one in object storage, which all workers reach; what is returned then is that of copies here.

    Otherwise as `builder.build`. The same call again goes on where an interrupted one ended: with the parts that are
    encoded and the shards that are finished, if source, encoder and number of shards are the same.
    Raises ClusterError where a cluster is there already, unless forced, or a shard would be empty.
    """
    options, work = options or BuildOptions(), work or LocalWork()
    corpus = open_corpus(str(source))
    named = place(folder) if isinstance(folder, str) else folder
    storage = Storage.of(named) if isinstance(named, str) else None
    folder = storage.folder if storage is not None else Path(named or ROOT / corpus.name).resolve()
    ranges = evenly(shards)
    if storage is not None:
        renew(storage)
    demand_free(folder, storage, force=options.force)
    given = load_vectors(options.vectors) if options.vectors is not None else None
    loaded = chosen_encoder(encoder, dims, given, replace(options, cache=False))
    if loaded.spec.adapter is not None:
        raise ClusterError("a cluster's shards cannot share an adapter yet; build without --adapter")
    widths = checked_dims(dims, loaded)
    check_options(options, widths, loaded.trained_dims)
    version = read_cluster(folder).version + 1 if is_cluster(folder) else 1
    key = key_of(corpus, loaded, options, shards, version)
    with working(folder):
        build = Build(folder, storage, corpus, widths, loaded, given, options, ranges, version, key)
        read = _read(build)
        _encode(build, read, work)
        done, fitted, plans = _write(build, read, work)
        _commit(build, read, fitted, plans, done)
    return folder


def _read(build: Build) -> WhatWasRead:
    """The corpus in parts: those of an earlier try, or read now."""
    options = build.options
    read = _read_before(build)
    if read is None or read.key != build.key:
        shutil.rmtree(build.work, ignore_errors=True)
        build.work.mkdir(parents=True)
        reading = Reading("built", build.given is None, options.skip_bad, options.progress)
        read = read_into_parts(build.corpus, build.work, table(build.ranges), reading, build.key)
        if build.storage is not None:
            for path in (*_parts(build, read), build.work / NOTE):
                build.storage.send(path)
    if build.given is not None and len(build.given) != read.count:
        raise VectorsError(
            f"{options.vectors} holds {len(build.given)} vectors for {read.count} documents; they must be in step"
        )
    if empty := [number for number, count in enumerate(read.documents) if not count]:
        raise ClusterError(
            f"of {len(read.documents)} shards, {len(empty)} would be empty: {read.count:,} documents are too few; "
            "take fewer --shards"
        )
    return read


def _read_before(build: Build) -> WhatWasRead | None:
    """What an earlier try says it read; its note was the last that it sent."""
    note = build.work / NOTE
    if build.storage is not None:
        if not build.storage.has(note):
            return None
        build.storage.fetch(note, anew=True)
    try:
        return WhatWasRead.read(note) if note.is_file() else None
    except RecipeError:
        return None


def _parts(build: Build, read: WhatWasRead) -> list[Path]:
    return [path for shard in range(len(read.parts)) for path in part_files(build.work, read, shard)]


def _encode(build: Build, read: WhatWasRead, work: Work) -> None:
    """Vectors of all parts that have none yet."""
    there = set(build.storage.under(build.work) if build.storage is not None else build.work.glob("*/*"))
    missing = [str(part) for part in _parts(build, read) if vectors_file(part) not in there]
    given = build.options.vectors.resolve() if build.options.vectors is not None else None
    spec = None if given else build.encoder.spec
    encode = PartEncoder(spec, given, str(build.options.device), storage=build.storage)
    with bar(read.count, "encoding", "documents", shown=build.options.progress) as progress:
        for count in work.encode(encode, missing):
            progress.update(count)


def _write(build: Build, read: WhatWasRead, work: Work) -> tuple[list[Done], Fitted, list[ShardPlan]]:
    """One rotation for all, then every shard."""
    fitted = _fitted(build, read)
    rotation = fitted.rotation
    codec = codec_for(build.options, build.widths, max(read.documents))
    manifest = _manifest(build, read, fitted, codec)
    told = json.dumps([build.key, build.widths, build.options.dtype, codec._asdict(), fitted.kind], default=str)
    axes = b"" if rotation is None else rotation.matrix.tobytes()
    key = hashlib.sha256(told.encode() + axes).hexdigest()[:16]
    plans = [
        ShardPlan(
            build.folder / shard_name(build, number),
            tuple(part_files(build.work, read, number)),
            manifest,
            codec,
            None if rotation is None else rotation.matrix,
            str(build.options.device),
            key,
            build.storage,
        )
        for number in range(len(read.parts))
    ]
    with bar(len(plans), "writing shards", "shards", shown=build.options.progress) as progress:
        done = {}
        for folder, one in work.each(_written, plans):
            done[folder] = one
            progress.update(1)
    return [done[plan.folder] for plan in plans], fitted, plans


def _written(plan: ShardPlan) -> tuple[Path, Done]:
    return plan.folder, write_shard(plan)


def _fitted(build: Build, read: WhatWasRead) -> Fitted:
    """Fitted to the rows that `build` would draw."""
    if (unfitted := needs_no_rotation(read.count, build.widths, build.options.rotation)) is not None:
        return unfitted
    mask = drawn(read.count)
    rows = np.flatnonzero(mask)
    sample = np.empty((len(rows), build.encoder.dim), np.float32)
    for part in _parts(build, read):
        if build.storage is not None:
            build.storage.fetch(part)
            build.storage.fetch(vectors_file(part))
        positions = positions_of(part)
        chosen = mask[positions]
        vectors = load_vectors(vectors_file(part))
        sample[np.searchsorted(rows, positions[chosen])] = vectors[chosen]
    return fitted_to(sample, build.widths, build.encoder.trained_dims, build.options)


def _manifest(build: Build, read: WhatWasRead, fitted: Fitted, codec: Codec) -> Manifest:
    """Of one index of all documents."""
    return Manifest(
        name=build.corpus.name,
        documents=read.count,
        without_text=read.without_text,
        skipped=read.skipped,
        dims=build.widths,
        dtype=build.options.dtype,
        prefix=codec.factory,
        funnel=str(Funnel.default(build.widths)),
        encoder=record_of(build.encoder),
        provenance=provenance(chosen_device(build.options.device).told),
        rotation=RotationRecord("none" if fitted.rotation is None else fitted.rotation.kind, fitted.why),
    )


def _commit(build: Build, read: WhatWasRead, fitted: Fitted, plans: list[ShardPlan], done: list[Done]) -> None:
    """One write makes the cluster; what it replaces, and what was only on the way, goes."""
    folder, storage = build.folder, build.storage
    old = read_cluster(folder).shards if is_cluster(folder) else ()
    shards = tuple(
        ShardRecord(f"s{number}", str(plan.folder.relative_to(folder)), ranges, one.documents, one.state)
        for number, (plan, ranges, one) in enumerate(zip(plans, build.ranges, done, strict=True))
    )
    rotation = write_rotation(folder, fitted.rotation)
    table = json.loads(plans[0].manifest.to_json())
    write_cluster(folder, ClusterManifest(FORMAT, build.version, read.count, table, rotation, shards))
    if storage is not None:
        if fitted.rotation is not None:
            storage.send(folder / ROTATION)
        storage.send(folder / MANIFEST)
    gone = [note_of(plan.folder) for plan in plans]
    gone += [folder / shard.where for shard in old if not Path(shard.where).is_absolute()]
    for path in (*gone, build.work):
        if storage is not None:
            storage.remove(path)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
