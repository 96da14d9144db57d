"""What is trained: one base model, one stream of data, and arms that differ in the sizes whose losses are added up."""

from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path

from mrl_search.encoders.precision import PRECISIONS
from mrl_search.errors import RecipeError
from mrl_search.recipe import read_recipe
from mrl_search.rotations import KINDS

LOSSES = ("contrastive", "cosent", "softmax", "distil", "masked")
HEADS = ("own", "tied")
BEGINNINGS = ("none", "pca", "learned")
METHODS = ("mrl", "adaptive-layer", "2dmse", "matryoshka2d", "starbucks", "smae")
_SIZED = ("starbucks", "smae")  # whose dims each have a layer
_ALIGNED = ("2dmse", "starbucks")  # whose small sizes are drawn to the full one as the arm says
NEIGHBOURS = 50  # of each query, of which the nearest that may be hard negatives are taken
_SEEDS = 2**32  # as many as numpy takes
_LEAST_DIM = 2  # one coordinate has no direction but its sign


@dataclass(frozen=True)
class Source:
    """A file of examples, or `hf:NAME`, and how many of its first ones are taken; 0 for all."""

    path: str
    limit: int = 0

    def __post_init__(self) -> None:
        _demand(self.limit >= 0, f"the limit of {self.path} cannot be below 0, found {self.limit}")


@dataclass(frozen=True)
class Arm:
    """One of the encoders that are compared: the widths, and layers, whose losses are added up.

    dims: ascending; a baseline has one. weights: of their losses, 1 each unless given.
    mean: divide the weights by their sum, which gives the loss the scale of a baseline's.
    rotation: in which axes it begins, fitted to the training texts; the twin's own, or where a prefix says more.
    method: mrl adds the widths of the last layer up; the others train earlier layers too (see `methods/`).
    layers: of starbucks and smae, one for each of dims, ascending to the base's whole depth.
    depth: the arm is the base's first so many layers, and no more; 0 for all. So a small model is trained by itself.
    alignment: what 2dmse and starbucks multiply their Kullback-Leibler divergences by; 0 leaves them out.
    temperature: theirs; 0 for what the papers' authors take, 1 for 2dmse and 1 / `scale` for starbucks.
    """

    name: str
    dims: tuple[int, ...]
    weights: tuple[float, ...] = ()
    mean: bool = False
    rotation: str = "none"
    method: str = "mrl"
    layers: tuple[int, ...] = ()
    depth: int = 0
    alignment: float = 1.0
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if not self.name or not all(letter.isalnum() or letter in "-_." for letter in self.name):
            raise RecipeError(f"an arm's name must be letters, digits, '-', '_' and '.', found {self.name!r}")
        if not self.dims or self.dims[0] < _LEAST_DIM or any(short >= long for short, long in pairwise(self.dims)):
            raise RecipeError(f"the dims of the arm {self.name} must grow from {_LEAST_DIM}, found {list(self.dims)}")
        if self.weights and (len(self.weights) != len(self.dims) or not all(0 < w < 1e6 for w in self.weights)):
            raise RecipeError(
                f"the arm {self.name} has {len(self.dims)} dims and the weights {list(self.weights)}; "
                "wanted one above 0 for each"
            )
        if self.rotation not in BEGINNINGS:
            raise RecipeError(
                f"the arm {self.name} cannot begin with rotation = {self.rotation!r}; "
                f"choose one of {', '.join(BEGINNINGS)}"
            )
        self._check_method()

    def _check_method(self) -> None:
        _demand(
            self.method in METHODS,
            f"the arm {self.name} has the unknown method {self.method!r}; choose one of {', '.join(METHODS)}",
        )
        if self.method in _SIZED:
            _demand(
                len(self.layers) == len(self.dims) > 1 and all(a < b for a, b in pairwise((0, *self.layers))),
                f"{self.method} trains sizes, each of its layers with one of its dims: the arm {self.name} "
                f"has the dims {list(self.dims)} and the layers {list(self.layers)}; "
                "wanted as many of both, two at least, growing",
            )
        else:
            _demand(
                not self.layers,
                f"layers are for method = {' and '.join(map(repr, _SIZED))}; the arm {self.name} has no use for them",
            )
        _demand(
            self.method != "2dmse" or len(self.dims) > 1,
            f"2dmse draws one of the narrower dims a step, and the arm {self.name} has {list(self.dims)}; give more, "
            "or take method = 'adaptive-layer'",
        )
        _demand(self.depth >= 0, f"the depth of the arm {self.name} cannot be below 0, found {self.depth}")
        _demand(
            not self.depth or self.method == "mrl",
            f"the arm {self.name} is cut to its first layers by depth, and its method {self.method} trains several; "
            "leave one of them out",
        )
        _demand(
            self.method not in ("2dmse", "matryoshka2d") or not (self.weights or self.mean),
            f"{self.method} draws one of its dims a step; leave the weights and the mean of the arm {self.name} out",
        )
        told = (self.alignment, self.temperature)
        _demand(
            self.method in _ALIGNED or told == (1.0, 0.0),
            f"alignment and temperature are for {' and '.join(_ALIGNED)}; the arm {self.name} has no use for them",
        )
        _demand(
            all(0 <= value < inf for value in told),
            f"alignment and temperature of the arm {self.name} cannot be below 0, found {told[0]}, {told[1]}",
        )

    @property
    def scaled_weights(self) -> tuple[float, ...]:
        """What each width's loss is multiplied by, in the order of dims."""
        weights = self.weights or (1.0,) * len(self.dims)
        return tuple(weight / sum(weights) for weight in weights) if self.mean else weights


