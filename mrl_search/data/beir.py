"""Test collections as folders in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv."""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from mrl_search.data.collection import Corpus, Dataset
from mrl_search.data.corpus import open_folder
from mrl_search.data.documents import Tolerance
from mrl_search.data.qrels import HEADER, read_qrels
from mrl_search.data.queries import read_queries
from mrl_search.errors import DatasetError

_PARTS = {
    "corpus.jsonl": ("corpus.jsonl", "corpus.jsonl.gz"),
    "queries.jsonl": ("queries.jsonl", "queries.jsonl.gz"),
    "qrels/SPLIT.tsv": ("qrels/*.tsv",),
}


def read_folder(folder: Path, split: str) -> Dataset:
    """The collection in the folder, cut down to the split; the corpus is not read yet.

    Raises DatasetError when a part or the split is missing, or judged queries
    have no text; CorpusError and RunError for bad lines in queries and qrels.
    """
    try:
        there = folder.is_dir()
    except OSError as error:
        raise DatasetError(f"{str(folder)[:200]} cannot be read: {error.strerror}") from error
    if not there:
        raise DatasetError(f"there is no folder {folder}")
    missing = [part for part, patterns in _PARTS.items() if not any(any(folder.glob(p)) for p in patterns)]
    if missing:
        raise DatasetError(f"the folder {folder} is not a BEIR test collection: it lacks {', '.join(missing)}")
    splits = sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
    if split not in splits:
        raise DatasetError(f"{folder} has no split {split!r}; it has: {', '.join(splits)}")
    corpus = open_folder(folder)
    queries = next(path for name in _PARTS["queries.jsonl"] if (path := folder / name).exists())
    qrels = read_qrels(folder / "qrels" / f"{split}.tsv")
    return Dataset(corpus.name, split, corpus, judged_queries(read_queries(str(queries)), qrels, str(folder)), qrels)


def judged_queries(
    queries: Mapping[str, str], qrels: Mapping[str, Mapping[str, int]], source: str
) -> Mapping[str, str]:
    """The queries that have judgements, in their own order.

    Raises DatasetError if nothing is judged, or a query without a text is.
    """
    if not qrels:
        raise DatasetError(f"{source}: the split judges no documents")
    textless = [query for query in qrels if query not in queries]
    if textless:
        more = f" (and {len(textless) - 1} more)" if len(textless) > 1 else ""
        raise DatasetError(f"{source}: the query {textless[0]!r}{more} is judged, but has no text among the queries")
    return {query: text for query, text in queries.items() if query in qrels}


def write_folder(
    folder: Path, corpus: Corpus, queries: Mapping[str, str], qrels: Mapping[str, Mapping[str, Mapping[str, int]]]
) -> None:
    """Writes a collection, all or nothing; another process's, if it is there first, is kept.

    qrels: split → query id → document id → grade. Raises CorpusError for a bad
    document, and OSError.
    """
    with _all_or_nothing(folder) as new:
        documents = (
            {"_id": document.id, "title": document.title, "text": document.text, "metadata": document.metadata}
            for document in corpus.read(Tolerance())
        )
        _write_lines(new / "corpus.jsonl", map(json.dumps, documents))
        _write_lines(new / "queries.jsonl", (json.dumps({"_id": key, "text": text}) for key, text in queries.items()))
        (new / "qrels").mkdir()
        for split, judged in qrels.items():
            _write_lines(new / "qrels" / f"{split}.tsv", _qrels_lines(judged))


def _qrels_lines(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield "\t".join(HEADER)
    for query, documents in qrels.items():
        for document, grade in documents.items():
            yield f"{query}\t{document}\t{grade}"


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


@contextlib.contextmanager
def _all_or_nothing(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`, which takes its name at the end, unless the name is taken by then."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        new = Path(temporary, "new")
        new.mkdir()
        yield new
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
