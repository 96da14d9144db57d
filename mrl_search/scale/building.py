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
from mrl_search.data import Corpus
from mrl_search.device import chosen_device
from mrl_search.encoders import EncoderSpec
from mrl_search.errors import ClusterError, RecipeError, VectorsError
from mrl_search.funnel import Funnel
from mrl_search.indexes import ROOT, Codec, Manifest, RotationRecord, adapter_record
from mrl_search.ingest import Reading
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.rotations import Fitted
from mrl_search.sampling import drawn
from mrl_search.scale.begun import Build, demand_free, key_of, shard_name, working
from mrl_search.scale.cluster import (
    FORMAT,
    MANIFEST,
    ClusterManifest,
    ShardRecord,
    is_cluster,
    read_cluster,
    sweep,
    write_cluster,
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
from mrl_search.scale.routing import Ranges, evenly, table
from mrl_search.scale.shard_files import Done, ShardPlan, note_of, write_shard
from mrl_search.scale.sources import corpus_at
from mrl_search.scale.storage import Storage, place
from mrl_search.scale.turning import files_of, is_ours, write_turning
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

    source: as `build` reads it, or the URL of a file. folder: or the URL of one in object storage, which all workers
    reach; what is returned then is that of copies here.

    Otherwise as `builder.build`. The same call again goes on where an interrupted one ended: with the parts that are
    encoded and the shards that are finished, if source, encoder and number of shards are the same.
    Raises ClusterError where a cluster is there already, unless forced, or a shard would be empty.
    """
    options, work, ranges = options or BuildOptions(), work or LocalWork(), evenly(shards)
    named = place(folder) if isinstance(folder, str) else folder
    storage = Storage.of(named) if isinstance(named, str) else None
    if storage is not None:
        renew(storage)
    with corpus_at(str(source)) as corpus:
        folder = storage.folder if storage is not None else Path(named or ROOT / corpus.name).resolve()
        demand_free(folder, storage, force=options.force)
        build = _begun(corpus, (folder, storage), ranges, (encoder, dims), options)
        with working(folder):
            read = _read(build)
            _encode(build, read, work)
            done, fitted, plans = _write(build, read, work)
            _commit(build, read, fitted, plans, done)
    return folder


def _begun(
    corpus: Corpus,
    where: tuple[Path, Storage | None],
    ranges: Sequence[Ranges],
    told: tuple[str | EncoderSpec | None, Sequence[int] | None],
    options: BuildOptions,
) -> Build:
    """What is to be built, checked before anything is read. told: encoder and widths."""
    (folder, storage), (encoder, dims) = where, told
    given = load_vectors(options.vectors) if options.vectors is not None else None
    loaded = chosen_encoder(encoder, dims, given, replace(options, cache=False))
    widths = checked_dims(dims, loaded)
    check_options(options, widths, loaded.trained_dims)
    version = read_cluster(folder).version + 1 if is_cluster(folder) else 1
    key = key_of(corpus, loaded, options, len(ranges), version)
    return Build(folder, storage, corpus, widths, loaded, given, options, ranges, version, key)


def _read(build: Build) -> WhatWasRead:
    """The corpus in parts: those of an earlier try, or read now; nothing is left of what cannot be built."""
    options = build.options
    read = _read_before(build)
    if read is not None and read.key == build.key:
        return read
    shutil.rmtree(build.work, ignore_errors=True)
    build.work.mkdir(parents=True)
    try:
        reading = Reading("built", build.given is None, options.skip_bad, options.progress)
        read = read_into_parts(build.corpus, build.work, table(build.ranges), reading, build.key)
        _demand_fitting(build, read)
    except BaseException:
        shutil.rmtree(build.work, ignore_errors=True)
        raise
    if build.storage is not None:
        for path in (*_parts(build, read), build.work / NOTE):
            build.storage.send(path)
    return read


def _demand_fitting(build: Build, read: WhatWasRead) -> None:
    """Raises VectorsError where vectors are not in step, ClusterError where a shard would be empty."""
    if build.given is not None and len(build.given) != read.count:
        raise VectorsError(
            f"{build.options.vectors} holds {len(build.given)} vectors for {read.count} documents; they must be in step"
        )
    if empty := [number for number, count in enumerate(read.documents) if not count]:
        raise ClusterError(
            f"of {len(read.documents)} shards, {len(empty)} would be empty: {read.count:,} documents are too few; "
            "take fewer --shards"
        )


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
    spec = None if given else build.bare.spec
    encode = PartEncoder(spec, given, str(build.options.device), storage=build.storage, adapter=build.adapter)
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
            build.adapter,
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
        encoder=record_of(build.bare),
        provenance=provenance(chosen_device(build.options.device).told),
        rotation=RotationRecord("none" if fitted.rotation is None else fitted.rotation.kind, fitted.why),
        adapter=None if build.adapter is None else adapter_record(build.adapter),
    )


def _commit(build: Build, read: WhatWasRead, fitted: Fitted, plans: list[ShardPlan], done: list[Done]) -> None:
    """One write makes the cluster; until then all that it replaces is there, and then that, and what was only on the
    way, goes."""
    folder, storage = build.folder, build.storage
    old = read_cluster(folder) if is_cluster(folder) else None
    shards = tuple(
        ShardRecord(f"s{number}", str(plan.folder.relative_to(folder)), ranges, one.documents, one.state)
        for number, (plan, ranges, one) in enumerate(zip(plans, build.ranges, done, strict=True))
    )
    rotation = write_turning(folder, fitted.rotation, build.adapter)
    table = json.loads(plans[0].manifest.to_json())
    new = ClusterManifest(FORMAT, build.version, read.count, table, rotation, shards)
    if storage is not None:
        for name in files_of(new):
            storage.send(folder / name)
    write_cluster(folder, new)
    if storage is not None:
        storage.send(folder / MANIFEST)
    gone = [*(note_of(plan.folder) for plan in plans), build.work, *_replaced(folder, old, new)]
    for path in gone:
        if storage is not None:
            storage.remove(path)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if storage is None:
        sweep(folder, new)


def _replaced(folder: Path, old: ClusterManifest | None, new: ClusterManifest) -> list[Path]:
    """What only the old cluster had; of builds that were given up here, too, what vectors were to be turned by."""
    names = {path.name for path in folder.iterdir() if is_ours(path.name)} - {*files_of(new)}
    shards = old.shards if old is not None else ()
    gone = [folder / shard.where for shard in shards if not Path(shard.where).is_absolute()]
    return gone + [folder / name for name in sorted(names)]
