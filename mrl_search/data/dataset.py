"""From the name of a test collection to the collection."""

import os
import re
from pathlib import Path

from mrl_search.cache import cache_root
from mrl_search.data import hub, stdlib_docs
from mrl_search.data.beir import judged_queries, read_folder, write_folder
from mrl_search.data.collection import Dataset
from mrl_search.data.corpus import open_corpus
from mrl_search.data.qrels import collect_qrels
from mrl_search.data.queries import collect_queries
from mrl_search.errors import CorpusError, DatasetError, RunError

_FOLDER = "dir:"
_HUB_OWNER = "mteb"  # has the BEIR sets and many more, all in one layout
_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,200}")
_HOW_TO_GET = "download the BEIR zip, unpack it, and pass --data FOLDER or dir:PATH"


def load_dataset(name: str, split: str = "test", data_root: Path | None = None) -> Dataset:
    """The test collection of that name, cut down to one split; its corpus is not read yet.

    name: `dir:PATH` for a BEIR folder, `hf:NAME` for the hub, `pydoc:stdlib`, or
    a plain name, looked for as a folder of `data_root`, of `$MRL_SEARCH_DATA`
    and of the cache, and then on the hub as `mteb/NAME`, which fills the cache.
    The first folder that is there is the one meant, even if it turns out bad.

    Raises DatasetError; CorpusError and RunError for bad lines in its files.
    """
    if name == stdlib_docs.SOURCE:
        _demand_split(name, split)
        return stdlib_docs.known_items()
    if name.startswith(_FOLDER):
        return read_folder(Path(name.removeprefix(_FOLDER)), split)
    if name.startswith(hub.SCHEME):
        return _from_hub(name, split)
    if not _NAME.fullmatch(name):
        raise DatasetError(
            f"{name!r} is not the name of a test collection; wanted letters, digits, '.', '_' and '-', "
            f"or {_FOLDER}PATH, {hub.SCHEME}NAME, {stdlib_docs.SOURCE}"
        )
    folders = _places(name, data_root)
    for folder in folders:
        if folder.is_dir():
            return read_folder(folder, split)
    _download(f"{_HUB_OWNER}/{name}", folders)
    return read_folder(folders[-1], split)


def _places(name: str, data_root: Path | None) -> list[Path]:
    """The folders the collection may be in, in the order they are looked at; the last is the cache's."""
    environment = os.environ.get("MRL_SEARCH_DATA")
    roots = [data_root, Path(environment).expanduser() if environment else None, cache_root() / "datasets"]
    return [root / name for root in roots if root is not None]


def _from_hub(source: str, split: str) -> Dataset:
    """The collection on the hub, streamed at each reading and not kept."""
    name = source.removeprefix(hub.SCHEME)
    corpus = open_corpus(source)
    qrels = collect_qrels(hub.judgements(name, split))
    return Dataset(
        corpus.name, split, corpus, judged_queries(collect_queries(hub.query_records(name)), qrels, source), qrels
    )


def _download(repository: str, folders: list[Path]) -> None:
    """Writes all splits of the hub's collection to the last of the folders. Raises DatasetError, naming all places."""
    try:
        corpus = open_corpus(f"{hub.SCHEME}{repository}")
        queries = collect_queries(hub.query_records(repository))
        qrels = {split: collect_qrels(hub.judgements(repository, split)) for split in hub.splits(repository)}
        write_folder(folders[-1], corpus, queries, qrels)
    except (CorpusError, DatasetError, RunError, OSError) as error:
        unset = ["no --data", "no $MRL_SEARCH_DATA"] if len(folders) == 1 else []
        looked = "; ".join([*unset, *(f"{folder}: no such folder" for folder in folders)])
        raise DatasetError(
            f"no test collection {folders[-1].name!r}. {looked}; {error}. To get it: {_HOW_TO_GET}"
        ) from error


def _demand_split(name: str, split: str) -> None:
    if split != stdlib_docs.SPLIT:
        raise DatasetError(f"{name} has no split {split!r}; it has: {stdlib_docs.SPLIT}")
