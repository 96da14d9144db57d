"""What whoever asks a cluster demands of the answer: by when, and whether all shards must have spoken."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from mrl_search.errors import ShardsMissingError

_SHARE = 2 / 3
"""Of the time that is left, what one stage may take of an answer that may lack shards: the next ones want some, too."""


@dataclass
class Terms:
    """seconds: that an answer may take, None for as long as it takes. partial: whether it may lack shards.

        with on_terms(Terms(0.2, partial=True)) as terms, terms.counted():
            answers = retriever.search(["..."])
        terms.missing

    until: of time.monotonic(). missing: shards that the answer lacks; filled while it is found.
    """

    seconds: float | None = None
    partial: bool = False
    until: float | None = None
    missing: set[str] = field(default_factory=set)
    _is_one_answer: bool = False

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Within the block the deadline is one, of an answer that lacks nothing yet."""
        self.until = None if self.seconds is None else time.monotonic() + self.seconds
        self.missing.clear()
        self._is_one_answer = True
        try:
            yield
        finally:
            self.until, self._is_one_answer = None, False

    @property
    def stage_until(self) -> float | None:
        """Until when a stage is waited for: the deadline, or before it, so that the stages to come have time to make a
        partial answer of what the others found."""
        if self.until is None or not self.partial:
            return self.until
        now = time.monotonic()
        return now + _SHARE * max(0.0, self.until - now)

    def asks(self, name: str) -> bool:
        """Whether a shard is asked: one that was silent in a stage of an answer that may lack it is not in the next."""
        return not (self.partial and self._is_one_answer and name in self.missing)

    @property
    def seconds_left(self) -> float | None:
        """Till the deadline, 0 at least; None without one."""
        return None if self.until is None else max(0.0, self.until - time.monotonic())

    def settle(self, names: Sequence[str], answered: Sequence[str]) -> None:
        """Notes who did not answer. Raises ShardsMissingError where all must, or none did."""
        silent = [name for name in names if name not in answered]
        if not silent:
            return
        if not self.partial or not answered:
            raise ShardsMissingError(
                f"no answer from {len(silent)} of {len(names)} shards ({', '.join(silent)}); "
                "ask for what the others find with --partial, or look whether their nodes are up",
                silent,
            )
        self.missing.update(silent)


_now: ContextVar[Terms] = ContextVar("terms")


def terms() -> Terms:
    """Those of whoever asks; without any, a complete answer at whatever time."""
    return _now.get(Terms())


@contextmanager
def on_terms(made: Terms) -> Iterator[Terms]:
    """Within the block all shards are asked on these terms; of time, only what is `counted`."""
    token = _now.set(made)
    try:
        yield made
    finally:
        _now.reset(token)
