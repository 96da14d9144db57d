"""Asking replicas of shards: another is asked where one died or dawdles, until all have answered or time is up.

Knows nothing of Ray: a `Wire` sends and waits. So every course of events can be played in a test, without a process.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mrl_search.errors import ClusterError


class LostError(Exception):
    """The replica that was asked is gone, or is being started anew."""


class Wire(Protocol):
    """How replicas are reached. A call is known by what `send` returned."""

    def send(self, shard: str, replica: int) -> Hashable:
        """Asks; returns at once."""

    def ready(self, calls: Sequence[Hashable], seconds: float | None) -> Iterable[Hashable]:
        """Those that have answered or failed, once one has, or after so many seconds."""

    def answer(self, call: Hashable) -> Any:
        """Of a call that is ready. Raises LostError, or what the replica raised on purpose."""


@dataclass(frozen=True)
class Manners:
    """How one waits.

    hedge_seconds: after which another replica is asked as well; None never. (Ray keeps questions to an actor that is
    being started anew, rather than to refuse them.) patience_seconds: that a shard without a
    living replica is waited for, as Ray starts lost actors anew; within the deadline, and only for a whole answer.
    retry_seconds: between two tries of such a shard.
    """

    hedge_seconds: float | None = 0.25
    patience_seconds: float = 30.0
    retry_seconds: float = 0.05

    def __post_init__(self) -> None:
        if (self.hedge_seconds is not None and self.hedge_seconds < 0) or self.patience_seconds < 0:
            raise ClusterError("a time to wait cannot be negative")


@dataclass
class _Asked:
    """One shard: which replicas are asked now, whose turn is next, and when something is to be done by ourselves."""

    order: list[int]
    calls: set[Hashable] = field(default_factory=set)
    tried: int = 0
    hedge_at: float | None = None
    retry_at: float | None = None
    given_up_at: float | None = None


def ask_all(
    wire: Wire,
    replicas: Mapping[str, Sequence[int]],
    manners: Manners,
    until: float | None,
    *,
    partial: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """What each shard answers; who has not by `until` (of the clock), or has no replica any more, is not in it.

    replicas: of each shard, in the order they are to be asked; the first that answers counts.
    partial: whether a shard without a living replica is given up at once.
    """
    asked = {shard: _Asked(list(order)) for shard, order in replicas.items()}
    shard_of: dict[Hashable, str] = {}
    answers: dict[str, Any] = {}

    def send(shard: str) -> None:
        one = asked[shard]
        call = wire.send(shard, one.order[one.tried % len(one.order)])
        one.tried += 1
        one.calls.add(call)
        shard_of[call] = shard
        hedges = manners.hedge_seconds is not None and one.tried < len(one.order)
        one.hedge_at = clock() + (manners.hedge_seconds or 0.0) if hedges else None
        one.retry_at = None

    def lost(shard: str) -> None:
        """Nobody of this shard is asked any more: the next replica is, or the shard is waited for, or given up."""
        one, now = asked[shard], clock()
        if one.tried < len(one.order):
            send(shard)
            return
        if one.given_up_at is None:
            one.given_up_at = now if partial else now + manners.patience_seconds
        if now >= one.given_up_at:
            del asked[shard]
        else:
            one.retry_at = now + manners.retry_seconds

    for shard in list(asked):
        send(shard)
    while asked:
        now = clock()
        if until is not None and now >= until:
            break
        for shard, one in list(asked.items()):
            due = one.hedge_at if one.calls else one.retry_at
            if due is not None and now >= due:
                send(shard)
        dues = [one.hedge_at if one.calls else one.retry_at for one in asked.values()]
        times = [due for due in (*dues, until) if due is not None]
        wait = max(0.0, min(times) - clock()) if times else None
        for call in wire.ready(list(shard_of), wait):
            shard = shard_of.pop(call)
            if shard not in asked:
                continue
            asked[shard].calls.discard(call)
            try:
                answers[shard] = wire.answer(call)
                del asked[shard]
            except LostError:
                if not asked[shard].calls:
                    lost(shard)
    return answers
