"""Test collections and corpora on the Hugging Face hub, or in a local folder laid out as a hub repository."""

import contextlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from mrl_search.data.documents import Tolerance
from mrl_search.data.qrels import HEADER, Judgement
from mrl_search.data.record import Record
from mrl_search.errors import CorpusError, DatasetError, MRLSearchError

SCHEME = "hf:"
_REACH_SECONDS = 5
_SHOWN = 300  # characters of an error of `datasets`, whose messages may run over pages


def corpus_records(name: str, tolerance: Tolerance) -> Iterator[Record]:
    """The rows of the configuration "corpus", else of the default one's split "train"; streamed.

    Raises CorpusError when the hub cannot be reached or has no such thing,
    which no `tolerance` forgives.
    """
    with _explained(name, CorpusError):
        if "corpus" in _configs(name):
            yield from _rows(name, _only_split(name, "corpus"))
        else:
            yield from _rows(name, _split(name, None, "train"))


def example_records(name: str) -> Iterator[Record]:
    """The rows of the split "train", streamed, of NAME's default configuration or, of NAME:CONFIG, of that one.

    Raises CorpusError when the hub cannot be reached or has no such thing, naming the configurations there are.
    """
    name, _, config = name.partition(":")
    with _explained(name, CorpusError):
        configs = _configs(name)
        if len(configs) > 1 and (config or "default") not in configs:
            raise CorpusError(
                f"{SCHEME}{name} has the configurations {', '.join(configs)}; name one, as {SCHEME}{name}:{configs[0]}"
            )
        if config and config not in configs:
            raise CorpusError(f"{SCHEME}{name} has no configuration {config!r}; it has: {', '.join(configs)}")
        yield from _rows(name, _split(name, config or None, "train"))


def query_records(name: str) -> Iterator[Record]:
    """The rows of the configuration "queries". Raises DatasetError."""
    with _explained(name, DatasetError):
        yield from _rows(name, _only_split(name, "queries"))


def splits(name: str) -> list[str]:
    """The splits there are judgements for. Raises DatasetError."""
    with _explained(name, DatasetError):
        return list(_streams(*_judged(name)))


def judgements(name: str, split: str) -> Iterator[Judgement]:
    """The rows of one split of the configuration "default", else of the repository NAME-qrels, as BeIR's have it.

    Raises DatasetError when there is no such split, and when it lacks a column.
    """
    with _explained(name, DatasetError):
        for where, fields in _rows(name, _split(*_judged(name), split)):
            missing = [column for column in HEADER if fields.get(column) is None]
            if missing:
                raise DatasetError(f"{where}: lacks {', '.join(missing)}")
            query, document, grade = (fields[column] for column in HEADER)
            # some repositories keep grades as floats; 1.0 is 1, while 0.5 stays to be refused
            whole = int(grade) if isinstance(grade, float) and grade.is_integer() else grade
            yield Judgement(where, str(query), str(document), str(whole))


def _judged(name: str) -> tuple[str, str | None]:
    """(repository, configuration) of the judgements."""
    if "default" in _configs(name):
        return name, "default"
    return f"{name.rstrip('/')}-qrels", None


def _rows(name: str, rows: Any) -> Iterator[Record]:
    for number, fields in enumerate(rows, 1):
        yield Record(f"{SCHEME}{name}, row {number}", fields)


def _configs(name: str) -> list[str]:
    from datasets import get_dataset_config_names

    if not name.strip("/"):
        raise DatasetError(f"{SCHEME} names no repository; wanted for instance {SCHEME}mteb/scifact")
    _reach(name)
    configs: list[str] = get_dataset_config_names(name)
    return configs


def _streams(name: str, config: str | None) -> Any:
    """Split → rows. Streaming everywhere: nothing is written to the library's own cache, ours keeps BEIR folders."""
    from datasets import load_dataset

    _reach(name)
    return load_dataset(name, config, streaming=True)


def _split(name: str, config: str | None, split: str) -> Any:
    found = _streams(name, config)
    if split not in found:
        raise DatasetError(f"{SCHEME}{name} has no split {split!r}; it has: {', '.join(found)}")
    return found[split]


def _only_split(name: str, config: str) -> Any:
    """The rows of all splits of the configuration; there is one, of which the name varies."""
    return chain.from_iterable(_streams(name, config).values())


def _reach(name: str) -> None:
    """Asks the hub for the repository once, since `datasets` would ask six times in 23 s before it gave up."""
    from huggingface_hub import HfApi

    if not Path(name).is_dir():
        HfApi().dataset_info(name, timeout=_REACH_SECONDS)


@contextlib.contextmanager
def _explained(name: str, kind: type[MRLSearchError]) -> Iterator[None]:
    """Turns what `datasets` and the libraries under it raise into one line of `kind`."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    # The hub's client has changed its HTTP library twice (requests, httpx, httpx2) and lets its errors through;
    # this is the root of them, whichever it is.
    http_error: type[Exception] = HfHubHTTPError.__mro__[1]
    try:
        yield
    except MRLSearchError as error:
        raise kind(str(error)) from error
    except (OSError, ValueError, RuntimeError, DatasetsError, http_error) as error:
        reason = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
        raise kind(f"{SCHEME}{name} cannot be read: {reason}; go online, or give a local folder or file") from error
