"""Copies here of a cluster that lies in object storage: its manifest when it is opened, a shard when it is asked.

A shard is written once, under a name that none ever had, so a copy stays right as long as its manifest names it.
"""

import contextlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from mrl_search.errors import ClusterError
from mrl_search.indexes import Layout, check
from mrl_search.scale.cluster import (
    MANIFEST,
    WORK,
    ClusterManifest,
    ShardRecord,
    is_cluster,
    read_cluster,
    state_of,
)
from mrl_search.scale.storage import Storage
from mrl_search.scale.turning import files_of

_FRESH_SECONDS = 5.0
_looked: dict[Path, float] = {}


def copied(url: str) -> Path:
    """The folder here of the cluster at that URL, with its newest manifest. Raises ClusterError where there is none."""
    storage = Storage.of(url)
    if renew(storage) is None:
        raise ClusterError(f"there is no cluster at {url}; build one: mrl-search build CORPUS --shards N --index {url}")
    return storage.folder


def renew(storage: Storage) -> ClusterManifest | None:
    """The manifest that is there now, copied; None if there is none. Copies of shards that it does not name go."""
    folder = storage.folder
    storage.settle()
    if not storage.has(folder / MANIFEST):
        (folder / MANIFEST).unlink(missing_ok=True)
        return None
    with storage.room() as room:
        storage.copy(folder / MANIFEST, room / MANIFEST)
        try:
            told = read_cluster(room)
        except ClusterError as error:
            raise ClusterError(str(error).replace(str(room), storage.url)) from error
        for name in files_of(told):
            storage.copy(folder / name, room / name)
            (room / name).replace(folder / name)
        (room / MANIFEST).replace(folder / MANIFEST)
    _looked[folder] = time.monotonic()
    _forget(folder, told.shards)
    return told


def renewed(folder: Path) -> None:
    """Where a folder holds copies, looks for a newer manifest; not more often than every few seconds."""
    storage = Storage.behind(folder)
    if storage is not None and time.monotonic() - _looked.get(folder, -_FRESH_SECONDS) >= _FRESH_SECONDS:
        renew(storage)


def cluster_folder(shard: Path) -> Path:
    """That of the cluster which has a shard in its own folder `shards`; of any other, some folder above it."""
    return shard.parent.parent


def at_hand(shard: Path) -> None:
    """A shard of which only a cluster in object storage has the files is copied here; any other is left alone.

    The copy is checked to its last byte, and against the state that the cluster's manifest tells of, before it has
    its name. Raises ClusterError where that fails.
    """
    storage = Storage.behind(cluster_folder(shard))
    if storage is None:
        return
    record = _record(storage, shard)
    if Layout(shard).catalog.is_file() and state_of(shard) == record.state:
        return
    with storage.room() as room:
        copy = room / "shard"
        for path in storage.under(shard):
            to = copy / path.relative_to(shard)
            to.parent.mkdir(parents=True, exist_ok=True)
            storage.copy(path, to)
        _demand_whole(copy, record, storage.url)
        if shard.is_dir():  # of a build that is no more
            shard.rename(room / "old")
        shard.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another process was faster: its copy is checked below
            copy.rename(shard)
    if state_of(shard) != record.state:
        raise ClusterError(f"the shard {record.name} of {storage.url} was replaced meanwhile; open the cluster again")


def ram_bytes(shard: Path) -> int | None:
    """That a shard takes at most, by its cluster's manifest; None unless it lies in object storage, not copied yet."""
    storage = Storage.behind(cluster_folder(shard))
    if storage is None or Layout(shard).catalog.is_file():
        return None
    return _record(storage, shard).documents * (4 * read_cluster(storage.folder).manifest.prefix_dim + 8)


def _record(storage: Storage, shard: Path) -> ShardRecord:
    name = shard.relative_to(storage.folder).as_posix()
    known = read_cluster(storage.folder) if is_cluster(storage.folder) else None
    for cluster in (known, renew(storage)) if known is None or name not in _names(known) else (known,):
        for record in cluster.shards if cluster is not None else ():
            if record.where == name:
                return record
    raise ClusterError(f"the cluster at {storage.url} has no shard {name} any more; open it again")


def _names(cluster: ClusterManifest) -> set[str]:
    return {shard.where for shard in cluster.shards}


def _demand_whole(copy: Path, record: ShardRecord, url: str) -> None:
    wrong = check(copy) if Layout(copy).catalog.is_file() else None
    if wrong or wrong is None or state_of(copy) != record.state:
        told = wrong[0].problem if wrong else "it is not what the cluster's manifest says"
        raise ClusterError(f"the shard {record.name} of {url} is damaged: {told}; build the cluster again")


def _forget(folder: Path, shards: Sequence[ShardRecord]) -> None:
    if (folder / WORK).is_dir():  # what it does not name yet is being written here
        return
    kept = {folder / shard.where for shard in shards}
    for found in (folder / "shards").glob("*"):
        if found not in kept and found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
