"""Finding the rows worth scoring: a matrix product with all prefixes, part by part, and the largest so far."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mrl_search.device import Device
from mrl_search.gpu.rows import DeviceRows, units
from mrl_search.indexes import NOISE

HALF_NOISE = 2**-9
"""What a product of half-precision unit vectors may err by: 2^-10 by the rounding of both (|Σab| ≤ 1), 2^-11 by that
of the result, and as much again for sums that are kept in halves or made by TF32."""

_BYTES = 2**28  # of cosines at a time
_CARD_BYTES = 2**30  # there each part costs a dozen launches
_QUERIES = 1024  # at a time
_GROUP = 32  # columns whose largest stands for them
_WORTH_GROUPS = 4  # groups for each one wanted, at least


class ShallowError(Exception):
    """A finder does not look as deep as is needed to leave none out; who asks compares all rows."""


class Groups(NamedTuple):
    """How the best are found by way of groups of 32 rows, with (q, dim) queries and (n, dim) prefixes.

    maxima: (queries, prefixes) to the largest inner product of each query with each group, (q, ⌈n / 32⌉).
    within: (queries, prefixes, (q, m) groups) to the inner products with their rows, (q, 32 m); -inf beyond the last.
    noise: what either errs by, at most.
    """

    maxima: Callable[[Tensor, Tensor], Tensor]
    within: Callable[[Tensor, Tensor, Tensor], Tensor]
    noise: float


Find = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""(q, dim) queries and m to the m largest inner products of each, in order, and their rows: (q, m) each."""