@dataclass(frozen=True)
class Judged:
    """What the arms are measured on, at every width, and at every width of some layers.

    datasets: judged collections, looked for in `folder`. sts: files of scored pairs. rotations: as for build.
    margin: of equivalence, in nDCG@10 or correlation. precision: what texts are encoded in.
    layers: depths that are measured too, ascending to the base's whole depth; none: that alone.
    """

    datasets: tuple[str, ...] = ()
    sts: tuple[str, ...] = ()
    folder: str = ""
    rotations: tuple[str, ...] = ("none", "learned")
    margin: float = 0.01
    precision: str = "auto"
    layers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for rotation in self.rotations:
            _demand(rotation in KINDS, f"unknown rotation {rotation!r}; choose one of {', '.join(KINDS)}")
        _demand(
            self.precision in PRECISIONS,
            f"unknown precision {self.precision!r}; choose one of {', '.join(PRECISIONS)}",
        )
        for what in ("datasets", "sts", "rotations"):
            named = getattr(self, what)
            _demand(len(set(named)) == len(named), f"one of the {what} is named twice; name each once")
        _demand(
            all(shallow < deep for shallow, deep in pairwise((0, *self.layers))),
            f"the judged layers must grow from 1, found {list(self.layers)}",
        )
        if not 0 < self.margin < 1:
            raise RecipeError(f"the margin of equivalence must lie between 0 and 1, found {self.margin}")


