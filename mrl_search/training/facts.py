"""What a run is: all that decides its weights, by which it is known again."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from mrl_search.training.train_recipe import Arm, TrainRecipe
from mrl_search.training.training_set import TrainingSet


def facts_of(recipe: TrainRecipe, arm: Arm, seed: int, data: TrainingSet, *, compiled: bool = False) -> dict[str, Any]:
    """All that decides the weights, as JSON would give it back, and its digest. compiled: by torch.compile."""
    told = dataclasses.asdict(recipe)
    for shared in ("arms", "seeds", "judged", "save_every"):
        del told[shared]
    facts: dict[str, Any] = {"recipe": told, "arm": _told(arm), "seed": seed, "data": data.sources}
    if compiled:
        facts["compiled"] = True
    if Path(recipe.base).is_dir():  # trained anew in its place, it is another base
        facts["base"] = _digest_of_weights(Path(recipe.base))
    if recipe.negatives or recipe.teacher is not None:
        facts["examples"] = hashlib.sha256(repr((data.examples, data.taught)).encode("utf-8", "replace")).hexdigest()
    facts["digest"] = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    found: dict[str, Any] = json.loads(json.dumps(facts))
    return found


def _told(arm: Arm) -> dict[str, Any]:
    """All of an arm; in the words of before there were methods and rotated arms, where it has neither.

    So that runs of then are still known.
    """
    told = dataclasses.asdict(arm)
    if arm.rotation == "none":
        del told["rotation"]
    if arm == Arm(arm.name, arm.dims, arm.weights, arm.mean, arm.rotation):
        for name in ("method", "depth", "alignment", "temperature"):
            del told[name]
        told["layers"] = False
    return told


def _digest_of_weights(folder: Path) -> str:
    """Of all weights below a model's folder, with where they stand."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(f"{path.relative_to(folder)} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()
