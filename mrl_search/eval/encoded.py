"""A dataset as one encoder sees it; its documents' vectors lie in a file, however many there are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from mrl_search.data import Dataset, Tolerance
from mrl_search.device import CPU, Device
from mrl_search.encoders import Encoder, checked
from mrl_search.encoding import BLOCK, encode_documents
from mrl_search.errors import DatasetError
from mrl_search.hits import Hits
from mrl_search.indexes import StoredVectors, packed, scratch
from mrl_search.placing import rotation_on
from mrl_search.progress import bar
from mrl_search.rotation import Rotation
from mrl_search.rotations import fit
from mrl_search.run import ScoredDoc, ranked
from mrl_search.sampling import drawn
from mrl_search.vectors import Vectors

_ROWS = 16_384  # encoded before their pages are let go of


@dataclass(frozen=True)
class Encoded:
    """Row i of documents is ids[i], row j of queries the dataset's j-th query.

    The documents are turned by the rotation, if there is one; the queries are as they were encoded. kind: of rotation,
    as it was asked for, which `auto` may have declined.
    """

    name: str
    ids: list[str]
    documents: StoredVectors
    queries: Vectors
    rotation: Rotation | None = None
    kind: str = "none"

    @property
    def turned(self) -> Vectors:
        """The queries in the documents' axes."""
        return self.queries if self.rotation is None else self.rotation.apply(self.queries)

    def ranking(self, queries: Iterable[str], hits: Hits, k: int, *, drops_self: bool) -> dict[str, list[ScoredDoc]]:
        """The k best of every query, in order. drops_self: of k + 1 hits, to leave its own document out."""
        found = {}
        for place, query in enumerate(queries):
            scores, rows = (line[: k + drops_self] for line in hits.of(place))
            answers = ranked([self.ids[row] for row in rows.tolist()], scores.tolist())
            found[query] = without_self(query, answers, k, drops_self=drops_self)
        return found


def encode(dataset: Dataset, ids: list[str], encoder: Encoder, *, progress: bool = False) -> Encoded:
    """Encodes the dataset's documents, whose ids these are, and its queries; neither texts nor vectors are in RAM."""
    stored = scratch(len(ids), encoder.dim)
    start = 0
    with bar(len(ids), f"encoding {dataset.name}", "documents", shown=progress) as shown:
        texts = (document.content for document in dataset.corpus.read(Tolerance(0)))
        for block in encode_documents(encoder, texts, shown):
            stored.data[start : start + len(block)] = block
            if start // _ROWS < (start + len(block)) // _ROWS:
                stored.release()
            start += len(block)
    queries = iter(dataset.queries.values())
    blocks = iter(lambda: list(islice(queries, BLOCK)), [])
    encoded = np.concatenate([checked(encoder.encode_queries(some), len(some), encoder) for some in blocks])
    return Encoded(encoder.spec.label, ids, stored, encoded)


class Fitting(NamedTuple):
    """What a rotation is fitted for (see `rotations.fit`), and where."""

    widths: Sequence[int]
    trained: Sequence[int] = ()
    device: Device = CPU


def rotated(encoded: Encoded, kind: str, fitting: Fitting, *, progress: bool = False) -> Encoded:
    """Documents in the axes that were fitted to a sample of them, as a build does; the same where none help."""
    if kind == "none":
        return encoded
    documents = encoded.documents
    with bar(None, f"fitting a rotation ({kind})", "", shown=progress):
        sample = documents.gathered(np.flatnonzero(drawn(len(documents))), documents.dim)
        fitted = fit(kind, sample, list(fitting.widths), fitting.trained, device=fitting.device)
    del sample
    rotation = rotation_on(fitting.device, fitted.rotation)
    if rotation is None:
        return replace(encoded, kind=kind)
    turned = scratch(len(documents), documents.dim)
    for start, block in documents.scan(documents.dim):
        turned.data[start : start + len(block)] = rotation.apply(block)
        turned.release()
    return replace(encoded, documents=turned, rotation=rotation, kind=kind)


def without_self(query: str, found: Sequence[ScoredDoc], k: int, *, drops_self: bool) -> list[ScoredDoc]:
    """The first k, after the document with the query's own id was left out, if it is no answer."""
    others = [document for document in found if document.id != query] if drops_self else found
    return list(others[:k])


def stored_as(encoded: Encoded, dtype: str) -> Encoded:
    """The same with its documents rounded to a stored format, as a build does after the rotation."""
    documents = encoded.documents
    if dtype == documents.dtype:
        return encoded
    rounded = scratch(len(documents), documents.dim, dtype)
    for start, block in documents.scan(documents.dim):
        rounded.data[start : start + len(block)] = packed(block, dtype)
        rounded.release()
    return replace(encoded, documents=rounded)


def distinct_ids(dataset: Dataset) -> list[str]:
    """The documents' ids, which must differ: judgements name documents by id.

    Raises DatasetError for two documents of one id, or none at all.
    """
    ids = [document.id for document in dataset.corpus.read(Tolerance(0))]
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise DatasetError(f"{dataset.name} has two documents with the id {twice!r}")
    if not ids:
        raise DatasetError(f"{dataset.name} has no documents")
    return ids
