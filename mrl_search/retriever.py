"""Searching: the funnel over an index, and an encoder in front of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from mrl_search.device import AUTO, Device, chosen_device
from mrl_search.encoders import AdaptedEncoder, Encoder, checked, load_encoder
from mrl_search.encoding import bare, check_encoder, spec_of
from mrl_search.errors import FunnelError, GuaranteeError, VectorsError
from mrl_search.funnel import Funnel, Stage
from mrl_search.guarantee import EXACT, checked_proof, parsed, promised
from mrl_search.hits import Hits
from mrl_search.indexes import StoredIndex, VectorIndex, open_index, read_manifest
from mrl_search.placing import index_on, queries_on, rotation_on
from mrl_search.run import Run, ScoredDoc, ranked
from mrl_search.vectors import Vectors, unit

_LOG = logging.getLogger(__name__)


class Index(Protocol):
    """All that a search asks of an index; see VectorIndex for the meaning of the two verbs."""

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        """The stage.k best of all rows at stage.dim; in no order, unscored, if that is all that is asked."""

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """The stage.k best of the hits at stage.dim."""


def search(index: Index, queries: Vectors, funnel: Funnel) -> Hits:
    """Shortlist by the cheapest prefix, then rerank by longer and longer ones."""
    if (at_once := getattr(index, "funnelled", None)) is not None:  # a card's: hits stay there between stages
        found: Hits = at_once(queries, funnel)
        return found
    first, *rest = funnel.stages
    hits = index.shortlist(queries, first, in_order=not rest)
    for stage in rest:
        hits = index.rerank(queries, hits, stage)
    return hits


class Plan(NamedTuple):
    """How a query is answered: by a funnel, and whether what it finds is then proven against all other rows."""

    funnel: Funnel
    proof: bool = False
    where: str | None = None
    """Which documents are answers at all: a filter on their metadata."""

    def __str__(self) -> str:
        return f"{self.funnel}{',proven' * self.proof}{',filtered' * (self.where is not None)}"


class Answer(NamedTuple):
    """A document found: its cosine with the query, and all that the corpus said of it."""

    score: float
    id: str
    title: str
    text: str
    metadata: Mapping[str, Any]


class Retriever:
    """An opened index with its encoder: texts in, answers out, best first, equal scores by id.

    Where equal scores straddle the last place, the documents that came first in
    the corpus are kept. A context manager; closing ends the snapshot it reads.
    """

    def __init__(self, encoder: Encoder, stored: StoredIndex, funnel: Funnel) -> None:
        self.encoder = encoder
        self.stored = stored
        self.funnel = funnel
        self._encoder_checked = False

    def __enter__(self) -> "Retriever":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self.stored.manifest.documents

    @property
    def where(self) -> str:
        """What searches: `cpu`, or a card, by what engine and over what."""
        return self.stored.vectors.where

    def close(self) -> None:
        """Ends the snapshot; the retriever cannot search any more."""
        self.stored.close()

    def search(
        self,
        texts: Sequence[str],
        k: int | None = None,
        funnel: Funnel | str | None = None,
        guarantee: str | float | None = None,
        where: str | None = None,
    ) -> list[list[Answer]]:
        """For each text at most k answers. Without k, as many as the funnel gives; raises as `plan` and `encode`.

        guarantee: `exact`, or a recall that the index was calibrated for; docs/guarantees.md says what that promises.
        where: a filter on metadata, as `year >= 2020 AND lang = 'en'`; docs/living-index.md has its grammar.
        On a card, nothing leaves it from the encoder to the last hits, unless they are proven, or filtered.
        """
        plan = self.plan(k, funnel, guarantee, where)
        self._check_texts(texts)
        there = None if plan.proof or where is not None else queries_on(self.stored, self.encoder, texts)
        vectors = self.stored.vectors
        hits = self.hits(self.encode(texts), plan) if there is None else search(vectors, there, plan.funnel)
        return [self.answers(hits, query) for query in range(len(texts))]

    def search_vectors(
        self,
        queries: Vectors,
        k: int | None = None,
        funnel: Funnel | str | None = None,
        guarantee: str | float | None = None,
        where: str | None = None,
    ) -> list[list[Answer]]:
        """As `search`, for (q, D) query vectors of any length; D at least the widest stage's, or all if rotated."""
        hits = self.hits(queries, self.plan(k, funnel, guarantee, where))
        return [self.answers(hits, query) for query in range(len(queries))]

    def run(
        self,
        queries: Mapping[str, Vectors],
        k: int | None = None,
        funnel: Funnel | str | None = None,
        guarantee: str | float | None = None,
        where: str | None = None,
    ) -> Run:
        """The ranking of every query (id → (D,) vector), named by the funnel; ids only, no texts are read."""
        plan = self.plan(k, funnel, guarantee, where)
        matrix = np.stack(list(queries.values())) if queries else np.empty((0, self.stored.manifest.dim), np.float32)
        hits = self.hits(matrix, plan)
        lists = (self.scored(hits, query) for query in range(len(queries)))
        return Run(f"{self.stored.manifest.name}-{plan}", dict(zip(queries, lists, strict=True)))

    def hits(self, queries: Vectors, plan: "Plan") -> Hits:
        """What (q, D) queries of any length find, as rows of the index."""
        queries = self.checked_queries(queries)
        index = self.index(plan.where)
        hits = search(index, queries, plan.funnel)
        return index.proven(queries, hits) if plan.proof else hits

    def index(self, where: str | None = None) -> VectorIndex:
        """What is searched: all vectors, or those of documents that a filter passes. Raises as `StoredIndex.among`."""
        return self.stored.vectors if where is None else self.stored.among(where)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, D) query vectors. Raises EncoderError when this is not the encoder the index was built with."""
        self._check_texts(texts)
        return checked(self.encoder.encode_queries(texts), len(texts), self.encoder)

    def _check_texts(self, texts: Sequence[str]) -> None:
        if isinstance(texts, str):  # a str is a sequence of str, too
            raise TypeError("wanted a list of texts, found one text; put it in a list: [text]")
        self.check_encoder()

    def warm_up(self) -> None:
        """Loads the model and the compiled kernels, for which the first query would wait. Raises as `encode`."""
        self.check_encoder()
        search(self.stored.vectors, np.zeros((1, self.stored.manifest.dim), np.float32), self.funnel)

    def check_encoder(self) -> None:
        """Encodes the probe sentence, once, which also loads the model. Raises EncoderError as `encode` does."""
        if not self._encoder_checked:
            check_encoder(self.encoder, self.stored.manifest.encoder)
        self._encoder_checked = True

    def funnel_for(self, k: int | None = None, funnel: Funnel | str | None = None) -> Funnel:
        """The funnel to walk: the one given (its text form will do), else the index's own, made for k answers.

        Raises FunnelError when a given funnel leaves fewer than k, or k is below 1.
        """
        if k is not None and k < 1:
            raise FunnelError(f"asked for {k} answers; ask for at least 1")
        if isinstance(funnel, str):
            funnel = Funnel.parse(funnel)
        if funnel is None:
            if k is None or k == self.funnel.k:
                return self.funnel
            if self.stored.manifest.tuned is not None:
                return self.funnel.keeping(k)
            return Funnel.default([stage.dim for stage in self.funnel.stages], k)
        if k is None or k == funnel.k:
            return funnel
        if k > funnel.k:
            raise FunnelError(
                f"the funnel {funnel} leaves {funnel.k} answers, asked for {k}; let its last stage keep {k}"
            )
        return Funnel((*funnel.stages[:-1], Stage(funnel.dim, k)))

    def plan(
        self,
        k: int | None = None,
        funnel: Funnel | str | None = None,
        guarantee: str | float | None = None,
        where: str | None = None,
    ) -> "Plan":
        """What to do for k answers. Raises as `funnel_for`, and GuaranteeError where nothing can be promised."""
        level = parsed(guarantee) if guarantee is not None else None
        if level is not None and level != EXACT and funnel is not None:
            raise GuaranteeError(f"a recall of {level} chooses the funnel; give either, not both")
        if level is not None and level != EXACT and where is not None:
            raise GuaranteeError(f"a recall of {level} was proven for searches of all documents; filter with exact")
        walked = self.funnel_for(k, funnel)
        if level == EXACT:
            checked_proof(walked, self.stored.manifest.dim)
        elif level is not None:
            walked = Funnel.parse(promised(self.stored.manifest.calibrations, float(level), walked.k).funnel)
        return Plan(walked, level == EXACT, where)

    def checked_queries(self, queries: Vectors) -> Vectors:
        """Query vectors at unit length, in the index's axes. Raises VectorsError for another shape, NaN or infinity."""
        if queries.ndim != 2:
            raise VectorsError(f"query vectors must be of shape (queries, dims), found {queries.shape}")
        finite = np.isfinite(queries).all(axis=1)
        if not finite.all():
            raise VectorsError(f"the query vector in row {np.argmin(finite)} (from 0) holds NaN or infinity")
        return self.stored.turned(unit(queries))

    def scored(self, hits: Hits, query: int) -> list[ScoredDoc]:
        """Ids and scores of one query's hits, in order."""
        scores, rows = hits.of(query)
        ids = self.stored.ids(rows.tolist())
        return ranked([ids[row] for row in rows.tolist()], scores.tolist())

    def answers(self, hits: Hits, query: int) -> list[Answer]:
        """One query's hits with all that is known of the documents, in the same order."""
        scores, rows = hits.of(query)
        stored = self.stored.documents(rows.tolist())
        documents = {document.id: document for document in stored.values()}
        order = ranked([stored[row].id for row in rows.tolist()], scores.tolist())
        return [
            Answer(score, document.id, document.title, document.text, document.metadata)
            for document, score in ((documents[identifier], score) for identifier, score in order)
        ]


