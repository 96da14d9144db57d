"""An index that lives: documents come and go, segments are written anew."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrl_search.builder import WORTH_ROTATING
from mrl_search.data import Corpus, open_corpus
from mrl_search.device import Device, chosen_device
from mrl_search.document import Document
from mrl_search.encoders import Encoder, cached, load_encoder
from mrl_search.encoding import bare, check_encoder, encode_documents, given_vectors, spec_of
from mrl_search.errors import EncoderError, IndexStoreError, RotationError, VectorsError
from mrl_search.hits import Rows
from mrl_search.indexes import (
    AUTO,
    EXACT,
    Anew,
    Codec,
    IndexChange,
    Manifest,
    Turned,
    check_codec,
    chosen_codec,
    compiled,
    read_manifest,
)
from mrl_search.ingest import Reading, ingest
from mrl_search.placing import rotation_on
from mrl_search.progress import bar
from mrl_search.rotations import KINDS
from mrl_search.sampling import drawn
from mrl_search.survival import fit_and_judge
from mrl_search.vectors import Vectors, load_vectors, prefix

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AddOptions:
    """What `add` may be told beyond its index, corpus and encoder; as in BuildOptions."""

    vectors: Path | None = None
    skip_bad: int = 0
    cache: bool = True
    progress: bool = False
    device: str | Device = "auto"
    positions: Rows | None = None
    """Of the documents, in the cluster that the index is a shard of (see `scale`)."""


class Changed(NamedTuple):
    """What a committed change did, and what the index is now.

    added: documents that came in; removed: that went, replaced ones among them; skipped: bad records.
    missing: ids to be deleted that no document had. documents, segments, deleted: of the index now, deleted rows among
    its vectors.
    """

    added: int
    removed: int
    skipped: int
    missing: tuple[str, ...]
    documents: int
    segments: int
    deleted: int


def add(
    index: Path | str, source: str | Path | Corpus, *, encoder: Encoder | None = None, options: AddOptions | None = None
) -> Changed:
    """Adds a corpus to an index, each document in the place of one with its id; when it returns, they are found.

    source: as `build` reads it, or a corpus. encoder: in place of loading the one the index names; it must be the same.
    All of it is committed or, where anything is raised, nothing. Raises MRLSearchError's kinds; see docs/bad-input.md.
    """
    folder, options = Path(index), options or AddOptions()
    seen, _ = read_manifest(folder)
    corpus = source if isinstance(source, Corpus) else open_corpus(str(source))
    given = load_vectors(options.vectors) if options.vectors is not None else None
    encoder = _encoder(seen, encoder, given, options)
    with IndexChange(folder) as change:
        now = change.manifest
        if (now.encoder, now.rotation, now.adapter) != (seen.encoder, seen.rotation, seen.adapter):
            raise IndexStoreError(f"the index in {folder} was replaced meanwhile; add to it again")
        skipped, without_text = ingest(
            corpus, partial(_put, change), Reading("added", given is None, options.skip_bad, options.progress)
        )
        change.write(change.merged(), _turned_blocks(change, encoder, given, options), positions=options.positions)
        return committed(change, without_text, skipped)


def _put(change: IndexChange, document: Document) -> str:
    return "" if change.put(document) else f"the id {document.id!r} is also that of an earlier document"


def delete(index: Path | str, ids: Iterable[str] = (), *, where: str | None = None) -> Changed:
    """Removes the documents of these ids, and those that a filter passes; none is found any more when it returns.

    See `Changed.missing`. Raises FilterError for a filter that cannot be read.
    """
    if isinstance(ids, str):  # a str is an iterable of str, too
        raise TypeError("wanted a list of ids, found one id; put it in a list: [id]")
    asked = list(dict.fromkeys(ids))
    if wrong := [one for one in asked if not isinstance(one, str)]:
        raise TypeError(f"ids are texts, found {wrong[0]!r}")
    condition = compiled(where) if where is not None else None
    with IndexChange(Path(index)) as change:
        if condition is not None:
            change.remove_where(condition)
        missing = change.remove(asked)
        return committed(change, 0, 0, tuple(missing))


def compact(
    index: Path | str,
    *,
    refit: bool = False,
    rotation: str = AUTO,
    prefix: str | None = None,
    progress: bool = False,
    device: str | Device = "auto",
) -> Changed:
    """Writes all documents into one segment, and nothing of deleted ones; vectors are copied, not encoded again.

    refit: fits the rotation anew, of the kind that `rotation` names as in BuildOptions. prefix: a FAISS factory string
    for the prefix index, or auto: by size; by default what it was built with. What the index was tuned to is dropped
    with the codec or rotation it was tuned for, calibrated recalls with any but exact prefixes that stay as they are;
    bounds are made anew. device: where a rotation is learned.
    """
    folder = Path(index)
    if rotation not in KINDS:
        raise RotationError(f"unknown --rotation {rotation!r}; choose one of {', '.join(KINDS)}")
    if rotation != AUTO and not refit:
        raise RotationError(f"--rotation {rotation} is what --refit fits; give both, or neither")
    with IndexChange(folder) as change:
        manifest, segments = change.manifest, change.segments
        codec = _codec(manifest, prefix)
        turned = _refitted(change, rotation, chosen_device(device), progress=progress) if refit else None
        change.write(segments, iter(()), Anew(turned, codec))
        if turned is not None:
            change.manifest = replace(change.manifest, tuned=None)
        stays = turned is None and manifest.prefix == change.manifest.prefix == EXACT
        done = committed(change, 0, 0, finds_the_same=stays)
        change.tidy()
    return done


def _codec(manifest: Manifest, asked: str | None) -> Codec | None:
    if asked is None:
        return None
    codec = chosen_codec(manifest.documents, manifest.prefix_dim) if asked == AUTO else Codec(asked)
    check_codec(manifest.prefix_dim, codec)
    return codec


def committed(
    change: IndexChange,
    without_text: int,
    skipped: int,
    missing: tuple[str, ...] = (),
    *,
    finds_the_same: bool = True,
) -> Changed:
    """Commits what was put and removed; a calibration holds for the documents it was made with, and goes.

    finds_the_same: whether of the same documents the same would be found: codes trained anew find others.
    """
    manifest, removed = change.manifest, change.changes.removed
    is_other = bool(change.incoming or removed.documents) or not finds_the_same
    if is_other and manifest.calibrations:
        _LOG.warning(
            "calibrated recalls were proven for the documents and the prefix index there were, and are dropped; "
            "run `mrl-search guarantee` again"
        )
    manifest = replace(
        manifest,
        documents=manifest.documents - removed.documents + change.incoming,
        without_text=manifest.without_text - removed.without_text + without_text,
        skipped=manifest.skipped + skipped,
        calibrations=() if is_other else manifest.calibrations,
    )
    rows, segments = change.commit(manifest)
    dead = rows - manifest.documents
    return Changed(change.incoming, removed.documents, skipped, missing, manifest.documents, segments, dead)


def _encoder(seen: Manifest, encoder: Encoder | None, given: Vectors | None, options: AddOptions) -> Encoder | None:
    """What encodes the documents, behind the cache; None where their vectors are given."""
    if given is not None:
        wanted = len(seen.encoder.probe_query) or seen.encoder.dim or seen.dim
        if given.shape[1] != wanted:
            raise VectorsError(f"{options.vectors} holds {given.shape[1]} dims, the index was built with {wanted}")
        return None
    if encoder is None:
        if seen.encoder.name == "precomputed":
            raise EncoderError("the index was built with given vectors; give the new documents' with --vectors FILE")
        encoder = load_encoder(spec_of(seen), chosen_device(options.device))
    encoder = bare(encoder, seen)
    check_encoder(encoder, seen.encoder)
    return cached(encoder, wanted=options.cache)


def _turned_blocks(
    change: IndexChange, encoder: Encoder | None, given: Vectors | None, options: AddOptions
) -> Iterator[Vectors]:
    """Vectors of what came in, in the index's axes, block by block."""
    rotation, dim = rotation_on(chosen_device(options.device), change.rotation()), change.manifest.dim
    adapter = change.adapter()
    with bar(change.incoming, "encoding", "documents", shown=options.progress) as progress:
        if encoder is None:
            assert given is not None
            blocks = given_vectors(given, np.ones(change.incoming, np.bool_), options.vectors)
        else:
            texts = (document.content for document in change.changes.incoming())
            blocks = encode_documents(encoder, texts, progress)
        for block in blocks:
            cut = prefix(block if adapter is None else adapter.apply(block), dim)
            yield cut if rotation is None else rotation.apply(cut)


