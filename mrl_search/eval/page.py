"""Evaluations as one HTML file that needs nothing else: no network, no server."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from mrl_search.data import Dataset, Tolerance, load_dataset
from mrl_search.eval.paired import SURE, holm, intervals, paired_rows, verdict
from mrl_search.eval.prices import Prices, ms_per_mac
from mrl_search.eval.report import Evaluation, Report
from mrl_search.eval.standing import MARGIN

_TESTED = 24  # rows that are tested against one another
_TITLE = 90  # letters of a relevant document that are shown
_TOLD = 3  # relevant documents of a query


def page(
    evaluations: Sequence[Evaluation], prices: Prices, data: Path | None = None, beside: Sequence[str] = ()
) -> str:
    """The whole page. data: where the collections are, to show their texts; without it ids stand for these.

    beside: sections of HTML, of whoever made them safe, for other results of the same encoders.

    Raises DatasetError for a collection that is not there, CorpusError and RunError for one that cannot be read.
    """
    collections = json.dumps([_collection(one, prices, data) for one in evaluations], allow_nan=False)
    assets = files("mrl_search.eval") / "assets"
    html, style, *scripts = (
        (assets / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "charts.js", "page.js")
    )
    # the data last: nothing in it is replaced, and no "<" in it can end its element
    parts = {
        "<!--BESIDE-->": "\n".join(beside),
        "/*STYLE*/": style,
        "/*SCRIPT*/": "\n".join(scripts),
        "/*DATA*/": collections.replace("<", "\\u003c"),
    }
    for mark, text in parts.items():
        html = html.replace(mark, text, 1)
    return html


def _collection(evaluation: Evaluation, prices: Prices, data: Path | None) -> dict[str, Any]:
    queries = list(next(iter(evaluation.reports[0].per_query.values())))
    rows = [_row(evaluation, row, queries) for row in evaluation.reports]
    for name in evaluation.measures:
        there = [row for row in rows if name in row["mean"]]
        for row, interval in zip(there, intervals([row["per_query"][name] for row in there]), strict=True):
            row["interval"][name] = interval
    return {
        **{name: getattr(evaluation, name) for name in ("dataset", "split", "documents", "measures", "command")},
        "judged": evaluation.queries,
        "notes": evaluation.notes,
        "provenance": evaluation.provenance,
        "prices": asdict(prices),
        "rows": rows,
        "queries": _texts(evaluation, queries, data),
        "growth": [asdict(one) for one in evaluation.growth],
        "significance": _significance(evaluation, rows),
    }


def _row(evaluation: Evaluation, row: Report, queries: list[str]) -> dict[str, Any]:
    stages = [stage.partition(":") for stage in row.funnel.split(",")]
    dim = int(stages[0][0]) if stages[0][0].isdecimal() else None  # of BM25 there is none
    return {
        **{name: getattr(row, name) for name in ("encoder", "rotation", "dtype", "prefix", "funnel", "mean", "p_holm")},
        "dim": dim,
        "exact": len(stages) == 1,
        "interval": {},
        "per_query": {name: [values[query] for query in queries] for name, values in row.per_query.items()},
        "kept": asdict(row.kept) if row.kept else None,
        "verdict": verdict(row.difference, row.p_holm),
        "cost": asdict(row.cost),
        "ms_per_document": dim * ms_per_mac(row, evaluation) if dim else None,
    }


def _significance(evaluation: Evaluation, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Every pair of at most 24 rows by the first measure: full widths, then the others, the best first."""
    measure = evaluation.measures[0]
    there = [place for place, row in enumerate(rows) if measure in row["mean"]]
    firsts = [place for place in there if evaluation.reports[place].difference is None]
    best = sorted((place for place in there if place not in firsts), key=lambda place: -rows[place]["mean"][measure])
    chosen = sorted([*firsts, *best][:_TESTED])
    values = np.array([rows[place]["per_query"][measure] for place in chosen])
    pairs: list[list[Any]] = [[None] * len(chosen) for _ in chosen]
    both = list(combinations(range(len(chosen)), 2)) if values.shape[1] > 1 else []
    found = paired_rows([values[i] - values[j] for i, j in both], MARGIN) if both else []
    adjusted = holm([one.p_different for one in found])
    for (i, j), one, p in zip(both, found, adjusted, strict=True):
        pairs[i][j] = (one.mean, p, one.p_equivalent < SURE)
        pairs[j][i] = (-one.mean, p, one.p_equivalent < SURE)
    if not both:
        chosen, pairs = [], []
    return {"measure": measure, "margin": MARGIN, "rows": chosen, "pairs": pairs}


def _texts(evaluation: Evaluation, queries: list[str], data: Path | None) -> list[dict[str, Any]]:
    """Each query with its text and its relevant documents' beginnings, where it is said where these are."""
    if data is None:
        return [{"id": query, "text": "", "relevant": []} for query in queries]
    dataset = load_dataset(evaluation.dataset, evaluation.split, data)
    beginnings = _beginnings(dataset)
    told = []
    for query in queries:
        relevant = [document for document, grade in dataset.qrels.get(query, {}).items() if grade > 0]
        shown = [beginnings.get(document, document) for document in relevant[:_TOLD]]
        told.append({"id": query, "text": dataset.queries.get(query, ""), "relevant": shown})
    return told


def _beginnings(dataset: Dataset) -> dict[str, str]:
    """The titles, or first words, of all relevant documents."""
    relevant = {document for grades in dataset.qrels.values() for document, grade in grades.items() if grade > 0}
    return {
        document.id: (document.title or document.text)[:_TITLE]
        for document in dataset.corpus.read(Tolerance(0))
        if document.id in relevant
    }
