"""Asking replicas of shards: another is asked where one died or dawdles, until all have answered or time is up.

Knows nothing of Ray: a `Wire` sends and waits. So every course of events can be played in a test, without a process.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mrl_search.errors import ClusterError, MRLSearchError


class LostError(Exception):
    """The replica that was asked is gone, or is being started anew; or it cannot answer, for a reason that stays."""

    def __init__(self, told: str, reason: MRLSearchError | None = None) -> None:
        super().__init__(told)
        self.reason = reason


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
    partial: whether a shard without a living replica is given up at once. Raises what a replica raises on purpose, and,
    for a whole answer, why no replica of a shard can answer.
    """
    question = _Question(wire, replicas, manners, clock, partial=partial)
    while question.asked and (until is None or clock() < until):
        question.send_what_is_due()
        for call in wire.ready(list(question.shard_of), question.seconds_to_wait(until)):
            question.take(call)
    return question.answers


@dataclass
class _Asked:
    """One shard: which replicas are asked now, whose turn is next, and when something is to be done by ourselves."""

    order: list[int]
    calls: set[Hashable] = field(default_factory=set)
    tried: int = 0
    hedge_at: float | None = None
    retry_at: float | None = None
    given_up_at: float | None = None

    @property
    def due(self) -> float | None:
        """When another replica is asked: beside the one that dawdles, or in the place of those that are lost."""
        return self.hedge_at if self.calls else self.retry_at


class _Question:
    """One question, put to all shards; `asked` are those that it still waits for."""

    def __init__(
        self,
        wire: Wire,
        replicas: Mapping[str, Sequence[int]],
        manners: Manners,
        clock: Callable[[], float],
        *,
        partial: bool,
    ) -> None:
        self._wire, self._manners, self._clock, self._partial = wire, manners, clock, partial
        self.asked = {shard: _Asked(list(order)) for shard, order in replicas.items()}
        self.shard_of: dict[Hashable, str] = {}
        self.answers: dict[str, Any] = {}
        for shard in self.asked:
            self._send(shard)

    def send_what_is_due(self) -> None:
        """Asks the next replica of whoever let us wait long enough."""
        now = self._clock()
        for shard, one in self.asked.items():
            if one.due is not None and now >= one.due:
                self._send(shard)

    def seconds_to_wait(self, until: float | None) -> float | None:
        """Till something is to be done, whoever answers; None if nothing ever is."""
        times = [due for due in (*(one.due for one in self.asked.values()), until) if due is not None]
        return max(0.0, min(times) - self._clock()) if times else None

    def take(self, call: Hashable) -> None:
        """What came of a call: an answer, or the loss of a replica."""
        shard = self.shard_of.pop(call)
        if shard not in self.asked:
            return
        self.asked[shard].calls.discard(call)
        try:
            self.answers[shard] = self._wire.answer(call)
            del self.asked[shard]
        except LostError as error:
            if not self.asked[shard].calls:
                self._lost(shard, error.reason)

    def _send(self, shard: str) -> None:
        one, manners = self.asked[shard], self._manners
        call = self._wire.send(shard, one.order[one.tried % len(one.order)])
        one.tried += 1
        one.calls.add(call)
        self.shard_of[call] = shard
        hedges = manners.hedge_seconds is not None and one.tried < len(one.order)
        one.hedge_at = self._clock() + (manners.hedge_seconds or 0.0) if hedges else None
        one.retry_at = None

    def _lost(self, shard: str, reason: MRLSearchError | None) -> None:
        """Nobody of this shard is asked any more: the next replica is, or the shard is waited for, or given up."""
        one, now = self.asked[shard], self._clock()
        if one.tried < len(one.order):
            self._send(shard)
            return
        if reason is not None and not self._partial:
            raise reason
        if one.given_up_at is None:
            one.given_up_at = now if self._partial else now + self._manners.patience_seconds
        if now >= one.given_up_at:
            del self.asked[shard]
        else:
            one.retry_at = now + self._manners.retry_seconds
