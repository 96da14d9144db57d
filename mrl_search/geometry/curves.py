"""How training went, by the record that the trainer writes of every step: losses, gradients and updates of two runs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrl_search.errors import TrainingError
from mrl_search.geometry.moments import Reals
from mrl_search.geometry.seeds import labels, siblings, told_seeds
from mrl_search.provenance import provenance
from mrl_search.results import Result

RECORD = "dynamics.parquet"
WINDOW = 20
"""Steps that a loss is the mean of: a batch's is as far from the next one's as a whole run's fall."""
_LOSS = re.compile(r"loss@(?:(\d+):)?(\d+)")
"""Of a width of the last layer, or of a sub-model of so many layers."""
_NEAR = 0.1
_SURE = 2.0
_REST = 1 / 3  # of a run, that a converged loss stays where it ends
Curves = Mapping[str, Reals]
"""Column of the record → its value at every step."""


@dataclass(frozen=True)
class Fall:
    """The loss of one width: means of the first and the last WINDOW steps.

    layers: of a sub-model; None of the whole.
    converged: the step from which on it stays near its end (see `settled`); None where it did not surely fall, and
    where it had not come to rest by two thirds of the run, which `unsettled` says.
    """

    dim: int
    first: float
    last: float
    converged: int | None
    unsettled: bool
    layers: int | None = None

    @property
    def size(self) -> tuple[float, int]:
        """(layers, dim), the whole model's above all."""
        return (float("inf") if self.layers is None else self.layers, self.dim)


@dataclass(frozen=True)
class Norm:
    """Of the gradient or update of a layer, or of a block of dims of the full vectors: means over steps.

    early, late: of the first and the last third. per_dim: of a block, the mean divided by the root of its dims.
    """

    what: str
    mean: float
    early: float
    late: float
    per_dim: float | None


@dataclass(frozen=True)
class Course:
    """One run."""

    name: str
    steps: int
    falls: tuple[Fall, ...]
    norms: tuple[Norm, ...]


@dataclass(frozen=True)
class Dynamics(Result):
    """The runs that were named, and other seeds of their arms."""

    runs: tuple[Course, ...]
    seeds: tuple[Course, ...]
    notes: tuple[str, ...]
    provenance: dict[str, object]


def dynamics(folders: Sequence[Path]) -> Dynamics:
    """Reads runs of the trainer, each a folder with a `dynamics.parquet`; other seeds are found beside them.

    Raises TrainingError for a folder without one, and for one that is named twice.
    """
    curves = courses(folders)
    found = [course(name, of) for name, of in curves.items()]
    runs, seeds = tuple(found[: len(folders)]), tuple(found[len(folders) :])
    return Dynamics(runs, seeds, _notes(runs, seeds), provenance())


def courses(folders: Sequence[Path]) -> dict[str, Curves]:
    """The records of runs, by label, and then those of other seeds of their arms. Raises as `dynamics`."""
    named = [folder.parent if folder.name == "model" else folder for folder in folders]
    resolved = [folder.resolve() for folder in named]
    if twice := [str(folder) for folder, place in zip(named, resolved, strict=True) if resolved.count(place) > 1]:
        raise TrainingError(f"{twice[0]} is named twice; name two runs, or one")
    beside = dict.fromkeys(path for folder in named for path in siblings(folder) if path.resolve() not in resolved)
    others = [path for path in beside if (path / RECORD).is_file()]
    every = [*named, *others]
    return {name: record(folder) for name, folder in zip(labels([str(one) for one in every]), every, strict=True)}


def record(folder: Path) -> dict[str, Reals]:
    """Every column of a run's record.

    Raises TrainingError where there is none, or what lies there is no record of steps and finite losses.
    """
    from mrl_search.training.dynamics import read_rows

    path = folder / RECORD
    if not path.is_file():
        raise TrainingError(
            f"{folder} holds no {RECORD}; wanted a run of mrl-search train, as training/models/RECIPE/ARM-seed0"
        )
    try:
        rows = read_rows(path)
    except (OSError, ValueError) as error:  # ArrowInvalid is one
        raise TrainingError(f"{path} cannot be read ({' '.join(str(error).split())}); train the run again") from error
    if not rows or "step" not in rows[0]:
        raise TrainingError(f"{path} is no record of steps, as mrl-search train writes one; name another run")
    found = {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}
    for name, values in found.items():
        if name.startswith("loss") and not np.isfinite(values).all():
            step = found["step"][~np.isfinite(values)][0]
            raise TrainingError(f"{path}: {name} is no number at step {step:.0f}; train the run again")
    return found


