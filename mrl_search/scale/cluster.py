"""What a cluster says of itself: `cluster.json`, its only commit point, and where its parts lie."""

import dataclasses
import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mrl_search.atomic import held, replacing
from mrl_search.errors import ClusterError, IndexBusyError, IndexStoreError, RecipeError
from mrl_search.indexes import Layout, Manifest, Segment, read_manifest, sync_folder
from mrl_search.recipe import from_table
from mrl_search.scale.routing import Ranges, bucket_of, table
from mrl_search.scale.storage import Storage

FORMAT = 2
_READ = (1, FORMAT)
_LOG = logging.getLogger(__name__)
MANIFEST, WORK = "cluster.json", "work"
"""In a cluster's folder, beside its shards; the last only while it is built."""
_NAME = re.compile(r"s\d+(\.\d+)?")
_WITHIN = re.compile(r"shards/\d{6,}-\d{4,}(-[0-9a-f]{16})?")  # names that no path hides in: old shards are removed
_MOST = 2**48  # of whatever is counted; positions are int64


@dataclass(frozen=True)
class ShardRecord:
    """A shard: an ordinary index.

    where: its folder, within the cluster's or absolute. buckets: whose documents it has. state: what it had committed
    (see `state_of`), so many documents.
    """

    name: str
    where: str
    buckets: Ranges
    documents: int
    state: str

    def __post_init__(self) -> None:
        is_place = _WITHIN.fullmatch(self.where) or (Path(self.where).is_absolute() and self.where.isprintable())
        if not _NAME.fullmatch(self.name) or not is_place:
            raise ClusterError(f"a shard cannot be named {self.name!r:.40} and lie in {self.where!r:.80}")
        if not 0 <= self.documents < _MOST or any(len(one) != 2 for one in self.buckets):
            raise ClusterError(f"the shard {self.name} cannot have {self.documents!s:.20} documents, or its buckets")


@dataclass(frozen=True)
class ClusterManifest:
    """Everything about a cluster but its documents.

    version: grows by one with every change. next_position: the first that no document ever had (see
    `indexes/positions.py`). index: the Manifest of one index of all documents, as a JSON table; all shards are of its
    encoder, widths, codec, adapter and rotation. rotation: sha256 of its file (see `turning`), empty if there is none.
    """

    format: int
    version: int
    next_position: int
    index: dict[str, Any]
    rotation: str
    shards: tuple[ShardRecord, ...]

    def __post_init__(self) -> None:
        if self.format not in _READ:
            raise ClusterError(f"the cluster is of format {self.format}, this version reads {_READ[0]} to {FORMAT}")
        if not (1 <= self.version < _MOST and 0 <= self.next_position < _MOST):
            raise ClusterError(
                f"version {self.version!s:.20} and the next position {self.next_position!s:.20} cannot be"
            )
        if len({shard.name for shard in self.shards}) < len(self.shards):
            raise ClusterError("two shards have one name")
        table([shard.buckets for shard in self.shards])

    @property
    def manifest(self) -> Manifest:
        """Of one index of all documents."""
        told = Manifest.from_json(json.dumps(self.index), MANIFEST)
        return replace(told, documents=sum(shard.documents for shard in self.shards))

    def owner_of(self, identifier: str) -> int:
        """The place among `shards` of the one that a document belongs to."""
        return self.owners[bucket_of(identifier)]

    @property
    def owners(self) -> list[int]:
        """For every bucket the place of its shard."""
        return table([shard.buckets for shard in self.shards])

    def named(self, name: str) -> ShardRecord:
        """The shard of that name. Raises ClusterError."""
        found = [shard for shard in self.shards if shard.name == name]
        if not found:
            raise ClusterError(f"there is no shard {name!r}; there are {', '.join(one.name for one in self.shards)}")
        return found[0]

    def uncalibrated(self) -> "ClusterManifest":
        """Without calibrated recalls, which hold for the documents and the prefixes that they were made with."""
        if not self.manifest.calibrations:
            return self
        _LOG.warning("calibrated recalls are dropped; run `mrl-search guarantee` again")
        return replace(self, index={name: value for name, value in self.index.items() if name != "calibrations"})

    def changed(self, **what: Any) -> "ClusterManifest":
        """The next version."""
        return replace(self, version=self.version + 1, **what)


def is_cluster(folder: Path) -> bool:
    """Whether a folder is that of a cluster."""
    return (folder / MANIFEST).is_file()


def shard_folder(cluster: Path, shard: ShardRecord) -> Path:
    """Where a shard lies."""
    return cluster / shard.where


def space_of(manifest: Manifest, rotation: str) -> tuple[str, ...]:
    """What vectors must have in common to be compared. rotation: sha256 of its file, empty without one."""
    widths = f"{manifest.prefix_dim} of {manifest.dim}"
    adapter = manifest.adapter.sha256 if manifest.adapter is not None else ""
    return widths, manifest.encoder.identity, rotation, adapter


