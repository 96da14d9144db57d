"""Embeddings kept on disk by encoder and text, so that no text is encoded twice."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mrl_search.cache import cache_root
from mrl_search.encoders.adapted import AdaptedEncoder
from mrl_search.encoders.encoder import Encoder, checked
from mrl_search.encoders.wrapped import WrappedEncoder
from mrl_search.errors import EncoderError
from mrl_search.vectors import Vectors

_PER_LOOKUP = 500  # SQLite allows 32,766 variables a statement; a few hundred are as fast
_BUSY_SECONDS = 60.0  # two builds may share the cache; each holds it only for one block


class CachedEncoder(WrappedEncoder):
    """An encoder that first looks in `<cache>/embeddings/`, one SQLite file per encoder identity.

    What a call encoded is on disk when it returns, so an interrupted build goes
    on where it stopped; other depths that the same pass gave are kept too. Equal
    texts get equal vectors, bit for bit, whatever batch they came in. Safe for
    several processes at once.
    """

    def __init__(self, encoder: Encoder, folder: Path | None = None) -> None:
        super().__init__(encoder)
        self._folder = folder or cache_root() / "embeddings"

    @property
    def texts_at_a_time(self) -> int | None:
        """The wrapped encoder's, if it says so."""
        return getattr(self._encoder, "texts_at_a_time", None)

    @property
    def path(self) -> Path:
        """The file of this encoder's identity."""
        return self._path(self.identity)

    def _path(self, identity: str) -> Path:
        return self._folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.sqlite"

    @property
    def fresh(self) -> Encoder:
        """The wrapped encoder, which has no memory."""
        return self._encoder

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for queries, from the cache where it has them."""
        return self._encoded("query", texts, self._encoder.encode_queries)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for documents, from the cache where it has them."""
        return self._encoded("document", texts, self._encoder.encode_documents)

    def _encoded(self, side: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors]) -> Vectors:
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        digests = [_digest(side, text) for text in texts]
        with self._open(self.identity) as database:
            known = _lookup(database, digests, self.dim)
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        if missing:
            for identity, fresh in self._fresh(side, list(missing.values()), encode).items():
                rows = dict(
                    zip(missing, checked(fresh, len(missing), self), strict=True)
                )  # what is wrong must not stay
                known |= rows if identity == self.identity else {}
                with self._open(identity) as database:
                    told = ((digest, vector.tobytes()) for digest, vector in rows.items())
                    database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", told)
        return np.stack([known[digest] for digest in digests])

    def _fresh(self, side: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors]) -> dict[str, Vectors]:
        """Identity → vectors: of this encoder, and of what else one pass of it gives (see SentenceEncoder)."""
        every = getattr(self._encoder, "encode_depths", None)
        return {self.identity: encode(texts)} if every is None else every(side, texts)

    @contextlib.contextmanager
    def _open(self, identity: str) -> Iterator[sqlite3.Connection]:
        """The cache file, committed on the way out. Raises EncoderError where it cannot be written."""
        path = self._path(identity)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(path, timeout=_BUSY_SECONDS)
            with contextlib.closing(database), database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose a block, never corrupt
                database.execute("CREATE TABLE IF NOT EXISTS vectors (digest BLOB PRIMARY KEY, vector BLOB NOT NULL)")
                database.execute("CREATE TABLE IF NOT EXISTS encoder (identity TEXT PRIMARY KEY)")
                database.execute("INSERT OR IGNORE INTO encoder VALUES (?)", (identity,))
                database.commit()
                yield database
        except (sqlite3.Error, OSError) as error:
            raise EncoderError(
                f"the embedding cache {path} cannot be used: {error}; delete it, "
                "set MRL_SEARCH_CACHE to another folder, or leave it out with --no-cache"
            ) from error


def cached(encoder: Encoder, *, wanted: bool = True) -> Encoder:
    """The encoder behind the cache, if that is wanted; hashing a text is faster than looking it up.

    Of an adapted one the base is, so that adapters share its vectors.
    """
    if isinstance(encoder, AdaptedEncoder):
        return encoder.behind(cached(encoder.base, wanted=wanted))
    return CachedEncoder(encoder) if wanted and not encoder.spec.name.startswith("hashing:") else encoder


def _digest(side: str, text: str) -> bytes:
    """128 bits of the text and the side it is encoded for."""
    return hashlib.blake2b(f"{side}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _lookup(database: sqlite3.Connection, digests: Sequence[bytes], dim: int) -> dict[bytes, Vectors]:
    """The vectors the cache holds, by digest; a row of another width is treated as absent."""
    found: dict[bytes, Vectors] = {}
    for start in range(0, len(digests), _PER_LOOKUP):
        some = digests[start : start + _PER_LOOKUP]
        marks = ",".join("?" * len(some))
        rows = database.execute(f"SELECT digest, vector FROM vectors WHERE digest IN ({marks})", some)  # noqa: S608
        found.update((digest, np.frombuffer(vector, dtype=np.float32)) for digest, vector in rows)
    return {digest: vector for digest, vector in found.items() if len(vector) == dim}