@dataclass(frozen=True)
class TrainRecipe:
    """All that twins share, and the arms in which they differ.

    base: a sentence-transformers model, by name or folder. data: read in this order and shuffled together by the seed.
    loss: contrastive for pairs and triplets (InfoNCE over the batch), cosent for scored pairs, softmax for labelled
    pairs, distil for pairs with negatives and a teacher; masked for raw texts, whose hidden words are guessed (smae).
    mini_batch: above 0, GradCache (2101.06983): that many texts are held at a time.
    head: of softmax; own: a classifier for each width (MRL), tied: the first columns of one (MRL-E).
    negatives: how many hard ones are mined for each pair with the base model. teacher: whose scores distil follows.
    learning_rate rises over the first `warmup` of the steps and falls to 0. clip: the largest norm of a gradient.
    precision: float32, or bfloat16 for autocast, or float16, with its scaled losses, on cards that lack bfloat16.
    """

    base: str
    data: tuple[Source, ...]
    arms: tuple[Arm, ...]
    steps: int
    loss: str = "contrastive"
    batch: int = 64
    mini_batch: int = 0
    learning_rate: float = 2e-5
    warmup: float = 0.1
    clip: float = 1.0
    scale: float = 20.0
    max_tokens: int = 64
    precision: str = "float32"
    seeds: tuple[int, ...] = (0,)
    save_every: int = 100
    head: str = "own"
    negatives: int = 0
    teacher: str | None = None
    judged: Judged = field(default_factory=Judged)

    def __post_init__(self) -> None:
        _demand(bool(self.data), "name at least one [[data]] source")
        _demand(bool(self.arms), "name at least one [[arms]]")
        names = [arm.name for arm in self.arms]
        _demand(len(set(names)) == len(names), f"the arms must have different names, found {', '.join(names)}")
        for name in ("steps", "batch", "max_tokens", "save_every"):
            _demand(getattr(self, name) >= 1, f"{name} must be 1 or more, found {getattr(self, name)}")
        _demand(
            self.batch >= 2 or self.loss not in ("contrastive", "cosent"),
            f"a batch of loss = {self.loss!r} compares its pairs; it holds at least 2",
        )
        _demand(0 < self.learning_rate < 1, f"learning_rate must lie between 0 and 1, found {self.learning_rate}")
        _demand(0 <= self.warmup < 1, f"warmup is a share of the steps, below 1, found {self.warmup}")
        _demand(
            0 < self.clip < inf and 0 < self.scale < inf,
            f"clip and scale must be numbers above 0, found {self.clip}, {self.scale}",
        )
        _demand(self.mini_batch >= 0, f"mini_batch cannot be below 0, found {self.mini_batch}")
        _demand(
            0 <= self.negatives <= NEIGHBOURS,
            f"negatives are taken from the {NEIGHBOURS} nearest; ask for 0 to {NEIGHBOURS}, found {self.negatives}",
        )
        _demand(self.loss in LOSSES, f"unknown loss {self.loss!r}; choose one of {', '.join(LOSSES)}")
        self._check_raw_text()
        _demand(self.head in HEADS, f"unknown head {self.head!r}; choose one of {', '.join(HEADS)}")
        _demand(self.head == "own" or self.loss == "softmax", "head = 'tied' is for loss = 'softmax'; others have none")
        _demand(
            self.precision in ("float32", "bfloat16", "float16"),
            f"precision is float32, bfloat16 or float16, found {self.precision!r}",
        )
        _demand(
            bool(self.seeds) and min(self.seeds) >= 0 and max(self.seeds) < _SEEDS,
            f"seeds must be whole numbers from 0, below 2^32, found {self.seeds}",
        )
        _demand(len(set(self.seeds)) == len(self.seeds), f"the seeds must differ, found {self.seeds}")
        _demand(
            not self.mini_batch or self.loss == "contrastive",
            f"mini_batch (GradCache) is for the contrastive loss; {self.loss} needs the batch in one piece",
        )
        _demand(
            not (self.mini_batch and any(arm.method != "mrl" for arm in self.arms)),
            "mini_batch (GradCache) keeps the last layer alone, and an arm trains others too; leave one of them out",
        )
        if self.judged.layers:
            for arm in self.arms:
                _demand(
                    arm.depth in (0, *self.judged.layers),
                    f"the arm {arm.name} has {arm.depth} layers, and [judged] names "
                    f"{', '.join(map(str, self.judged.layers))}; name its depth there",
                )
        _demand((self.loss == "distil") == (self.teacher is not None), "loss = 'distil' and a teacher go together")
        _demand(
            not self.negatives or self.loss in ("contrastive", "distil"),
            f"negatives are for loss = 'contrastive' and 'distil'; {self.loss} has no use for them",
        )
        _demand(self.loss != "distil" or self.negatives > 0, "loss = 'distil' compares with negatives; ask for some")

    def _check_raw_text(self) -> None:
        for arm in self.arms:
            _demand(
                (arm.method == "smae") == (self.loss == "masked"),
                f"loss = 'masked' and method = 'smae' go together; the arm {arm.name} has the method {arm.method!r}, "
                f"the recipe loss = {self.loss!r}",
            )
            _demand(arm.method != "smae" or arm.rotation == "none", "smae trains no vectors that could be rotated")

    @property
    def widths(self) -> tuple[int, ...]:
        """Every width that an arm is trained at, ascending: all arms are measured at all of them."""
        return tuple(sorted({dim for arm in self.arms for dim in arm.dims}))

    def arm(self, name: str) -> Arm:
        """The arm of that name. Raises RecipeError, naming those there are."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise RecipeError(f"there is no arm {name!r}; there are {', '.join(arm.name for arm in self.arms)}")


def read_train_recipe(path: Path) -> TrainRecipe:
    """A recipe file; raises RecipeError when it is not right."""
    try:
        return read_recipe(path, TrainRecipe)
    except RecipeError as error:
        where = "" if str(error).startswith(str(path)) or str(path) in str(error) else f"{path}: "
        raise RecipeError(f"{where}{error}") from error


def _demand(met: bool, wanted: str) -> None:
    if not met:
        raise RecipeError(wanted)
