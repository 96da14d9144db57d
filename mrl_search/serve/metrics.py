"""What Prometheus is told at /metrics, of one process or of several."""

import os
from collections import Counter as Counts
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from mrl_search.serve.counting import with_room

_FAST = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
QUEUES = ("search", "encode", "write")
_KINDS = ("counter", "histogram", "gauge_mostrecent", "gauge_livesum")  # prometheus_client has a file for each
_KIND_BYTES = 2**18  # some 1,600 numbers; it would begin with 64 KiB that have no room yet
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one server. Labels are routes, statuses, indexes and places in a funnel, never a user's text.

    folder: where several processes of it count together, each told so by PROMETHEUS_MULTIPROC_DIR before
    prometheus_client is imported; None where there is one. Raises ServeError where there is no room in it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None:
            for kind in _KINDS:
                os.close(with_room(folder / f"{kind}_{os.getpid()}.db", _KIND_BYTES))
        self.registry = CollectorRegistry()
        self._folder = folder
        self.refused_unread: Counts[str] = Counts()  # by route; who is told of metrics is told of them
        self._answers: dict[tuple[str, int, str], tuple[Counter, Histogram, Counter | None]] = {}

        def histogram(name: str, told: str, labels: Sequence[str], buckets: Sequence[float] = _FAST) -> Histogram:
            return Histogram(f"mrl_search_{name}", told, labels, registry=self.registry, buckets=buckets)

        def counter(name: str, told: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(f"mrl_search_{name}", told, labels, registry=self.registry)

        def gauge(name: str, told: str, labels: Sequence[str], several: Literal["mostrecent", "livesum"]) -> Gauge:
            return Gauge(f"mrl_search_{name}", told, labels, registry=self.registry, multiprocess_mode=several)

        self.requests = counter("requests", "Answers, refusals among them.", ["route", "status"])
        self.refused = counter("refused", "Refusals by their code.", ["code"])
        self.request_seconds = histogram("request_seconds", "Of what was read, to the last byte sent.", ["route"])
        self.stage_seconds = histogram("stage_seconds", "Of each query's batch, by stage.", ["index", "stage"])
        self.encode_seconds = histogram("encode_seconds", "Of a batch of texts.", ["encoder"])
        self.waited_seconds = histogram("waited_seconds", "In the queue, before a batch.", ["kind"])
        self.batch_size = histogram("batch_size", "Queries, texts or documents that went together.", ["kind"], _SIZES)
        self.cache_hits = counter("query_cache_hits", "Query texts whose vectors were remembered.")
        self.cache_misses = counter("query_cache_misses", "Query texts that had to be encoded.")
        self.certified = counter("answers_certified", "Queries whose answers were proven to be exact.", ["index"])
        self.uncertified = counter("answers_uncertified", "Queries of which a proof was tried and failed.", ["index"])
        self.documents = gauge("documents", "Documents there are.", ["index"], "mostrecent")
        depth = gauge("queue_depth", "What waits or is worked on.", ["queue"], "livesum")
        self._depths = {queue: depth.labels(queue) for queue in QUEUES}
        self.reloads = counter("reloads", "Times that another's commit was opened.", ["index", "outcome"])
        self.reload_seconds = histogram("reload_seconds", "To open what was committed.", ["index"])
        self.changed = counter("documents_changed", "Documents written or deleted here.", ["index", "what"])

    def answered(self, route: str, status: int, code: str, seconds: float) -> None:
        """A request was answered or, with a code, refused."""
        if (route, status, code) not in self._answers:  # to find what a label counts takes longer than to count
            requests, request_seconds = self.requests.labels(route, str(status)), self.request_seconds.labels(route)
            self._answers[route, status, code] = requests, request_seconds, self.refused.labels(code) if code else None
        requests, request_seconds, refused = self._answers[route, status, code]
        requests.inc()
        request_seconds.observe(seconds)
        if refused is not None:
            refused.inc()

    def batch(self, name: str, weight: int, waited: Sequence[float]) -> None:
        """As `Watch`."""
        self.batch_size.labels(name).observe(weight)
        waits = self.waited_seconds.labels(name)
        for seconds in waited:
            waits.observe(seconds)

    def weighs(self, name: str, more: int) -> None:
        """As `Watch`."""
        self._depths[name].inc(more)

    def count_unread(self) -> None:
        """Counts what was refused unread among the requests."""
        while self.refused_unread:
            route, count = self.refused_unread.popitem()
            self.requests.labels(route, "429").inc(count)
            self.refused.labels("overloaded").inc(count)

    def text(self) -> bytes:
        """In Prometheus' text format; of several processes, but for what others have refused in the last second."""
        self.count_unread()
        registry = self.registry
        if self._folder is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry)
