"""Documents come and go in a cluster: each in the shard of its id, in one commit of that shard.

Between the commits of two shards a reader may open one as it is and the other as it was; `ClusterIndex.disagreeing`
says so. A change that was cut short is made whole by making it again: a document put twice is there once.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mrl_search.data import Corpus
from mrl_search.device import chosen_device
from mrl_search.encoders import Encoder
from mrl_search.encoding import bare, check_encoder, load_encoder, spec_of
from mrl_search.errors import EncoderError, FilterError, VectorsError
from mrl_search.hits import Rows
from mrl_search.indexes import IndexChange, Manifest, compiled
from mrl_search.ingest import Reading
from mrl_search.living import AddOptions, Changed, committed, delete
from mrl_search.placing import rotation_on
from mrl_search.scale.cluster import ClusterManifest, demand_own, recorded, shard_folder, sweep, write_cluster, writing
from mrl_search.scale.parts import PartEncoder, documents_of, part_files, positions_of, read_into_parts, vectors_file
from mrl_search.scale.sources import corpus_at
from mrl_search.scale.turning import read_adapter
from mrl_search.scale.work import LocalWork, Work
from mrl_search.vectors import Vectors, load_vectors, prefix

_ADDING = ".adding-"


@dataclass(frozen=True)
class _Addition:
    """What one shard gets."""

    folder: Path
    parts: tuple[Path, ...]
    device: str


def add_to_cluster(
    folder: Path | str,
    source: str | Path | Corpus,
    *,
    encoder: Encoder | None = None,
    options: AddOptions | None = None,
    work: Work | None = None,
) -> Changed:
    """As `living.add`: each document comes into the place of one with its id, in the shard of that id.

    encoder: in place of loading the cluster's own; only for work in this process.
    Raises MRLSearchError's kinds. What is wrong with the corpus is found before any shard is changed; where a shard
    cannot be, those before it are, and the same call makes it whole.
    """
    folder, options, work = Path(folder).resolve(), options or AddOptions(), work or LocalWork()
    with writing(folder) as cluster, _room(folder) as made, corpus_at(source) as corpus:
        demand_own(folder, cluster, cluster.shards)
        manifest, room = cluster.manifest, Path(made)
        encode = _encoder(manifest, encoder, options, cluster.next_position)
        encode.adapter = read_adapter(folder, cluster)
        reading = Reading("added", options.vectors is None, options.skip_bad, options.progress)
        read = read_into_parts(corpus, room, cluster.owners, reading, first=cluster.next_position)
        _demand_in_step(manifest, options, read.count)
        parts = [tuple(part_files(room, read, shard)) for shard in range(len(read.parts))]
        for _ in work.encode(encode, [str(part) for some in parts for part in some]):
            pass
        # no position is given twice, and no recall promised, even if this ends before the last shard's commit
        cluster = replace(cluster.uncalibrated(), next_position=cluster.next_position + read.count)
        write_cluster(folder, cluster)
        additions = [
            _Addition(shard_folder(folder, shard), some, str(options.device))
            for shard, some in zip(cluster.shards, parts, strict=False)
            if some
        ]
        done = list(work.each(_added, additions))
        return _noted(folder, cluster, done, read.skipped)


@contextmanager
def _room(folder: Path) -> Iterator[str]:
    """A hidden folder in the cluster's, which workers reach, too; what a killed process left of such goes first."""
    for left in folder.glob(f"{_ADDING}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_ADDING, dir=folder) as made:
        yield made


def delete_from_cluster(folder: Path | str, ids: Iterable[str] = (), *, where: str | None = None) -> Changed:
    """As `living.delete`, in the shards of those ids; a filter's documents go from all shards."""
    folder, wanted = Path(folder).resolve(), list(dict.fromkeys(ids))
    if where is not None:
        compiled(where)
    with writing(folder) as cluster:
        demand_own(folder, cluster, cluster.shards)
        write_cluster(folder, cluster := cluster.uncalibrated())
        of: dict[int, list[str]] = {}
        for identifier in wanted:
            of.setdefault(cluster.owner_of(identifier), []).append(identifier)
        done, refused = [], []
        for number, shard in enumerate(cluster.shards):
            if where is None and number not in of:
                continue
            try:
                done.append(delete(shard_folder(folder, shard), of.get(number, ()), where=where))
            except FilterError as error:  # the field may be another shard's documents'
                refused.append(error)
        if refused and not done:
            raise refused[0]
        return _noted(folder, cluster, done, 0)


def settled(folder: Path, cluster: ClusterManifest) -> ClusterManifest:
    """The next version, with all shards as they are now: those too that an earlier change left behind."""
    new = cluster.changed(shards=tuple(recorded(folder, shard) for shard in cluster.shards))
    write_cluster(folder, new)
    sweep(folder, new)
    return new


def _noted(folder: Path, cluster: ClusterManifest, done: Sequence[Changed], skipped: int) -> Changed:
    shards = settled(folder, cluster).shards
    return Changed(
        added=sum(one.added for one in done),
        removed=sum(one.removed for one in done),
        skipped=skipped,
        missing=tuple(identifier for one in done for identifier in one.missing),
        documents=sum(shard.documents for shard in shards),
        segments=sum(one.segments for one in done),
        deleted=sum(one.deleted for one in done),
    )


def _added(addition: _Addition) -> Changed:
    """One commit of one shard."""
    without_text = 0
    with IndexChange(addition.folder) as change:
        for part in addition.parts:
            for _, document in documents_of(part):
                change.put(document)
                without_text += not document.content
        positions: Rows = np.concatenate([*map(positions_of, addition.parts)])
        change.write(change.merged(), _turned(change, addition), positions=positions)
        return committed(change, without_text, 0)


def _turned(change: IndexChange, addition: _Addition) -> Iterator[Vectors]:
    rotation = rotation_on(chosen_device(addition.device), change.rotation())
    for part in addition.parts:
        cut = prefix(np.asarray(load_vectors(vectors_file(part))), change.manifest.dim)
        yield cut if rotation is None else rotation.apply(cut)


def _encoder(manifest: Manifest, encoder: Encoder | None, options: AddOptions, first: int) -> PartEncoder:
    """What encodes the documents as the cluster's were. Raises EncoderError where it cannot."""
    if options.vectors is not None:
        return PartEncoder(None, options.vectors.resolve(), str(options.device), first)
    if manifest.encoder.name == "precomputed":
        raise EncoderError("the cluster was built with given vectors; give the new documents' with --vectors FILE")
    spec = spec_of(manifest)
    loaded = bare(encoder or load_encoder(spec, chosen_device(options.device)), manifest)
    check_encoder(loaded, manifest.encoder)
    return PartEncoder(spec, None, str(options.device), first, loaded)


def _demand_in_step(manifest: Manifest, options: AddOptions, count: int) -> None:
    if options.vectors is None:
        return
    given = load_vectors(options.vectors)
    wanted = len(manifest.encoder.probe_query) or manifest.encoder.dim or manifest.dim
    if given.shape[1] != wanted:
        raise VectorsError(f"{options.vectors} holds {given.shape[1]} dims, the cluster was built with {wanted}")
    if len(given) != count:
        raise VectorsError(f"{options.vectors} holds {len(given)} vectors for {count} documents; they must be in step")
