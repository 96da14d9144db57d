"""The door: a method by name, and vectors, to an adapter."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from mrl_search.adapter import Adapter, Fitted
from mrl_search.adapters.linear import linear_baseline, linear_mrl
from mrl_search.adapters.material import LEAST, Material, Settings
from mrl_search.adapters.matryoshka_adaptor import matryoshka_adaptor
from mrl_search.adapters.rotated import rotation
from mrl_search.adapters.smec import smec
from mrl_search.errors import AdapterError
from mrl_search.progress import Bar, bar
from mrl_search.rotations import fit
from mrl_search.vectors import Vectors

_Fit: TypeAlias = Callable[..., dict[str, Vectors]]
_FITS: dict[str, _Fit] = {
    "rotation": rotation,
    "matryoshka-adaptor": matryoshka_adaptor,
    "smec": smec,
    "linear-mrl": linear_mrl,
    "linear-baseline": linear_baseline,
}
METHODS = tuple(_FITS)
"""What `fit_adapter` takes. A method is one file: material, settings and a bar to the tensors of an Adapter."""

NEEDS_PAIRS = ("linear-mrl", "linear-baseline")
"""Methods that have nothing to learn from documents alone; of the others, `rotation` ignores pairs."""


def fit_adapter(
    method: str, material: Material, settings: Settings, encoder: str = "precomputed", *, progress: bool = False
) -> Adapter:
    """An adapter, fitted by that method; the same arguments give the same, on one machine and number of threads.

    encoder: whose vectors these are. Raises AdapterError for an unknown method, widths that are not below D, and
    material that the method cannot be fitted to.
    """
    if method not in _FITS:
        raise AdapterError(f"there is no adapter {method!r}; choose one of {', '.join(METHODS)}")
    if settings.widths and settings.widths[-1] >= material.dim:
        raise AdapterError(
            f"the vectors have {material.dim} dims; the widths must be below, found {settings.widths[-1]}"
        )
    if not settings.widths:
        raise AdapterError("an adapter is fitted to be cut; name a width at least")
    rows = demand_enough(method, material)
    settings = replace(settings, batch=min(settings.batch, rows))
    with bar(_steps(method, material, settings), f"fitting {method}", "steps", shown=progress) as shown:
        tensors = _started(method, material, settings, shown)
    return Adapter(Fitted(method, material.dim, settings.widths, encoder), tensors)


def demand_enough(method: str, material: Material, given: Material | None = None) -> int:
    """How many rows, or pairs, the method is fitted to. given: what there was, if some of it is held out.

    Raises AdapterError for too few, and for rows that are all the same.
    """
    given = given or material
    of_pairs = method in NEEDS_PAIRS
    rows, what = (material.queries, "pairs") if of_pairs else (material.texts, "documents")
    if len(rows) < LEAST:
        found = _counted(rows, given.queries if of_pairs else given.texts)
        raise AdapterError(f"{method} is fitted to at least {LEAST} {what}, found {found}")
    if 0 < len(material.queries) < LEAST and method != "rotation":
        found = _counted(material.queries, given.queries)
        raise AdapterError(f"{method} is fitted to at least {LEAST} pairs, or none; found {found}")
    for side in (material.queries, material.positives) if of_pairs else (rows,):
        if (side == side[0]).all():
            raise AdapterError(f"all {len(side):,} vectors of {what} are the same; there is nothing to fit to")
    return len(rows)


def _counted(kept: Vectors, given: Vectors) -> str:
    return f"{len(kept)}" + (
        f", {len(given) - len(kept)} more are held out to judge by" if len(given) > len(kept) else ""
    )


def _started(method: str, material: Material, settings: Settings, progress: Bar) -> dict[str, Vectors]:
    """The method's tensors; what begins in principal axes is fitted to vectors in those, and turns into them first."""
    turn = fit("pca", material.texts, settings.widths).rotation if settings.start == "pca" else None
    if method == "rotation" or turn is None:
        return _FITS[method](material, settings, progress)
    axes = turn.matrix
    rows = (material.documents, material.queries, material.positives)
    tensors = _FITS[method](Material(*(side @ axes.T for side in rows)), settings, progress)
    return {**tensors, "matrix": tensors["matrix"] @ axes if "matrix" in tensors else axes}


def _steps(method: str, material: Material, settings: Settings) -> int:
    """How many the bar should expect."""
    stages = {"smec": len(settings.widths), "matryoshka-adaptor": 2 if len(material.queries) else 1}
    return settings.steps * stages.get(method, 1)
