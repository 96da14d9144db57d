"""What an index says of itself."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrl_search.errors import IndexStoreError
from mrl_search.funnel import Funnel
from mrl_search.indexes.stored import DTYPES
from mrl_search.recipe import from_table
from mrl_search.vectors import Vectors

PROBE_TEXT = "A Matryoshka doll holds a smaller doll, and that one a smaller one still."
"""Encoded at build and again at open: the same encoder gives the same vector."""

SAME_ENCODER = 0.999
"""The least cosine of the probe then and now. minilm-768 in bfloat16 against float32: above .9995 (tested)."""


_LARGEST = 1e30  # of a level; far more than a coordinate of a unit vector can be, and less than float32 holds


@dataclass(frozen=True)
class EncoderRecord:
    """The spec of the encoder that made the vectors (see EncoderSpec), its identity and its probe.

    probe_query: PROBE_TEXT encoded as a query, at the encoder's width; empty for precomputed vectors.
    """

    name: str
    identity: str
    dim: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    layer_norm: bool | None = None
    precision: str = "auto"
    probe_query: tuple[float, ...] = ()
    layers: int | None = None

    @property
    def probe(self) -> Vectors | None:
        """(1, dim) float32, or None where there is no encoder."""
        return np.array([self.probe_query], dtype=np.float32) if self.probe_query else None


@dataclass(frozen=True)
class AdapterRecord:
    """What the encoder's vectors passed through before all else: an Adapter, whose file the catalog keeps."""

    method: str
    widths: tuple[int, ...]
    size: int
    sha256: str


@dataclass(frozen=True)
class RotationRecord:
    """How all vectors were rotated, and why so; unless the kind is none, by the rotation.npy of that segment."""

    kind: str
    why: str
    segment: int = 0
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class SketchRecord:
    """The sketches.npy of a segment, and the levels of its codes (see Levels)."""

    segment: int
    size: int
    sha256: str
    lows: tuple[float, ...]
    steps: tuple[float, ...]


@dataclass(frozen=True)
class TunedRecord:
    """What `tune` found for the manifest's funnel.

    probes: cells of the prefix index to look into; None as its file says. k: answers. target: the recall asked for.
    recall, low, high: of the exact k best, measured, with the 95 % interval. asked: so many queries; source: a file of
    them, or `documents` that stood in. Times are of single queries, vector to rows.
    """

    probes: int | None
    k: int
    target: float
    recall: float
    low: float
    high: float
    asked: int
    source: str
    latency_ms_p50: float
    latency_ms_p95: float
    time: str
    machine: str
    command: str


@dataclass(frozen=True)
class BoundsRecord:
    """The bounds of a segment: size and sha256 of its axes, first look and second look, and what Axes knows of them."""

    segment: int
    sizes: tuple[int, ...]
    sha256: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def __post_init__(self) -> None:
        levels = np.array([*self.means, *self.deviations])
        axes = len(self.means)
        if not (
            len(self.sizes) == len(self.sha256) == 3
            and 1 <= axes == len(self.deviations)
            and bool((np.abs(levels) < _LARGEST).all())
            and min(self.deviations) >= 0
        ):
            raise IndexStoreError("the manifest's bounds contradict themselves")


@dataclass(frozen=True)
class Calibration:
    """What held-out queries said: this funnel gives that recall, see `calibration`.

    recall: promised, of the exact k best, on average over queries as those of `source` were. confidence: how sure.
    queries: how many they were. found: their own recall.
    """

    recall: float
    confidence: float
    k: int
    funnel: str
    queries: int
    found: float
    source: str

    def __post_init__(self) -> None:
        if not (0 < self.recall < 1 and 0 < self.confidence < 1 and Funnel.parse(self.funnel).k == self.k):
            raise IndexStoreError(f"a calibration of {self.funnel} for a recall of {self.recall} cannot be")

    @property
    def promise(self) -> tuple[int, float, float]:
        """k, recall and confidence: what one is asked by."""
        return self.k, self.recall, self.confidence

    def __str__(self) -> str:
        return (
            f"{self.recall:g} of {self.k} by {self.funnel} ({self.confidence:g} sure, {self.queries:,} {self.source})"
        )


