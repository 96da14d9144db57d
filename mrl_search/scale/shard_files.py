"""Writing one shard: an ordinary index of the documents of its parts, in the axes of the cluster."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mrl_search.adapter import Adapter
from mrl_search.device import chosen_device
from mrl_search.errors import ClusterError
from mrl_search.hits import Rows
from mrl_search.indexes import Codec, IndexWriter, Layout, Manifest, RotationRecord
from mrl_search.placing import rotation_on
from mrl_search.results import Result
from mrl_search.rotation import Rotation
from mrl_search.scale.cluster import state_of
from mrl_search.scale.parts import documents_of, positions_of, vectors_file
from mrl_search.scale.storage import Storage
from mrl_search.vectors import Vectors, load_vectors, prefix


@dataclass(frozen=True)
class Done(Result):
    """A shard that is finished: of which build, and what it committed."""

    key: str
    documents: int
    state: str


@dataclass(frozen=True)
class ShardPlan:
    """All that a worker needs to know to write a shard.

    manifest: of the whole; what is the shard's own is filled in. matrix: of the rotation, if there is one.
    key: names the build and all that its shards have in common. storage: where the parts lie and the shard goes to, if
    not in a folder that all reach. adapter: what the parts' vectors passed through; a copy stays in the shard.
    """

    folder: Path
    parts: tuple[Path, ...]
    manifest: Manifest
    codec: Codec
    matrix: Vectors | None
    device: str
    key: str
    storage: Storage | None = None
    adapter: Adapter | None = None

    @property
    def rotation(self) -> Rotation | None:
        """What the vectors are turned by."""
        record = self.manifest.rotation
        if self.matrix is None or record is None:
            return None
        return Rotation(self.matrix, record.kind, max(self.manifest.dims[:-1], default=0))


def write_shard(plan: ShardPlan) -> Done:
    """Writes the index, unless it is there, finished by this build; an unfinished one is swept and written anew."""
    if (done := finished(plan)) is not None:
        return done
    if plan.storage is not None:
        for part in plan.parts:
            plan.storage.fetch(part)
            plan.storage.fetch(vectors_file(part))
    documents = (document for part in plan.parts for _, document in documents_of(part))
    with IndexWriter(plan.folder, replace=True) as writer:
        without_text = 0
        for document in documents:
            if not writer.add(document):
                raise ClusterError(f"the id {document.id!r} came twice to {plan.folder}; build again")
            without_text += not document.content
        commit_shard(writer, plan, _Rows(plan), without_text)
    done = Done(plan.key, len(writer), state_of(plan.folder))
    done.write(note_of(plan.folder))
    if plan.storage is not None:
        _send(plan.folder, plan.storage)
    return done


def _send(folder: Path, storage: Storage) -> None:
    """All files of the shard, then the note that says it is finished."""
    storage.remove_there(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith("-shm"):  # SQLite's, of processes on this machine
            storage.send(path)
    storage.send(note_of(folder))


def finished(plan: ShardPlan) -> Done | None:
    """What is known of the shard, if this build finished it."""
    note = note_of(plan.folder)
    if plan.storage is not None:
        if not plan.storage.has(note):
            return None
        plan.storage.fetch(note, anew=True)
        done = Done.read(note)
        return done if done.key == plan.key else None
    if not (note.is_file() and Layout(plan.folder).catalog.is_file()):
        return None
    done = Done.read(note)
    return done if done.key == plan.key and state_of(plan.folder) == done.state else None


class _Rows:
    """Positions of a plan's documents, and their vectors in the cluster's axes."""

    def __init__(self, plan: ShardPlan) -> None:
        self._plan = plan

    @property
    def positions(self) -> Rows:
        return np.concatenate([np.empty(0, np.int64), *map(positions_of, self._plan.parts)])

    def blocks(self) -> Iterator[Vectors]:
        turn = rotation_on(chosen_device(self._plan.device), self._plan.rotation)
        for part in self._plan.parts:
            cut = prefix(np.asarray(load_vectors(vectors_file(part))), self._plan.manifest.dim)
            yield cut if turn is None else turn.apply(cut)


def commit_shard(writer: IndexWriter, plan: ShardPlan, rows: _Rows, without_text: int) -> None:
    """Everything after the documents: words, vectors, positions, prefixes, and the manifest."""
    manifest = plan.manifest
    rotation: RotationRecord = writer.write_rotation(plan.rotation, manifest.rotation.why if manifest.rotation else "")
    writer.write_words(lambda _: None)
    writer.write_vectors(rows.blocks(), manifest.dim, manifest.dtype)
    writer.write_positions(rows.positions)
    writer.write_prefix(manifest.prefix_dim, plan.codec)
    sketches = writer.write_sketches() if plan.codec.is_refined and len(manifest.dims) == 2 else None
    writer.commit(
        replace(
            manifest,
            name=plan.folder.name,
            documents=len(writer),
            without_text=without_text,
            skipped=0,
            rotation=rotation,
            sketches=sketches,
            adapter=writer.write_adapter(plan.adapter),
        )
    )


def note_of(folder: Path) -> Path:
    """Beside the shard, not in it: an index's folder is its own."""
    return folder.with_name(f"{folder.name}.done.json")
