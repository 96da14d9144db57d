"""A corpus on its way to the shards: read once, cut into parts that are encoded one by one, whoever does it.

A part lies in `work/SHARD/NUMBER.jsonl`, its vectors beside it in `NUMBER.npy` once they are made.
"""

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from mrl_search.adapter import Adapter
from mrl_search.atomic import replacing
from mrl_search.data import Corpus
from mrl_search.document import Document
from mrl_search.encoders import Encoder, EncoderSpec, load_encoder
from mrl_search.encoding import encode_documents
from mrl_search.errors import VectorsError
from mrl_search.hits import Rows
from mrl_search.ingest import Reading, ingest
from mrl_search.progress import bar
from mrl_search.results import Result
from mrl_search.scale.routing import bucket_of
from mrl_search.scale.storage import Storage
from mrl_search.vectors import Vectors, load_vectors, unit, wide

NOTE = "read.json"
PART = 4_096
"""Documents encoded, and lost with their node, at a time: at 768 dims 12 MB of vectors."""


@dataclass(frozen=True)
class WhatWasRead(Result):
    """How a corpus was cut.

    key: of what, for what; another build takes no part of this one. parts: how many of each shard. documents: of each.
    """

    key: str
    documents: tuple[int, ...]
    parts: tuple[int, ...]
    skipped: int
    without_text: int

    @property
    def count(self) -> int:
        """Documents in all."""
        return sum(self.documents)


def read_into_parts(
    corpus: Corpus, work: Path, owners: Sequence[int], reading: Reading, key: str = "", first: int = 0
) -> WhatWasRead:
    """Reads all documents and writes each into the last part of its shard, then says so in `work/read.json`.

    owners: for every bucket the number of its shard. first: the position of the first document.
    Raises CorpusError as `ingest`, for an id that came before, too.
    """
    with _Cutter(work, owners, first) as cutter:
        skipped, without_text = ingest(corpus, cutter.put, reading)
    parts = tuple(-(-documents // PART) for documents in cutter.documents)
    read = WhatWasRead(key, tuple(cutter.documents), parts, skipped, without_text)
    read.write(work / NOTE)
    return read


class _Cutter:
    """Writes documents to parts; ids are remembered on disk, so that memory does not grow with the corpus."""

    def __init__(self, work: Path, owners: Sequence[int], first: int) -> None:
        self._work, self._owners = work, owners
        self.documents = [0] * (max(owners) + 1)
        self._files: dict[int, IO[str]] = {}
        self._first = self._position = first
        self._open = ExitStack()

    def __enter__(self) -> "_Cutter":
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="mrl-search-"))
        self._ids = sqlite3.connect(Path(folder) / "ids.sqlite", isolation_level=None)
        self._open.callback(self._ids.close)
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            self._ids.execute(f"PRAGMA {pragma}")
        self._ids.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")
        self._ids.execute("BEGIN")
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files.values():
            file.close()
        self._open.close()

    def put(self, document: Document) -> str:
        """Writes it; or says why not."""
        added = self._ids.execute(
            "INSERT OR IGNORE INTO ids VALUES (?, ?)", (document.id, self._position - self._first + 1)
        )
        if added.rowcount != 1:
            ((number,),) = self._ids.execute("SELECT number FROM ids WHERE id = ?", (document.id,))
            return f"the id {document.id!r} is already that of document number {number}"
        shard = self._owners[bucket_of(document.id)]
        if self.documents[shard] % PART == 0:
            self._begin(shard)
        line = {"at": self._position, "id": document.id, "title": document.title, "text": document.text}
        if document.metadata:
            line["metadata"] = dict(document.metadata)
        self._files[shard].write(json.dumps(line, ensure_ascii=False) + "\n")
        self.documents[shard] += 1
        self._position += 1
        return ""

    def _begin(self, shard: int) -> None:
        if shard in self._files:
            self._files[shard].close()
        path = part_file(self._work, shard, self.documents[shard] // PART)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._files[shard] = path.open("w", encoding="utf-8")


def part_file(work: Path, shard: int, number: int) -> Path:
    """Where a part lies."""
    return work / f"{shard:04d}" / f"{number:06d}.jsonl"


def part_files(work: Path, read: WhatWasRead, shard: int) -> list[Path]:
    """Those of one shard, in order."""
    return [part_file(work, shard, number) for number in range(read.parts[shard])]


def vectors_file(part: Path) -> Path:
    """Where its vectors lie, once they are made."""
    return part.with_suffix(".npy")


def documents_of(part: Path) -> Iterator[tuple[int, Document]]:
    """Positions and documents of a part, in order."""
    with part.open(encoding="utf-8") as file:
        for line in file:
            told: dict[str, Any] = json.loads(line)
            yield told["at"], Document(told["id"], told["text"], told["title"], told.get("metadata", {}))


def positions_of(part: Path) -> Rows:
    """(n,): of a part's documents."""
    return np.array([position for position, _ in documents_of(part)], np.int64)


@dataclass
class PartEncoder:
    """Encodes parts, in whatever process; the encoder is loaded at the first.

    spec: of the encoder, without an adapter; None where vectors are given. given: an .npy file of vectors, in step with
    positions that begin at `first`. storage: where parts come from and vectors go to, if not to a folder that all
    reach. adapter: what vectors pass through, whatever they come from; it is here whole, as workers may not reach its
    folder.
    """

    spec: EncoderSpec | None
    given: Path | None
    device: str
    first: int = 0
    _encoder: Encoder | None = None
    storage: Storage | None = None
    adapter: Adapter | None = None

    def __call__(self, part: str) -> int:
        """Makes the vectors of a part, all or nothing; returns how many. Raises as the encoder, or VectorsError."""
        path = Path(part)
        if self.storage is not None:
            self.storage.fetch(path)
        vectors = self._encoded(path) if self.given is None else self._given(path, self.given)
        if self.adapter is not None:
            vectors = self.adapter.apply(vectors)
        with replacing(vectors_file(path)) as temporary, temporary.open("wb") as file:
            np.save(file, vectors)
            file.flush()
            os.fsync(file.fileno())
        if self.storage is not None:
            self.storage.send(vectors_file(path))
        return len(vectors)

    def _encoded(self, path: Path) -> Vectors:
        assert self.spec is not None
        if self._encoder is None:
            self._encoder = load_encoder(self.spec, self.device)
        texts = (document.content for _, document in documents_of(path))
        with bar(None, "", "", shown=False) as progress:
            return np.concatenate(list(encode_documents(self._encoder, texts, progress)))

    def _given(self, path: Path, given: Path) -> Vectors:
        positions = positions_of(path)
        rows = wide(load_vectors(given)[positions - self.first])
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            row = int(positions[np.argmin(finite)]) - self.first
            raise VectorsError(f"{given}: the vector in row {row} (from 0) holds NaN or infinity")
        return unit(rows)
