"""Shards in this process, asked one after the other: without Ray, and what the tests of merging stand on."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mrl_search.device import CPU, Device
from mrl_search.errors import ClusterError, DeviceError, IndexStoreError
from mrl_search.scale.shard import VERBS, Shard
from mrl_search.terms import terms

_LOG = logging.getLogger(__name__)


class LocalShards:
    """Shards by name, opened here. Raises what opening raises, unless an answer may lack a shard (see `Terms`)."""

    def __init__(self, folders: Mapping[str, Path], device: Device = CPU) -> None:
        """device: what searches all of them; of a card's memory each has as much."""
        self._names = tuple(folders)
        self.shards: dict[str, Shard] = {}
        try:
            for name, folder in folders.items():
                with _silent_if_it_cannot(name):
                    self.shards[name] = Shard(folder, device, 1 / len(folders))
        except BaseException:
            self.close()
            raise

    @property
    def names(self) -> tuple[str, ...]:
        """See Shards."""
        return self._names

    @property
    def states(self) -> dict[str, str]:
        """What each had committed when it was opened."""
        return {name: shard.state for name, shard in self.shards.items()}

    def ask(self, verb: str, *values: Any) -> dict[str, Any]:
        """See Shards; each kernel uses all threads by itself, and none is begun after the deadline."""
        assert verb in VERBS
        now, answers = terms(), {}
        until = now.stage_until
        for name, shard in self.shards.items():
            if now.asks(name) and (until is None or time.monotonic() < until):
                with _silent_if_it_cannot(name):
                    answers[name] = getattr(shard, verb)(*values)
        return answers

    def close(self) -> None:
        """See Shards."""
        for shard in self.shards.values():
            shard.close()


@contextmanager
def _silent_if_it_cannot(name: str) -> Iterator[None]:
    """What is wrong with a shard is raised, or logged where an answer may lack it."""
    try:
        yield
    except (IndexStoreError, ClusterError, DeviceError) as error:
        if not terms().partial:
            raise
        _LOG.warning("the shard %s does not answer: %s", name, error)
