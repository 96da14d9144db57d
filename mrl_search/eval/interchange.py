"""To mteb and from it: an encoder it can evaluate, and results in its JSON."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mrl_search.atomic import replacing
from mrl_search.encoders import Encoder, checked
from mrl_search.errors import MissingPackageError, RecipeError
from mrl_search.eval.report import Evaluation, Report
from mrl_search.hits import Scores
from mrl_search.vectors import Vectors

_TASKS = {
    "arguana": "ArguAna",
    "climate-fever": "ClimateFEVER",
    "dbpedia-entity": "DBPedia",
    "fever": "FEVER",
    "fiqa": "FiQA2018",
    "hotpotqa": "HotpotQA",
    "msmarco": "MSMARCO",
    "nfcorpus": "NFCorpus",
    "nq": "NQ",
    "quora": "QuoraRetrieval",
    "scidocs": "SCIDOCS",
    "scifact": "SciFact",
    "trec-covid": "TRECCOVID",
}
_MEASURES = {
    "nDCG": "ndcg",
    "Recall": "recall",
    "R": "recall",
    "MRR": "mrr",
    "RR": "mrr",
    "AP": "map",
    "P": "precision",
}
_MAIN = "ndcg_at_10"


class MTEBEncoder:
    """Any of our encoders for `mteb.evaluate(MTEBEncoder(load_encoder(spec)), tasks)`: mteb's `EncoderProtocol`."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def encode(self, inputs: Iterable[dict[str, Any]], *, prompt_type: str | None = None, **_told: object) -> Vectors:
        """(n, dim) unit rows of the texts in mteb's batches; queries with the query prompt, all else as documents."""
        encode = self._encoder.encode_queries if prompt_type == "query" else self._encoder.encode_documents
        parts = [checked(encode(some["text"]), len(some["text"]), self._encoder) for some in inputs]
        return np.concatenate([np.empty((0, self._encoder.dim), np.float32), *parts])

    def similarity(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> Scores:
        """(n, m) cosines of two sets of vectors."""
        cosines: Scores = np.asarray(embeddings1) @ np.asarray(embeddings2).T
        return cosines

    def similarity_pairwise(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> Scores:
        """(n,) cosines of each with its partner."""
        cosines: Scores = np.einsum("nd,nd->n", np.asarray(embeddings1), np.asarray(embeddings2))
        return cosines

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb files its results under. Raises MissingPackageError without mteb."""
        try:
            from mteb.models.model_meta import ModelMeta
        except ImportError:
            raise MissingPackageError("mteb", "its model's description", "mteb") from None
        name = re.sub(r"[^\w.-]", "-", self._encoder.spec.name)
        return ModelMeta.create_empty(
            {"name": f"mrl-search/{name}", "revision": "local", "embed_dim": self._encoder.dim}
        )


def mteb_result(evaluation: Evaluation, row: Report) -> dict[str, Any]:
    """One row as mteb's `TaskResult` is on disk. Raises RecipeError without nDCG@10, its main score for retrieval."""
    scores: dict[str, Any] = {}
    for name, value in row.mean.items():
        head, _, depth = name.partition("@")
        if head in _MEASURES and depth:
            scores[f"{_MEASURES[head]}_at_{depth}"] = value
    if _MAIN not in scores:
        raise RecipeError(f"mteb wants nDCG@10 of {row.funnel}; it has {', '.join(row.mean)}")
    split = {**scores, "main_score": scores[_MAIN], "hf_subset": "default", "languages": ["eng-Latn"]}
    return {
        "dataset_revision": "local",
        "task_name": _TASKS.get(evaluation.dataset, evaluation.dataset),
        "mteb_version": None,
        "scores": {evaluation.split: [split]},
        "evaluation_time": None,
    }


def write_mteb(evaluations: Sequence[Evaluation], folder: Path) -> list[Path]:
    """Writes FOLDER/ROW/TASK.json for every row that has nDCG@10, and returns their paths.

    Raises RecipeError, before anything is written, where two rows of one collection have the same name.
    """
    texts: dict[Path, str] = {}
    for evaluation in evaluations:
        for row in evaluation.reports:
            if "nDCG@10" not in row.mean:
                continue
            result = mteb_result(evaluation, row)
            words = (row.encoder, row.rotation, row.dtype, row.prefix, row.funnel)
            path = folder / re.sub(r"[^\w.-]", "-", "__".join(words)) / f"{result['task_name']}.json"
            text = json.dumps(result, indent=2) + "\n"
            if texts.setdefault(path, text) != text:
                raise RecipeError(f"two results have the row {row} of {evaluation.dataset}; give --mteb one of them")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(texts)
