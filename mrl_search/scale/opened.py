"""Opening a cluster: what a Retriever takes for an index."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mrl_search.device import AUTO, CPU, Device, chosen_device
from mrl_search.document import Document
from mrl_search.encoders import Encoder
from mrl_search.encoding import bare, load_encoder, spec_of
from mrl_search.errors import ClusterError, IndexChangedError, IndexStoreError
from mrl_search.funnel import Funnel
from mrl_search.indexes import (
    ROOT,
    Catalog,
    Said,
    Segment,
    StoredIndex,
    VectorIndex,
    find_index,
    load_kernels_ahead,
)
from mrl_search.retriever import Retriever, open_retriever
from mrl_search.scale.cluster import ClusterManifest, foreign, is_cluster, read_cluster, shard_folder, space_of
from mrl_search.scale.copies import copied
from mrl_search.scale.local import LocalShards
from mrl_search.scale.sharded import ShardedIndex, Shards
from mrl_search.scale.turning import read_adapter, read_rotation
from mrl_search.scale.words import said_by

_LOG = logging.getLogger(__name__)
_TRIES = 5
Transport = Callable[[Mapping[str, Path]], Shards]
"""From the folders of shards, by name, to shards that can be asked."""


class ClusterIndex(StoredIndex):
    """A cluster, opened: one snapshot of each shard.

    disagreeing: shards that are not as the cluster's version says, because a change of it was cut short, or is going
    on: what they have is answered, each as a whole.
    """

    def __init__(self, folder: Path, cluster: ClusterManifest, shards: Shards, disagreeing: Sequence[str]) -> None:
        manifest = cluster.manifest
        index = ShardedIndex(shards, (manifest.prefix_dim, manifest.dim))
        for name, facts in index.facts.items():
            if facts.space != space_of(manifest, cluster.rotation):
                raise foreign(name)
        told = {
            "folder": folder,
            "manifest": replace(manifest, documents=len(index)),  # of the shards as they are
            "segments": (),
            "vectors": index,
            "rotation": read_rotation(folder, cluster),
            "adapter": read_adapter(folder, cluster),
            "cluster": cluster,
            "disagreeing": tuple(disagreeing),
            "_sharded": index,
            "_shards": shards,
        }
        for name, value in told.items():
            object.__setattr__(self, name, value)  # as a frozen dataclass does

    cluster: ClusterManifest
    disagreeing: tuple[str, ...]
    segments: tuple[Segment, ...]
    _sharded: ShardedIndex
    _shards: Shards

    @property
    def catalog(self) -> Catalog:
        """Each shard's is its own. Raises ClusterError."""
        raise ClusterError("a cluster has no catalog of its own: documents and words lie in its shards")

    def check_words(self) -> None:
        """See StoredIndex; shards are asked once."""
        if "_has_words" not in vars(self):
            self.say([], 1)
            object.__setattr__(self, "_has_words", True)

    def say(self, texts: Sequence[str], depth: int, where: str | None = None) -> Said:
        """See StoredIndex."""
        return said_by(self._sharded if where is None else self._sharded.passing(where), texts, depth)

    @property
    def is_whole(self) -> bool:
        """Whether each shard is; never an index of one segment, for all that."""
        return not self.deleted_rows and all(one.segments <= 1 for one in self._sharded.facts.values())

    @property
    def segment_count(self) -> int:
        """See StoredIndex; of all shards."""
        return sum(one.segments for one in self._sharded.facts.values())

    @property
    def deleted_rows(self) -> int:
        """See StoredIndex; of all shards."""
        return sum(one.deleted_rows for one in self._sharded.facts.values())

    @property
    def has_bounds(self) -> bool:
        """See StoredIndex: whether all shards' are."""
        return all(one.has_bounds for one in self._sharded.facts.values())

    def among(self, where: str) -> VectorIndex:
        """See StoredIndex."""
        return self._sharded.passing(where)

    def documents(self, rows: Sequence[int]) -> dict[int, Document]:
        """See StoredIndex; in the order of the rows."""
        found = self._sharded.ask("documents", list(rows))
        return {row: found[row] for row in rows if row in found}

    def ids(self, rows: Sequence[int]) -> dict[int, str]:
        """See StoredIndex."""
        return self._sharded.ask("ids", list(rows))

    def close(self) -> None:
        """Ends the snapshot."""
        self._shards.close()