def open_retriever(
    index: Path | str, encoder: Encoder | None = None, *, device: str | Device = AUTO, engine: str = AUTO
) -> Retriever:
    """Opens an index with the encoder its manifest names, or with one that is given.

    device: what encodes and searches, as `chosen_device` takes it. engine: what searches on a card, faiss or torch; by
    default FAISS, where it has a GPU half. Raises DeviceError for a device that is not there, or is too small,
    IndexStoreError when the index cannot be opened, EncoderError when the encoder cannot be loaded.
    """
    device = chosen_device(device)
    stored = open_index(Path(index))
    try:
        encoder = load_encoder(spec_of(stored.manifest), device) if encoder is None else bare(encoder, stored.manifest)
        if device.is_cuda and not stored.vectors.is_whole:
            _LOG.warning(
                "%s was added to or deleted from, and is searched on the CPU; `mrl-search compact %s` makes it whole",
                *(index, index),
            )
        elif device.is_cuda:
            vectors = index_on(device, stored.vectors, stored.manifest.prefix, engine)
            stored = replace(stored, vectors=vectors, rotation=rotation_on(device, stored.rotation))
        return Retriever(encoder, stored, Funnel.parse(stored.manifest.funnel))
    except BaseException:
        stored.close()
        raise


def encoder_of(index: Path | str, device: str | Device = AUTO) -> Encoder:
    """The encoder an index's manifest names, for what searches on the CPU and encodes elsewhere. Raises likewise."""
    device = chosen_device(device)
    return load_encoder(spec_of(read_manifest(Path(index))[0]), device)


def adapted_encoder_of(index: Path | str, device: str | Device = AUTO) -> Encoder:
    """The same, behind the index's adapter if it has one: what gives vectors as they were before they were rotated."""
    encoder = encoder_of(index, device)
    stored = open_index(Path(index))
    stored.close()
    return encoder if stored.adapter is None else AdaptedEncoder(encoder, str(index), stored.adapter)