@dataclass(frozen=True)
class Manifest:
    """Everything about an index but its documents and files.

    dims: the widths asked for, ascending; the first is the prefix's, the last the stored one.
    dtype: how vectors.npy keeps a coordinate. prefix: the FAISS factory string.
    funnel: the default one, in text form. provenance: see `provenance.provenance`.
    adapter: what the encoder's vectors passed through, if anything. rotation: what was then done to all of them, before
    they were cut.
    sketches, bounds: of the stored vectors, if there are any. tuned: what the funnel was measured to keep, if it was.
    calibrations: what a guarantee's funnels are chosen by.
    """

    name: str
    documents: int
    without_text: int
    skipped: int
    dims: tuple[int, ...]
    dtype: str
    prefix: str
    funnel: str
    encoder: EncoderRecord
    provenance: dict[str, object]
    rotation: RotationRecord | None = None
    sketches: SketchRecord | None = None
    tuned: TunedRecord | None = None
    bounds: BoundsRecord | None = None
    calibrations: tuple[Calibration, ...] = ()
    adapter: AdapterRecord | None = None

    def __post_init__(self) -> None:
        if self.documents < 0 or not self.dims or self.dims[0] < 1 or list(self.dims) != sorted(set(self.dims)):
            raise IndexStoreError(
                f"a manifest of {self.documents} documents and the widths {list(self.dims)} cannot be"
            )
        if self.dtype not in DTYPES:
            raise IndexStoreError(f"the manifest says dtype {self.dtype!r}, wanted one of {', '.join(DTYPES)}")
        if self.sketches is not None and not self._are_levels(self.sketches.lows, self.sketches.steps):
            raise IndexStoreError(f"the manifest's sketches have no level for each of {self.dim} dims")

    def _are_levels(self, lows: tuple[float, ...], steps: tuple[float, ...]) -> bool:
        return (
            len(lows) == len(steps) == self.dim and bool((np.abs([lows, steps]) < _LARGEST).all()) and min(steps) >= 0
        )

    @property
    def dim(self) -> int:
        """The stored width."""
        return self.dims[-1]

    @property
    def prefix_dim(self) -> int:
        """The width of the FAISS prefix index."""
        return self.dims[0]

    def calibrated(self, calibration: Calibration) -> "Manifest":
        """With a calibration, in the place of one for the same recall, confidence and k."""
        others = [old for old in self.calibrations if old.promise != calibration.promise]
        known = tuple(sorted([*others, calibration], key=lambda one: one.promise))
        return dataclasses.replace(self, calibrations=known)

    def to_json(self) -> str:
        """One JSON object; what is None is left out."""
        table = dataclasses.asdict(self)
        table["encoder"] = {key: value for key, value in table["encoder"].items() if value is not None}
        for optional in ("rotation", "sketches", "tuned", "bounds", "calibrations", "adapter"):
            if not table[optional]:
                del table[optional]
        return json.dumps(table, ensure_ascii=False)

    def told(self) -> dict[str, Any]:
        """All of it for a reader's eyes, who has no use for the levels of codes."""
        table: dict[str, Any] = json.loads(self.to_json())
        for levels in ("lows", "steps", "means", "deviations"):
            table.get("sketches", {}).pop(levels, None)
            table.get("bounds", {}).pop(levels, None)
        return table

    @classmethod
    def from_json(cls, text: str, where: str) -> "Manifest":
        """The inverse of `to_json`; raises IndexStoreError, beginning with `where`, for anything else."""
        try:
            table = json.loads(text) if isinstance(text, str) else None
            if not isinstance(table, dict):
                raise IndexStoreError(f"{where}: the manifest is not a JSON object")
            return from_table(table, cls, f"{where}, manifest")
        except (ValueError, RecursionError) as error:  # RecipeError and JSONDecodeError are ValueErrors
            raise IndexStoreError(f"{where}: the manifest cannot be read: {error}; build the index again") from error
