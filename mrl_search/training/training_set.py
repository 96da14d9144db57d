"""The training set of a recipe: read, counted, digested, and kept clear of what is tested on."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mrl_search.data import Dataset, Example, Tolerance, load_dataset, open_corpus, read_examples
from mrl_search.errors import CorpusError, TrainingError
from mrl_search.training.sts import scored_pairs
from mrl_search.training.train_recipe import Source, TrainRecipe

_JUDGED = "dir:"
_SCHEMES = ("hf:", "pydoc:")  # what is no path


@dataclass(frozen=True)
class TrainingSet:
    """Examples in order, and where they are from.

    taught: a teacher's scores of each example's positive and negative, where there is one.

    sources: of each, its path, how many examples it gave and their sha256.
    overlaps: of each judged collection, how many of its test queries and relevant test documents stand in the examples
    too, and how many pairs were left out because they are a test query with a relevant document.
    """

    examples: tuple[Example, ...]
    sources: tuple[dict[str, object], ...]
    overlaps: dict[str, dict[str, int]]
    taught: tuple[tuple[float, ...], ...] = ()


def training_set(recipe: TrainRecipe, root: Path) -> TrainingSet:
    """All examples the recipe names, paths taken from `root`.

    Of loss = "masked" every source is a corpus, as for build, and its texts are the examples' firsts.
    `dir:FOLDER` stands for the judged pairs of a BEIR folder's split "train". A pair of a test query and a document
    that is relevant to it is left out and counted; pairs of a file of scored pairs that is judged by are only counted.
    Raises CorpusError, and TrainingError for examples of a wrong kind.
    """
    tests = {name: load_dataset(name, "test", root / recipe.judged.folder) for name in recipe.judged.datasets}
    judged = {name: _judged_texts(dataset) for name, dataset in tests.items()}
    scored = {name: _scored_pairs(root / name) for name in recipe.judged.sts}
    forbidden = {pair for pairs, _, _ in judged.values() for pair in pairs}
    examples: list[Example] = []
    sources: list[dict[str, object]] = []
    left_out: set[tuple[str, str]] = set()
    for source in recipe.data:
        found = list(islice(_read(source, root, recipe.loss), source.limit or None))
        if not found:
            raise CorpusError(f"{source.path} holds no examples")
        kept = []
        for example in found:
            pair = (_folded(example.first), _folded(example.second))
            if pair in forbidden:
                left_out.add(pair)
            else:
                kept.append(example)
        demand_kind(recipe, source, kept)
        sources.append({"path": source.path, "examples": len(kept), "sha256": _digest(kept)})
        examples += kept
    demand_labels(recipe, examples)
    seen = {_folded(text) for example in examples for text in example[:3] if text is not None}
    overlaps = {
        name: {
            "test queries": len(queries & seen),
            "relevant test documents": len(documents & seen),
            "of": len(documents),
            "pairs left out": len(left_out & pairs),
        }
        for name, (pairs, queries, documents) in judged.items()
    }
    trained = {frozenset(map(_folded, example[:2])) for example in examples if scored}
    overlaps |= {name: _overlap(pairs, trained, seen) for name, pairs in scored.items()}
    return TrainingSet(tuple(examples), tuple(sources), overlaps)


def demand_kind(recipe: TrainRecipe, source: Source, examples: Iterable[Example]) -> None:
    """Raises TrainingError unless every example has what the recipe's loss compares."""
    for number, example in enumerate(examples, 1):
        if recipe.loss == "cosent" and example.score is None:
            raise TrainingError(f"{source.path}, example {number}: has no score, which loss = 'cosent' is trained on")
        if recipe.loss == "softmax" and example.label is None:
            raise TrainingError(f"{source.path}, example {number}: has no label, which loss = 'softmax' is trained on")


def demand_labels(recipe: TrainRecipe, examples: Iterable[Example]) -> None:
    """Raises TrainingError where a classifier would have nothing to tell apart."""
    if recipe.loss == "softmax" and len(labels := {example.label for example in examples}) < 2:
        raise TrainingError(f"all examples have the label {labels.pop()}; loss = 'softmax' tells labels apart")


