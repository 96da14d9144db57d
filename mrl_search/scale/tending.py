"""What is done to every shard of a cluster in its turn, and to the cluster's manifest after it: no answer changes.

Each shard is committed by itself, and readers go on with what they opened. Cut short, it is done by doing it again.
"""

import json
from dataclasses import replace
from pathlib import Path

from mrl_search.errors import ClusterError
from mrl_search.indexes import Calibration, Manifest, TunedRecord, add_bounds, read_manifest
from mrl_search.living import Changed, compact
from mrl_search.scale.cluster import ClusterManifest, demand_own, shard_folder, write_cluster, writing
from mrl_search.scale.updating import settled
from mrl_search.scale.work import LocalWork, Work


def compact_cluster(folder: Path | str, *, work: Work | None = None) -> Changed:
    """As `living.compact`, every shard that is not one segment without deleted rows; vectors and axes stay.

    Calibrated recalls go: codes are trained anew.
    """
    folder = Path(folder).resolve()
    with writing(folder) as cluster:
        demand_own(folder, cluster, cluster.shards)
        write_cluster(folder, cluster := cluster.uncalibrated())
        list((work or LocalWork()).each(compacted, [shard_folder(folder, shard) for shard in cluster.shards]))
        told = settled(folder, cluster)
        return Changed(0, 0, 0, (), told.manifest.documents, len(told.shards), 0)


def prove_cluster(folder: Path | str, *, work: Work | None = None) -> tuple[int, int]:
    """Writes upper bounds of all vectors, as `add_bounds`, to every shard that has none; rows, and bytes, of all.

    Raises IndexStoreError for a shard of several segments, or with deleted rows.
    """
    folder = Path(folder).resolve()
    with writing(folder) as cluster:
        demand_own(folder, cluster, cluster.shards)
        shards = [shard_folder(folder, shard) for shard in cluster.shards]
        size = sum((work or LocalWork()).each(bounded, shards))
        return settled(folder, cluster).manifest.documents, size


def calibrate_cluster(folder: Path | str, calibration: Calibration, version: int) -> None:
    """Keeps a calibration in the cluster's manifest, as `add_calibration`.

    version: of the cluster that it was made with. Raises ClusterError where it is another by now.
    """
    folder = Path(folder).resolve()
    with writing(folder) as cluster:
        if cluster.version != version:
            raise ClusterError(f"{folder} was changed while it was calibrated; calibrate it again")
        _keep(folder, cluster, cluster.manifest.calibrated(calibration))


def tune_cluster(folder: Path | str, funnel: str, record: TunedRecord, version: int) -> None:
    """Makes a tuned funnel the cluster's own, as `store_tuned`; version: as in `calibrate_cluster`."""
    folder = Path(folder).resolve()
    with writing(folder) as cluster:
        if cluster.version != version:
            raise ClusterError(f"{folder} was changed while it was tuned; tune it again")
        _keep(folder, cluster, replace(cluster.manifest, funnel=funnel, tuned=record))


def _keep(folder: Path, cluster: ClusterManifest, manifest: Manifest) -> None:
    write_cluster(folder, cluster.changed(index=json.loads(manifest.to_json())))


def compacted(shard: Path) -> bool:
    """Compacts a shard; whether there was anything to do."""
    manifest, segments = read_manifest(shard)
    if len(segments) <= 1 and sum(one.documents for one in segments) == manifest.documents:
        return False
    compact(shard)
    return True


def bounded(shard: Path) -> int:
    """Writes a shard's bounds, unless it has them, or no documents; their bytes."""
    return sum(add_bounds(shard).sizes) if read_manifest(shard)[0].documents else 0
