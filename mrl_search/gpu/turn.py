"""A rotation on a device."""

import numpy as np
import torch
from torch import Tensor

from mrl_search.device import Device
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors

_ROWS = 16_384  # at a time; at 768 dims 100 MB of float64


class DeviceRotation(Rotation):
    """A Rotation that turns many vectors at once on a device; on the CPU each is multiplied by itself.

    In float64, rounded once: a vector then comes out the same in whatever company, but for one number in some 10^8.
    """

    def __init__(self, rotation: Rotation, device: Device) -> None:
        super().__init__(rotation.matrix, rotation.kind, rotation.reflections)
        self._axes = torch.tensor(rotation.matrix, dtype=torch.float64, device=str(device)).T

    def apply(self, vectors: Vectors) -> Vectors:
        """See Rotation. Raises RotationError as it does."""
        if vectors.shape[1] != self.dim:
            return super().apply(vectors)  # which says what is wrong
        turned = np.empty(vectors.shape, np.float32)
        for start in range(0, len(vectors), _ROWS):
            some = self.turned(torch.tensor(vectors[start : start + _ROWS]))
            turned[start : start + len(some)] = some.cpu().numpy()
        return turned

    def turned(self, vectors: Tensor) -> Tensor:
        """(n, D) float32 in the new axes, on the rotation's device."""
        return (vectors.to(self._axes.device).double() @ self._axes).float()
