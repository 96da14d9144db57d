"""From a corpus to an index: read, encode, write, commit."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress, pairwise
from pathlib import Path

import numpy as np

from mrl_search.data import open_corpus
from mrl_search.device import Device, chosen_device
from mrl_search.document import Document
from mrl_search.encoders import AdaptedEncoder, CachedEncoder, Encoder, EncoderSpec, cached, checked, load_encoder
from mrl_search.encoding import BLOCK, encode_documents, given_vectors
from mrl_search.errors import DimensionError, EncoderError, IndexStoreError, RotationError, VectorsError
from mrl_search.funnel import Funnel
from mrl_search.indexes import (
    AUTO,
    DTYPES,
    EXACT,
    PROBE_TEXT,
    ROOT,
    SAME_ENCODER,
    Codec,
    EncoderRecord,
    IndexWriter,
    Manifest,
    check_codec,
    chosen_codec,
)
from mrl_search.ingest import Reading, ingest
from mrl_search.placing import rotation_on
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.rotations import KINDS, Fitted
from mrl_search.sampling import Mask, drawn, interleaved
from mrl_search.survival import fit_and_judge
from mrl_search.vectors import Vectors, load_vectors, prefix

DEFAULT_ENCODER = "minilm-768"
_LOG = logging.getLogger(__name__)
_DEFAULT_PREFIX = 128  # of minilm-768, rotated: 100 candidates hold .997 of the top 10, at 64 dims .947
WORTH_ROTATING = 1_000  # documents; below, a prefix saves nothing that could be felt


@dataclass(frozen=True)
class BuildOptions:
    """What a build may be told beyond its corpus, folder, widths and encoder.

    dtype: how full vectors are stored: float32, bfloat16 or int8.
    prefix: a FAISS factory string for the prefix index, or auto: by size, as `chosen_codec` says.
    rotation: one of `rotations.KINDS`; auto: the one that finds most on held-out documents, if any finds more.
    probes: how many of the prefix index's cells a query looks into; None for all, which loses least.
    vectors: an .npy file of (n, D) vectors to use in place of encoding.
    skip_bad: how many bad records to tolerate. force: replace an index that is there, and cut what does not survive it.
    cache: keep embeddings in the cache. progress: show bars on stderr.
    device: what encodes, fits and applies a rotation, as `chosen_device` takes it; the index is the same kind of files.
    """

    dtype: str = "float32"
    prefix: str = AUTO
    probes: int | None = None
    rotation: str = "auto"
    vectors: Path | None = None
    skip_bad: int = 0
    force: bool = False
    cache: bool = True
    progress: bool = False
    device: str | Device = "auto"


def build(
    source: str | Path,
    index: Path | str | None = None,
    *,
    dims: Sequence[int] | None = None,
    encoder: str | EncoderSpec | Encoder | None = None,
    options: BuildOptions | None = None,
) -> Path:
    """Builds an index and returns its folder; until the last moment nothing is there, then all of it is.

    source: a file or folder that `open_corpus` reads, `-`, `hf:NAME` or `pydoc:stdlib`.
    index: the folder; `indexes/<corpus name>` by default.
    dims: ascending widths; the first is the prefix's, the last is stored, all are stages of the default funnel.
    encoder: a name, a spec, or any object with Encoder's members; `minilm-768` by default. What an adapter makes of its
    vectors (or of those given) is stored, and the index keeps a copy of the adapter.

    Raises MRLSearchError's kinds; see docs/bad-input.md.
    """
    options = options or BuildOptions()
    options = replace(options, device=(device := chosen_device(options.device)))
    corpus = open_corpus(str(source))
    folder = Path(index) if index is not None else ROOT / corpus.name
    given = load_vectors(options.vectors) if options.vectors is not None else None
    encoder = chosen_encoder(encoder, dims, given, options)
    widths = checked_dims(dims, encoder)
    check_options(options, widths, encoder.trained_dims)
    with IndexWriter(folder, replace=options.force) as writer:
        skipped, without_text = ingest(
            corpus, partial(_put, writer), Reading("built", options.vectors is None, options.skip_bad, options.progress)
        )
        codec = codec_for(options, widths, len(writer))
        bare, adapter = (encoder.base, encoder.adapter) if isinstance(encoder, AdaptedEncoder) else (encoder, None)
        record = record_of(bare)  # before all else is encoded: an encoder that cannot be used says so here
        with bar(len(writer), "indexing words", "documents", shown=options.progress) as progress:
            writer.write_words(progress.update)
        fitted, blocks = _rotated(_Source(writer, encoder, given, options), widths, encoder.trained_dims)
        writer.write_vectors(blocks, widths[-1], options.dtype)
        writer.write_prefix(widths[0], codec)
        sketches = writer.write_sketches() if codec.is_refined and len(widths) == 2 else None
        writer.commit(
            Manifest(
                name=corpus.name,
                documents=len(writer),
                without_text=without_text,
                skipped=skipped,
                dims=widths,
                dtype=options.dtype,
                prefix=codec.factory,
                funnel=str(Funnel.default(widths)),
                encoder=record,
                provenance=provenance(device.told),
                rotation=writer.write_rotation(fitted.rotation, fitted.why),
                sketches=sketches,
                adapter=writer.write_adapter(adapter),
            )
        )
    return folder


def codec_for(options: BuildOptions, widths: Sequence[int], count: int) -> Codec:
    """The prefix index that was asked for. Raises IndexStoreError as `check_codec`."""
    codec = Codec(options.prefix)
    if options.prefix == AUTO:  # a prefix that nothing reranks must be exact
        codec = chosen_codec(count, widths[0]) if len(widths) > 1 else Codec(EXACT)
    codec = codec._replace(probes=options.probes)
    check_codec(widths[0], codec)
    return codec


def default_dims(encoder: Encoder) -> tuple[int, ...]:
    """(prefix, full): the shortest trained width of at least 128, or 128, before the encoder's own."""
    trained = [dim for dim in encoder.trained_dims if _DEFAULT_PREFIX <= dim < encoder.dim]
    shortest = min(trained, default=_DEFAULT_PREFIX)
    return (shortest, encoder.dim) if shortest < encoder.dim else (encoder.dim,)


