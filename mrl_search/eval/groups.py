"""Rows of a grid that were measured once are not measured again: one encoder after one rotation is a group."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mrl_search.atomic import filling
from mrl_search.cache import cache_root
from mrl_search.data import Dataset, Tolerance
from mrl_search.errors import RecipeError
from mrl_search.eval.growth import Growth
from mrl_search.eval.report import Report
from mrl_search.provenance import commit, machine, version
from mrl_search.results import Result

_NAME = "group.json"


@dataclass(frozen=True)
class Group(Result):
    """What came of one encoder and rotation. runs: the names of its TREC runs, if they were written.

    busy: whether times were taken while the machine had too much to do.
    """

    reports: tuple[Report, ...]
    growth: tuple[Growth, ...] = ()
    notes: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    busy: bool = False


def remembered(asked: Mapping[str, object] | None, runs: Path | None, make: Callable[[Path | None], Group]) -> Group:
    """The group that was made when the same was asked, its runs copied to `runs`; else `make` makes it, and it is kept.

    One that was timed on a busy machine is not kept.

    asked: JSON values that say all that the group depends on but the code and the machine; None to make it in any case.
    A source tree that differs from its commit remembers nothing.
    """
    state = commit()
    if asked is None or (state or "").endswith("+dirty"):
        return make(runs)
    told = {**asked, "mrl_search": version(), "commit": state, "machine": machine()}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]
    folder = cache_root() / "evaluations" / digest
    group = _read(folder, with_runs=runs is not None)
    if group is None:
        with filling(folder) as temporary:
            group = make(temporary if runs is not None else None)
            group = replace(group, runs=tuple(sorted(path.name for path in temporary.iterdir())))
            group.write(temporary / _NAME)
    for name in group.runs if runs is not None else ():
        shutil.copyfile(folder / name, runs / name)  # type: ignore[operator]
    if group.busy:
        shutil.rmtree(folder)
    return group


def _read(folder: Path, *, with_runs: bool) -> Group | None:
    """The group, if it is there, whole, and has runs where these are wanted."""
    try:
        group = Group.read(folder / _NAME)
    except RecipeError:
        return None
    there = group.runs and all((folder / name).exists() for name in group.runs)
    return group if there or not with_runs else None


def fingerprint(dataset: Dataset) -> str:
    """A digest of every document, query and judgement, in order."""
    digest = hashlib.sha256()
    for document in dataset.corpus.read(Tolerance(0)):
        digest.update(json.dumps([document.id, document.content]).encode())
    digest.update(json.dumps([list(dataset.queries.items()), dataset.qrels], sort_keys=True).encode())
    return digest.hexdigest()
