"""Progress bars on stderr, for people."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """The one thing that is done to a bar."""

    def update(self, n: int = 1) -> object:
        """`n` more are done."""


@contextmanager
def bar(total: int | None, what: str, unit: str, *, shown: bool) -> Iterator[Bar]:
    """A bar with rate and time left, for as long as the block runs; silent unless `shown` and stderr is a terminal."""
    from tqdm import tqdm

    if not hasattr(tqdm, "_lock"):  # its own is the system's, for processes that share a bar, and outlives a killed one
        tqdm.set_lock(threading.RLock())
    disable = None if shown else True  # None: tqdm asks whether the file is a terminal
    with tqdm(total=total, desc=what, unit=f" {unit}", file=sys.stderr, disable=disable, dynamic_ncols=True) as made:
        yield made
