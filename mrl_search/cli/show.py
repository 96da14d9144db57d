"""Answers as people and programs read them."""

import json
import math
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mrl_search.columns import aligned

if TYPE_CHECKING:
    from mrl_search.guarantee import Certificates
    from mrl_search.indexes import Calibration
    from mrl_search.living import Changed
    from mrl_search.plan import Plan
    from mrl_search.retriever import Answer
    from mrl_search.run import Run
    from mrl_search.trace import Traced

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def answers(text: str, found: Sequence["Answer"]) -> str:
    """Rank, score, id and title on one line, the sentence that shares most with the query on the next."""
    if not found:
        return "nothing found"
    width = max(60, shutil.get_terminal_size((100, 24)).columns)
    id_width = min(max(len(answer.id) for answer in found), 32)
    lines = []
    for rank, answer in enumerate(found, 1):
        title = "" if answer.title == answer.id else one_line(answer.title)
        head = f"{rank:>3}  {answer.score:.4f}  {one_line(answer.id):<{id_width}}  {title}"
        lines += [_cut(head.rstrip(), width), _cut(f"{'':13}{snippet(text, answer.text)}".rstrip(), width)]
    return "\n".join(line for line in lines if line)


def explanation(found: "Traced", where: str) -> str:
    """A table: one line an answer, one pair of columns (rank and score) a stage; times, and what searched, below."""
    heads = ["id", *(f"{stage.name} rank score" for stage in found.stages), "title"]
    rows = [heads]
    for answer in found.answers:
        cells = [one_line(answer.id)]
        for stage in found.stages:
            kept = stage.ranks.get(answer.id)  # unless only a proof found it
            cells.append(f"{kept[0]} {kept[1]:.4f}" if kept is not None else "-")
        rows.append([*cells, _cut(one_line(answer.title or answer.text), 48)])
    lines = aligned(rows, {0, len(heads) - 1})
    times = ", ".join(f"{stage.name} {stage.time_ms:.2f} ms ({len(stage.ranks):,} kept)" for stage in found.stages)
    proof = [certificate(found.certificate)] if found.certificate is not None else []
    return "\n".join([*lines, f"stages: {times}; on {where}", *proof])


def certificate(of: "Certificates") -> str:
    """One line: whether the answers are proven, and how far from it they are."""
    (certified,), (gap,) = of
    if certified:
        return "certified: these are the best of all documents, ties included"
    return f"not certified: a document not compared in full could score up to {gap:.4f} above the last answer"


def timing(found: "Traced", encode_ms: float, documents: str, promise: "Calibration | None" = None) -> str:
    """One line: how many of which documents, how long, by which funnel, and what recall was promised of it."""
    count = len(found.answers)
    words = f", words {found.fusion}" if found.fusion is not None else ""
    return (
        f"{count:,} of {documents} in {found.time_ms:.1f} ms "
        f"(and {encode_ms:.1f} ms for encoding), funnel {found.funnel}{words}"
        + (f"; recall {promise}" if promise is not None else "")
    )


def as_json(
    text: str,
    found: "Traced",
    encode_ms: float,
    where: str | None,
    plan: "Plan | None" = None,
    missing: Sequence[str] = (),
) -> str:
    """One JSON object. where: what searched, told with what every stage kept; None to leave that out.

    plan: whose filter, and whose promised recall, were asked for. missing: shards that did not answer.
    """
    result: dict[str, object] = {
        "query": text,
        "funnel": str(found.funnel),
        "encode_ms": round(encode_ms, 3),
        "search_ms": round(found.time_ms, 3),
        **({"hybrid": str(found.fusion)} if found.fusion is not None else {}),
        **({"where": plan.where} if plan is not None and plan.where is not None else {}),
        **({"promise": plan.promise.__dict__} if plan is not None and plan.promise is not None else {}),
        **(_proof(found.certificate) if found.certificate is not None else {}),
        **({"partial": True, "missing": list(missing)} if missing else {}),
        "answers": [{"rank": rank, **answer._asdict()} for rank, answer in enumerate(found.answers, 1)],
    }
    if where is not None:
        result["device"] = where
        result["stages"] = [
            {
                "stage": stage.name,
                "time_ms": round(stage.time_ms, 3),
                "kept": [{"rank": rank, "id": key, "score": score} for key, (rank, score) in stage.ranks.items()],
            }
            for stage in found.stages
        ]
    return json.dumps(result, ensure_ascii=False, indent=1)


def _proof(of: "Certificates") -> dict[str, object]:
    return {"certified": bool(of.certified[0]), "bound_gap": _finite(of.gaps[0])}


def _finite(number: float) -> float | None:
    """None for what JSON has no word for: the gap where no document was left uncompared."""
    return float(number) if math.isfinite(number) else None


def run_as_json(run: "Run") -> Iterator[str]:
    """One JSON object a line for every query, in order."""
    for query, documents in run.ranking.items():
        answers = [
            {"rank": rank, "id": document.id, "score": document.score} for rank, document in enumerate(documents, 1)
        ]
        yield json.dumps({"query": query, "answers": answers}, ensure_ascii=False) + "\n"


def snippet(query: str, text: str) -> str:
    """The sentence of the text with most of the query's words; the first among equals."""
    words = set(_WORD.findall(query.casefold()))
    sentences = _SENTENCE_END.split(text.strip())
    return one_line(max(sentences, key=lambda sentence: len(words & set(_WORD.findall(sentence.casefold())))))


def one_line(text: str) -> str:
    """White space folded, and control characters (a terminal would obey them) left out."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"


def changed(folder: Path, told: str, done: "Changed", seconds: float, *, as_json: bool) -> str:
    """What a change of an index did: one line, or one JSON object."""
    if as_json:
        return json.dumps({"index": str(folder), **done._asdict(), "seconds": round(seconds, 3)}, ensure_ascii=False)
    segments = f"{done.segments:,} segment{'s' * (done.segments != 1)}"
    dead = f", {done.deleted:,} deleted rows" if done.deleted else ""
    return f"{folder}: {told}; {done.documents:,} documents in {segments}{dead}; {seconds:.2f} s"
