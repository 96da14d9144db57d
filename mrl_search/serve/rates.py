"""How often each caller may ask: a bucket of tokens for each."""

import time
from collections import OrderedDict

_CALLERS = 10_000  # that are remembered; who has asked longest ago is forgotten first, which fills a bucket


class Rates:
    """Token buckets: `per_second` tokens come to each, twice as many fit in; None lets all pass."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def wait_seconds(self, caller: str, now: float | None = None) -> float:
        """0 and a token less, or how long until there is one."""
        if self._per_second is None:
            return 0.0
        now, most = time.monotonic() if now is None else now, max(1.0, 2 * self._per_second)
        tokens, counted = self._buckets.pop(caller, (most, now))
        tokens = min(most, tokens + (now - counted) * self._per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
        self._buckets[caller] = (tokens - (not wait), now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return wait
