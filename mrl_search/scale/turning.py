"""What the vectors of all shards passed through, an adapter and a rotation, in files beside `cluster.json`.

They are named by what is in them: what a build writes stands beside what there is, until `cluster.json` names it.
"""

import hashlib
import os
import re
from io import BytesIO
from pathlib import Path

import numpy as np

from mrl_search.adapter import Adapter, from_bytes
from mrl_search.atomic import replacing
from mrl_search.errors import AdapterError, ClusterError
from mrl_search.rotation import Rotation
from mrl_search.scale.cluster import ClusterManifest

_OURS = re.compile(r"rotation(-[0-9a-f]{16})?\.npy|adapter-[0-9a-f]{16}\.safetensors")
_DIGEST = re.compile(r"[0-9a-f]{64}")  # of a manifest from somebody else, too: nothing else becomes part of a name
_ROTATION_OF_OLD = "rotation.npy"  # of clusters of format 1, whatever it held


def files_of(cluster: ClusterManifest) -> list[str]:
    """The names of the files that a cluster's manifest names."""
    record = cluster.manifest.adapter
    adapter = "" if record is None else _adapter_file(record.sha256)
    return [name for name in (_rotation_of(cluster), adapter) if name]


def is_ours(name: str) -> bool:
    """Whether a file of that name in a cluster's folder is such a one, of this state of the cluster or of another."""
    return _OURS.fullmatch(name) is not None


def write_turning(folder: Path, rotation: Rotation | None, adapter: Adapter | None) -> str:
    """Writes what there is of them; returns the sha256 of the rotation's file, empty without one."""
    if adapter is not None:
        _write(folder / _adapter_file(adapter.digest), adapter.to_bytes())
    if rotation is None:
        return ""
    file = BytesIO()
    np.save(file, rotation.matrix)
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    _write(folder / _rotation_file(digest), file.getvalue())
    return digest


def read_rotation(folder: Path, cluster: ClusterManifest) -> Rotation | None:
    """What all shards are rotated by. Raises ClusterError where it is damaged."""
    record, name = cluster.manifest.rotation, _rotation_of(cluster)
    if record is None or not name:
        return None
    matrix = np.load(BytesIO(_read(folder / name, cluster.rotation)), allow_pickle=False)
    return Rotation(matrix, record.kind, max(cluster.manifest.dims[:-1], default=0))


def read_adapter(folder: Path, cluster: ClusterManifest) -> Adapter | None:
    """What all shards' vectors were adapted by. Raises ClusterError where it is damaged."""
    record = cluster.manifest.adapter
    if record is None:
        return None
    path = folder / _adapter_file(record.sha256)
    try:
        return from_bytes(_read(path, record.sha256), str(path))
    except AdapterError as error:
        raise ClusterError(str(error)) from error


def _rotation_of(cluster: ClusterManifest) -> str:
    if not cluster.rotation:
        return ""
    return _ROTATION_OF_OLD if cluster.format == 1 else _rotation_file(cluster.rotation)


def _rotation_file(digest: str) -> str:
    return f"rotation-{_short(digest)}.npy"


def _adapter_file(digest: str) -> str:
    return f"adapter-{_short(digest)}.safetensors"


def _short(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise ClusterError(f"{digest!r} is no sha256; put back a copy of cluster.json")
    return digest[:16]


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, digest: str) -> bytes:
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != digest:
        raise ClusterError(f"{path} is missing or damaged (its sha256 is not the committed one); put back a copy of it")
    return content
