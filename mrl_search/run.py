"""A run: for every query a ranked list of documents, as a value and as a TREC file."""

import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import gt
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrl_search.errors import RunError


class ScoredDoc(NamedTuple):
    """A document's id and its score."""

    id: str
    score: float


def ranked(ids: Sequence[str], scores: Sequence[float]) -> list[ScoredDoc]:
    """Documents in the order all rankings have: score down, then id up."""
    found = list(map(ScoredDoc, ids, scores))
    if all(map(gt, scores, scores[1:])):  # in order, as hits mostly are: sorting 100 would take as long as all else
        return found
    return sorted(found, key=lambda document: (-document.score, document.id))


@dataclass(frozen=True)
class Run:
    """The order of each list is the ranking; the scores are for show.

    ranking: query id → documents, best first. A query that found nothing may
    have an empty list or none.
    """

    name: str
    ranking: Mapping[str, Sequence[ScoredDoc]]

    def write(self, path: Path) -> None:
        """Writes `query Q0 document rank score name` lines, all or nothing.

        trec_eval sorts by score, reading it as float32 and putting the higher
        document id first among equals. So that it sees our ranking, a score that
        is not below its predecessor's is written as the next lower float32.
        Raises RunError when an id holds white space, which the format cannot hold.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(self.lines())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise

    def lines(self) -> Iterator[str]:
        """The lines of the TREC file, ends included; raises as `write` does."""
        name = _one_word(self.name, "the run's name")
        for query, documents in self.ranking.items():
            _one_word(query, "the query id")
            scores = _falling([document.score for document in documents])
            for rank, (document, score) in enumerate(zip(documents, scores, strict=True), 1):
                yield f"{query} Q0 {_one_word(document.id, 'the document id')} {rank} {score:.9g} {name}\n"


def read_run(path: Path) -> Run:
    """Reads a TREC run as trec_eval does: score down (as float32), then document id down; the rank is ignored.

    Raises RunError at the first line that is not `query Q0 document rank score
    name`, or that repeats a document of its query; and where the scores of most queries rise with the ranks.
    """
    ranking: dict[str, dict[str, float]] = {}
    ranks: dict[str, list[str]] = {}
    name = path.stem
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        query, document, rank, score, name = _fields(line, where)
        documents = ranking.setdefault(query, {})
        if document in documents:
            raise RunError(f"{where}: the document {document} appears twice for the query {query}")
        documents[document] = score
        ranks.setdefault(query, []).append(rank)
    reversed_ones = [query for query, documents in ranking.items() if _rise(ranks[query], list(documents.values()))]
    if 2 * len(reversed_ones) > sum(len(documents) > 1 for documents in ranking.values()):
        raise RunError(
            f"{path}: all scores rise with the ranks of {len(reversed_ones):,} of {len(ranking):,} queries, "
            f"{reversed_ones[0]} for one; whoever goes by scores, as trec_eval does, takes the worst document for the "
            "best; write scores that fall, as -rank does"
        )
    return Run(name, {query: _trec_order(documents) for query, documents in ranking.items()})


def _rise(ranks: Sequence[str], scores: Sequence[float]) -> bool:
    """Whether two scores or more rise strictly with ranks, if those are numbers."""
    if len(ranks) < 2 or not all(rank.isdecimal() for rank in ranks):
        return False
    by_rank = sorted(zip(map(int, ranks), scores, strict=True))
    return all(above[0] < below[0] and above[1] < below[1] for above, below in itertools.pairwise(by_rank))


def _fields(line: str, where: str) -> tuple[str, str, str, float, str]:
    """Query, document, rank, score and run name of one line."""
    fields = line.split()
    if len(fields) != 6:
        raise RunError(f"{where}: found {len(fields)} fields, wanted 6: query Q0 document rank score name")
    try:
        score = float(fields[4])
    except ValueError:
        raise RunError(f"{where}: the score {fields[4]!r} is not a number") from None
    if not np.isfinite(score):
        raise RunError(f"{where}: the score {fields[4]} is not finite")
    return fields[0], fields[2], fields[3], score, fields[5]


def _trec_order(documents: Mapping[str, float]) -> list[ScoredDoc]:
    by_id = sorted((ScoredDoc(*item) for item in documents.items()), key=lambda document: document.id, reverse=True)
    with np.errstate(over="ignore"):  # a score beyond float32 is infinite, to trec_eval too
        return sorted(by_id, key=lambda document: -np.float32(document.score))


def _falling(scores: Sequence[float]) -> list[np.float32]:
    """The scores as float32, each strictly below the one before."""
    falling: list[np.float32] = []
    for score in scores:
        value = np.float32(score)
        if falling and not value < falling[-1]:
            value = np.nextafter(falling[-1], np.float32(-np.inf))
        falling.append(value)
    return falling


def _one_word(text: str, what: str) -> str:
    if text.split() != [text]:
        raise RunError(f"{what} {text!r} is not one word, as a TREC run file needs it; print JSON")
    return text
