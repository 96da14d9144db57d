"""Searching: the funnel over an index, and an encoder in front of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from mrl_search.device import AUTO, Device, chosen_device
from mrl_search.document import Document
from mrl_search.encoders import AdaptedEncoder, Encoder, checked, load_encoder
from mrl_search.encoding import bare, check_encoder, spec_of
from mrl_search.errors import VectorsError
from mrl_search.funnel import Funnel, Stage
from mrl_search.hits import Hits
from mrl_search.hybrid import Fused, fuse, sides
from mrl_search.indexes import StoredIndex, VectorIndex, open_index, read_manifest
from mrl_search.placing import queries_on, rotation_on, vectors_on
from mrl_search.plan import Asked, Plan, funnel_for, planned
from mrl_search.run import Run, ScoredDoc, ranked
from mrl_search.vectors import Vectors, unit


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


class Answer(NamedTuple):
    """A document found: its cosine with the query (of a hybrid, what was fused), and all the corpus said of it."""

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
        hybrid: str | float | None = None,
    ) -> list[list[Answer]]:
        """For each text at most k answers. Without k, as many as the funnel gives; raises as `plan` and `encode`.

        guarantee: `exact`, or a recall that the index was calibrated for; docs/guarantees.md says what that promises.
        where: a filter on metadata, as `year >= 2020 AND lang = 'en'`; docs/living-index.md has its grammar.
        hybrid: `rrf`, or the share of words, as 0.2: what words find is fused with it; docs/hybrid.md says how.
        On a card, nothing leaves it from the encoder to the last hits, unless they are proven, filtered or fused.
        """
        plan = self.plan(k, funnel, guarantee, where, hybrid)
        self._check_texts(texts)
        if plan.hybrid is not None:
            return [self.fused_answers(one) for one in self.fused(texts, self.encode(texts), plan)]
        there = None if plan.proof or where is not None else queries_on(self.stored, self.encoder, texts)
        vectors = self.stored.vectors
        hits = self.hits(self.encode(texts), plan) if there is None else search(vectors, there, plan.funnel)
        return self.all_answers(hits)

    def search_vectors(
        self,
        queries: Vectors,
        k: int | None = None,
        funnel: Funnel | str | None = None,
        guarantee: str | float | None = None,
        where: str | None = None,
    ) -> list[list[Answer]]:
        """As `search`, for (q, D) query vectors of any length; D at least the widest stage's, or all if rotated."""
        return self.all_answers(self.hits(queries, self.plan(k, funnel, guarantee, where)))

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

    def hybrid_run(self, texts: Mapping[str, str], queries: Vectors, plan: Plan) -> Run:
        """The ranking of every query (id → text) by words and vectors, named by the plan. queries: (q, D) in step."""
        lists = [found.ranking for found in self.fused(list(texts.values()), queries, plan)]
        return Run(f"{self.stored.manifest.name}-{plan}", dict(zip(texts, lists, strict=True)))

    def fused(self, texts: Sequence[str], queries: Vectors, plan: Plan) -> list[Fused]:
        """What each text finds by words, and its (D,) query vector, fused as the plan says.

        Raises IndexStoreError in an index without words.
        """
        assert plan.hybrid is not None
        queries, index = self.checked_queries(queries), self.index(plan.where)
        said = self.stored.say(texts, plan.funnel.k, plan.where)
        near = search(index, queries, plan.funnel)
        both = sides(index, queries, near, said, plan.hybrid.fusion, plan.funnel.dim)
        return [fuse(self.stored, one, plan.hybrid) for one in both]

    def hits(self, queries: Vectors, plan: Plan) -> Hits:
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
        """See `plan.funnel_for`."""
        return funnel_for(k, funnel, self.stored.manifest, self.funnel)

    def plan(
        self,
        k: int | None = None,
        funnel: Funnel | str | None = None,
        guarantee: str | float | None = None,
        where: str | None = None,
        hybrid: str | float | None = None,
    ) -> Plan:
        """What to do for k answers; see `plan.planned`."""
        return planned(Asked(k, funnel, guarantee, where, hybrid), self.stored.manifest, self.funnel)

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
        return _ranked(hits, query, self.stored.ids(hits.of(query)[1].tolist()))

    def answers(self, hits: Hits, query: int) -> list[Answer]:
        """One query's hits with all that is known of the documents, in the same order."""
        (found,) = self.all_answers(Hits(hits.scores[query : query + 1], hits.rows[query : query + 1]))
        return found

    def all_answers(self, hits: Hits) -> list[list[Answer]]:
        """As `answers`, of every query; documents are asked for once, which of a cluster takes a while."""
        stored = self.stored.documents(sorted(set(hits.rows[hits.rows >= 0].tolist())))
        ids = {row: one.id for row, one in stored.items()}
        found = []
        for query in range(len(hits.rows)):
            documents = (stored[row] for row in hits.of(query)[1].tolist() if row in stored)
            found.append(_answers(_ranked(hits, query, ids), documents))
        return found

    def fused_answers(self, found: Fused) -> list[Answer]:
        """As `answers`, of what was fused."""
        return _answers(found.ranking, self.stored.documents(list(found.rows.values())).values())


def _ranked(hits: Hits, query: int, ids: Mapping[int, str]) -> list[ScoredDoc]:
    """One query's hits by id; of a cluster, a shard with some of them may have gone."""
    scores, rows = (numbers.tolist() for numbers in hits.of(query))
    known = [(ids[row], score) for row, score in zip(rows, scores, strict=True) if row in ids]
    return ranked([one for one, _ in known], [score for _, score in known])


def _answers(ranking: Sequence[ScoredDoc], documents: Iterable[Document]) -> list[Answer]:
    known = {document.id: document for document in documents}
    found = ((known[identifier], score) for identifier, score in ranking if identifier in known)
    return [Answer(score, one.id, one.title, one.text, one.metadata) for one, score in found]


def open_retriever(
    index: Path | str,
    encoder: Encoder | None = None,
    *,
    device: str | Device = AUTO,
    engine: str = AUTO,
    beside: StoredIndex | None = None,
) -> Retriever:
    """Opens an index with the encoder its manifest names, or with one that is given.

    device: what encodes and searches, as `chosen_device` takes it. engine: what searches on a card, faiss or torch; by
    default FAISS, where it has a GPU half. beside: as `open_index` takes it. Raises DeviceError for a device that is
    not there, or is too small, IndexStoreError when the index cannot be opened, EncoderError when the encoder cannot.
    """
    device = chosen_device(device)
    stored = open_index(Path(index), beside)
    try:
        encoder = load_encoder(spec_of(stored.manifest), device) if encoder is None else bare(encoder, stored.manifest)
        vectors = vectors_on(device, stored, engine)
        if vectors is not stored.vectors:
            stored = replace(stored, vectors=vectors, rotation=rotation_on(device, stored.rotation), prefixes={})
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