def demand_there(shard: Path) -> None:
    """Raises IndexStoreError where a shard's folder is gone."""
    if not Layout(shard).catalog.is_file():
        raise IndexStoreError(f"the shard in {shard} is gone; put back a copy of it, or build its cluster again")


def demand_own(folder: Path, cluster: ClusterManifest, shards: Sequence[ShardRecord]) -> None:
    """To be asked before shards are changed. Raises IndexStoreError where one is gone, ClusterError for another
    cluster's."""
    wanted = space_of(cluster.manifest, cluster.rotation)
    for shard in shards:
        demand_there(shard_folder(folder, shard))
        if space_told(read_manifest(shard_folder(folder, shard))[0]) != wanted:
            raise foreign(shard.name)


def space_told(manifest: Manifest) -> tuple[str, ...]:
    """That of an index."""
    return space_of(manifest, manifest.rotation.sha256 if manifest.rotation is not None else "")


def foreign(shard: str) -> ClusterError:
    """Of a shard whose vectors cannot be compared with the others'."""
    return ClusterError(
        f"what lies in the place of the shard {shard} is not this cluster's (its widths, encoder, rotation or adapter "
        "are others); put back a copy of the shard, or build the cluster again"
    )


def read_cluster(folder: Path) -> ClusterManifest:
    """What is committed. Raises ClusterError where there is no cluster, or its file is damaged."""
    path = folder / MANIFEST
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        body, digest = told["cluster"], told["sha256"]
        is_whole = isinstance(body, dict) and digest == _digest(body)
    except FileNotFoundError as error:
        raise ClusterError(f"there is no cluster in {folder}; build one: mrl-search build CORPUS --shards N") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ClusterError(f"{path} cannot be read: {error}") from error
    if not is_whole:
        raise ClusterError(f"{path} is damaged (its sha256 is not the committed one); put back a copy of it")
    try:
        return from_table(body, ClusterManifest, str(path))
    except RecipeError as error:
        raise ClusterError(str(error)) from error
    except ClusterError as error:
        raise ClusterError(f"{path}: {error}") from error


def write_cluster(folder: Path, cluster: ClusterManifest) -> None:
    """Makes it the one that readers find: on the disk, whole or not at all."""
    body = dataclasses.asdict(cluster)
    body = json.loads(json.dumps(body))  # tuples as lists, as they are read again
    path = folder / MANIFEST
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump({"sha256": _digest(body), "cluster": body}, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def sweep(folder: Path, cluster: ClusterManifest) -> None:
    """Removes shards below the folder that its cluster does not name: replaced ones, and what a process that was killed
    was writing. To be called by whoever may write, once the cluster is committed."""
    named = {shard_folder(folder, shard) for shard in cluster.shards}
    for found in (folder / "shards").glob("*"):
        name = found.name.removesuffix(".done.json")
        if _WITHIN.fullmatch(f"shards/{name}") and found.with_name(name) not in named:
            shutil.rmtree(found, ignore_errors=True) if found.is_dir() else found.unlink(missing_ok=True)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Whatever could not be written within the block, as on a full disk, is a ClusterError that names the folder."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if getattr(error, "filename", None) is not None:
            raise
        told = getattr(error, "strerror", None) or str(error)
        where = tempfile.gettempdir() if isinstance(error, sqlite3.Error) else folder  # where a corpus' ids are kept
        raise ClusterError(
            f"{where} could not be written: {told}; what was committed is as it was; make room, then call again"
        ) from error


@contextmanager
def writing(folder: Path) -> Iterator[ClusterManifest]:
    """The cluster, which no other process of this machine changes meanwhile.

    Raises IndexBusyError, and ClusterError where the folder holds copies of what lies in object storage.
    """
    read_cluster(folder)
    if (storage := Storage.behind(folder)) is not None:
        raise ClusterError(
            f"the cluster lies in {storage.url}, where nothing is changed in place; build it again with --force"
        )
    try:
        with held(folder), explained(folder):
            yield read_cluster(folder)
    except BlockingIOError as error:
        raise IndexBusyError(f"another process is writing to {folder}; wait for it to finish") from error


def state_of(folder: Path) -> str:
    """What an index has committed, in 16 digits; any commit changes them."""
    return state_told(*read_manifest(folder))


def state_told(manifest: Manifest, segments: Sequence[Segment]) -> str:
    """The same of what is open."""
    return hashlib.sha256(repr((manifest.to_json(), tuple(segments))).encode()).hexdigest()[:16]


def recorded(cluster: Path, shard: ShardRecord) -> ShardRecord:
    """The shard as it is now."""
    manifest, segments = read_manifest(shard_folder(cluster, shard))
    return replace(shard, documents=manifest.documents, state=state_told(manifest, segments))


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