def chosen_encoder(
    encoder: str | EncoderSpec | Encoder | None,
    dims: Sequence[int] | None,
    given: Vectors | None,
    options: BuildOptions,
) -> Encoder:
    """The encoder, loaded and behind the cache."""
    if encoder is None:
        encoder = DEFAULT_ENCODER if given is None else "precomputed"
    if isinstance(encoder, str):
        encoder = EncoderSpec.named(encoder)
    if isinstance(encoder, EncoderSpec):
        if given is not None and encoder.name == "precomputed":
            encoder = replace(encoder, dim=given.shape[1])
        if encoder.name.startswith("openai:") and encoder.dim is None and dims:
            # an endpoint cuts on its side, which saves the transfer; others are cut here, and cached whole
            encoder = replace(encoder, dim=max(dims)) if encoder.adapter is None else encoder
        encoder = load_encoder(encoder, options.device)
    if given is not None and given.shape[1] != encoder.dim:
        raise VectorsError(
            f"{options.vectors} holds {given.shape[1]} dims, but {encoder.spec.name} gives {encoder.dim}"
        )
    return cached(encoder, wanted=options.cache and given is None)


def checked_dims(dims: Sequence[int] | None, encoder: Encoder) -> tuple[int, ...]:
    """The widths asked for, or `default_dims`. Raises DimensionError."""
    if isinstance(dims, str | int):
        raise DimensionError(f"found the widths {dims!r}, wanted several numbers in order, as (64, 768)")
    widths = tuple(dims) if dims else default_dims(encoder)
    for shorter, longer in pairwise(widths):
        if longer <= shorter:
            raise DimensionError(f"--dims {','.join(map(str, widths))}: the widths must grow, as in 64,768")
    if widths[0] < 1:
        raise DimensionError(f"--dims {','.join(map(str, widths))}: a width is at least 1")
    if widths[-1] > encoder.dim:
        raise DimensionError(
            f"{encoder.spec.name} gives {encoder.dim} dims, asked for {widths[-1]}; end --dims at {encoder.dim}"
        )
    return widths


def check_options(options: BuildOptions, widths: tuple[int, ...], trained: Sequence[int]) -> None:
    """Fails before hours of encoding, not after."""
    if options.dtype not in DTYPES:
        raise IndexStoreError(f"unknown --dtype {options.dtype!r}; choose one of {', '.join(DTYPES)}")
    if options.rotation not in KINDS:
        raise RotationError(f"unknown --rotation {options.rotation!r}; choose one of {', '.join(KINDS)}")
    if options.rotation.startswith("block-") and not [width for width in trained if width < widths[-1]]:
        raise RotationError(
            f"--rotation {options.rotation} keeps the widths an encoder was trained to be cut at, and this one names "
            f"none below {widths[-1]}; take {options.rotation.removeprefix('block-')}"
        )
    if options.prefix != AUTO:
        check_codec(widths[0], Codec(options.prefix, options.probes))


