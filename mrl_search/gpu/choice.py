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
"""Rows, and cells, that FAISS's own GPU indexes look at for a query: faiss/gpu/impl/IndexUtils.cu, `getMaxKSelection`,
which `validateKSelect` and `validateNProbe` ask. (cuVS's take 16,384; no more is asked of them.)"""
DEGREE = 64
"""Neighbours that CAGRA's graph keeps of a row, 4 bytes each: faiss/gpu/GpuIndexCagra.h, `graph_degree`."""

_WORK = 2 * 2**30  # bytes for cosines, candidates, graphs and FAISS's scratch (StandardGpuResources.cpp: 1.5 GiB)
_STEP = 8  # dims; tensor cores take no less
_CELLS = re.compile(r"(?:(?:OPQ|PCA)\w+,)?IVF\d+,Flat")
_GRAPH = re.compile(r"HNSW\d+(?:,Flat)?")
# faiss/gpu/GpuCloner.cpp, `clone_Index`; codes as GpuIndexIVFPQ.cu (`verifyPQSettings_`, where not every number of them
# is taken: RuntimeError) and impl/GpuScalarQuantizer.cuh (`isSQSupported`) have them
_CLONES = re.compile(r"(?:(?:OPQ|PCA)\w+,)?(?:Flat|IVF\d+,(?:Flat|PQ\d+(?:x8)?(?:np)?|SQ(?:4|6|8|fp16)))")


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
    if has_cagra and _GRAPH.fullmatch(factory):
        return Choice(engine, CAGRA, f"{factory} stays on the CPU; CAGRA is the graph of a card")
    if not _CLONES.fullmatch(factory):
        return Choice(engine, FLAT, f"{factory} is not for cards; the prefixes themselves are compared")
    if probes > MOST_FOUND:
        why = f"{factory} looks into {probes:,} cells, a card into {MOST_FOUND:,}; the prefixes themselves are compared"
        return Choice(engine, FLAT, why)
    return Choice(engine, factory)


_BY_TORCH = Choice(TORCH, FLAT)


@dataclass(frozen=True)
class Needed:
    """What an index takes: documents, the widths of a prefix and a full vector, a full coordinate's bytes, by whom."""

    count: int
    prefix_dim: int
    dim: int
    vector_itemsize: int
    choice: Choice = _BY_TORCH

    @property
    def row_bytes(self) -> tuple[int, int]:
        """What a prefix takes at most, while it is put on the card: bytes a dim, and beside them.

        FAISS appends to exact prefixes by moving them all to a larger place (impl/FlatIndex.cu, `add`: reserved
        exactly), so that for a moment they are there twice, and keeps a length of each. A clone keeps 8 bytes a row
        for its number, and prefixes in cells in float32, whatever is asked for (GpuClonerOptions.h, `useFloat16`);
        codes are taken to be as large as the prefixes.
        """
        if _CELLS.fullmatch(self.choice.structure):
            return 2 * HALF, 8
        if self.choice.structure.startswith("IVF") or "," in self.choice.structure:
            return HALF, 8
        if self.choice.structure == CAGRA:
            return 2 * HALF, 4 * DEGREE
        return (2 * HALF, 4) if self.choice[:2] == (FAISS, FLAT) else (HALF, 0)

    @property
    def prefix_bytes(self) -> int:
        """All prefixes."""
        a_dim, beside = self.row_bytes
        return self.count * (self.prefix_dim * a_dim + beside)

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
        a_dim, beside = needed.row_bytes
        widest = max(0, max(0, left) * shares // needed.count - beside) // a_dim // _STEP * _STEP
        advice = f"build with --dims {widest},{needed.dim}" if widest else "no prefix fits"
        raise DeviceError(
            f"{needed.count:,} prefixes of {needed.prefix_dim} dims take {_gib(needed.prefix_bytes)} as "
            f"{needed.choice.engine} {needed.choice.structure} and {_gib(_WORK)} to work in; "
            f"{where} has {_gib(free_bytes)} free: {advice}, or take --device cpu"
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
            f"{needed.count:,} prefixes of {needed.prefix_dim} dims take {_gib(needed.prefix_bytes)}; "
            f"{len(free_bytes)} cards with {_gib(min(free_bytes))} free or more do not hold them as {asked}"
        )
    return "shards"


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"
