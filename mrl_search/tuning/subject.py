"""What the doctor looks at: a sample of vectors, from an index, an encoder or a file, in the encoder's own axes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrl_search.data import Tolerance, open_corpus
from mrl_search.device import AUTO, Device, chosen_device
from mrl_search.encoders import (
    AdaptedEncoder,
    CachedEncoder,
    Encoder,
    EncoderSpec,
    SentenceEncoder,
    cached,
    load_encoder,
)
from mrl_search.encoding import encode_documents
from mrl_search.errors import EncoderError, VectorsError
from mrl_search.indexes import find_index, open_index
from mrl_search.progress import bar
from mrl_search.retriever import adapted_encoder_of
from mrl_search.sampling import reservoir
from mrl_search.vectors import Vectors, load_vectors, unit, wide

TEXTS = "pydoc:stdlib"
"""What an encoder is examined on unless told otherwise: every machine has it."""
_ENCODED, _READ = 2_000, 10_000  # texts, half a minute to a minute of minilm-768; vectors that are there already
_LEAST = 100  # rows
_PROBED = 32  # texts whose raw lengths are looked at
_SEED = 0


@dataclass(frozen=True)
class Subject:
    """vectors: (n, D) unit rows of a sample. trained: widths the encoder declares. rows_of: what they stand for.

    lengths: (shortest, longest) of the rows before they were brought to unit length; None where nobody can know.
    """

    name: str
    kind: str
    rows_of: str
    vectors: Vectors
    trained: tuple[int, ...] = ()
    lengths: tuple[float, float] | None = None


def subject(
    what: str | EncoderSpec,
    *,
    texts: str | None = None,
    sample: int | None = None,
    cache: bool = True,
    progress: bool = False,
    device: str | Device = AUTO,
) -> Subject:
    """A sample of an index (its folder, or name), of an .npy file, or of what an encoder makes of texts.

    texts: a corpus to encode, behind the embedding cache if `cache`; without it an index's own vectors are read, and an
    encoder gets the standard library's docstrings. sample: how many rows at most, drawn with a fixed seed; 10,000 where
    nothing is encoded, else 2,000. device: what encodes, as `chosen_device` takes it.
    Raises VectorsError for fewer than 100 rows, EncoderError for an adapter without an encoder, and what opening and
    encoding raise.
    """
    device = chosen_device(device)
    name = what.name if isinstance(what, EncoderSpec) else what
    folder = find_index(Path(name))
    is_index = (folder / "index.sqlite").exists()
    if isinstance(what, EncoderSpec) and what.adapter is not None and (is_index or name.endswith(".npy")):
        raise EncoderError(f"--adapter stands behind an encoder, and {name} is none; name the one it was fitted to")
    if is_index and texts is None:
        found = _of_index(folder, sample or _READ)
    elif name.endswith(".npy"):
        found = _of_file(Path(name), sample or _READ)
    else:
        spec = what if isinstance(what, EncoderSpec) else EncoderSpec(name)
        encoder = cached(adapted_encoder_of(folder, device) if is_index else load_encoder(spec, device), wanted=cache)
        found = _of_encoder(encoder, texts or TEXTS, sample or _ENCODED, progress=progress)
    if len(found.vectors) < _LEAST:
        raise VectorsError(f"{found.rows_of} gives {len(found.vectors)} vectors; wanted at least {_LEAST} to judge by")
    return found


def _of_index(folder: Path, sample: int) -> Subject:
    """Stored vectors, turned back into the axes they were encoded in."""
    stored = open_index(folder)
    try:
        vectors = stored.vectors
        rows = vectors.take(vectors.rows[_some(len(vectors), sample)])
        if stored.rotation is not None:
            rows = rows @ stored.rotation.matrix
        return Subject(str(folder), "index", f"{len(rows):,} of {len(vectors):,} documents of {folder}", rows)
    finally:
        stored.close()


def _of_file(path: Path, sample: int) -> Subject:
    given = load_vectors(path)
    rows = wide(given[_some(len(given), sample)])
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(rows, axis=1)
    if not np.isfinite(lengths).all():
        raise VectorsError(f"{path} holds NaN, infinity, or numbers that are too large to square")
    told = (float(lengths.min()), float(lengths.max()))
    return Subject(str(path), "vectors", f"{len(rows):,} of {len(given):,} rows of {path}", unit(rows), lengths=told)


def _of_encoder(encoder: Encoder, source: str, sample: int, *, progress: bool) -> Subject:
    texts = drawn_texts(source, sample)
    with bar(len(texts), "encoding", "texts", shown=progress) as shown:
        blocks = list(encode_documents(encoder, texts, shown))
    if not blocks:
        raise VectorsError(f"{source} holds no texts to encode")
    vectors = np.concatenate(blocks)
    name, rows_of = encoder.spec.label, f"{len(texts):,} texts of {source}"
    return Subject(name, "encoder", rows_of, vectors, encoder.trained_dims, _raw_lengths(encoder, texts[:_PROBED]))


def _raw_lengths(encoder: Encoder, texts: list[str]) -> tuple[float, float] | None:
    encoder = encoder.base if isinstance(encoder, AdaptedEncoder) else encoder
    fresh = encoder.fresh if isinstance(encoder, CachedEncoder) else encoder
    if not isinstance(fresh, SentenceEncoder):  # others scale as a part of what they do
        return None
    lengths = fresh.raw_lengths(texts)
    return float(lengths.min()), float(lengths.max())


def _some(count: int, sample: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """At most `sample` of `count` rows, ascending."""
    return np.sort(np.random.default_rng(_SEED).permutation(count)[:sample])


def drawn_texts(source: str, sample: int) -> list[str]:
    """At most `sample` texts of a corpus, each as likely as any other."""
    return reservoir(_contents(source), sample)


def _contents(source: str) -> Iterator[str]:
    for document in open_corpus(source).read(Tolerance(0)):
        if document.content:
            yield document.content


def demand_room(dim: int, name: str) -> None:
    """Raises EncoderError where vectors are too short for a cut to mean anything."""
    if dim < 8:
        raise EncoderError(f"{name} gives {dim} dims; there is nothing to cut")