def course(name: str, curves: Curves) -> Course:
    """What a record says in figures."""
    falls = [fall for _, fall in losses(curves)]
    norms = [
        _norm(column, values)
        for column, values in curves.items()
        if column.startswith(("gradient", "update")) and np.isfinite(values).any()
    ]
    return Course(name, len(curves["step"]), tuple(falls), tuple(norms))


def losses(curves: Curves) -> list[tuple[str, Fall]]:
    """Columns that are the loss of one size throughout, by size; those of drawn sizes are of another at every step."""
    found = [(column, _fall(told, curves)) for column in curves if (told := _LOSS.fullmatch(column))]
    return sorted(found, key=lambda one: one[1].size)


def smoothed(values: Reals) -> Reals:
    """(n - window + 1,): means of WINDOW steps, or of all where there are fewer."""
    size = min(WINDOW, len(values))
    means: Reals = np.convolve(values, np.ones(size) / size, "valid")
    return means


def fell(values: Reals) -> float | None:
    """How far the mean of the last 20 steps lies below that of the first; None where it is no more than two standard
    errors of their difference, batch by batch."""
    size = min(WINDOW, len(values))
    first, last = values[:size], values[-size:]
    fall = float(first.mean() - last.mean())
    error = float(np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / size)) if size > 1 else float("inf")
    return fall if fall > _SURE * error else None


def settled(values: Reals, steps: Reals) -> int | None:
    """The first step whose mean of 20, and all later ones, lie within a tenth of the whole fall of the last.

    None where that step lies in the last third of the run: the last mean always lies near itself, and a loss that
    falls as fast at the end as at the start comes near it after nine tenths. None, too, of a loss that did not surely
    fall. A mean's step is its window's last.
    """
    fall, means = fell(values), smoothed(values)
    if fall is None:
        return None
    far = np.flatnonzero(np.abs(means - means[-1]) > _NEAR * fall)
    place = int(far[-1]) + 1 if len(far) else 0
    end = place + min(WINDOW, len(values))  # steps up to there
    return int(steps[end - 1]) if end <= (1 - _REST) * len(values) else None


def _fall(told: re.Match[str], curves: Curves) -> Fall:
    values = curves[told[0]]
    size = min(WINDOW, len(values))
    first, last = float(values[:size].mean()), float(values[-size:].mean())
    rest = settled(values, curves["step"])
    unsettled = rest is None and fell(values) is not None
    return Fall(int(told[2]), first, last, rest, unsettled, int(told[1]) if told[1] else None)


def _norm(column: str, values: Reals) -> Norm:
    finite = values[np.isfinite(values)]  # float16 leaves out steps whose gradients overflow
    third = max(1, len(finite) // 3)
    mean = float(finite.mean())
    per_dim = mean / float(np.sqrt(_dims(column))) if "[" in column else None
    return Norm(column, mean, float(finite[:third].mean()), float(finite[-third:].mean()), per_dim)


def _dims(column: str) -> int:
    start, stop = column.partition("[")[2].rstrip("]").split(":")
    return int(stop) - int(start)


def _notes(runs: Sequence[Course], seeds: Sequence[Course]) -> tuple[str, ...]:
    widths = {run.name: {fall.size for fall in run.falls} for run in runs}
    shared = set.intersection(*widths.values())
    notes = []
    if any(own - shared for own in widths.values()):
        notes.append("a run records the losses of the widths that it was trained for, and of no others")
    if drawn := [run.name for run in runs if not run.falls]:
        notes.append(f"{', '.join(drawn)}: a step's loss is of sizes drawn for it, so no curve is of one size")
    if moving := [run.name for run in runs if any(fall.unsettled for fall in run.falls)]:
        notes.append(f"{', '.join(moving)}: the run ends too early to say where the losses marked 'not yet' converge")
    return (*notes, *told_seeds(run.name for run in (*runs, *seeds)))
