"""May these vectors be cut, where, and after which rotation? `docs/tuning.md` says how the verdicts are reached."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrl_search.device import AUTO, Device
from mrl_search.encoders import EncoderSpec
from mrl_search.errors import VectorsError
from mrl_search.eval import PERCENTILES, Estimate, bootstrapped, paired
from mrl_search.provenance import provenance
from mrl_search.results import Result
from mrl_search.rotations import Fitted, fit
from mrl_search.tuning.curve import DRAWS, Curves, PerQuery, curves, in_half_the_axes, sampled, turned
from mrl_search.tuning.steps import Step, carried, steps
from mrl_search.tuning.subject import Subject, demand_room, subject

MRL, WEAK, NOT, NOTHING = "MRL", "weak", "not MRL", "nothing to cut: random vectors"
_STRONG, _SOME = 0.5, 0.1  # of what principal axes gain on random dims, the interval's lower end
_T = 2.36  # Student's, .975 of 7 degrees of freedom
_ROOM = 0.02  # overlap that principal axes must gain on random dims for there to be anything to gain
_ISOTROPIC = 0.55  # of the variance in half of the axes; .5 of random vectors
_ENOUGH = 0.99  # of the ten nearest, among the candidates
_HELPS = 0.005  # of overlap
_UNIT = 1e-3  # how far a length may be from 1


@dataclass(frozen=True)
class Width:
    """At `dim`: the share of the ten nearest by the full width among the ten nearest, and the candidates, by prefix.

    own: of the encoder's prefixes. dims, axes, pca: in place of the first dims, as many dims at random, random axes,
    principal axes. best, best_within: after the recommended rotation. With 95 % intervals over the queries.
    """

    dim: int
    own: Estimate
    own_within: Estimate
    dims: float
    axes: float
    pca: float
    best: Estimate
    best_within: Estimate


@dataclass(frozen=True)
class Diagnosis(Result):
    """What the doctor found.

    order: of what principal axes find more than random dims, the share that prefixes find more; over widths from a
    sixteenth to half of `dim`. declared: trained widths the encoder names. steps: those found (see steps.py).
    lengths: shortest and longest raw vector; unit: whether they were of length 1; None where nobody can know.
    layer_norm: what it adds to the overlap at these widths, before the cut.
    rotation, why: what `fit` recommends. dims: for `build --dims`; one if no prefix is good enough.
    """

    subject: str
    kind: str
    rows_of: str
    documents: int
    queries: int
    candidates: int
    dim: int
    verdict: str
    reason: str
    order: Estimate
    in_half_the_axes: float
    declared: tuple[int, ...]
    steps: tuple[Step, ...]
    lengths: tuple[float, ...]
    unit: bool | None
    layer_norm: Estimate
    layer_norm_helps: bool
    rotation: str
    why: str
    dims: tuple[int, ...]
    widths: tuple[Width, ...]
    provenance: dict[str, object]


def doctor(
    what: str | EncoderSpec,
    *,
    texts: str | None = None,
    sample: int | None = None,
    cache: bool = True,
    progress: bool = False,
    device: str | Device = AUTO,
) -> Diagnosis:
    """Examines an index, an encoder, or an .npy file of vectors; arguments and errors as of `subject`."""
    return diagnosis(subject(what, texts=texts, sample=sample, cache=cache, progress=progress, device=device))


def diagnosis(found: Subject) -> Diagnosis:
    """Examines a sample of vectors. The same vectors give the same diagnosis."""
    dim = found.vectors.shape[1]
    demand_room(dim, found.name)
    if (found.vectors == found.vectors[0]).all():
        raise VectorsError(f"{found.rows_of}: all vectors are equal; there is nothing to judge by")
    told = sampled(found.vectors)
    declared = tuple(width for width in found.trained if width < dim)
    falls = steps(carried(found.vectors))
    widths = sorted({*_powers(dim), dim // 2, *declared, *(step.dim for step in falls)})
    known = curves(told, widths)
    weighed = [width for width in widths if dim / 16 <= width <= dim / 2]
    order, helped = _order(known, weighed), _layer_norm(known, weighed)
    isotropy = in_half_the_axes(told)
    verdict = _verdict(order, isotropy, has_steps=bool(falls))
    if verdict in (NOT, NOTHING):  # steps in what is carried, by which nobody gains anything, are no trained widths
        falls = ()
    fitted = Fitted(None, "none", "no axes find more than others")
    if verdict != NOTHING:
        fitted = fit("auto", told.documents, _asked(dim), declared or tuple(step.dim for step in falls))
    rows = _rows(known, turned(told, fitted.rotation, widths), dim)
    return Diagnosis(
        subject=found.name,
        kind=found.kind,
        rows_of=found.rows_of,
        documents=len(told.documents),
        queries=len(told.queries),
        candidates=told.candidates,
        dim=dim,
        verdict=verdict,
        reason=_reason(verdict, order, isotropy, has_steps=bool(falls)),
        order=order,
        in_half_the_axes=round(isotropy, 4),
        declared=declared,
        steps=falls,
        lengths=found.lengths or (),
        unit=None if found.lengths is None else max(abs(length - 1) for length in found.lengths) <= _UNIT,
        layer_norm=helped,
        layer_norm_helps=helped.value >= _HELPS and helped.low > 0,
        rotation=fitted.kind,
        why=fitted.why,
        dims=_dims(rows, verdict),
        widths=rows,
        provenance=provenance(),
    )


def _powers(dim: int) -> list[int]:
    """Powers of two from 8, or a quarter of short vectors, below dim."""
    return [1 << power for power in range(1, dim.bit_length()) if min(8, dim // 4) <= 1 << power < dim]


def _asked(dim: int) -> list[int]:
    """The prefixes that a rotation is to serve: powers of two from a sixteenth to a third of the width."""
    asked = [width for width in _powers(dim) if dim / 16 <= width <= dim / 3]
    return asked or [max(1, dim // 4)]


def _order(found: Curves, widths: Sequence[int]) -> Estimate:
    """Of what principal axes find more than random dims, the share that prefixes find more.

    The interval is of two errors: of the queries (bootstrap), and of the order, which may be a lucky one of a few dims:
    as random draws differ (Student's t).
    """
    own, pca = (np.mean([curve[width] for width in widths], axis=(0, 1)) for curve in (found.own, found.pca))  # (q,)
    draws = np.mean([found.dims[width] for width in widths], axis=(0, 2))  # (DRAWS, q)
    gained, room = own - draws.mean(axis=0), pca - draws.mean(axis=0)
    if room.mean() < _ROOM:
        return Estimate(0.0, 0.0, 0.0)
    share = float(gained.mean() / room.mean())
    drawn = bootstrapped(np.stack([gained, room]))
    of_queries = np.std(drawn[:, 0] / np.maximum(drawn[:, 1], _ROOM / 2))
    of_order = draws.mean(axis=1).std(ddof=1) * np.sqrt(1 + 1 / DRAWS) / room.mean()
    reach = float(_T * np.hypot(of_queries, of_order))
    return _rounded(share, share - reach, share + reach)


def _verdict(order: Estimate, isotropy: float, *, has_steps: bool) -> str:
    if order.low >= _STRONG or (has_steps and order.low >= _SOME):
        return MRL
    if order.low >= _SOME:
        return WEAK
    return NOTHING if isotropy < _ISOTROPIC else NOT


def _reason(verdict: str, order: Estimate, isotropy: float, *, has_steps: bool) -> str:
    share = f"{order.value:.2f} [{order.low:.2f}, {order.high:.2f}]"
    ends = {
        MRL: ", in steps" if has_steps else ", and in no steps: the order of principal axes, or of many trained widths",
        WEAK: f": the dims stand in some order, but in no steps and not surely by {_STRONG}",
        NOT: ": the first dims are no better than any others; cut only after a rotation",
        NOTHING: f", and no axes matter more than others: half of the best hold {isotropy:.2f} of the variance",
    }
    return f"prefixes gain {share} of what principal axes gain on random dims{ends[verdict]}"


def _layer_norm(found: Curves, widths: Sequence[int]) -> Estimate:
    before, after = (np.mean([curve[width][0] for width in widths], axis=0) for curve in (found.own, found.layer_norm))
    difference = paired(before, after, _HELPS)
    return _rounded(difference.mean, difference.low, difference.high)


def _rows(found: Curves, best: dict[int, PerQuery], dim: int) -> tuple[Width, ...]:
    """One for each width, then the full one, by which everything is found; all intervals from the same draws."""
    values = np.concatenate([[*found.own[width], *best[width]] for width in best])
    means = values.mean(axis=1)
    lows, highs = np.percentile(bootstrapped(values), PERCENTILES, axis=0)
    told = [_rounded(*one) for one in zip(means, lows, highs, strict=True)]
    rows = []
    for place, width in enumerate(best):
        own, own_within, its_best, best_within = told[4 * place : 4 * place + 4]
        dims, axes, pca = (
            round(float(curve[width][..., 0, :].mean()), 4) for curve in (found.dims, found.axes, found.pca)
        )
        rows.append(Width(width, own, own_within, dims, axes, pca, its_best, best_within))
    one = Estimate(1.0, 1.0, 1.0)
    return (*rows, Width(dim, one, one, 1.0, 1.0, 1.0, one, one))


def _dims(rows: Sequence[Width], verdict: str) -> tuple[int, ...]:
    """The shortest prefix whose candidates surely hold .99 of the ten nearest, and the full width."""
    full = rows[-1].dim
    enough = next(row.dim for row in rows if row.best_within.low >= _ENOUGH)
    return (full,) if verdict == NOTHING or enough == full else (enough, full)


def _rounded(value: float, low: float, high: float) -> Estimate:
    return Estimate(*(round(float(one), 4) for one in (value, low, high)))