def _put(writer: IndexWriter, document: Document) -> str:
    if writer.add(document):
        return ""
    return f"the id {document.id!r} is already that of document number {writer.row_of(document.id) + 1}"


@dataclass(frozen=True)
class _Source:
    """Where the vectors of the ingested documents come from: an encoder, or a file."""

    writer: IndexWriter
    encoder: Encoder
    given: Vectors | None
    options: BuildOptions

    def vectors(self, mask: Mask, what: str = "encoding") -> Iterator[Vectors]:
        """Unit rows of the documents in the mask, in order, block by block."""
        if self.given is not None:
            blocks = given_vectors(self.given, mask, self.options.vectors)
            yield from map(self.encoder.adapter.apply, blocks) if isinstance(self.encoder, AdaptedEncoder) else blocks
            return
        texts = (document.content for document in compress(self.writer.documents(), mask))
        with bar(int(mask.sum()), what, "documents", shown=self.options.progress) as progress:
            yield from encode_documents(self.encoder, texts, progress)


def _rotated(source: _Source, widths: tuple[int, ...], trained: Sequence[int]) -> tuple[Fitted, Iterator[Vectors]]:
    """What was fitted, and the vectors in its axes, cut to the stored width; a sample is encoded first, for the fit."""
    count, kind, dim = len(source.writer), source.options.rotation, widths[-1]
    device = chosen_device(source.options.device)
    if (unfitted := needs_no_rotation(count, widths, kind)) is not None:
        everything = np.ones(count, np.bool_)
        return unfitted, (prefix(block, dim) for block in source.vectors(everything))
    mask = drawn(count)
    sample = np.empty((int(mask.sum()), source.encoder.dim), np.float32)
    filled = 0
    for block in source.vectors(mask, "encoding a sample"):
        sample[filled : filled + len(block)] = block
        filled += len(block)
    fitted = fitted_to(sample, widths, trained, source.options)
    blocks = interleaved(mask, sample, source.vectors(~mask, "encoding"), BLOCK)
    cut = (prefix(block, dim) for block in blocks)
    turn = rotation_on(device, fitted.rotation)
    return fitted, cut if turn is None else (turn.apply(block) for block in cut)


def needs_no_rotation(count: int, widths: Sequence[int], kind: str) -> Fitted | None:
    """What stands for a rotation where none is fitted, nor a cut judged; None where one is."""
    if len(widths) == 1 or (kind == "none" and count < WORTH_ROTATING):
        return Fitted(None, "none", "")
    if kind == "auto" and count < WORTH_ROTATING:
        return Fitted(None, "none", f"fewer than {WORTH_ROTATING:,} documents")
    return None


def fitted_to(sample: Vectors, widths: tuple[int, ...], trained: Sequence[int], options: BuildOptions) -> Fitted:
    """The rotation asked for, fitted to (n, D) unit rows of the encoder. Raises as `fit_and_judge`."""
    kind, dim = options.rotation, widths[-1]
    trained = [width for width in trained if width < dim]
    with bar(None, f"fitting a rotation ({kind})", "", shown=options.progress):
        whole = sample if dim == sample.shape[1] else prefix(sample, dim)
        return fit_and_judge(kind, whole, widths, trained, force=options.force, device=chosen_device(options.device))


def record_of(encoder: Encoder) -> EncoderRecord:
    """What a manifest says of the encoder; encodes the probe sentence."""
    spec = encoder.spec
    return EncoderRecord(
        name=spec.name,
        identity=encoder.identity,
        dim=spec.dim,
        query_prompt=spec.query_prompt,
        document_prompt=spec.document_prompt,
        layer_norm=spec.layer_norm,
        precision=spec.precision,
        layers=spec.layers,
        probe_query=() if spec.name == "precomputed" else tuple(_probe(encoder)[0].tolist()),
    )


def _probe(encoder: Encoder) -> Vectors:
    """(1, dim): the probe sentence as a query, encoded now; raises EncoderError if the cache remembers it otherwise."""
    now = checked(encoder.encode_queries([PROBE_TEXT]), 1, encoder)
    if not isinstance(encoder, CachedEncoder):
        return now
    fresh = checked(encoder.fresh.encode_queries([PROBE_TEXT]), 1, encoder)
    if np.sum(fresh * now) < SAME_ENCODER and fresh.any():
        raise EncoderError(
            f"{encoder.spec.name} has changed since the embedding cache was filled, under the same name; "
            f"delete {encoder.path}, or build with --no-cache"
        )
    return fresh
