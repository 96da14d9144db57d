"""What words cost: an index with and without them, hybrid queries beside plain ones, and SQLite's FTS5 beside ours.

    python benchmarks/hybrid.py sentences --n 290000 --texts SENTENCES.txt.gz --folder FOLDER
    python benchmarks/hybrid.py beir --texts BEIR/scifact --folder FOLDER [--index indexes/scifact]

Vectors are given (sentences of benchmarks/search, or encoded through the cache before), so no encoding is in any time.
Queries are single ones, from text and vector to the ids of ten documents, in one thread: median and 95th percentile of
300, each the least of five. FTS5 has porter and unicode61, and is asked for any of a query's words but our stop words.
"""

import argparse
import contextlib
import gzip
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import faiss
import numpy as np
from search.data import DIM, ENCODER, QUERIES, cache_folder

import mrl_search
from mrl_search.data import Tolerance, load_dataset
from mrl_search.encoders import EncoderSpec, cached, load_encoder
from mrl_search.indexes.postings import forget_words
from mrl_search.indexes.tokens import _STOP, _WORD
from mrl_search.indexes.words import best_by_words
from mrl_search.living import AddOptions
from mrl_search.provenance import commit, machine
from mrl_search.vectors import Vectors

ASKED, REPEATS = 300, 5
WAYS = (None, "rrf", "0.2")


class Data(NamedTuple):
    """Texts and vectors of documents, (n, D), and of queries, (q, D)."""

    texts: list[str]
    vectors: Vectors
    asked: list[str]
    queries: Vectors


def sentences(n: int, source: Path) -> Data:
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        texts = lines.read().splitlines()[: QUERIES + n]
    vectors = np.fromfile(cache_folder() / f"sentences-{ENCODER}.f32", np.float32, count=len(texts) * DIM)
    vectors = vectors.reshape(len(texts), DIM)
    return Data(texts[QUERIES:], vectors[QUERIES:], texts[:ASKED], vectors[:ASKED])


def beir(folder: Path, *, encodes: bool) -> Data:
    """encodes: documents, too; else only the queries."""
    dataset = load_dataset(f"dir:{folder}", "test", None)
    encoder = cached(load_encoder(EncoderSpec(ENCODER)), wanted=True)
    texts = [document.content for document in dataset.corpus.read(Tolerance(0))]
    asked = list(dataset.queries.values())[:ASKED]
    vectors = encoder.encode_documents(texts) if encodes else np.empty((0, DIM), np.float32)
    return Data(texts, vectors, asked, encoder.encode_queries(asked))


