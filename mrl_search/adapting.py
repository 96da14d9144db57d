"""From texts or vectors to an adapter in a folder: encode, hold out, fit, judge, write."""

import dataclasses
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrl_search.adapter import ABOUT, Adapter, write_adapter
from mrl_search.adapters import METHODS, Material, Settings, Verdict, demand_enough, fit_adapter, judged
from mrl_search.atomic import promised
from mrl_search.data import Example, Tolerance, open_corpus, read_examples
from mrl_search.device import AUTO, Device
from mrl_search.encoders import Encoder, EncoderSpec, cached, checked, load_encoder
from mrl_search.encoding import BLOCK, encode_documents
from mrl_search.errors import AdapterError, EncoderError, VectorsError
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.sampling import SAMPLED, drawn, reservoir
from mrl_search.vectors import Vectors, load_vectors, unit, wide

DEFAULT_WIDTHS = (16, 32, 64, 128, 256)
"""What an adapter is fitted for unless other widths are asked for, as far as they are below the encoder's."""

_LOG = logging.getLogger(__name__)
_SHARE, _MOST = 10, 1_000  # a tenth is held out, so many rows or pairs at most
_SEED = 0


@dataclass(frozen=True)
class Sources:
    """What an adapter is fitted to: texts for an encoder, or vectors; of either, documents and pairs.

    documents: a corpus as for build. pairs: files of examples as for training. vectors: an .npy file of documents'.
    pair_vectors: two, of queries and of their positives, in step. 50,000 of each at most are taken.
    """

    documents: str | None = None
    pairs: tuple[str, ...] = ()
    vectors: Path | None = None
    pair_vectors: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        texts, vectors = self.documents or self.pairs, self.vectors or self.pair_vectors
        if not texts and not vectors:
            raise AdapterError("nothing to fit to: give a CORPUS, --pairs FILE, --vectors FILE or --pair-vectors FILES")
        if texts and vectors:
            raise AdapterError(
                "give texts to encode (CORPUS, --pairs) or vectors (--vectors, --pair-vectors), not both"
            )


@dataclass(frozen=True)
class AdaptOptions:
    """How to fit. encoder: of texts, or the one that vectors came from (minilm-768, or unnamed). settings.widths may be
    empty for DEFAULT_WIDTHS.

    margin: what full width may lose, see `adapters.judged`. force: write an adapter that loses more, and over another.
    """

    encoder: EncoderSpec | None = None
    settings: Settings = field(default_factory=lambda: Settings(()))
    margin: float | None = None
    force: bool = False
    cache: bool = True
    progress: bool = False
    device: str | Device = AUTO

    def __post_init__(self) -> None:
        if self.margin is not None and not 0 <= self.margin <= 1:
            raise AdapterError(f"the margin is a share of what full width has, from 0 to 1; found {self.margin}")
        if self.encoder is not None and self.encoder.adapter is not None:
            raise EncoderError(
                f"{self.encoder.label} is adapted already; an adapter is fitted to an encoder's own vectors"
            )


class Adapted(NamedTuple):
    """What was written, and how it was judged."""

    folder: Path
    adapter: Adapter
    verdict: Verdict


def adapt(method: str, sources: Sources, out: Path, options: AdaptOptions | None = None) -> Adapted:
    """Fits an adapter and writes it to the folder `out`, unless it loses too much on what was held out.

    Raises AdapterError for that, for a folder that holds an adapter already, and as `fit_adapter`; nothing is written.
    """
    options = options or AdaptOptions()
    if method not in METHODS:
        raise AdapterError(f"there is no adapter {method!r}; choose one of {', '.join(METHODS)}")
    if (out / ABOUT).exists() and not options.force:
        raise AdapterError(f"{out} already holds an adapter; --force replaces it, --out DIR writes elsewhere")
    _demand_room(out)
    name, material = _encoded(sources, options) if sources.documents or sources.pairs else _given(sources, options)
    settings = options.settings
    if not settings.widths:
        below = tuple(width for width in DEFAULT_WIDTHS if width < material.dim)
        if not below:
            raise AdapterError(f"the vectors have {material.dim} dims; name widths below that, as --dims 4,8")
        settings = dataclasses.replace(settings, widths=below)
    adapter, verdict = fit_and_judge(method, material, settings, name, margin=options.margin, progress=options.progress)
    if not verdict.passes and not options.force:
        raise AdapterError(f"the adapter loses too much {verdict}; nothing was written; --force writes it all the same")
    if not verdict.passes:
        _LOG.warning("the adapter loses much %s", verdict)
    about = {
        "encoder": name,
        "sources": {
            key: [str(one) for one in value] if isinstance(value, tuple) else str(value)
            for key, value in dataclasses.asdict(sources).items()
            if value
        },
        "documents": len(material.documents),
        "pairs": len(material.queries),
    }
    write_adapter(adapter, out, {**about, **told(settings, verdict)})
    return Adapted(out, adapter, verdict)


def _demand_room(out: Path) -> None:
    """Raises AdapterError where writing to `out` would fail after all the work."""
    if out.exists() and not out.is_dir():
        raise AdapterError(f"{out} is a file, wanted a folder to write the adapter to; name another with --out")
    try:
        with promised(out.parent), tempfile.TemporaryDirectory(dir=out.parent):
            pass
    except OSError as error:
        raise AdapterError(f"nothing can be written to {out.parent} ({error.strerror}); name another --out") from error


