"""What the losses of a step came to, noted as they are computed, for the record of the run."""

from collections.abc import Sequence
from typing import Any, Protocol

from sentence_transformers.base.losses.gradcache import uses_gradient_cache
from torch import Tensor, nn


class Noted(Protocol):
    """Who notes the losses of a step."""

    def row(self) -> dict[str, float]:
        """Column → value of the last step, the same columns every time: `loss`, as trained, and its parts."""


class Parts:
    """Values by name, as a loss of ours notes them."""

    def __init__(self) -> None:
        self._values: dict[str, Tensor | float] = {}

    def note(self, name: str, value: Tensor | float) -> None:
        """In place of what stood there."""
        self._values[name] = value.detach() if isinstance(value, Tensor) else value

    def row(self) -> dict[str, float]:
        """What was noted last."""
        return {name: float(value) for name, value in self._values.items()}


class PerWidth:
    """Notes what a loss gives each time it is called: once a width, the widest first.

    dims, weights: of the widths, ascending; the sum of the weighed losses is what is trained.
    """

    def __init__(self, loss: nn.Module, dims: Sequence[int], weights: Sequence[float]) -> None:
        self._dims, self._weights = dims, weights
        self._noted: list[Tensor] = []
        # GradCache's losses are called once a step, and their calculate_loss once a width
        name = "calculate_loss" if uses_gradient_cache(loss) else "forward"
        setattr(loss, name, self._noting(getattr(loss, name)))

    def _noting(self, calculate: Any) -> Any:
        def noted(*arguments: Any, **options: Any) -> Any:
            value = calculate(*arguments, **options)
            self._noted.append(value.detach())
            return value

        return noted

    def row(self) -> dict[str, float]:
        """`loss`, and `loss@D` of every width: the first values since it was last asked; forgets all."""
        losses = [float(value) for value in self._noted[: len(self._dims)]][::-1]
        self._noted.clear()
        whole = sum(weight * loss for weight, loss in zip(self._weights, losses, strict=True))
        return {"loss": whole} | {f"loss@{dim}": loss for dim, loss in zip(self._dims, losses, strict=True)}


class Whole:
    """Notes what a library's loss of several layers gives, beside what is noted of the last one, if anything is."""

    def __init__(self, loss: nn.Module, last: Noted | None = None) -> None:
        self._last, self._value = last, 0.0
        self._forward = loss.forward
        loss.forward = self._noting

    def _noting(self, *arguments: Any) -> Any:
        value = self._forward(*arguments)
        self._value = value.detach()
        return value

    def row(self) -> dict[str, float]:
        """`loss`, and the last layer's parts."""
        return ({} if self._last is None else self._last.row()) | {"loss": float(self._value)}
