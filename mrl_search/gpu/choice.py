"""What is searched on a card, by whom, and whether it fits: decisions, in numbers and words alone."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from mrl_search.errors import DeviceError

TORCH, FAISS = "torch", "faiss"
FLAT, CAGRA = "Flat", "CAGRA"
HALF = 2
"""Bytes of a coordinate of a prefix on a card."""
MOST_FOUND = 2048
"""Rows, and cells, that FAISS's own GPU indexes look at for a query (GpuIndex.h, `getMaxKSelection`)."""

_WORK = 2 * 2**30  # bytes for cosines, candidates and FAISS's scratch (1.5 GiB)
_STEP = 8  # dims; tensor cores take no less
_CLONES = re.compile(r"(?:(?:OPQ|PCA)\w+,)?(?:Flat|IVF\d+,(?:Flat|PQ\d+(?:x8)?(?:np)?|SQ(?:4|8|fp16)))")


class Choice(NamedTuple):
    """engine: torch or faiss. structure: Flat, CAGRA, or the index's own factory string. why: where it is another."""

    engine: str
    structure: str
    why: str = ""

    def __str__(self) -> str:
        precision = " float16" if self.structure == FLAT else ""
        return f"{self.engine} {self.structure}{precision}" + (f"; {self.why}" if self.why else "")


def chosen_engine(
    factory: str, *, faiss_cards: int, has_cagra: bool = False, probes: int = 1, asked: str = "auto"
) -> Choice:
    """What stands on a card for a prefix index that was built by this factory string.

    faiss_cards: cards that the FAISS at hand can search on; 0 for a FAISS without its GPU half. Then, or if it is asked
    for, torch compares the prefixes themselves, whatever the string. probes: cells that the index looks into.
    Raises DeviceError if FAISS is asked for and sees no card.
    """
    if asked not in ("auto", TORCH, FAISS):
        raise DeviceError(f"there is no engine {asked!r}; choose auto, {TORCH} or {FAISS}")
    if asked == FAISS and not faiss_cards:
        raise DeviceError("the FAISS that is installed sees no card; run: pip install 'mrl-search[gpu]', or take torch")
    engine = FAISS if faiss_cards and asked != TORCH else TORCH
    if factory == FLAT:
        return Choice(engine, FLAT)
    if engine == TORCH:
        return Choice(engine, FLAT, f"{factory} is FAISS's; torch compares the prefixes themselves")
    if "HNSW" in factory and has_cagra:
        return Choice(engine, CAGRA, f"{factory} stays on the CPU; CAGRA is the graph of a card")
    if not _CLONES.fullmatch(factory):
        return Choice(engine, FLAT, f"{factory} is not for cards; the prefixes themselves are compared")
    if probes > MOST_FOUND:
        why = f"{factory} looks into {probes:,} cells, a card into {MOST_FOUND:,}; the prefixes themselves are compared"
        return Choice(engine, FLAT, why)
    return Choice(engine, factory)


@dataclass(frozen=True)
class Needed:
    """What an index takes: documents, the width and bytes of a prefix's coordinate, and of a full vector's."""

    count: int
    prefix_dim: int
    dim: int
    vector_itemsize: int

    @property
    def prefix_bytes(self) -> int:
        """All prefixes, in half precision."""
        return self.count * self.prefix_dim * HALF

    @property
    def vector_bytes(self) -> int:
        """All full vectors, as stored."""
        return self.count * self.dim * self.vector_itemsize


def are_resident(needed: Needed, free_bytes: int, where: str, shares: int = 1) -> bool:
    """Whether the full vectors fit beside the prefixes in a card's free memory, with 2 GiB to work in.

    shares: cards that may hold a part of the prefixes each.
    Raises DeviceError, with the widest prefix that would fit, where not even the prefixes do.
    """
    left, prefix_bytes = free_bytes - _WORK, needed.prefix_bytes // shares
    if prefix_bytes > left:
        widest = max(0, left) * shares // (needed.count * HALF) // _STEP * _STEP
        advice = f"build with --dims {widest},{needed.dim}" if widest else "no prefix fits"
        raise DeviceError(
            f"{needed.count:,} prefixes of {needed.prefix_dim} dims take {_gib(needed.prefix_bytes)} in float16 and "
            f"{_gib(_WORK)} to work in; {where} has {_gib(free_bytes)} free: {advice}, or take --device cpu"
        )
    return prefix_bytes + needed.vector_bytes <= left


def spread(needed: Needed, free_bytes: list[int], asked: str = "auto") -> str:
    """`replicas` on several cards where the prefixes fit on each, else `shards`; or what is asked for.

    Raises DeviceError where not even the shards fit.
    """
    on_each = min(free_bytes) - _WORK
    if asked != "shards" and needed.prefix_bytes <= on_each:
        return "replicas"
    if asked == "replicas" or needed.prefix_bytes > len(free_bytes) * on_each:
        raise DeviceError(
            f"{needed.count:,} prefixes of {needed.prefix_dim} dims take {_gib(needed.prefix_bytes)} in float16; "
            f"{len(free_bytes)} cards with {_gib(min(free_bytes))} free or more do not hold them as {asked}"
        )
    return "shards"


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"
