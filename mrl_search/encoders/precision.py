"""Which floating point an encoder computes in."""

from typing import TYPE_CHECKING

from mrl_search.device import CPU, Device
from mrl_search.errors import EncoderError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "float32", "bfloat16")


def chosen_precision(asked: str, device: Device = CPU) -> str:
    """`float32` or `bfloat16`; `auto` is bfloat16 where the device multiplies it natively, else float32.

    Emulated bfloat16 is slower than float32, so only AVX512-BF16 and AMX count, and cards from Ampere on.
    Raises EncoderError for any other word.
    """
    if asked not in PRECISIONS:
        raise EncoderError(f"unknown precision {asked!r}; choose one of {', '.join(PRECISIONS)}")
    if asked != "auto":
        return asked
    import torch

    if device.is_cuda:
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"


def torch_dtype(precision: str) -> "torch.dtype":
    """torch's own name for a precision that `chosen_precision` returned."""
    import torch

    return torch.bfloat16 if precision == "bfloat16" else torch.float32
