"""Where the heavy work is done: on the CPU, or on one CUDA card."""

import ctypes
import re
from dataclasses import dataclass

from mrl_search.errors import DeviceError

AUTO = "auto"
_ASKED = re.compile(r"auto|cpu|cuda(?::(\d{1,3}))?", re.ASCII)
_DRIVER = "libcuda.so.1"  # what every CUDA program loads first, and every NVIDIA driver brings


@dataclass(frozen=True)
class Device:
    """`Device()`, the CPU, or `Device("cuda", 1)`, a card; its `str` is what torch and `--device` take.

    name: the card's own, for people.
    """

    kind: str = "cpu"
    number: int = 0
    name: str = ""

    @property
    def is_cuda(self) -> bool:
        """Whether this is a card."""
        return self.kind == "cuda"

    @property
    def told(self) -> str:
        """As `cpu`, or `cuda:0 (NVIDIA H100 80GB HBM3)`."""
        return f"{self} ({self.name})" if self.name else str(self)

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}" if self.is_cuda else self.kind


CPU = Device()


def chosen_device(asked: "str | Device" = AUTO) -> Device:
    """The device for `auto` (the first card if torch can use one, else the CPU), `cpu`, `cuda` (the first) or `cuda:N`.

    A Device comes back as it is. Where no driver is, `auto` is answered without loading
    torch, which takes a second. Raises DeviceError for anything else, and for a card that torch cannot use.
    """
    if isinstance(asked, Device):
        return asked
    found = _ASKED.fullmatch(asked)
    if not found:
        raise DeviceError(f"there is no device {asked!r}; choose auto, cpu, cuda, or a card by number, as cuda:1")
    if asked == "cpu" or (asked == AUTO and not _has_driver()):
        return CPU
    names = _cards()
    if asked == AUTO and not names:
        return CPU
    number = int(found[1] or 0)
    if number >= len(names):
        raise DeviceError(_no_such(asked, names))
    return Device("cuda", number, names[number])


def _has_driver() -> bool:
    """Whether NVIDIA's driver can be loaded; a millisecond, where torch would take a second."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True


def _cards() -> list[str]:
    """The names of the cards that torch can use, by number."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def _no_such(asked: str, names: list[str]) -> str:
    """What stands in the way of a card."""
    if names:
        shown = ", ".join(f"cuda:{number} ({name})" for number, name in enumerate(names))
        return f"there is no card {asked}; torch sees {shown}"
    if not _has_driver():  # first: another torch would be of no use
        return f"--device {asked} needs a CUDA card, and there is no NVIDIA driver; take --device cpu"
    import torch

    if torch.version.cuda is None:
        return (
            f"--device {asked} needs a torch that was built with CUDA, found torch {torch.__version__}; "
            "install the one that pip takes by default on Linux (pip install --force-reinstall torch), "
            "or take --device cpu"
        )
    return (
        f"--device {asked} needs a CUDA card, and torch sees no card (nvidia-smi, CUDA_VISIBLE_DEVICES); "
        "take --device cpu"
    )
