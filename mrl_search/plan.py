"""What a query asks for, made into how it is answered."""

from typing import NamedTuple

from mrl_search.errors import FunnelError, GuaranteeError
from mrl_search.funnel import Funnel, Stage
from mrl_search.fusion import Fusion
from mrl_search.guarantee import EXACT, checked_proof, parsed, promised
from mrl_search.indexes import Calibration, Manifest

DEPTH = 100
"""How many documents vectors, and words, give to a fusion at least; published figures of hybrids are of so many."""


class Hybrid(NamedTuple):
    """That words join in: how both are fused, and how many answers are wanted of them."""

    fusion: Fusion
    k: int


class Plan(NamedTuple):
    """How a query is answered: by a funnel, and whether what it finds is then proven against all other rows."""

    funnel: Funnel
    proof: bool = False
    where: str | None = None
    """Which documents are answers at all: a filter on their metadata."""
    hybrid: Hybrid | None = None
    promise: Calibration | None = None
    """Whose recall was asked for."""

    def __str__(self) -> str:
        words = f",words={self.hybrid.fusion}" if self.hybrid is not None else ""
        return f"{self.funnel}{',proven' * self.proof}{',filtered' * (self.where is not None)}{words}"


class Asked(NamedTuple):
    """What a query may ask for; see `Retriever.search`."""

    k: int | None = None
    funnel: Funnel | str | None = None
    guarantee: str | float | None = None
    where: str | None = None
    hybrid: str | float | None = None


def planned(asked: Asked, manifest: Manifest, own: Funnel) -> Plan:
    """How an index whose own funnel is that answers. Raises as `funnel_for`, FusionError for what is no fusion, and
    GuaranteeError where nothing can be promised."""
    level = parsed(asked.guarantee) if asked.guarantee is not None else None
    if level is not None and asked.hybrid is not None:
        raise GuaranteeError("a guarantee is of the best by vectors; of words and vectors together none can be given")
    if level is not None and level != EXACT and asked.funnel is not None:
        raise GuaranteeError(f"a recall of {level} chooses the funnel; give either, not both")
    if level is not None and level != EXACT and asked.where is not None:
        raise GuaranteeError(f"a recall of {level} was proven for searches of all documents; filter with exact")
    walked = funnel_for(asked.k, asked.funnel, manifest, own)
    if asked.hybrid is not None:
        return _with_words(walked, asked)
    if level == EXACT:
        checked_proof(walked, manifest.dim)
    elif level is not None:
        promise = promised(manifest.calibrations, float(level), walked.k)
        return Plan(Funnel.parse(promise.funnel), promise=promise)
    return Plan(walked, level == EXACT, asked.where)


def funnel_for(k: int | None, funnel: Funnel | str | None, manifest: Manifest, own: Funnel) -> Funnel:
    """The funnel to walk: the one given (its text form will do), else the index's own, made for k answers.

    Raises FunnelError when a given funnel leaves fewer than k, or k is below 1.
    """
    if k is not None and k < 1:
        raise FunnelError(f"asked for {k} answers; ask for at least 1")
    if isinstance(funnel, str):
        funnel = Funnel.parse(funnel)
    if funnel is None:
        if k is None or k == own.k:
            return own
        if manifest.tuned is not None:
            return own.keeping(k)
        return Funnel.default([stage.dim for stage in own.stages], k)
    if k is None or k == funnel.k:
        return funnel
    if k > funnel.k:
        raise FunnelError(f"the funnel {funnel} leaves {funnel.k} answers, asked for {k}; let its last stage keep {k}")
    return Funnel((*funnel.stages[:-1], Stage(funnel.dim, k)))


def _with_words(walked: Funnel, asked: Asked) -> Plan:
    """A funnel that was given says by itself how many both sides find; the index's own finds `DEPTH` at least."""
    fusion = Fusion.parse(str(asked.hybrid))
    if asked.funnel is not None:
        given = asked.funnel if isinstance(asked.funnel, Funnel) else Funnel.parse(asked.funnel)
        return Plan(given, where=asked.where, hybrid=Hybrid(fusion, walked.k))
    return Plan(walked.reaching(max(DEPTH, walked.k)), where=asked.where, hybrid=Hybrid(fusion, walked.k))
