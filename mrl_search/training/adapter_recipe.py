"""Which adapters are compared, on what: arms that are fitted to the same frozen encoders."""

from dataclasses import dataclass, field
from pathlib import Path

from mrl_search.adapters import METHODS, NEEDS_PAIRS, Settings
from mrl_search.errors import AdapterError, RecipeError
from mrl_search.recipe import read_recipe
from mrl_search.training.train_recipe import Arm, Judged, Source, TrainRecipe

NONE = "none"
"""The method of an arm that leaves vectors as they are."""

_PAIRS = ("", "data", "judged")
_DRAWS_NOTHING = ("pca",)


@dataclass(frozen=True)
class AdapterArm:
    """method: of `adapters.METHODS`, or none. kind: of a rotation. start: what another method begins as.

    pairs: what it is fitted to beside the collection's documents: empty for nothing; `data` for the recipe's; `judged`
    for the collection's own train judgements. against: the arm it is compared with beside the first, if there is one.
    """

    name: str
    method: str
    kind: str = "learned"
    pairs: str = ""
    start: str = "identity"
    against: str = ""

    def __post_init__(self) -> None:
        if self.method != NONE and self.method not in METHODS:
            raise RecipeError(f"there is no adapter {self.method!r}; choose one of {', '.join((NONE, *METHODS))}")
        if self.pairs not in _PAIRS:
            raise RecipeError(f"the pairs of {self.name} are none (''), 'data' or 'judged', found {self.pairs!r}")
        if self.method in NEEDS_PAIRS and not self.pairs:
            raise RecipeError(f"{self.method} is fitted to pairs; say which ones {self.name} has")

    @property
    def is_of_pairs_alone(self) -> bool:
        """Whether documents are of no account to it, so that it is the same for all collections."""
        return self.method in NEEDS_PAIRS and self.pairs == "data" and self.start == "identity"

    @property
    def draws(self) -> bool:
        """Whether a seed makes a difference; else one is enough."""
        return self.method != NONE and not (self.method == "rotation" and self.kind in _DRAWS_NOTHING)


@dataclass(frozen=True)
class AdapterRecipe:
    """encoders: each has a study of its own. arms: all others are compared with the first. data: pairs, for some.

    widths, steps, batch, rate: as `adapters.Settings`. judged: collections, each of whose documents the arms are fitted
    to anew; it names no scored pairs.
    """

    encoders: tuple[str, ...]
    arms: tuple[AdapterArm, ...]
    widths: tuple[int, ...]
    data: tuple[Source, ...] = ()
    steps: int = 400
    batch: int = 128
    rate: float = 1e-3
    seeds: tuple[int, ...] = (0,)
    judged: Judged = field(default_factory=Judged)

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if not (self.encoders and names and self.seeds and self.judged.datasets and self.widths):
            raise RecipeError("name an encoder, an arm, a seed, a width, and a judged dataset at least")
        if len(set(names)) < len(names) or len(set(self.seeds)) < len(self.seeds):
            raise RecipeError(f"arms and seeds must differ, found {', '.join(names)}; {self.seeds}")
        for arm in self.arms:
            if arm.against and (arm.against not in names[1:] or arm.against == arm.name):
                raise RecipeError(
                    f"{arm.name} is compared with the first arm anyway, and against another one of the recipe's; "
                    f"found {arm.against!r}"
                )
        if self.judged.sts:
            raise RecipeError("adapters are judged by collections; leave out sts")
        if any(arm.pairs == "data" for arm in self.arms) != bool(self.data):
            raise RecipeError("[[data]] and arms with pairs = 'data' go together")
        try:
            for arm in self.arms:
                self.settings(arm, self.seeds[0])
        except AdapterError as error:
            raise RecipeError(str(error)) from error

    def settings(self, arm: AdapterArm, seed: int) -> Settings:
        """How that arm is fitted with that seed."""
        return Settings(self.widths, self.steps, self.batch, self.rate, seed, arm.kind, arm.start)

    def runs(self) -> list[tuple[AdapterArm, int]]:
        """Every arm with every seed; one that draws nothing with the first alone."""
        return [(arm, seed) for arm in self.arms for seed in (self.seeds if arm.draws else self.seeds[:1])]

    def reading(self, encoder: str) -> TrainRecipe:
        """What the trainer's `training_set` is to read: the same pairs, kept clear of the same tests."""
        return TrainRecipe(encoder, self.data, (Arm("adapters", (2,)),), self.steps, judged=self.judged)


def read_adapter_recipe(path: Path) -> AdapterRecipe:
    """A recipe file; raises RecipeError when it is not right."""
    return read_recipe(path, AdapterRecipe)