def columns(recipe: TrainRecipe, data: TrainingSet) -> dict[str, list[Any]]:
    """The examples as the columns that sentence-transformers' losses take, in its order: texts, then what is told.

    Pairs and triplets stand apart: a batch is of one kind, so where some examples have a negative, all must.
    Raises TrainingError otherwise.
    """
    rows = data.examples
    table: dict[str, list[Any]] = {
        "first": [example.first for example in rows],
        "second": [example.second for example in rows],
    }
    if recipe.loss == "masked":
        return {"first": table["first"]}
    if recipe.loss == "cosent":
        return table | {"score": [example.score for example in rows]}
    if recipe.loss == "softmax":
        return table | {"label": [example.label for example in rows]}
    with_negative = sum(example.negative is not None for example in rows)
    if with_negative == len(rows):
        told = {"label": [list(scores) for scores in data.taught]} if data.taught else {}
        return table | told | {"negative": [example.negative for example in rows]}
    if with_negative:
        raise TrainingError(f"{with_negative} of {len(rows)} examples have a negative; wanted all or none")
    return table


def _read(source: Source, root: Path, loss: str) -> Iterator[Example]:
    if loss == "masked":
        documents = open_corpus(source.path if source.path.startswith(_SCHEMES) else str(root / source.path))
        return (Example(document.content, "") for document in documents.read(Tolerance(0)))
    if source.path.startswith(_JUDGED):
        folder = root / source.path.removeprefix(_JUDGED)
        return judged_examples(load_dataset(f"{_JUDGED}{folder}", "train"))
    if source.path.startswith("hf:"):
        return read_examples(source.path)
    return read_examples(str(root / source.path))


def judged_examples(dataset: Dataset) -> Iterator[Example]:
    """A pair for each judgement above 0, query by query."""
    contents = _contents(dataset, {name for grades in dataset.qrels.values() for name in grades})
    for query, text in dataset.queries.items():
        for document, grade in dataset.qrels[query].items():
            if grade > 0 and document in contents and contents[document].strip():
                yield Example(text, contents[document])


def _scored_pairs(path: Path) -> set[frozenset[str]]:
    """The pairs of a file that is judged by, folded, in no order. Raises CorpusError as `scored_pairs`."""
    first, second, _ = scored_pairs(path)
    return {frozenset((_folded(one), _folded(other))) for one, other in zip(first, second, strict=True)}


def _overlap(pairs: set[frozenset[str]], trained: set[frozenset[str]], seen: set[str]) -> dict[str, int]:
    """How many of the pairs, and of their sentences, stand in the training texts."""
    sides = {side for pair in pairs for side in pair}
    return {
        "test pairs": len(pairs & trained),
        "of pairs": len(pairs),
        "test sentences": len(sides & seen),
        "of sentences": len(sides),
    }


def _judged_texts(dataset: Dataset) -> tuple[set[tuple[str, str]], set[str], set[str]]:
    """(pairs of query and relevant document, queries, relevant documents), folded."""
    contents = _contents(dataset, {name for grades in dataset.qrels.values() for name in grades})
    pairs = {
        (_folded(dataset.queries[query]), _folded(contents[document]))
        for query, grades in dataset.qrels.items()
        for document, grade in grades.items()
        if grade > 0 and document in contents
    }
    return pairs, {_folded(text) for text in dataset.queries.values()}, {document for _, document in pairs}


def _contents(dataset: Dataset, wanted: set[str]) -> dict[str, str]:
    documents = dataset.corpus.read(Tolerance(0))
    return {document.id: document.content for document in documents if document.id in wanted}


def _folded(text: str) -> str:
    """What makes two texts the same here: letters and digits, whatever their case and spacing."""
    return " ".join(text.casefold().split())


def _digest(examples: Iterable[Example]) -> str:
    digest = hashlib.sha256()
    for example in examples:
        digest.update(repr(tuple(example)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
