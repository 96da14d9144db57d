"""How two trained encoders differ: what their layers make of texts, their prefixes, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrl_search.device import Device
from mrl_search.errors import EncoderError, VectorsError
from mrl_search.geometry.analysis import widths
from mrl_search.geometry.crosscoder import Crosscoded, CrosscoderRecipe, crosscoded
from mrl_search.geometry.models import Model, model
from mrl_search.geometry.seeds import siblings
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
    """crosscoded: of the whole models' vectors, if it was asked for.

    seeds: pairs of models of one arm that differ in their seed, the noise that `pair` is set against.
    """

    texts: int
    texts_of: str
    pair: Pair
    crosscoded: Crosscoded | None
    seeds: tuple[Pair, ...]
    notes: tuple[str, ...]
    provenance: dict[str, object]


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
    with its arm's. Raises EncoderError for models that do not correspond, VectorsError for fewer than 100 texts.
    """
    asked = asked or Compared()
    texts = drawn_texts(asked.texts, asked.sample)
    if len(texts) < _LEAST:
        raise VectorsError(f"{asked.texts} gives {len(texts)} texts; wanted at least {_LEAST} to compare models by")
    one, other = (_model(name, texts, asked) for name in (first, second))
    pair = compared(one, other, asked.dims)
    seeds = [
        compared(of, _model(str(folder), texts, asked), asked.dims)
        for name, of in ((first, one), (second, other))
        for folder in siblings(Path(name))
    ]
    shared = crosscoded(one.vectors, other.vectors, texts, asked.crosscoder) if asked.crosscoder else None
    few = shared is not None and len(texts) < _MANY
    notes = _notes(seeds) + ((f"of {len(texts):,} texts a crosscoder finds little; it wants {_MANY:,}",) if few else ())
    return Diff(len(texts), asked.texts, pair, shared, tuple(seeds), notes, provenance())


def compared(one: Model, other: Model, asked: Sequence[int] = ()) -> Pair:
    """Two models that have encoded the same texts. Raises EncoderError where widths or layers differ."""
    if list(one.layers) != list(other.layers) or one.vectors.shape != other.vectors.shape:
        told = [f"{each.name} has {len(each.layers)} layers of {each.vectors.shape[1]} dims" for each in (one, other)]
        raise EncoderError(f"{' and '.join(told)}; only models of one architecture can be compared")
    layers = []
    for count, ours in one.layers.items():
        theirs = other.layers[count]
        layers.append(Layer(count, cka(ours, theirs), procrustes(ours, theirs), shared_neighbours(ours, theirs)))
    prefixes = []
    for dim in widths(one.vectors.shape[1], asked):
        ours, theirs = prefix(one.vectors, dim), prefix(other.vectors, dim)
        prefixes.append(Prefix(dim, cca(ours, other.vectors), cka(ours, theirs), shared_neighbours(ours, theirs)))
    return Pair(one.name, other.name, tuple(layers), tuple(prefixes), matrices(one.weights, other.weights))


def _model(name: str, texts: Sequence[str], asked: Compared) -> Model:
    return model(name, texts, asked.device, progress=asked.progress)


def _notes(seeds: Sequence[Pair]) -> tuple[str, ...]:
    if seeds:
        pairs = f"{len(seeds)} pair{'s' * (len(seeds) > 1)}"
        return (f"noise: {pairs} of seeds of one arm; of so few it may well be larger",)
    return ("no other seed of these arms was found: how far seeds alone move these figures is not known",)
