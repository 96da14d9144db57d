"""Progress bars on stderr, for people."""

import sys
from typing import Protocol


class Bar(Protocol):
    """The one thing that is done to a bar."""

    def update(self, n: int = 1) -> object:
        """`n` more are done."""


def bar(total: int | None, what: str, unit: str, *, shown: bool) -> Bar:
    """A bar with rate and time left; silent unless `shown` and stderr is a terminal."""
    from tqdm import tqdm

    disable = None if shown else True  # None: tqdm asks whether the file is a terminal
    made: Bar = tqdm(total=total, desc=what, unit=f" {unit}", file=sys.stderr, disable=disable, dynamic_ncols=True)
    return made
