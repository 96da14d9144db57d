"""Runs of one recipe that differ in their seed: the noise that other differences are set against."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

_SEEDED = re.compile(r"(.+)-seed(\d+)")


def label(name: str) -> str:
    """What to call a subject: of a trainer's folder `…/ARM-seedN/model`, or `…/ARM-seedN`, ARM-seedN; else the name."""
    for part in reversed(Path(name).parts[-2:]):
        if _SEEDED.fullmatch(part):
            return part
    return name


def labels(names: Sequence[str]) -> list[str]:
    """What to call each of several subjects; RECIPE/ARM-seedN where two recipes have an arm of one name."""
    short = [label(name) for name in names]
    if len(set(short)) == len(set(names)):
        return short
    folders = [Path(name).parent if Path(name).name == "model" else Path(name) for name in names]
    longer = ["/".join(folder.parts[-2:]) for folder in folders]
    return longer if len(set(longer)) == len(set(names)) else list(names)


def arm(name: str) -> str:
    """A label without its seed; the name of what has none."""
    found = _SEEDED.fullmatch(name)
    return found[1] if found else name


def told_seeds(names: Iterable[str]) -> tuple[str, ...]:
    """What a reader must know of the noise: of which arms there are several seeds, and of which only one."""
    arms = {one: len(of) for one, of in by_arm(names).items()}
    several = [f"{count} of {one}" for one, count in arms.items() if count > 1]
    if not several:
        return ("no other seed of these arms was found: how far seeds alone move these figures is not known",)
    alone = [one for one, count in arms.items() if count == 1]
    rest = f"; that of {', '.join(alone)}, of one seed, is not known" * bool(alone)
    return (f"noise is of seeds, {', '.join(several)}; of so few it may well be larger{rest}",)


def siblings(folder: Path) -> list[Path]:
    """The trainer's folders of the same arm with another seed, by seed; `folder` is a run's or its model's."""
    inside = folder.name == "model"
    run = folder.parent if inside else folder
    found = _SEEDED.fullmatch(run.name)
    if not found or not run.parent.is_dir():
        return []
    alike = {
        int(told[2]): path
        for path in run.parent.iterdir()
        if (told := _SEEDED.fullmatch(path.name)) and told[1] == found[1] and told[2] != found[2]
    }
    found_there = [path / "model" if inside else path for _, path in sorted(alike.items())]
    return [path for path in found_there if path.is_dir()]  # a run that goes on has no model yet


def apart(values: Mapping[str, float]) -> float | None:
    """The largest difference of two seeds of one arm, by label; None where no arm has two."""
    differences = [abs(values[one] - values[other]) for one, other in combinations(values, 2) if arm(one) == arm(other)]
    return max(differences, default=None)


def by_arm(names: Iterable[str]) -> dict[str, list[str]]:
    """Arm → its labels, in the order they come."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(arm(name), []).append(name)
    return found
