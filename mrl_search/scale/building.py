"""From a corpus to a cluster: read and cut, encode part by part, fit one rotation, write shard by shard, commit."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from mrl_search.atomic import held
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
from mrl_search.data import Corpus, open_corpus
from mrl_search.device import chosen_device
from mrl_search.encoders import Encoder, EncoderSpec
from mrl_search.errors import ClusterError, IndexBusyError, RecipeError, VectorsError
from mrl_search.funnel import Funnel
from mrl_search.indexes import ROOT, Codec, Manifest, RotationRecord
from mrl_search.ingest import Reading
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.rotations import Fitted
from mrl_search.sampling import drawn
from mrl_search.scale.cluster import (
    FORMAT,
    ClusterManifest,
    ShardRecord,
    is_cluster,
    read_cluster,
    write_cluster,
    write_rotation,
)
from mrl_search.scale.parts import (
    PartEncoder,
    WhatWasRead,
    part_files,
    positions_of,
    read_into_parts,
    vectors_file,
)
from mrl_search.scale.routing import Ranges, evenly, table
from mrl_search.scale.shard_files import Done, ShardPlan, write_shard
from mrl_search.scale.work import LocalWork, Work
from mrl_search.vectors import Vectors, load_vectors

_WORK = "work"


@dataclass(frozen=True)
class _Build:
    """A build that has begun. key: what of its parts only the same build may take."""

    folder: Path
    corpus: Corpus
    widths: tuple[int, ...]
    encoder: Encoder
    given: Vectors | None
    options: BuildOptions
    ranges: Sequence[Ranges]
    version: int
    key: str

    @property
    def work(self) -> Path:
        return self.folder / _WORK


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

    Otherwise as `builder.build`. The same call again goes on where an interrupted one ended: with the parts that are
    encoded and the shards that are finished, if source, encoder and number of shards are the same.
    Raises ClusterError where a cluster is there already, unless forced, or a shard would be empty.
    """
    options, work = options or BuildOptions(), work or LocalWork()
    corpus = open_corpus(str(source))
    folder = (Path(folder) if folder is not None else ROOT / corpus.name).resolve()
    ranges = evenly(shards)
    _demand_free(folder, force=options.force)
    given = load_vectors(options.vectors) if options.vectors is not None else None
    loaded = chosen_encoder(encoder, dims, given, replace(options, cache=False))
    if loaded.spec.adapter is not None:
        raise ClusterError("a cluster's shards cannot share an adapter yet; build without --adapter")
    widths = checked_dims(dims, loaded)
    check_options(options, widths, loaded.trained_dims)
    version = read_cluster(folder).version + 1 if is_cluster(folder) else 1
    key = _key(corpus, loaded, options, shards, version)
    with _working(folder):
        build = _Build(folder, corpus, widths, loaded, given, options, ranges, version, key)
        read = _read(build)
        _encode(build, read, work)
        done, fitted, plans = _write(build, read, work)
        _commit(build, read, fitted, plans, done)
    return folder


def _read(build: _Build) -> WhatWasRead:
    """The corpus in parts: those of an earlier try, or read now."""
    note, options = build.work / "read.json", build.options
    try:
        read = WhatWasRead.read(note) if note.is_file() else None
    except RecipeError:
        read = None
    if read is None or read.key != build.key:
        shutil.rmtree(build.work, ignore_errors=True)
        build.work.mkdir(parents=True)
        reading = Reading("built", build.given is None, options.skip_bad, options.progress)
        read = read_into_parts(build.corpus, build.work, table(build.ranges), reading, build.key)
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


def _encode(build: _Build, read: WhatWasRead, work: Work) -> None:
    """Vectors of all parts that have none yet."""
    parts = [path for shard in range(len(read.parts)) for path in part_files(build.work, read, shard)]
    missing = [str(part) for part in parts if not vectors_file(part).is_file()]
    given = build.options.vectors.resolve() if build.options.vectors is not None else None
    encode = PartEncoder(None if given else build.encoder.spec, given, str(build.options.device))
    with bar(read.count, "encoding", "documents", shown=build.options.progress) as progress:
        for count in work.encode(encode, missing):
            progress.update(count)


def _write(build: _Build, read: WhatWasRead, work: Work) -> tuple[list[Done], Fitted, list[ShardPlan]]:
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
            build.folder / _name(build.version, number),
            tuple(part_files(build.work, read, number)),
            manifest,
            codec,
            None if rotation is None else rotation.matrix,
            str(build.options.device),
            key,
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


def _fitted(build: _Build, read: WhatWasRead) -> Fitted:
    """Fitted to the rows that `build` would draw."""
    if (unfitted := needs_no_rotation(read.count, build.widths, build.options.rotation)) is not None:
        return unfitted
    mask = drawn(read.count)
    rows = np.flatnonzero(mask)
    sample = np.empty((len(rows), build.encoder.dim), np.float32)
    for shard in range(len(read.parts)):
        for part in part_files(build.work, read, shard):
            positions = positions_of(part)
            chosen = mask[positions]
            vectors = load_vectors(vectors_file(part))
            sample[np.searchsorted(rows, positions[chosen])] = vectors[chosen]
    return fitted_to(sample, build.widths, build.encoder.trained_dims, build.options)


def _manifest(build: _Build, read: WhatWasRead, fitted: Fitted, codec: Codec) -> Manifest:
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


def _commit(build: _Build, read: WhatWasRead, fitted: Fitted, plans: list[ShardPlan], done: list[Done]) -> None:
    """One write makes the cluster; what it replaces, and what was only on the way, goes."""
    folder = build.folder
    old = read_cluster(folder).shards if is_cluster(folder) else ()
    shards = tuple(
        ShardRecord(f"s{number}", str(plan.folder.relative_to(folder)), ranges, one.documents, one.state)
        for number, (plan, ranges, one) in enumerate(zip(plans, build.ranges, done, strict=True))
    )
    rotation = write_rotation(folder, fitted.rotation)
    table = json.loads(plans[0].manifest.to_json())
    write_cluster(folder, ClusterManifest(FORMAT, build.version, read.count, table, rotation, shards))
    for plan in plans:
        plan.folder.with_name(f"{plan.folder.name}.done.json").unlink(missing_ok=True)
    for shard in old:
        if not Path(shard.where).is_absolute():
            shutil.rmtree(folder / shard.where, ignore_errors=True)
    shutil.rmtree(build.work, ignore_errors=True)


def _name(version: int, number: int) -> str:
    return f"shards/{version:06d}-{number:04d}"


def _key(corpus: Corpus, encoder: Encoder, options: BuildOptions, shards: int, version: int) -> str:
    """Of the corpus as it is now, of what encodes it, and of how it is cut."""
    files = [Path(corpus.source), *([options.vectors] if options.vectors is not None else [])]
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.is_file()]
    told = [corpus.source, stats, encoder.identity, asdict(encoder.spec), options.skip_bad, shards, version]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]


def _demand_free(folder: Path, *, force: bool) -> None:
    if is_cluster(folder):
        if not force:
            raise ClusterError(f"{folder} already holds a cluster; --force replaces it, --index DIR builds elsewhere")
    elif folder.is_dir() and any(one.name not in (_WORK, "shards", "rotation.npy") for one in folder.iterdir()):
        raise ClusterError(f"{folder} is not empty and holds no cluster; empty it, or name another folder with --index")


@contextmanager
def _working(folder: Path) -> Iterator[None]:
    """The folder, made if need be, is this build's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with held(folder):
            yield
    except BlockingIOError as error:
        raise IndexBusyError(f"another process is writing to {folder}; wait for it to finish") from error
