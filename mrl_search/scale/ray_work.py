"""The work of a build, done by Ray: parts by Ray Data, shards by tasks.

What a lost node was doing is done again elsewhere; a part or a shard is there whole or not at all, so twice is no harm.
Losses are counted while nothing is finished, and not in all: on machines that come and go all day a long build loses
many workers and still gets on, while one whose workers die of what they do is given up.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    UserCodeException,
    WorkerCrashedError,
)

from mrl_search.errors import ClusterError
from mrl_search.scale.ray_head import Head

T = TypeVar("T")
A = TypeVar("A")
_TRIES = 6  # of each thing that is left to do, while nothing is finished; and of workers that are lost as they start
_WRAPPED = (RayTaskError, UserCodeException)
_LOSSES = (WorkerCrashedError, NodeDiedError, OutOfMemoryError, ObjectLostError)


class _Encode:
    """What an actor of Ray Data keeps: an encoder, loaded once."""

    def __init__(self, encode: Callable[[str], int]) -> None:
        self._encode = encode

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"count": [self._encode(str(part)) for part in batch["part"]]}


class RayWork:
    """Done by the workers of the Ray cluster that this process has joined; a worker takes one CPU."""

    def __init__(self, head: Head | None = None) -> None:
        """head: whose loss is an error; without, it is waited for."""
        self._head = head

    def encode(self, encode: Callable[[str], int], parts: Sequence[str]) -> Iterator[int]:
        """See Work. Ray Data holds back what no worker can take yet, and starts lost workers anew."""
        if not parts:
            return
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # of plans, bars, and what is raised here anyway
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_consecutive_actor_init_deaths = (
            _TRIES  # else a worker lost as it starts, or not needed, ends it all
        )
        workers = max(1, min(len(parts), int(ray.cluster_resources().get("CPU", 1))))
        told = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
        done = told.map_batches(
            _Encode,
            fn_constructor_args=(encode,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
            num_cpus=1,
        )
        with _plainly():
            for row in self._heeded(done.iter_rows()):
                yield int(row["count"])

    def each(self, do: Callable[[A], T], items: Sequence[A]) -> Iterator[T]:
        """See Work. Raises ClusterError where workers are lost so often that nothing is finished any more."""
        with _plainly():
            yield from self._heeded(_done(do, items))

    def _heeded(self, items: Iterable[T]) -> Iterator[T]:
        return iter(items) if self._head is None else self._head.heeded(items)


def _done(do: Callable[[A], T], items: Sequence[A]) -> Iterator[T]:
    task = ray.remote(num_cpus=1, max_retries=0)(do)
    doing = {task.remote(item): item for item in items}
    lost = 0  # since something was finished
    while doing:
        (ready,), _ = ray.wait(list(doing))
        item = doing.pop(ready)
        try:
            done = ray.get(ready)
        except _LOSSES as error:
            lost += 1
            if lost == _TRIES * (len(doing) + 1):
                raise _given_up(lost, error) from error
            doing[task.remote(item)] = item
        else:
            lost = 0
            yield done


def _given_up(lost: int, error: Exception) -> ClusterError:
    told = "out of memory" if isinstance(error, OutOfMemoryError) else type(error).__name__
    return ClusterError(
        f"workers were lost {lost} times while nothing was finished (the last: {told}); see on their nodes whether "
        "memory or disk is full, then make the same call again: it goes on from what is finished"
    )


class _plainly:  # noqa: N801  used as a statement
    """What a worker raised on purpose is raised here as it is, without Ray's own pages around it; and what ended Ray's
    own work, in one line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        told = error
        while isinstance(told, _WRAPPED) and (cause := _cause(told)) is not None:
            told = cause
        if isinstance(told, RayError) and not isinstance(told, _WRAPPED):
            why = str(told).strip().partition("\n")[0]
            raise ClusterError(
                f"Ray gave up the work ({type(told).__name__}: {why}); its own logs say more; then make the same call "
                "again: it goes on from what is finished"
            ) from error
        if told is not None and told is not error:
            raise told from None


def _cause(error: BaseException) -> BaseException | None:
    return getattr(error, "cause", None) or error.__cause__
