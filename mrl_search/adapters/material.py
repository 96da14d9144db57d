"""What adapters are fitted to, how long, and the loop that all of them share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mrl_search.errors import AdapterError
from mrl_search.progress import Bar
from mrl_search.vectors import Vectors

if TYPE_CHECKING:
    import torch

LEAST = 32
"""Fewer rows have hardly any neighbours, and fewer pairs hardly any negatives."""


STARTS = ("identity", "pca")
KINDS = ("learned", "pca", "random", "permuted")
"""Rotations that an adapter may be; block kinds ask for trained widths, of which vectors say nothing."""


@dataclass(frozen=True)
class Material:
    """documents: (n, D) unit rows without labels. queries, positives: (m, D) unit rows that belong together, in step.

    Either may have no rows. Raises AdapterError for rows that are not finite float32, or not in step.
    """

    documents: Vectors
    queries: Vectors
    positives: Vectors

    def __post_init__(self) -> None:
        if len(self.queries) != len(self.positives):
            raise AdapterError(f"{len(self.queries)} queries and {len(self.positives)} positives; they must be in step")
        widths = {rows.shape[1] for rows in (self.documents, self.queries, self.positives)}
        if len(widths) != 1:
            told = (f"{name} of {rows.shape[1]} dims" for name, rows in self._named() if len(rows))
            raise AdapterError(f"documents, queries and positives must be of one width, found {', '.join(told)}")
        for rows in (self.documents, self.queries, self.positives):
            if rows.dtype != np.float32 or not np.isfinite(rows).all():
                raise AdapterError("an adapter is fitted to finite float32 vectors")

    def _named(self) -> tuple[tuple[str, Vectors], ...]:
        return ("documents", self.documents), ("queries", self.queries), ("positives", self.positives)

    @property
    def dim(self) -> int:
        """The width D."""
        return int(self.documents.shape[1])

    @property
    def texts(self) -> Vectors:
        """What stands for a corpus: the documents, or the positives where there are none."""
        return self.documents if len(self.documents) else self.positives


@dataclass(frozen=True)
class Settings:
    """How an adapter is fitted; batch and rate are those of Matryoshka-Adaptor's appendix B (2407.20243, Table 5).

    widths: to be cut at, ascending, below D. steps: of Adam in each stage; half an epoch of 50,000 documents.
    batch: rows, or pairs, a step. rate: the highest learning rate, which falls to 0 in a line. kind: of a rotation.
    start: what the others begin as: `identity`, or `pca`, the principal axes of the documents, which are orthogonal.
    """

    widths: tuple[int, ...]
    steps: int = 400
    batch: int = 128
    rate: float = 1e-3
    seed: int = 0
    kind: str = "learned"
    start: str = STARTS[0]

    def __post_init__(self) -> None:
        if any(short >= long for short, long in zip((0, *self.widths), self.widths, strict=False)):
            raise AdapterError(f"the widths must grow from 1, found {list(self.widths)}")
        if self.start not in STARTS:
            raise AdapterError(f"an adapter begins as {' or '.join(STARTS)}, found {self.start!r}")
        if self.kind not in KINDS:
            raise AdapterError(f"a rotation is one of {', '.join(KINDS)}, found {self.kind!r}")
        if self.steps < 1 or self.batch < 2 or not 0 < self.rate < 1:
            raise AdapterError(
                f"wanted steps from 1, batch from 2 and a rate between 0 and 1; "
                f"found {self.steps}, {self.batch}, {self.rate}"
            )


def generator(seed: int) -> "torch.Generator":
    """All that a fit draws by; torch's global state is neither read nor changed."""
    import torch

    return torch.Generator().manual_seed(seed)


def descend(
    weights: "Sequence[torch.Tensor]", loss_of: "Callable[[], torch.Tensor]", settings: Settings, progress: Bar
) -> None:
    """Adam by `settings`, in place. Raises AdapterError at a loss that is not finite."""
    import torch

    for weight in weights:
        weight.requires_grad_(True)
    adam = torch.optim.Adam(list(weights), lr=settings.rate)
    falling = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1 - step / settings.steps)
    for step in range(settings.steps):
        adam.zero_grad()
        loss = loss_of()
        if not torch.isfinite(loss):
            raise AdapterError(f"the loss of step {step + 1} is {float(loss.detach())}; take a smaller --rate")
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        falling.step()
        progress.update(1)
    for weight in weights:
        weight.requires_grad_(False)


def neighbours(rows: "torch.Tensor", count: int) -> "torch.Tensor":
    """(n, count) places of each row's nearest others, nearest first."""
    import torch

    found = []
    for start in range(0, len(rows), 1024):
        cosines = rows[start : start + 1024] @ rows.T
        places = torch.arange(start, start + len(cosines))
        cosines[torch.arange(len(cosines)), places] = -2
        found.append(cosines.topk(count, dim=1).indices)
    return torch.cat(found)
