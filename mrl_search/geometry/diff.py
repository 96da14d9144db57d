"""How two trained encoders differ: what their layers make of texts, their prefixes, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrl_search.device import Device
from mrl_search.errors import EncoderError, VectorsError
from mrl_search.geometry.analysis import widths
from mrl_search.geometry.crosscoder import Crosscoded, CrosscoderRecipe, crosscoded
from mrl_search.geometry.models import Loaded, Model, demand_alike, encoded, loaded
from mrl_search.geometry.seeds import arm, labels, siblings
from mrl_search.geometry.similarity import cca, cka, procrustes, shared_neighbours
from mrl_search.geometry.weights import Matrix, matrices
from mrl_search.provenance import provenance
from mrl_search.results import Result
from mrl_search.tuning import TEXTS, drawn_texts
from mrl_search.vectors import prefix

_LEAST, _MANY = 100, 10_000  # texts


@dataclass(frozen=True)
class Layer:
    """Sentence vectors after so many layers, pooled and normalised as the encoder does.

    cka: debiased, of 1 at most. procrustes: 0 … 2. overlap: of ten nearest neighbours.
    """

    layers: int
    cka: float
    procrustes: float
    overlap: float


@dataclass(frozen=True)
class Prefix:
    """At one width. cca: of the first one's prefix with the whole of the second. cka, overlap: of both prefixes."""

    dim: int
    cca: float
    cka: float
    overlap: float


@dataclass(frozen=True)
class Pair:
    """The second of two models set beside the first."""

    first: str
    second: str
    layers: tuple[Layer, ...]
    prefixes: tuple[Prefix, ...]
    matrices: tuple[Matrix, ...]


@dataclass(frozen=True)
class Diff(Result):
    """texts: different ones. crosscoded: of the whole models' vectors, if it was asked for.

    seeds: pairs of models of one arm that differ in their seed, the noise that `pair` is set against; crosscoded_seeds:
    the same of `crosscoded`, pair by pair.
    """

    texts: int
    texts_of: str
    pair: Pair
    crosscoded: Crosscoded | None
    seeds: tuple[Pair, ...]
    notes: tuple[str, ...]
    provenance: dict[str, object]
    crosscoded_seeds: tuple[Crosscoded, ...] = ()


@dataclass(frozen=True)
class Compared:
    """texts: a corpus, as for build; of it at most `sample`. dims: widths, powers of two from 8 unless told.

    crosscoder: how one is trained, if it is; it wants ten thousand texts or more.
    """

    texts: str = TEXTS
    sample: int = 2_000
    dims: tuple[int, ...] = ()
    crosscoder: CrosscoderRecipe | None = None
    device: str | Device = "auto"
    progress: bool = False


def diff(first: str, second: str, asked: Compared | None = None) -> Diff:
    """Compares two sentence-transformers models of one architecture on the same texts.

    Of the trainer's folders (…/ARM-seedN/model) other seeds of either arm are found beside them, and each is compared
    with its arm's; where the two are seeds of one arm, what they differ by is itself the noise.

    Raises EncoderError for models that do not correspond, DimensionError for widths that they do not have, VectorsError
    for fewer than 100 different texts: all of it before anything is encoded.
    """
    asked = asked or Compared()
    drawn = drawn_texts(asked.texts, asked.sample)
    texts = _different(drawn, asked.texts)
    others = _other_seeds(first, second)
    ours, theirs, *rest = labels([first, second, *others])
    given = (loaded(first, ours), loaded(second, theirs))
    demand_alike(*given)
    dims = widths(given[0].dim, asked.dims)
    one, other = pair = [_encoded(each, texts, dims, asked) for each in given]
    seeds, shared_by_seeds = [], []
    for (name, place), label in zip(others.items(), rest, strict=True):
        seed = loaded(name, label)
        demand_alike(given[place], seed)
        beside = _encoded(seed, texts, dims, asked)
        seeds.append(compared(pair[place], beside, dims))
        if asked.crosscoder is not None:
            shared_by_seeds.append(crosscoded(pair[place].vectors, beside.vectors, texts, asked.crosscoder))
    shared = crosscoded(one.vectors, other.vectors, texts, asked.crosscoder) if asked.crosscoder is not None else None
    notes = _notes(one.name, other.name, seeds)
    if copies := len(drawn) - len(texts):
        notes.append(f"{copies:,} of {len(drawn):,} texts are copies of others and were left out")
    if shared is not None and len(texts) < _MANY:
        notes.append(f"of {len(texts):,} texts a crosscoder finds little; it wants {_MANY:,}")
    found = compared(one, other, dims)
    noise = tuple(shared_by_seeds)
    return Diff(len(texts), asked.texts, found, shared, tuple(seeds), tuple(notes), provenance(), noise)


def _different(drawn: Sequence[str], source: str) -> list[str]:
    """Each text once: a copy is the nearest neighbour of its text in any model, and would make all overlap more."""
    texts = list(dict.fromkeys(drawn))
    if len(texts) < _LEAST:
        told = f"{len(texts)} different texts" if len(texts) < len(drawn) else f"{len(texts)} texts"
        raise VectorsError(f"{source} gives {told}; wanted at least {_LEAST} to compare models by")
    return texts


def _other_seeds(first: str, second: str) -> dict[str, int]:
    """Folder of another seed of an arm → which of the two it is set beside; of two of one arm, the first."""
    named = (Path(first).resolve(), Path(second).resolve())
    found: dict[str, int] = {}
    for place, name in enumerate((first, second)):
        for folder in siblings(Path(name)):
            if folder.resolve() not in named:
                found.setdefault(str(folder), place)
    return found


def _encoded(of: Loaded, texts: Sequence[str], dims: Sequence[int], asked: Compared) -> Model:
    """Raises EncoderError where all texts have one vector, after some layers or in the first dims."""
    found = encoded(of, texts, asked.device, progress=asked.progress)
    told = {f"after {count} layers": vectors for count, vectors in found.layers.items()}
    told |= {f"in the first {dim} dims": found.vectors[:, :dim] for dim in dims}
    if same := [where for where, vectors in told.items() if not np.ptp(vectors, axis=0).any()]:
        raise EncoderError(f"{of.label} has one vector for all texts {same[0]}; there is nothing to compare")
    return found


def compared(one: Model, other: Model, dims: Sequence[int]) -> Pair:
    """Two models of one architecture that have encoded the same texts."""
    layers = []
    for count, ours in one.layers.items():
        theirs = other.layers[count]
        layers.append(Layer(count, cka(ours, theirs), procrustes(ours, theirs), shared_neighbours(ours, theirs)))
    prefixes = []
    for dim in dims:
        ours, theirs = prefix(one.vectors, dim), prefix(other.vectors, dim)
        prefixes.append(Prefix(dim, cca(ours, other.vectors), cka(ours, theirs), shared_neighbours(ours, theirs)))
    return Pair(one.name, other.name, tuple(layers), tuple(prefixes), matrices(one.weights, other.weights))


def _notes(first: str, second: str, seeds: Sequence[Pair]) -> list[str]:
    """What a reader must know of the noise."""
    notes = []
    if first != second and arm(first) == arm(second):
        notes.append("both are seeds of one arm: what is told of them is what seeds alone do")
    if seeds:
        pairs = ", ".join(f"{pair.first} and {pair.second}" for pair in seeds)
        notes.append(f"noise is of seeds, {pairs}; of so few it may well be larger")
    elif not notes:
        notes.append("no other seed of these arms was found: how far seeds alone move these figures is not known")
    return notes
