"""What a study found, as values and as JSON."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrl_search.atomic import replacing
from mrl_search.eval import Difference
from mrl_search.recipe import from_json


@dataclass(frozen=True)
class Measured:
    """One encoder at one width: the mean over queries, and each query's value (none of a correlation)."""

    dataset: str
    measure: str
    rotation: str
    arm: str
    seed: int
    dim: int
    mean: float
    per_query: tuple[float, ...] = ()


@dataclass(frozen=True)
class Compared:
    """An arm less the first arm, at one width; values of each query are means over the seeds."""

    dataset: str
    measure: str
    rotation: str
    arm: str
    dim: int
    difference: Difference


@dataclass(frozen=True)
class Study:
    """One result: what was trained on what, how the arms did, and how they differ from the first.

    step_seconds: median seconds of a step by run, `ARM-seedN`.
    """

    recipe: dict[str, Any]
    sources: tuple[dict[str, object], ...]
    overlaps: dict[str, dict[str, int]]
    measured: tuple[Measured, ...]
    compared: tuple[Compared, ...]
    step_seconds: dict[str, float]
    provenance: dict[str, object]

    def to_json(self) -> str:
        """The whole study as one JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Study":
        """The inverse of `to_json`; raises RecipeError, beginning with `where`, for anything else."""
        return from_json(text, cls, where)

    def write(self, path: Path) -> None:
        """Writes the JSON, all or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")
