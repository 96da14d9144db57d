"""Shards in this process, asked one after the other: without Ray, and what the tests of merging stand on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrl_search.scale.shard import VERBS, Shard


class LocalShards:
    """Shards by name, opened here. Raises what opening raises."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.shards: dict[str, Shard] = {}
        try:
            for name, folder in folders.items():
                self.shards[name] = Shard(folder)
        except BaseException:
            self.close()
            raise

    @property
    def names(self) -> tuple[str, ...]:
        """See Shards."""
        return tuple(self.shards)

    @property
    def states(self) -> dict[str, str]:
        """What each had committed when it was opened."""
        return {name: shard.state for name, shard in self.shards.items()}

    def ask(self, verb: str, *values: Any) -> dict[str, Any]:
        """See Shards; each kernel uses all threads by itself."""
        assert verb in VERBS
        return {name: getattr(shard, verb)(*values) for name, shard in self.shards.items()}

    def close(self) -> None:
        """See Shards."""
        for shard in self.shards.values():
            shard.close()