def open_cluster(
    folder: Path | str,
    encoder: Encoder | None = None,
    transport: Transport | None = None,
    *,
    device: str | Device = AUTO,
) -> Retriever:
    """Opens a cluster as `open_retriever` does an index; by default in this process.

    device: what encodes, and what searches shards that are opened here. Raises ClusterError where it cannot be opened,
    EncoderError where its encoder cannot be loaded, DeviceError for a device that is not there, or is too small.
    """
    folder, device = Path(folder), chosen_device(device)
    if transport is None:
        transport = partial(LocalShards, device=device)
    load_kernels_ahead()
    for left in reversed(range(_TRIES)):
        cluster = read_cluster(folder)
        try:
            return _opened(folder, cluster, transport, encoder, device)
        except IndexChangedError:  # of two replicas of a shard, one opened a later commit than the other
            if not left:
                raise
        except (ClusterError, IndexStoreError):  # its files went as another took its place
            if not left or read_cluster(folder) == cluster:
                raise
    raise AssertionError("the last try returns or raises")


def _opened(
    folder: Path, cluster: ClusterManifest, transport: Transport, encoder: Encoder | None, device: Device
) -> Retriever:
    shards = transport({shard.name: shard_folder(folder, shard) for shard in cluster.shards})
    try:
        told = shards.states
        apart = [shard.name for shard in cluster.shards if told.get(shard.name, shard.state) != shard.state]
        if apart:
            _LOG.warning(
                "%s: what %s committed is not what version %d of the cluster says: a change is going on, or was cut "
                "short; make it again", folder, ", ".join(apart), cluster.version,
            )  # fmt: skip
        manifest = cluster.manifest
        encoder = load_encoder(spec_of(manifest), device) if encoder is None else bare(encoder, manifest)
        stored = ClusterIndex(folder, cluster, shards, apart)
        return Retriever(encoder, stored, Funnel.parse(manifest.funnel))
    except BaseException:
        shards.close()
        raise


def find_cluster(named: Path | str | None, root: Path = ROOT) -> Path | None:
    """The folder of the cluster that is named (as a folder, or as a name under `root`); None if it is none.

    For a URL in object storage the folder of its copies. Raises ClusterError where no cluster is there.
    """
    if named is None:
        return None
    if isinstance(named, str):
        return copied(named)
    return next((folder for folder in (named, root / named) if is_cluster(folder)), None)


def open_any(named: Path | str | None, device: str = AUTO, ray: str | None = None) -> Retriever:
    """An index or a cluster, whatever is named; None for the index that was built last.

    device: what searches, and what encodes; on Ray actors of shards take cards of its nodes, and what encodes here is a
    card, unless device is the CPU, if there is one.
    ray: the address of a Ray cluster whose actors are to be asked, as `ray_session.joined` takes it.
    """
    cluster = find_cluster(named)
    if cluster is None and ray is not None:
        raise ClusterError(f"{named or 'the index built last'} is no cluster; only a cluster is searched by --ray")
    if cluster is None:
        return open_retriever(find_index(named if isinstance(named, Path) else None), device=device)
    if ray is None:
        return open_cluster(cluster, device=device)
    from mrl_search.scale.ray_session import demand_ray

    demand_ray()
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    transport = ray_transport(ray, RayOptions(device=device))
    return open_cluster(cluster, transport=transport, device=beside_ray(device))


def beside_ray(device: str) -> str:
    """What encodes in a process that asks Ray's actors, which are on that device."""
    return device if device == str(CPU) else AUTO
