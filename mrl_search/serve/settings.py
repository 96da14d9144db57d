"""What a server is told: where it listens, what it accepts, whom it serves."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

from mrl_search.errors import ServeError

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/A-Z]+")  # as browsers send them, which say nothing in capitals
_HOST = re.compile(r"[^\s/:]+|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")


@dataclass(frozen=True)
class Limits:
    """The most that one request may ask for; more is refused with 413 or 422, and the limit is named.

    body_bytes: of a request's body. text_characters: of a query or an input. document_characters: of title and text.
    k: answers. candidates: that a funnel may keep. queries, inputs, documents: of one request. answers: of all its
    queries together; where they are explained, candidates. answer_characters: of all documents that are answered.
    requests_per_second: per key, or per address where there are no keys; None for no limit. Twice as many may come at
    once after a pause.
    """

    body_bytes: int = 16 * 2**20
    text_characters: int = 32_768
    document_characters: int = 1_000_000
    k: int = 1_000
    candidates: int = 10_000
    queries: int = 128
    answers: int = 20_000
    answer_characters: int = 32 * 2**20
    inputs: int = 256
    documents: int = 1_000
    requests_per_second: float | None = None


@dataclass(frozen=True)
class Batching:
    """How requests are put together, and how many may wait.

    size: the most queries (or texts) that are searched (or encoded) at once. window_ms: how long the first waits for
    others; at 0 those go together that came while others were worked on. queue: the most that wait or are worked on;
    more are refused with 429. remembered: texts whose query vectors are kept.
    """

    size: int = 64
    window_ms: float = 0.0
    queue: int = 256
    remembered: int = 4_096

    def __post_init__(self) -> None:
        if self.size < 1 or self.queue < 1 or self.window_ms < 0 or self.remembered < 0:
            raise ServeError(f"{self} cannot be: sizes are at least 1, times at least 0")


@dataclass(frozen=True)
class Timeouts:
    """Seconds. request: until an answer (504); write: the same for changes of documents; headers and body: until
    they are there (a closed connection, and 408); taken: until a caller has read on in an answer that is too long to be
    sent at once; idle: of a connection between requests; shutdown: for what was accepted to be finished; reload: from
    one look for other processes' commits to the next."""

    request: float = 10.0
    write: float = 120.0
    headers: float = 10.0
    body: float = 30.0
    taken: float = 60.0
    idle: float = 15.0
    shutdown: float = 30.0
    reload: float = 1.0


@dataclass(frozen=True)
class Settings:
    """All of it.

    indexes: folders. keys: the file of API keys, None for none. forced: a public address without keys is meant.
    read_only: documents are neither added nor deleted. tls_certificate, tls_key: PEM files; both or neither.
    origins: that a browser may call from, besides the server's own page. hosts: names it may be called by, besides
    its own, where there are no keys. tunings: index → what `tune --json` printed. servers: processes behind the one
    address; `batching`, and connections, the most at once, are of each.
    """

    indexes: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    keys: Path | None = None
    forced: bool = False
    read_only: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    device: str = "auto"
    servers: int = 1
    connections: int = 1_024
    limits: Limits = Limits()
    batching: Batching = Batching()
    timeouts: Timeouts = Timeouts()
    tunings: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.is_local and self.keys is None and not self.forced:
            raise ServeError(
                f"{self.host} can be reached from other machines, and there are no keys; make one with "
                "`mrl-search keys create NAME --file keys.json` and give --keys keys.json, or say --insecure"
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ServeError("a certificate and its key go together; give --tls-cert and --tls-key")
        served = {folder.resolve().name for folder in self.indexes}
        for name in self.tunings:
            if name not in served:
                raise ServeError(f"what `tune` printed is of {name}; served are: {', '.join(sorted(served))}")
        if self.servers < 1:
            raise ServeError(f"{self.servers} processes cannot serve; ask for one at least")
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ServeError(f"{origin!r} is no origin, so no page can have it; wanted one as https://example.org")
        for host in self.hosts:
            if not _HOST.fullmatch(host):
                raise ServeError(f"{host!r} is no name of a host; wanted one as example.org, without scheme and port")
        if max(self.limits.queries, self.limits.inputs) > self.batching.queue:
            raise ServeError(
                f"a queue of {self.batching.queue:,} cannot hold one request of "
                f"{max(self.limits.queries, self.limits.inputs):,} texts; make the queue longer"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a name, which may mean anything
            return False