class Scan:
    """The re-normalised prefixes of all rows on a device: float16 on a card, float32 on the CPU, where it is faster.

    groups: by which the best are found, of many rows, in place of a product with all (`fused.GROUPS`).
    """

    def __init__(self, prefixes: Tensor, groups: Groups | None = None) -> None:
        self._prefixes = prefixes
        self._groups = groups
        exact = prefixes.device.type == "cpu" and prefixes.dtype == torch.float32
        of_products = float(NOISE) if exact else HALF_NOISE  # which answer where there are few rows
        self.noise = of_products if groups is None else max(of_products, groups.noise)

    @classmethod
    def over(cls, vectors: DeviceRows, dim: int, device: Device, groups: Groups | None = None) -> "Scan":
        """Of stored vectors, cut, scaled and rounded on the device."""
        dtype = torch.float16 if device.is_cuda else torch.float32
        prefixes = torch.empty((len(vectors), dim), dtype=dtype, device=str(device))
        for start, block in vectors.blocks(dim):
            prefixes[start : start + len(block)] = units(block)
        return cls(prefixes, groups)

    def found_by(self, groups: Groups | None) -> "Scan":
        """The same prefixes, searched by other means."""
        return Scan(self._prefixes, groups)

    def __len__(self) -> int:
        return len(self._prefixes)

    @property
    def dim(self) -> int:
        """The prefixes' width."""
        return self._prefixes.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        return self._prefixes.nbytes

    @property
    def is_exhaustive(self) -> bool:
        """Every prefix is compared."""
        return True

    def candidates(self, queries: Tensor, k: int) -> Tensor:
        """(q, m) rows, among them the k best of each (q, dim) unit query, and equals among them by row; -1 for none."""
        parts = [
            all_of_the_best(self.largest, len(self), queries[start : start + _QUERIES], k, self.noise)
            for start in range(0, len(queries), _QUERIES)
        ]
        widest = max((part.shape[1] for part in parts), default=k)
        return torch.cat(
            [torch.nn.functional.pad(part, (0, widest - part.shape[1]), value=-1) for part in parts]
            or [torch.empty((0, k), dtype=torch.int64, device=queries.device)]
        )

    def try_once(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """(q, m) rows, and (q,) whether they are what `candidates` would give: the first of its rounds, and no other.

        Shapes and steps depend on no query's values, and nothing waits for the device, so a CUDA graph may hold it.
        There must be a row.
        """
        k, size = min(k, len(self)), len(self)
        asked = _asked_first(k, size)
        scores, rows = self.largest(queries, asked)
        zero = ~queries.any(dim=1)
        first = torch.arange(asked, device=queries.device)
        return torch.where(zero[:, None], first, rows), zero | _are_whole(scores, k, size, self.noise)

    def largest(self, queries: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
        """See Find; the products are in the prefixes' precision."""
        queries = queries.to(self._prefixes.dtype)
        if self._groups is not None and len(self) >= _WORTH_GROUPS * _GROUP * wanted:
            return self._by_groups(self._groups, queries, wanted)
        most = _CARD_BYTES if queries.is_cuda else _BYTES
        step = most // (max(1, len(queries)) * self._prefixes.itemsize)
        step = max(_GROUP, step - step % _GROUP)
        scores = torch.empty((len(queries), 0), dtype=queries.dtype, device=queries.device)
        rows = torch.empty((len(queries), 0), dtype=torch.int64, device=queries.device)
        for start in range(0, len(self), step):
            here, places = largest_of(queries @ self._prefixes[start : start + step].T, wanted)
            scores, rows = torch.cat([scores, here], 1), torch.cat([rows, places + start], 1)
            scores, kept = scores.topk(min(wanted, scores.shape[1]), dim=1)
            rows = rows.gather(1, kept)
        return scores.float(), rows

    def _by_groups(self, groups: Groups, queries: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
        """The wanted largest lie within as many groups, those whose largest are the largest."""
        parts = []
        for some in torch.split(queries, max(1, _CARD_BYTES * _GROUP // (4 * len(self)))):
            chosen = largest_of(groups.maxima(some, self._prefixes), wanted, in_order=False)[1]
            scores, kept = groups.within(some, self._prefixes, chosen).topk(wanted, dim=1)
            parts.append((scores.float(), _GROUP * chosen.gather(1, kept // _GROUP) + kept % _GROUP))
        return torch.cat([scores for scores, _ in parts]), torch.cat([rows for _, rows in parts])


def largest_of(values: Tensor, k: int, *, in_order: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest of each line of (q, n) values, and their places; all there are if they are fewer.

    Of many, groups of 32 are ranked by their largest first, which reads the values once: the k largest lie within the
    k groups whose largest are the largest (as in TPU-KNN, Chern et al. 2022, §4, but with nothing left out). A group's
    values stand far apart, so that the largest of neighbouring groups are found side by side: where they stand together
    an H100 takes ten times as long.
    """
    lines, width = values.shape
    k = min(k, width)
    if width < _WORTH_GROUPS * _GROUP * k:
        scores, places = values.topk(k, dim=1, sorted=in_order)
        return scores, places
    many = width // _GROUP
    largest = values[:, : _GROUP * many].view(lines, _GROUP, many).amax(1)  # (q, n / 32)
    groups = largest.topk(k, dim=1, sorted=False).indices
    inside = many * torch.arange(_GROUP, device=values.device)
    places = (groups[:, :, None] + inside).flatten(1)  # (q, 32 k)
    beyond = torch.arange(_GROUP * many, width, device=values.device).expand(lines, -1)
    places = torch.cat([places, beyond], 1)
    scores, kept = values.gather(1, places).topk(k, dim=1, sorted=in_order)
    return scores, places.gather(1, kept)


def all_of_the_best(find: Find, size: int, queries: Tensor, k: int, noise: float, most: int | None = None) -> Tensor:
    """(q, m) rows, among which are the k best of `size` rows in our order, though `find` errs by `noise`; -1 for none.

    Whatever is among the k best lies no deeper than twice the noise below the k-th that was found. So more are asked
    for, until the last lies deeper. A query of zeros scores 0 with everything: the first rows are its best.
    most: rows that `find` can be asked for. Raises ShallowError where they are not enough.
    """
    k, deepest = min(k, size), size if most is None else min(size, most)
    if k > deepest:
        raise ShallowError
    found = torch.full((len(queries), k), -1, dtype=torch.int64, device=queries.device)
    zero = ~queries.any(dim=1)
    found[zero] = torch.arange(k, device=queries.device)
    waiting = torch.nonzero(~zero).flatten()
    asked = min(_asked_first(k, size), deepest)
    while k and len(waiting):
        scores, rows = find(queries[waiting], asked)
        done = _are_whole(scores, k, size, noise)
        found = torch.nn.functional.pad(found, (0, max(0, asked - found.shape[1])), value=-1)
        found[waiting[done], :asked] = rows[done]
        waiting = waiting[~done]
        if len(waiting) and asked == deepest:
            raise ShallowError
        asked = min(2 * asked, deepest)
    return found


def _asked_first(k: int, size: int) -> int:
    return min(k + max(k // 2, _GROUP), size)


def _are_whole(scores: Tensor, k: int, size: int, noise: float) -> Tensor:
    """(q,): whether nothing that may be among the k best lies below (q, m) scores in order."""
    return (scores[:, k - 1] - scores[:, -1] > 2 * noise) | (scores.shape[1] == size)