def fit_and_judge(
    method: str,
    material: Material,
    settings: Settings,
    encoder: str,
    *,
    margin: float | None = None,
    progress: bool = False,
) -> tuple[Adapter, Verdict]:
    """As `fit_adapter` to all but a tenth, at most 1,000 documents and as many pairs, by which full width is judged.

    Raises as `fit_adapter`.
    """
    kept, held_out = _parted(material)
    demand_enough(method, kept, material)
    adapter = fit_adapter(method, kept, settings, encoder, progress=progress)
    return adapter, judged(adapter, held_out, margin)


def told(settings: Settings, verdict: Verdict) -> dict[str, object]:
    """For adapter.json: how it was fitted, how it was judged, and by what code."""
    return {
        "settings": dataclasses.asdict(settings),
        "judged": {**verdict._asdict(), "passes": verdict.passes},
        "provenance": provenance(),
    }


def _parted(material: Material) -> tuple[Material, Material]:
    """What is fitted to, and what is held out; the same parts every time."""
    random = np.random.default_rng(_SEED)
    masks = []
    for count in (len(material.documents), len(material.queries)):
        mask = np.zeros(count, np.bool_)
        mask[random.permutation(count)[: min(_MOST, count // _SHARE)]] = True
        masks.append(mask)
    of_documents, of_pairs = masks
    kept, held_out = (
        Material(material.documents[documents], material.queries[pairs], material.positives[pairs])
        for documents, pairs in ((~of_documents, ~of_pairs), (of_documents, of_pairs))
    )
    return kept, held_out


def _encoded(sources: Sources, options: AdaptOptions) -> tuple[str, Material]:
    """The encoder's name, and what it makes of the texts."""
    spec = options.encoder or EncoderSpec("minilm-768")
    encoder = cached(load_encoder(spec, options.device), wanted=options.cache)
    texts: list[str] = []
    if sources.documents is not None:
        read = open_corpus(sources.documents).read(Tolerance(0))
        texts = reservoir((document.content for document in read if document.content), SAMPLED)
    pairs = reservoir(chain.from_iterable(map(_belonging, sources.pairs)), SAMPLED)
    return spec.typed, material_of(encoder, texts, pairs, progress=options.progress)


def _belonging(source: str) -> Iterator[Example]:
    """The pairs of a file. Raises AdapterError where it says how well, or whether, they go together."""
    for number, example in enumerate(read_examples(source), 1):
        if example.score is not None or example.label is not None:
            field_name = "score" if example.label is None else "label"
            raise AdapterError(
                f"{source}, pair {number}: has a {field_name}; an adapter takes every pair for one that belongs "
                f"together, so leave out those that do not, and that field"
            )
        yield example


def material_of(encoder: Encoder, texts: Sequence[str], pairs: Sequence[Example], *, progress: bool) -> Material:
    """What an encoder makes of documents, and of pairs: firsts are queries, seconds documents."""
    with bar(len(texts) + 2 * len(pairs), "encoding", "texts", shown=progress) as shown:
        documents = [*encode_documents(encoder, texts, shown)]
        positives = [*encode_documents(encoder, (pair.second for pair in pairs), shown)]
        queries = []
        for block in _blocks([pair.first for pair in pairs]):
            queries.append(checked(encoder.encode_queries(block), len(block), encoder))
            shown.update(len(block))
    none = np.empty((0, encoder.dim), np.float32)
    return Material(*(np.concatenate([none, *rows]) for rows in (documents, queries, positives)))


def _blocks(texts: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(texts), BLOCK):
        yield texts[start : start + BLOCK]


def _given(sources: Sources, options: AdaptOptions) -> tuple[str, Material]:
    """The name of the encoder that the vectors came from, if it was told, and the vectors."""
    documents = _sample(sources.vectors) if sources.vectors is not None else None
    queries, positives = _in_step(*sources.pair_vectors) if sources.pair_vectors is not None else (None, None)
    dim = next(rows.shape[1] for rows in (documents, queries) if rows is not None)
    none = np.empty((0, dim), np.float32)
    rows = [none if side is None else side for side in (documents, queries, positives)]
    return options.encoder.typed if options.encoder is not None else "precomputed", Material(*rows)


def _in_step(queries: Path, positives: Path) -> tuple[Vectors, Vectors]:
    """A sample of both, of the same rows."""
    many, others = (len(load_vectors(path)) for path in (queries, positives))
    if many != others:
        raise AdapterError(f"{queries} has {many:,} rows and {positives} {others:,}; they must be in step, row by row")
    return _sample(queries), _sample(positives)


def _sample(path: Path) -> Vectors:
    """At most 50,000 unit rows; those of files of as many rows stay in step. Raises VectorsError for NaN, infinity."""
    given = load_vectors(path)
    rows = wide(given[np.flatnonzero(drawn(len(given)))])
    if not np.isfinite(rows).all():
        raise VectorsError(f"{path} holds NaN or infinity")
    return unit(rows)
