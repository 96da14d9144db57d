"""Which floating point an encoder computes in."""

from typing import TYPE_CHECKING

from mrl_search.device import CPU, Device
from mrl_search.errors import EncoderError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_TENSOR_CORES = (7, 0)  # CUDA's compute capability of Volta, the first to have them, for float16 alone
_BFLOAT16 = (8, 0)  # Ampere's; torch's own question after bfloat16 is about the current card, whichever that is


def chosen_precision(asked: str, device: Device = CPU) -> str:
    """A precision that is not `auto`, which is bfloat16 where the device multiplies it natively, else float32.

    Emulated bfloat16 is slower than float32, so only AVX512-BF16 and AMX count, and cards from Ampere on. On cards
    before them that have tensor cores (Volta, Turing) `auto` is float16.
    Raises EncoderError for any other word.
    """
    if asked not in PRECISIONS:
        raise EncoderError(f"unknown precision {asked!r}; choose one of {', '.join(PRECISIONS)}")
    if asked != "auto":
        return asked
    import torch

    if device.is_cuda:
        able_card = torch.cuda.get_device_capability(device.number)
        return "bfloat16" if able_card >= _BFLOAT16 else "float16" if able_card >= _TENSOR_CORES else "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"


def torch_dtype(precision: str) -> "torch.dtype":
    """torch's own name for a precision that `chosen_precision` returned."""
    import torch

    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision, torch.float32)
