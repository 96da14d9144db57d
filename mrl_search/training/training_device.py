"""What trains: the CPU, or one card, and whether it can compute as a recipe says."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic as on_determinism

from mrl_search.device import Device, chosen_device
from mrl_search.errors import DeviceError, TrainingError


def training_device(asked: str | Device) -> Device:
    """The device to train on. Raises DeviceError where torch sees several cards: the trainer would take all of them.

    And multiply the batch by their number, which would be another recipe.
    """
    device = chosen_device(asked)
    if device.is_cuda:
        if torch.cuda.device_count() > 1:
            raise DeviceError(
                f"training takes one card, torch sees {torch.cuda.device_count()}; "
                f"set CUDA_VISIBLE_DEVICES={device.number}, and take --device cuda"
            )
        # cuBLAS reads it at its first product; without it, later ones are refused in a deterministic run
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return device


def check_precision(precision: str, device: Device) -> None:
    """Raises TrainingError for autocast that the device has not got; the trainer would say it in its own terms."""
    if precision == "float16" and not device.is_cuda:
        raise TrainingError("float16 is trained in on a CUDA card; on the CPU take precision = 'bfloat16' or 'float32'")
    if precision == "bfloat16" and device.is_cuda and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise TrainingError(f"{device.told} does not multiply bfloat16; take precision = 'float16' or 'float32'")


@contextmanager
def deterministic(device: Device) -> Iterator[None]:
    """The same steps twice, on a card too.

    transformers' `full_determinism` would leave cuBLAS a workspace of 128 KiB, with which it takes slower products, and
    have torch fill all memory that it takes.
    """
    if not device.is_cuda:
        yield
        return
    filling = "fill_uninitialized_memory"  # a property that the module makes for itself
    before = torch.are_deterministic_algorithms_enabled(), getattr(on_determinism, filling)
    torch.use_deterministic_algorithms(True)
    setattr(on_determinism, filling, False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        setattr(on_determinism, filling, before[1])
