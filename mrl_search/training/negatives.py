"""Hard negatives from our own index, and a teacher's scores of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrl_search.data import Example
from mrl_search.device import CPU, Device
from mrl_search.encoders import Encoder, EncoderSpec, cached, load_encoder
from mrl_search.encoding import encode_documents
from mrl_search.errors import TrainingError
from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix
from mrl_search.progress import bar
from mrl_search.retriever import search
from mrl_search.training.train_recipe import NEIGHBOURS
from mrl_search.vectors import Vectors

_CROSS_ENCODER = "cross-encoder:"
_SPREAD = 20.0  # the scale that the contrastive loss gives cosines
_CLOSEST = 0.95  # of the positive's cosine; nearer may be an answer nobody marked (NV-Retriever, 2407.15831, §3)


def with_negatives(
    examples: Sequence[Example], encoder: Encoder, count: int, *, progress: bool = False
) -> tuple[Example, ...]:
    """Each pair `count` times, with a different hard negative each: the nearest positives of other queries.

    A text that is a positive of the same query, or nearer than 95 % of the pair's own cosine, is passed over; a pair
    for which too few are left is left out. Raises TrainingError when no pair is left.
    """
    answers: dict[str, set[str]] = {}
    for example in examples:
        answers.setdefault(example.first, set()).add(example.second)
    texts = list(dict.fromkeys(example.second for example in examples))
    queries = list(answers)
    documents = _encoded(encoder, texts, "encoding positives", shown=progress)
    asked = _encoded(encoder, queries, "encoding queries", shown=progress)
    stored = StoredVectors(documents, "float32")
    index = VectorIndex(stored, build_prefix(stored, encoder.dim, Codec("Flat")))
    found = search(index, asked, Funnel.parse(f"{encoder.dim}:{NEIGHBOURS}")).rows
    row_of, line_of = ({text: row for row, text in enumerate(these)} for these in (texts, queries))
    made = []
    for example in examples:
        line = line_of[example.first]
        nearest = _CLOSEST * float(asked[line] @ documents[row_of[example.second]])
        may = [
            texts[row]
            for row in found[line]
            if row >= 0 and texts[row] not in answers[example.first] and float(asked[line] @ documents[row]) < nearest
        ]
        if len(may) >= count:
            made += [example._replace(negative=text) for text in may[:count]]
    if not made:
        raise TrainingError(f"none of {len(examples)} pairs has {count} hard negatives; ask for fewer, or give more")
    return tuple(made)


def teacher_scores(examples: Sequence[Example], teacher: str, device: Device = CPU) -> tuple[tuple[float, float], ...]:
    """What a teacher gives each example's positive and negative.

    teacher: `cross-encoder:NAME` or `cross-encoder:FOLDER`, whose logits they are, or any encoder, for cosines, which
    are multiplied by 20 to have the spread of logits.
    """
    queries, positives, negatives = ([str(example[place]) for example in examples] for place in range(3))
    if teacher.startswith(_CROSS_ENCODER):
        from torch.nn import Identity  # of a model with one output, predict would otherwise give the sigmoid

        judge = _cross_encoder(teacher.removeprefix(_CROSS_ENCODER), device)
        sides = [
            judge.predict(list(zip(queries, texts, strict=True)), activation_fn=Identity(), show_progress_bar=False)
            for texts in (positives, negatives)
        ]
        return tuple((float(one), float(other)) for one, other in zip(*sides, strict=True))
    encoder = cached(load_encoder(EncoderSpec(teacher), device))
    asked = encoder.encode_queries(queries)
    sides = [
        _SPREAD * np.einsum("nd,nd->n", asked, _encoded(encoder, texts, "scoring by the teacher", shown=False))
        for texts in (positives, negatives)
    ]
    return tuple((float(one), float(other)) for one, other in zip(*sides, strict=True))


def _cross_encoder(name: str, device: Device) -> Any:
    from sentence_transformers import CrossEncoder

    try:
        return CrossEncoder(name, device=str(device))
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrainingError(
            f"cannot load the teacher {name!r}: {reason}; wanted a cross-encoder's folder or name"
        ) from error


def _encoded(encoder: Encoder, texts: list[str], what: str, *, shown: bool) -> Vectors:
    with bar(len(texts), what, "texts", shown=shown) as progress:
        return np.concatenate(list(encode_documents(encoder, texts, progress)))
