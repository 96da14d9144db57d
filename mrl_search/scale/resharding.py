"""Other shards for the same documents: one split in two, several merged, one moved; readers go on meanwhile.

New shards are written beside the old ones, then one write of the cluster's manifest makes them the cluster's. Readers
that are open keep what they opened. Vectors are copied bit for bit, positions too: every answer stays what it was.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mrl_search.document import Document
from mrl_search.errors import ClusterError
from mrl_search.hits import Rows
from mrl_search.indexes import (
    EXACT,
    Codec,
    IndexWriter,
    Layout,
    StoredIndex,
    check,
    chosen_codec,
    open_index,
    read_positions,
)
from mrl_search.scale.cluster import (
    ClusterManifest,
    ShardRecord,
    demand_own,
    is_cluster,
    recorded,
    shard_folder,
    state_of,
    sweep,
    write_cluster,
    writing,
)
from mrl_search.scale.routing import Ranges, bucket_of, halved, holds, together
from mrl_search.vectors import Vectors

_COPIED = 4_096  # documents at a time


def split_shard(folder: Path | str, name: str) -> ClusterManifest:
    """Two shards in the place of one, each with half of its buckets. Raises ClusterError where one would be empty."""
    folder = Path(folder).resolve()
    with writing(folder) as cluster:
        old = cluster.named(name)
        parts = [_planned(cluster, ranges, place) for place, ranges in enumerate(halved(old.buckets))]
        return _replaced(folder, cluster, [old], parts)


def merge_shards(folder: Path | str, names: Sequence[str]) -> ClusterManifest:
    """One shard in the place of several."""
    folder = Path(folder).resolve()
    with writing(folder) as cluster:
        old = [cluster.named(name) for name in dict.fromkeys(names)]
        if len(old) < 2:
            raise ClusterError("name two shards or more to merge")
        return _replaced(folder, cluster, old, [_planned(cluster, together([one.buckets for one in old]), 0)])


def move_shard(folder: Path | str, name: str, where: Path | str) -> ClusterManifest:
    """The shard's files in another folder, as of another disk; the copy is checked to its last byte before it counts.

    Raises ClusterError where something is there already, or the copy is damaged; or within a cluster or an index, whose
    files are replaced and removed by names of their own.
    """
    folder, where = Path(folder).resolve(), Path(where).resolve()
    with writing(folder) as cluster:
        old = cluster.named(name)
        if where.exists():
            raise ClusterError(f"{where} is there already; name a folder that is to be made")
        if taken := next((one for one in where.parents if is_cluster(one) or Layout(one).catalog.exists()), None):
            raise ClusterError(f"{where} would lie within {taken}, which is a cluster or an index; name another folder")
        demand_own(folder, cluster, [old])
        try:
            shutil.copytree(shard_folder(folder, old), where)
            if (wrong := check(where)) or state_of(where) != state_of(shard_folder(folder, old)):
                told = wrong[0].problem if wrong else "it was written to meanwhile"
                raise ClusterError(f"the copy of {name} in {where} is not whole: {told}")
            moved = recorded(folder, replace(old, where=str(where)))
        except BaseException:
            shutil.rmtree(where, ignore_errors=True)
            raise
        shards = tuple(moved if shard.name == name else shard for shard in cluster.shards)
        return _settled(folder, cluster, shards, [old])


@dataclass(frozen=True)
class _Planned:
    name: str
    where: str
    buckets: Ranges


def _planned(cluster: ClusterManifest, ranges: Ranges, place: int) -> _Planned:
    """A shard under a name that none ever had: versions are not used twice."""
    version = cluster.version + 1
    return _Planned(f"s{version}.{place}", f"shards/{version:06d}-{place:04d}", ranges)


def _replaced(
    folder: Path, cluster: ClusterManifest, old: Sequence[ShardRecord], new: Sequence[_Planned]
) -> ClusterManifest:
    demand_own(folder, cluster, old)
    made = []
    try:
        for plan in new:
            _write(folder, cluster, old, plan)
            made.append(recorded(folder, ShardRecord(plan.name, plan.where, plan.buckets, 0, "")))
    except BaseException:
        for plan in new:
            shutil.rmtree(folder / plan.where, ignore_errors=True)
        raise
    names = [shard.name for shard in old]
    shards = [made if shard.name == names[0] else [shard] for shard in cluster.shards]
    kept = tuple(shard for some in shards for shard in some if shard.name not in names[1:])
    return _settled(folder, cluster, kept, old)


def _settled(
    folder: Path, cluster: ClusterManifest, shards: tuple[ShardRecord, ...], old: Sequence[ShardRecord]
) -> ClusterManifest:
    """The next version, and then the old shards' files go; who has them open keeps them."""
    new = cluster.uncalibrated().changed(shards=shards)  # codes are trained anew
    write_cluster(folder, new)
    for shard in old:
        shutil.rmtree(shard_folder(folder, shard), ignore_errors=True)
    sweep(folder, new)
    return new


