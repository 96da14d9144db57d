"""The door: an index that is open on the CPU, on a device."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from mrl_search.device import Device
from mrl_search.errors import DeviceError
from mrl_search.gpu.choice import FAISS, FLAT, TORCH, Choice, Needed, are_resident, chosen_engine, spread
from mrl_search.gpu.faiss_cards import faiss_cards, has_cagra, on_cards
from mrl_search.gpu.index import DeviceIndex, Finder
from mrl_search.gpu.replay import Replays, recording_on
from mrl_search.gpu.rows import DeviceRows, OnHost, Resident
from mrl_search.gpu.scan import Groups, Scan
from mrl_search.indexes import VectorIndex

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceOptions:
    """How an index is put on a device.

    engine: auto (FAISS where it sees a card, else torch), faiss or torch. cards: further cards that FAISS shares the
    prefixes among. shared: auto (replicas if the prefixes fit on each card), replicas or shards.
    resident: whether the full vectors lie in the device's memory; None: where they fit. fused: whether torch's engine
    uses the Triton kernels of `fused` (half precision only); None: on a card, where Triton is there and has the width.
    graphs: whether torch's engine replays small batches' funnels as CUDA graphs, where the vectors are resident.
    share: of the card's memory that the index may take at most, where others are to have theirs.
    """

    engine: str = "auto"
    cards: tuple[int, ...] = ()
    shared: str = "auto"
    resident: bool | None = None
    fused: bool | None = None
    graphs: bool = True
    share: float = 1.0


def on_device(index: VectorIndex, factory: str, device: Device, options: DeviceOptions | None = None) -> DeviceIndex:
    """The same index, searched on the device; what is on disk stays as it is, and rows stay its rows.

    factory: the string its prefix index was built by, if it has one. Prefixes go there in float16, the full vectors as
    they are stored, if they fit. A prefix index that does not go to a card is replaced by the prefixes themselves,
    which finds no fewer; `DeviceIndex.where` and the log say so.
    Raises DeviceError where not even the prefixes fit, with the widest that do.
    """
    options = options or DeviceOptions()
    stored = index.stored
    width = index.prefixes.dim if index.prefixes is not None else 0
    if index.prefixes is None:
        choice = Choice(TORCH, "exact over full vectors")
    else:
        choice = planned(factory, device, options.engine, index.prefixes.faiss_probes)
    needed = Needed(len(index), width, index.dim, stored.data.itemsize, choice)
    if options.cards and choice.engine == TORCH:
        raise DeviceError("several cards share an index by FAISS alone, which sees none here; leave out `cards`")
    shares = 1 + len(options.cards)
    fits = are_resident(needed, _room(device.number, options.share), device.told, shares) if device.is_cuda else True
    resident = fits if options.resident is None else options.resident
    vectors = Resident(stored, device) if resident else OnHost(stored, device)
    finder: Finder | None = None
    if index.prefixes is not None:
        choice, finder = _found(vectors, index, factory, needed, (device, options))
    told = f"{choice}; full vectors {'resident' if resident else 'in host memory'}"
    if choice.why:
        _LOG.warning("on %s: %s", device, choice.why)
    return DeviceIndex(
        index, vectors, finder, (device, told), Replays(recording_on(device)) if options.graphs else None
    )


def planned(factory: str, device: Device, engine: str = "auto", probes: int = 1) -> Choice:
    """What stands on the device for a prefix index of this factory string. Raises as `chosen_engine`."""
    cards = faiss_cards() if device.is_cuda else 0
    return chosen_engine(factory, faiss_cards=cards, has_cagra=cards > 0 and has_cagra(), probes=probes, asked=engine)


def _found(
    vectors: DeviceRows, index: VectorIndex, factory: str, needed: Needed, where: tuple[Device, DeviceOptions]
) -> tuple[Choice, Finder]:
    """Who finds candidates; where FAISS does not take what it was thought to take, the prefixes themselves."""
    device, options = where
    choice = needed.choice
    if choice.engine == TORCH:
        return choice, Scan.over(vectors, needed.prefix_dim, device, _groups(needed.prefix_dim, where))
    cards = sorted({device.number, *options.cards})
    shared = spread(needed, [_free_bytes(card) for card in cards], options.shared) if len(cards) > 1 else "replicas"
    try:
        return choice, on_cards(index, choice.structure, cards, shared)
    except RuntimeError as error:
        if choice.structure == FLAT:
            raise DeviceError(f"FAISS cannot hold the prefixes on {device.told}: {error}") from error
        flat = Choice(FAISS, FLAT, f"FAISS does not take {factory} on a card: {' '.join(str(error).split())[:200]}")
    try:
        return flat, on_cards(index, FLAT, cards, shared)
    except RuntimeError as error:
        raise DeviceError(f"FAISS cannot hold the prefixes on {device.told}: {error}") from error


def _groups(dim: int, where: tuple[Device, DeviceOptions]) -> Groups | None:
    """The fused kernels, if they are wanted. Raises DeviceError where they are asked for and have not the width."""
    device, options = where
    if options.fused is False or (options.fused is None and not (device.is_cuda and find_spec("triton"))):
        return None
    from mrl_search.gpu.fused import GROUPS, WIDTHS, demand_fusible

    if options.fused is None and dim not in WIDTHS:
        return None
    demand_fusible(dim)
    return GROUPS


def _room(card: int, share: float) -> int:
    """Bytes of a card that may be taken: of what is free no more than that share of all."""
    free = _free_bytes(card)
    return free if share >= 1 else min(free, int(share * _all_bytes(card)))


def _all_bytes(card: int) -> int:
    return int(torch.cuda.mem_get_info(card)[1])


def _free_bytes(card: int) -> int:
    torch.cuda.empty_cache()  # what torch keeps for later is free, too
    return int(torch.cuda.mem_get_info(card)[0])
