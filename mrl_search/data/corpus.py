"""From what a user names to a corpus: a file, a folder, stdin, the hub or the standard library."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mrl_search.data import hub, stdlib_docs
from mrl_search.data.collection import Corpus, folder_name
from mrl_search.data.documents import Tolerance, to_documents
from mrl_search.data.files import STDIN
from mrl_search.data.lines import id_records, json_records, text_records
from mrl_search.data.record import Record
from mrl_search.data.tables import csv_records, parquet_records, tsv_records
from mrl_search.document import Document
from mrl_search.errors import CorpusError

Reader = Callable[[str, Tolerance], Iterator[Record]]

_READERS: dict[str, Reader] = {
    ".jsonl": json_records,
    ".jsonl.gz": json_records,
    ".ndjson": json_records,
    ".ndjson.gz": json_records,
    ".csv": csv_records,
    ".csv.gz": csv_records,
    ".tsv": tsv_records,
    ".tsv.gz": tsv_records,
    ".txt": text_records,
    ".txt.gz": text_records,
    ".parquet": parquet_records,
}
_BEIR_CORPORA = ("corpus.jsonl", "corpus.jsonl.gz")
_IDS = "ids:"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+-]*):")


def open_corpus(source: str) -> Corpus:
    """The corpus a user means by `source`; nothing is read yet.

    source: a file (see `reader_of`), a BEIR folder, `-` for JSONL on stdin,
    `ids:FILE` (one id a line, no texts), `hf:NAME` or `pydoc:stdlib`. Raises CorpusError for anything else.
    """
    if source == STDIN:
        return Corpus("stdin", source, partial(_documents, json_records, source))
    if source == stdlib_docs.SOURCE:
        return Corpus("stdlib", source, partial(_documents, stdlib_docs.records, source))
    if source.startswith(hub.SCHEME):
        name = source.removeprefix(hub.SCHEME)
        last = name.rstrip("/").rpartition("/")[2].lower()
        return Corpus(folder_name(last), source, partial(_documents, hub.corpus_records, name))
    if source.startswith(_IDS):
        ids = Path(source.removeprefix(_IDS))
        return Corpus(folder_name(ids.name.partition(".")[0]), source, partial(_documents, id_records, str(ids)))
    _demand_there(source)
    path = Path(source)
    if path.is_dir():
        return open_folder(path)
    reader, ending = reader_of(source)
    stem = path.name[: -len(ending)]
    beside = stem == "corpus" and path.parent != Path() and (path.parent / "queries.jsonl").exists()
    name = path.resolve().parent.name if beside else stem
    return Corpus(folder_name(name), source, partial(_documents, reader, source))


def open_folder(folder: Path) -> Corpus:
    """The corpus of a BEIR folder, named after it. Raises CorpusError if it has none."""
    for name in _BEIR_CORPORA:
        path = folder / name
        if path.is_file():
            return Corpus(folder_name(folder.resolve().name), str(folder), partial(_documents, json_records, str(path)))
    raise CorpusError(f"the folder {folder} has no {' or '.join(_BEIR_CORPORA)}")


def reader_of(source: str) -> tuple[Reader, str]:
    """What reads a file of this name, and its ending. Raises CorpusError, listing the endings there are."""
    lower = source.lower()
    if lower.endswith((".json", ".json.gz")):
        raise CorpusError(
            f"{source} is one JSON value, which would have to be held in memory whole; "
            "wanted JSONL: one object on each line, in a file called .jsonl"
        )
    for ending, reader in _READERS.items():
        if lower.endswith(ending):
            return reader, ending
    raise CorpusError(f"{source} is of a kind that is not read; wanted one of {', '.join(_READERS)}")


def _documents(reader: Reader, source: str, tolerance: Tolerance) -> Iterator[Document]:
    return to_documents(reader(source, tolerance), tolerance)


def _demand_there(source: str) -> None:
    try:
        Path(source).stat()
    except FileNotFoundError:
        scheme = _SCHEME.match(source)
        if scheme is None:
            raise CorpusError(f"there is no file or folder {source}") from None
        raise CorpusError(
            f"unknown kind of source {scheme[1]!r} in {source}; "
            f"wanted a file, a folder, -, {_IDS}FILE, {hub.SCHEME}NAME or {stdlib_docs.SOURCE}"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise CorpusError(f"{source[:200]!r} cannot be read: {getattr(error, 'strerror', error)}") from error
