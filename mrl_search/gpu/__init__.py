"""Searching on a CUDA card, or on torch's CPU device, which is how it is tested. Importing this loads torch."""

from mrl_search.gpu.exhaustive import exact, growing
from mrl_search.gpu.index import DeviceIndex
from mrl_search.gpu.opening import DeviceOptions, on_device, planned
from mrl_search.gpu.turn import DeviceRotation

__all__ = ["DeviceIndex", "DeviceOptions", "DeviceRotation", "exact", "growing", "on_device", "planned"]
