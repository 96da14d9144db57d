"""Texts to vectors: an encoder that will be searched with, documents block by block."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from mrl_search.device import AUTO, Device
from mrl_search.encoders import AdaptedEncoder, Encoder, EncoderSpec, checked, demand_known_server
from mrl_search.encoders import load_encoder as load
from mrl_search.errors import EncoderError, VectorsError
from mrl_search.indexes import PROBE_TEXT, SAME_ENCODER, EncoderRecord, Manifest, load_kernels_ahead
from mrl_search.progress import Bar
from mrl_search.sampling import Mask
from mrl_search.vectors import Vectors, unit, wide

BLOCK = 128
"""Texts encoded, and cached, at a time: some seconds of work. A block is sorted by length inside the encoder;
larger ones waste a little less on padding but lose more when a build is interrupted."""


def load_encoder(spec: EncoderSpec, device: str | Device = AUTO) -> Encoder:
    """As `encoders.load_encoder`; what searches its vectors later is loaded beside it, while it reads its weights."""
    load_kernels_ahead()
    return load(spec, device)


def encode_documents(encoder: Encoder, texts: Iterable[str], progress: Bar) -> Iterator[Vectors]:
    """(m, dim) unit vectors of the texts in order, BLOCK at a time. Raises as `checked`.

    An encoder on a card takes more at a time, and says so in `texts_at_a_time`.
    """
    asked: int | None = getattr(encoder, "texts_at_a_time", None)
    texts, size = iter(texts), BLOCK if asked is None else asked
    while block := list(islice(texts, size)):
        yield checked(encoder.encode_documents(block), len(block), encoder)
        progress.update(len(block))


def given_vectors(vectors: Vectors, mask: Mask, path: Path | None) -> Iterator[Vectors]:
    """Precomputed vectors of the rows in the mask as unit rows, block by block, if there is one for each document.

    Raises VectorsError, which names their path, where there is not, and for NaN and infinity.
    """
    count = len(mask)
    if len(vectors) != count:
        raise VectorsError(f"{path} holds {len(vectors)} vectors for {count} documents; they must be in step")
    for start in range(0, count, BLOCK):
        block = wide(vectors[start : start + BLOCK])
        if not np.isfinite(block).all():
            row = start + int(np.argmin(np.isfinite(block).all(axis=1)))
            raise VectorsError(f"{path}: the vector in row {row} (from 0) holds NaN or infinity")
        yield unit(block[mask[start : start + BLOCK]])


def check_encoder(encoder: Encoder, record: EncoderRecord) -> None:
    """Encodes the probe sentence. Raises EncoderError unless this is the encoder an index was built with."""
    then = record.probe
    if then is None:
        return
    if then.shape[1] != encoder.dim:
        raise EncoderError(
            f"the index was built with {then.shape[1]} dims by {record.name}, this encoder has {encoder.dim}"
        )
    now = checked(encoder.encode_queries([PROBE_TEXT]), 1, encoder)
    cosine = float(np.sum(then * now))
    if cosine < SAME_ENCODER and np.any(then):
        raise EncoderError(
            f"{encoder.spec.name} now encodes the probe sentence differently than when this index was built "
            f"(cosine {cosine:.3f}, wanted {SAME_ENCODER}): other weights, prompts or pooling; "
            "use the encoder it was built with, or build again"
        )


def bare(encoder: Encoder, manifest: Manifest) -> Encoder:
    """The encoder without its adapter, which the index applies itself.

    Raises EncoderError for an adapter that is not the one the index was built with.
    """
    if not isinstance(encoder, AdaptedEncoder):
        return encoder
    kept = manifest.adapter.sha256 if manifest.adapter is not None else "none"
    if encoder.adapter.digest != kept:
        raise EncoderError(
            f"the index was built with the adapter {kept[:12]}, this encoder has {encoder.adapter.digest[:12]}; "
            "name the encoder alone: an index keeps its adapter"
        )
    return encoder.base


def spec_of(manifest: Manifest) -> EncoderSpec:
    """What loads the encoder of an index again. Raises EncoderError as `demand_known_server`."""
    record = manifest.encoder
    if record.name.startswith("openai:"):
        demand_known_server(record.name)
    return EncoderSpec(
        record.name,
        manifest.dim if record.name == "precomputed" else record.dim,
        query_prompt=record.query_prompt,
        document_prompt=record.document_prompt,
        layer_norm=record.layer_norm,
        precision=record.precision,
        layers=record.layers,
    )
