"""What goes to a card where there is one, and stays as it is where not: the one door to `gpu`, which loads torch."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from mrl_search.device import AUTO, Device
from mrl_search.encoders import Encoder, check_lengths
from mrl_search.hits import Hits
from mrl_search.indexes import StoredIndex, StoredVectors, VectorIndex, exact, growing
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors

_LOG = logging.getLogger(__name__)
Growing = Callable[[StoredVectors, Vectors, Sequence[int], int, Sequence[int]], Iterator[tuple[int, dict[int, Hits]]]]
"""What `indexes.growing` takes and gives."""


def index_on(device: Device, index: VectorIndex, factory: str, engine: str = AUTO, share: float = 1.0) -> VectorIndex:
    """The index, searched on the device. factory: what its prefix index was built by. engine, share: as DeviceOptions
    has them. Raises as `gpu.on_device`."""
    if not device.is_cuda:
        return index
    from mrl_search.gpu import DeviceOptions, on_device

    return on_device(index, factory, device, DeviceOptions(engine, share=share))


def vectors_on(device: Device, stored: StoredIndex, engine: str = AUTO, share: float = 1.0) -> VectorIndex:
    """An open index's vectors, searched on the device as by `index_on`; of one that is not whole on the CPU, which a
    warning tells."""
    if device.is_cuda and not stored.vectors.is_whole:
        _LOG.warning(
            "%s was added to or deleted from, and is searched on the CPU; `mrl-search compact` makes it whole",
            stored.folder,
        )
        return stored.vectors
    return index_on(device, stored.vectors, stored.manifest.prefix, engine, share)


def rotation_on(device: Device, rotation: Rotation | None) -> Rotation | None:
    """The rotation, applied on the device."""
    if rotation is None or not device.is_cuda:
        return rotation
    from mrl_search.gpu import DeviceRotation

    return DeviceRotation(rotation, device)


def queries_on(stored: StoredIndex, encoder: Encoder, texts: Sequence[str]) -> Any:
    """(q, D) query vectors in the index's axes that have not left the device, as `DeviceIndex.funnelled` takes them.

    None where the index is on none, the encoder hands out numpy's alone, or they pass through an adapter, which is
    applied on the CPU. Raises EncoderError as `check_lengths`.
    """
    encode: Any = getattr(encoder, "queries_on_device", None)
    rotation: Any = stored.rotation  # a DeviceRotation, as `rotation_on` made it
    if encode is None or stored.adapter is not None or not hasattr(stored.vectors, "funnelled"):
        return None
    there = encode(texts)
    check_lengths(there.norm(dim=1).cpu().numpy(), encoder)
    return there if rotation is None else rotation.turned(there[:, : rotation.dim])


def exact_on(device: Device, stored: StoredVectors, queries: Vectors, dims: Sequence[int], k: int) -> dict[int, Hits]:
    """As `indexes.exact`, on the device."""
    if not device.is_cuda:
        return exact(stored, queries, dims, k)
    from mrl_search.gpu import exact as exact_on_card

    return exact_on_card(stored, queries, dims, k, device)


def growing_on(device: Device) -> Growing:
    """`indexes.growing`, on the device."""
    if not device.is_cuda:
        return growing
    from mrl_search.gpu import growing as growing_on_card

    return partial(growing_on_card, device)


def told_of(device: Device, factory: str, *, is_whole: bool = True) -> str:
    """What would search an index built by this factory string, for people; its memory is not looked at.

    is_whole: whether it is one segment without deleted rows; no other is put on a card.
    """
    if not device.is_cuda:
        return str(device)
    if not is_whole:
        return f"cpu; {device.told} takes it when it was compacted"
    from mrl_search.gpu import planned

    return f"{device.told}, {planned(factory, device)}"
