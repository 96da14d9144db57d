"""A corpus every machine has: the docstrings of Python's standard library, and a search task made of it."""

import ast
import inspect
import os
import re
import sysconfig
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mrl_search.data.collection import Corpus, Dataset
from mrl_search.data.documents import Tolerance, to_documents
from mrl_search.data.record import Record
from mrl_search.document import Document

SOURCE = "pydoc:stdlib"
SPLIT = "test"
_SKIPPED_FOLDERS = {"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3"}
_LEAST_WORDS = 3  # of a docstring; below that it repeats the name
_LEAST_QUERY_WORDS = 4
_LEAST_REST_WORDS = 12
_QUERIES = 500
# A sentence ends at . ! or ? before white space, or where its paragraph does.
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)\s+|\n\s*\n")
_KINDS = {ast.ClassDef: "class", ast.FunctionDef: "function", ast.AsyncFunctionDef: "function"}


def records(source: str, tolerance: Tolerance) -> Iterator[Record]:
    """One record for each docstring of at least 3 words, by file and then by line; nothing is imported.

    Depends on the interpreter that runs, and is the same at each run of it.
    Files that do not parse are left out: some are there to be unparsable. The
    id is the dotted name; where a name is defined again, `#2` and so on follow.
    """
    root = Path(sysconfig.get_path("stdlib"))
    seen: Counter[str] = Counter()
    for path in _source_files(root):
        relative = path.relative_to(root)
        tree = _parsed(path)
        if tree is None:
            continue
        for name, kind, text in _docstrings(tree, _module_name(relative), "module"):
            seen[name] += 1
            identifier = name if seen[name] == 1 else f"{name}#{seen[name]}"
            fields = {"_id": identifier, "title": name, "text": text, "kind": kind, "file": relative.as_posix()}
            yield Record(f"{relative}, {identifier}", fields)


def known_items() -> Dataset:
    """Finding a docstring from its first sentence, when only the rest of it, without its name, can be searched.

    Kept are the docstrings that begin with a sentence of at least 4 words and
    go on for at least 12, unless another begins, or goes on, in the same words.
    500 of them, evenly spaced, are asked for; each has one relevant document,
    of grade 1. The whole library is parsed here, in seconds.
    """
    tolerance = Tolerance()
    documents = to_documents(records(SOURCE, tolerance), tolerance)
    items = _distinct([item for item in map(_item, documents) if item is not None])
    asked = [items[i * len(items) // _QUERIES] for i in range(_QUERIES)] if len(items) > _QUERIES else items
    return Dataset(
        name="stdlib-known-items",
        split=SPLIT,
        corpus=Corpus("stdlib-known-items", SOURCE, lambda tolerance: (item.document for item in items)),
        queries={f"q-{item.document.id}": item.query for item in asked},
        qrels={f"q-{item.document.id}": {item.document.id: 1} for item in asked},
    )


class _Item(NamedTuple):
    query: str
    document: Document


def _item(document: Document) -> _Item | None:
    """The docstring cut after its first sentence, or None if either part is too short."""
    sentence, *rest = _SENTENCE_END.split(document.text, maxsplit=1)
    query = " ".join(sentence.split())
    text = rest[0].strip() if rest else ""
    if len(query.split()) < _LEAST_QUERY_WORDS or len(text.split()) < _LEAST_REST_WORDS:
        return None
    return _Item(query, Document(document.id, text, metadata=document.metadata, where=document.where))


def _distinct(items: list[_Item]) -> list[_Item]:
    """Those whose query, whatever its case, and whose rest occur once only: others have several right answers."""
    queries = Counter(item.query.casefold() for item in items)
    rests = Counter(item.document.text for item in items)
    return [item for item in items if queries[item.query.casefold()] == 1 == rests[item.document.text]]


def _source_files(root: Path) -> Iterator[Path]:
    """The importable modules below `root`, by name, those of a folder before those of its subfolders."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name.isidentifier() and name not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            if name.endswith(".py") and name.removesuffix(".py").isidentifier():
                yield Path(folder, name)


def _module_name(relative: Path) -> str:
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _parsed(path: Path) -> ast.Module | None:
    """The module's tree, or None if it cannot be read or parsed."""
    try:
        with tokenize.open(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in old modules are not our user's concern
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _docstrings(node: ast.AST, name: str, kind: str) -> Iterator[tuple[str, str, str]]:
    """(dotted name, kind, text) of the node and of what is defined in it, however deep, in source order."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
        if len(text.split()) >= _LEAST_WORDS:
            yield name, kind, text
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _docstrings(child, f"{name}.{child.name}", _KINDS[type(child)])
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):  # expressions define nothing
            yield from _docstrings(child, name, kind)
