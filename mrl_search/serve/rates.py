"""How often each caller may ask: a bucket of tokens for each, in a table that several processes may share."""

import contextlib
import fcntl
import hashlib
import mmap
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from mrl_search.serve.counting import with_room

_SETS, _WAYS = 2_048, 8
_ROW = struct.Struct("=16sdd")  # who, tokens, and when they were counted
_SET_BYTES = _WAYS * _ROW.size


class Rates:
    """Token buckets: `per_second` tokens come to each, twice as many fit in; None lets all pass.

    path: the table of several processes, made if need be; None for one of this process alone. Raises ServeError where
    there is no room for it. Each caller has its place in one of 2,048 sets of eight; of a full set, who has asked
    longest ago is forgotten, which fills a bucket.
    """

    def __init__(self, per_second: float | None, path: Path | None = None) -> None:
        self._per_second = per_second
        self._file = -1 if path is None else with_room(path, _SETS * _SET_BYTES)
        self._table = mmap.mmap(self._file, _SETS * _SET_BYTES)

    def wait_seconds(self, caller: str, now: float | None = None) -> float:
        """0 and a token less, or how long until there is one."""
        if self._per_second is None:
            return 0.0
        now, most = time.monotonic() if now is None else now, max(1.0, 2 * self._per_second)
        who = hashlib.blake2b(caller.encode(), digest_size=16).digest()
        first = int.from_bytes(who[:8], "little") % _SETS * _SET_BYTES
        with self._alone():
            found = list(_ROW.iter_unpack(self._table[first : first + _SET_BYTES]))
            place = min(range(_WAYS), key=lambda place: (found[place][0] != who, found[place][2]))
            tokens, counted = found[place][1:] if found[place][0] == who else (most, now)
            tokens = min(most, tokens + max(0.0, now - counted) * self._per_second)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
            _ROW.pack_into(self._table, first + place * _ROW.size, who, tokens - (not wait), now)
        return wait

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other process counts: a lock that ends with whoever holds it."""
        if self._file < 0:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