def _write(folder: Path, cluster: ClusterManifest, old: Sequence[ShardRecord], plan: _Planned) -> None:
    """A shard of the documents of the old ones that are in the plan's buckets, by position."""
    with ExitStack() as stack, IndexWriter(folder / plan.where, replace=True) as writer:
        sources = []
        for shard in old:
            stored = open_index(shard_folder(folder, shard))
            stack.callback(stored.close)
            sources.append(_Source(stored, lambda identifier: holds(plan.buckets, bucket_of(identifier))))
        positions = np.concatenate([source.positions for source in sources])
        owner = np.concatenate([np.full(len(one.rows), place) for place, one in enumerate(sources)])
        rows = np.concatenate([source.rows for source in sources])
        order = np.argsort(positions)
        if not len(order):
            raise ClusterError("a shard without documents would come of it; leave it as it is")
        without_text = 0
        for places in _some(order):
            for document in _documents(sources, owner[places], rows[places]):
                writer.add(document)
                without_text += not document.content
        first = sources[0].stored
        manifest = first.manifest
        writer.write_words(lambda _: None)
        blocks = (_vectors(sources, owner[places], rows[places], manifest.dim) for places in _some(order))
        writer.write_vectors(blocks, manifest.dim, manifest.dtype)
        writer.write_positions(positions[order])
        codec = _codec(first, len(order))
        writer.write_prefix(manifest.prefix_dim, codec)
        turned = writer.write_rotation(first.rotation, manifest.rotation.why if manifest.rotation is not None else "")
        refined = codec.is_refined and len(manifest.dims) == 2
        writer.commit(
            replace(
                manifest,
                name=Path(plan.where).name,
                documents=len(order),
                without_text=without_text,
                prefix=codec.factory,
                rotation=turned,
                adapter=writer.write_adapter(first.adapter),
                sketches=writer.write_sketches() if refined else None,
                bounds=None,
                tuned=None,
                calibrations=(),
            )
        )


class _Source:
    """The documents of one old shard that are wanted: their rows, ascending, and positions."""

    def __init__(self, stored: StoredIndex, wanted: Callable[[str], bool]) -> None:
        self.stored = stored
        positions = read_positions(Layout(stored.folder), stored.segments)
        if positions is None:
            raise ClusterError(f"the index in {stored.folder} was added to by itself; build this shard again")
        rows = stored.vectors.rows
        own = np.zeros(len(rows), np.bool_)
        for places in _some(np.arange(len(rows))):
            ids = stored.ids(rows[places].tolist())
            own[places] = [wanted(ids[row]) for row in rows[places].tolist()]
        self.rows: Rows = rows[own]
        self.positions: Rows = positions[self.rows]


def _some(order: Rows) -> Iterator[Rows]:
    return (order[first : first + _COPIED] for first in range(0, len(order), _COPIED))


def _documents(sources: Sequence[_Source], owner: Rows, rows: Rows) -> list[Document]:
    found = [source.stored.documents(rows[owner == place].tolist()) for place, source in enumerate(sources)]
    return [found[place][row] for place, row in zip(owner.tolist(), rows.tolist(), strict=True)]


def _vectors(sources: Sequence[_Source], owner: Rows, rows: Rows, dim: int) -> Vectors:
    block = np.empty((len(rows), dim), np.float32)
    for place, source in enumerate(sources):
        block[owner == place] = source.stored.vectors.gathered(rows[owner == place])
    return block


def _codec(old: StoredIndex, count: int) -> Codec:
    """What was asked for; or of the new size, if it was chosen by size."""
    manifest = old.manifest
    auto = chosen_codec(manifest.documents, manifest.prefix_dim) if len(manifest.dims) > 1 else Codec(EXACT)
    return chosen_codec(count, manifest.prefix_dim) if auto.factory == manifest.prefix else Codec(manifest.prefix)
