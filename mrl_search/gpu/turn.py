"""A rotation of queries on a device."""

import numpy as np
import torch

from mrl_search.device import Device
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors


class DeviceRotation:
    """Turns queries as `Rotation.apply` does, all at once: on the CPU each is a product with the matrix of its own.

    In float64, and rounded once: a query then comes out the same in whatever company, but for one in some 10^8 numbers.
    """

    def __init__(self, rotation: Rotation, device: Device) -> None:
        self._matrix = torch.from_numpy(np.array(rotation.matrix, np.float64)).to(str(device))

    def apply(self, vectors: Vectors) -> Vectors:
        """(q, D) float32 rows in the new axes."""
        turned = torch.tensor(vectors, dtype=torch.float64, device=self._matrix.device) @ self._matrix.T
        return np.asarray(turned.float().cpu().numpy(), np.float32)
