"""What is analysed: a sample of vectors, pairs that belong together, and a collection that was judged."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrl_search.data import Dataset, Tolerance, load_dataset, read_examples
from mrl_search.device import Device
from mrl_search.encoders import Encoder, EncoderSpec, cached, load_encoder
from mrl_search.encoding import encode_documents
from mrl_search.errors import CorpusError, EncoderError
from mrl_search.geometry.ranking import Gains
from mrl_search.geometry.seeds import label
from mrl_search.progress import bar
from mrl_search.tuning import Subject, subject
from mrl_search.vectors import Vectors

_POSITIVE = 0.8  # of the highest score
_SEED = 0


class Judged(NamedTuple):
    """queries (q, D), documents (n, D), gains (q, n) of a test collection."""

    queries: Vectors
    documents: Vectors
    gains: Gains


class Material(NamedTuple):
    """pairs: the two sides, (p, D) each, of texts that belong together."""

    subject: Subject
    pairs: tuple[Vectors, Vectors] | None
    judged: Judged | None


@dataclass(frozen=True)
class Asked:
    """texts: a corpus to encode, as for build. sample: of its rows, at most.

    pairs: a file of examples, for alignment; of scored ones those above four fifths of the highest score, as Gao et al.
    2021 (SimCSE, §2.3) take STS-B's above 4. dataset, split, data: a judged collection, as for eval.
    """

    texts: str | None = None
    sample: int = 5_000
    pairs: Path | None = None
    dataset: str | None = None
    split: str = "test"
    data: Path | None = None
    cache: bool = True
    progress: bool = False
    device: str | Device = "auto"


def material(spec: EncoderSpec, asked: Asked) -> Material:
    """Of an encoder, an index or an .npy file. A judged collection's documents are the texts, unless others are named.

    Raises EncoderError where pairs or a collection are to be encoded by a file; and as `subject` and `load_dataset`.
    """
    told = {"cache": asked.cache, "progress": asked.progress, "device": asked.device}
    if asked.pairs is None and asked.dataset is None:
        return Material(subject(spec, texts=asked.texts, sample=asked.sample, **told), None, None)  # type: ignore[arg-type]
    if spec.name.endswith(".npy"):
        raise EncoderError(f"{spec.name} encodes nothing; name an encoder for --pairs and --dataset")
    encoder = cached(load_encoder(spec, asked.device), wanted=asked.cache)
    pairs = _pairs(encoder, asked) if asked.pairs is not None else None
    if asked.dataset is None:
        return Material(subject(spec, texts=asked.texts, sample=asked.sample, **told), pairs, None)  # type: ignore[arg-type]
    dataset = load_dataset(asked.dataset, asked.split, asked.data)
    judged = _judged(encoder, dataset, asked)
    if asked.texts is not None:
        found = subject(spec, texts=asked.texts, sample=asked.sample, **told)  # type: ignore[arg-type]
        return Material(found, pairs, judged)
    count = len(judged.documents)
    rows = np.sort(np.random.default_rng(_SEED).permutation(count)[: asked.sample])
    rows_of = f"{len(rows):,} of {count:,} documents of {dataset.name}"
    found = Subject(spec.label, "encoder", rows_of, judged.documents[rows], encoder.trained_dims)
    return Material(found, pairs, judged)


def _pairs(encoder: Encoder, asked: Asked) -> tuple[Vectors, Vectors]:
    examples = list(read_examples(str(asked.pairs)))
    scores = [one.score for one in examples if one.score is not None]
    if scores:
        least = _POSITIVE * max(scores)
        examples = [one for one in examples if one.score is not None and one.score > least]
    if len(examples) < 2:
        raise CorpusError(f"{asked.pairs}: found {len(examples)} pairs that belong together, wanted two or more")
    first = _encoded(encoder, [one.first for one in examples], asked)
    return first, _encoded(encoder, [one.second for one in examples], asked)


def _judged(encoder: Encoder, dataset: Dataset, asked: Asked) -> Judged:
    """Documents in the corpus's order; queries are those with a relevant document that is there."""
    documents = list(dataset.corpus.read(Tolerance(0)))
    place = {document.id: row for row, document in enumerate(documents)}
    relevant = {
        query: {place[key]: grade for key, grade in grades.items() if grade > 0 and key in place}
        for query, grades in dataset.qrels.items()
    }
    queries = [query for query, grades in relevant.items() if grades]
    gains = np.zeros((len(queries), len(documents)), np.float32)
    for line, query in enumerate(queries):
        gains[line, list(relevant[query])] = list(relevant[query].values())
    texts = [document.content for document in documents]
    asking = encoder.encode_queries([dataset.queries[query] for query in queries])
    return Judged(asking, _encoded(encoder, texts, asked), gains)


def _encoded(encoder: Encoder, texts: list[str], asked: Asked) -> Vectors:
    with bar(len(texts), f"encoding by {label(encoder.spec.name)}", "texts", shown=asked.progress) as shown:
        return np.concatenate(list(encode_documents(encoder, texts, shown)))