def _refitted(change: IndexChange, kind: str, device: Device, *, progress: bool) -> Turned:
    """Axes fitted to the documents there are now, and the way to them from the stored ones."""
    manifest, old = change.manifest, change.rotation()
    segments, dims = change.segments, manifest.dims
    asks = (kind == AUTO or kind.startswith("block-")) and manifest.encoder.name != "precomputed"
    if manifest.adapter is not None:
        trained = manifest.adapter.widths
    else:
        trained = load_encoder(spec_of(manifest)).trained_dims if asks else ()

    def back(vectors: Vectors) -> Vectors:
        return vectors if old is None else np.asarray(vectors @ old.matrix, np.float32)

    if len(dims) == 1 or (kind == AUTO and manifest.documents < WORTH_ROTATING):
        return Turned(None, "" if len(dims) == 1 else f"fewer than {WORTH_ROTATING:,} documents", back)
    mask = drawn(manifest.documents)
    sample, row = np.empty((int(mask.sum()), manifest.dim), np.float32), 0
    filled = 0
    for block in change.units(segments):
        some = back(block)[mask[row : row + len(block)]]
        sample[filled : filled + len(some)] = some
        row, filled = row + len(block), filled + len(some)
    with bar(None, f"fitting a rotation ({kind})", "", shown=progress):
        fitted = fit_and_judge(
            kind, sample, dims, [width for width in trained if width < dims[-1]], force=True, device=device
        )
    new = fitted.rotation
    return Turned(new, fitted.why, (lambda block: new.apply(back(block))) if new is not None else back)