def written(data: Data, folder: Path, first: int = 0, count: int | None = None) -> tuple[Path, AddOptions]:
    """A corpus file of some of the documents, and their vectors."""
    chosen = range(first, len(data.texts) if count is None else first + count)
    lines = (json.dumps({"_id": str(row), "text": data.texts[row % len(data.texts)]}) for row in chosen)
    (folder / "corpus.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    np.save(folder / "vectors.npy", data.vectors[np.array(chosen) % len(data.texts)])
    return folder / "corpus.jsonl", AddOptions(vectors=folder / "vectors.npy")


@contextlib.contextmanager
def without_words():
    with (
        mock.patch("mrl_search.indexes.writer.write_stored_words"),
        mock.patch("mrl_search.indexes.change.write_stored_words"),
    ):
        yield


def build(data: Data, folder: Path, name: str) -> tuple[Path, float]:
    """The index, and the seconds it took; no prefix is fitted, which is most of a build without encoding."""
    corpus, told = written(data, folder)
    options = mrl_search.BuildOptions(vectors=told.vectors, rotation="pca", force=True)
    start = time.perf_counter()
    index = mrl_search.build(corpus, folder / name, dims=(128, DIM), options=options)
    return index, time.perf_counter() - start


def times(ask: Callable[[int], object], count: int) -> dict[str, float]:
    """Milliseconds of single queries; of each the least of five times, since other programs may be at work."""
    taken = np.full(count, np.inf)
    for _ in range(REPEATS):
        for query in range(count):
            start = time.perf_counter()
            ask(query)
            taken[query] = min(taken[query], 1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(taken, [50, 95])
    return {"p50": round(p50, 3), "p95": round(p95, 3), "per_s": round(1000 / float(taken.mean()), 1)}


def searched(data: Data, index: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    with mrl_search.open(index) as retriever:
        for way in WAYS:
            plan = retriever.plan(10, hybrid=way)

            def ask(query: int, plan=plan) -> object:
                vectors = data.queries[query : query + 1]
                if plan.hybrid is None:
                    return retriever.scored(retriever.hits(vectors, plan), 0)
                return retriever.fused([data.asked[query]], vectors, plan)

            found[f"{plan}"] = times(ask, len(data.asked))
        deep = retriever.plan(100)._replace(funnel=retriever.plan(10, hybrid="rrf").funnel)
        found[f"{deep}, ids of 100"] = times(
            lambda query: retriever.scored(retriever.hits(data.queries[query : query + 1], deep), 0), len(data.asked)
        )
        words = retriever.words
        found["words alone, rows"] = times(
            lambda query: best_by_words(words.scores(data.asked[query]), 100), len(data.asked)
        )
        found["postings a query"] = round(float(np.mean([words.postings(text) for text in data.asked])))
        start = time.perf_counter()
        del retriever.words
        _ = retriever.words
        found["first query's reading of lengths, ms"] = round(1000 * (time.perf_counter() - start), 2)
    return found


def catalog_bytes(index: Path, folder: Path) -> dict[str, int]:
    """Of index.sqlite, and of a copy whose words were dropped."""
    copy = folder / "copy.sqlite"
    connection = sqlite3.connect(index / "index.sqlite")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copy(index / "index.sqlite", copy)
    connection = sqlite3.connect(copy, isolation_level=None)
    forget_words(connection)
    connection.execute("VACUUM")
    connection.close()
    sizes = {"with": (index / "index.sqlite").stat().st_size, "without": copy.stat().st_size}
    copy.unlink()
    return sizes


def upserts(data: Data, folder: Path, index: Path) -> dict[str, float]:
    """Documents a second, added so many a commit."""
    found = {}
    for size, turns in ((1, 20), (100, 10), (1_000, 3)):
        seconds = 0.0
        for turn in range(turns):
            corpus, told = written(data, folder, len(data.texts) + turn * size, size)
            start = time.perf_counter()
            mrl_search.add(index, corpus, options=told)
            seconds += time.perf_counter() - start
        found[str(size)] = round(size * turns / seconds, 1)
    return found


def fts5(data: Data, folder: Path) -> dict[str, object]:
    """The same texts in SQLite's own full-text index."""
    path = folder / "fts5.sqlite"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE documents (n INTEGER PRIMARY KEY, content TEXT)")
    connection.executemany("INSERT INTO documents VALUES (?, ?)", enumerate(data.texts))
    connection.commit()
    before = path.stat().st_size
    start = time.perf_counter()
    connection.execute(
        "CREATE VIRTUAL TABLE words USING fts5(content, content='documents', content_rowid='n', "
        "tokenize='porter unicode61')"
    )
    connection.execute("INSERT INTO words(words) VALUES ('rebuild')")
    connection.commit()
    seconds, size = time.perf_counter() - start, path.stat().st_size - before

    def ask(query: int) -> object:
        some = dict.fromkeys(word for word in _WORD.findall(data.asked[query].lower()) if word not in _STOP)
        asked = " OR ".join(f'"{word}"' for word in some)
        return connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 100", (asked,)
        ).fetchall()

    found = {"build_s": round(seconds, 2), "bytes": size, "ms": times(ask, len(data.asked))}
    connection.close()
    path.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["sentences", "beir"])
    parser.add_argument("--n", type=int, default=290_000)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--index", type=Path, help="search this one of the same texts; then none is built or added to")
    told = parser.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    faiss.omp_set_num_threads(1)
    data = sentences(told.n, told.texts) if told.what == "sentences" else beir(told.texts, encodes=told.index is None)
    result: dict[str, object] = {"documents": len(data.texts), "commit": commit(), "machine": machine()}
    if told.index is None:
        with without_words():
            index, without = build(data, told.folder, "without")
            added = upserts(data, told.folder, index)
            shutil.rmtree(index)
        index, seconds = build(data, told.folder, "with")
        result["build_s"] = {"with": round(seconds, 1), "without": round(without, 1)}
    else:
        index = told.index
    result["catalog_bytes"] = catalog_bytes(index, told.folder)
    result["ms"] = searched(data, index)
    if told.index is None:
        result["upserts_per_second"] = {"with": upserts(data, told.folder, index), "without": added}
    result["fts5"] = fts5(data, told.folder)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
