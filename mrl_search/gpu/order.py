"""The one order, on tensors: score down, then row up, by one whole number for each hit, so that no two are equal."""

import torch
from torch import Tensor

from mrl_search.hits import Hits

_LOW = 0xFFFFFFFF  # 32 bits: the row, counted down, so that the lower of two has the larger key
_NOTHING = torch.iinfo(torch.int64).min


def best(scores: Tensor, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k best of each line, in order; (-inf, -1) where there are fewer.

    scores: (q, m) float32. rows: (q, m) int64 below 2^32, below 0 for none, none twice in a line.
    """
    keys = torch.where(rows < 0, _NOTHING, (_ordered(scores + 0.0) << 32) | (_LOW - rows))  # -0.0 + 0.0 is 0.0
    found = keys.topk(min(k, keys.shape[1]), dim=1).values
    if found.shape[1] < k:
        found = torch.nn.functional.pad(found, (0, k - found.shape[1]), value=_NOTHING)
    nothing = found == _NOTHING
    scores = _ordered_back(found >> 32).masked_fill(nothing, -torch.inf)
    return scores, (_LOW - (found & _LOW)).masked_fill(nothing, -1)


def off_device(scores: Tensor, rows: Tensor) -> Hits:
    """What `best` found, off the device."""
    return Hits(scores.cpu().numpy(), rows.cpu().numpy())


def _ordered(scores: Tensor) -> Tensor:
    """float32 as int64 that order as they do: of negative numbers, all bits but the sign are turned."""
    bits = scores.view(torch.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()


def _ordered_back(ordered: Tensor) -> Tensor:
    bits = ordered.int()
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).view(torch.float32)
