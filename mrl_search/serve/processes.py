"""Several server processes behind one address, each with its share of the processors and of the connections.

The threads of one process take Python's one lock from each other; processes have their own. One process accepts, and
the workers answer in turn: were they all to listen, whichever wakes first would take most of what comes at once.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from mrl_search.atomic import claimed
from mrl_search.errors import MRLSearchError, ServeError
from mrl_search.serve.logs import write_json_lines
from mrl_search.serve.running import AT_ONCE, BACKLOG, address_of, bound, not_had, run
from mrl_search.serve.settings import Settings
from mrl_search.serve.store import Folders, Store
from mrl_search.serve.worker import GIVEN, READY, Worker

_LOG = logging.getLogger(__name__)
_SPAWN = get_context("spawn")  # a fork would have torch's threads, and their locks, without what holds them
_PAUSE = 2.0  # seconds from the start of a worker to that of one in its place, at least
_LOOK = 0.5  # seconds from one look for workers that are to be started to the next
_TAKING = 1.0  # seconds that a connection waits where workers do not take them as fast as they come
_GRACE = 5.0  # seconds beyond the time in which a worker finishes what it accepted
_COUNTING = "mrl-search-serve"
_MEMORY = Path("/dev/shm")  # noqa: S108  what is in it has names that nobody else has
_MOST_BYTES = 16_384  # of what a worker says before it ends


def serve_together(settings: Settings, tell: Callable[[str], None], log_level: str, store: Store | None = None) -> None:
    """As `running.serve`, in as many processes as the settings say. Raises ServeError where one cannot start."""
    store = store or Folders(is_shared=True)
    with bound(settings) as listening, _folder() as folder:
        write_json_lines(log_level)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        workers: list[_Worker] = []
        try:
            begin = partial(work, settings, store, log_level, folder)
            workers.extend(_Worker(begin, share, folder) for share in shares(settings.servers))
            _Front(workers, listening, settings, tell).run()
        except KeyboardInterrupt:
            listening.close()
        finally:
            _end(workers, settings.timeouts.shutdown + _GRACE)


def work(settings: Settings, store: Store, log_level: str, folder: Path, channel: socket.socket) -> None:
    """A worker's life. What it cannot start for is said over the channel."""
    try:
        run(Worker(settings, store, channel, folder), log_level, [])
    except MRLSearchError as error:
        with contextlib.suppress(ConnectionError):
            channel.send(str(error).encode("utf-8", "replace")[:_MOST_BYTES])
        raise SystemExit(1) from None


def shares(count: int) -> list[frozenset[int]]:
    """The processors of each worker: of those this process may use, as many for each; or one, which some share."""
    have = sorted(os.sched_getaffinity(0))
    if count >= len(have):
        return [frozenset({have[number % len(have)]}) for number in range(count)]
    edges = [len(have) * number // count for number in range(count + 1)]
    return [frozenset(have[first:last]) for first, last in pairwise(edges)]


class _Worker:
    """A process, again and again, and the channel over which it is given connections.

    begin: what it does, with its end of the channel. processors: those it may use. folder: where its counters are.
    """

    def __init__(self, begin: Callable[[socket.socket], None], processors: frozenset[int], folder: Path) -> None:
        self._begin, self._processors, self._folder = begin, processors, folder
        self.is_ready = False
        self.begun = 0.0
        self.start()

    def start(self) -> None:
        """Begins a process. Raises ServeError where the system has none to give; then nothing else has changed."""
        self.begun = time.monotonic()
        try:
            channel, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with contextlib.ExitStack() as undone:
                undone.callback(channel.close)
                process = _SPAWN.Process(target=self._begin, args=(its,))
                with its, self._inherited():
                    process.start()
                undone.pop_all()
        except OSError as error:
            raise ServeError(f"a server process cannot be started: {error.strerror}") from error
        channel.setblocking(False)
        self.channel, self.process, self._has_counted = channel, process, False

    def give(self, connection: socket.socket) -> bool:
        """Whether it takes a connection, of which this process then keeps nothing."""
        try:
            socket.send_fds(self.channel, [GIVEN], [connection.fileno()])
        except ConnectionError:  # it is gone, or about to be
            self.is_ready = False
            return False
        except OSError:  # it takes none as fast as they come
            return False
        return True

    def heard(self) -> str | None:
        """What it said it cannot go on for, if it said anything; None if it goes on. Its life ends here."""
        try:
            said = self.channel.recv(_MOST_BYTES)
        except ConnectionError:
            said = b""
        if said == READY:
            self.is_ready = self._has_counted = True
            return None
        self.is_ready = False
        self.channel.close()
        self.process.join()
        mark_process_dead(self.process.pid, str(self._folder))  # type: ignore[no-untyped-call]
        if not self._has_counted:  # one that never begins would leave files without end
            for left in self._folder.glob(f"*_{self.process.pid}.db"):
                left.unlink(missing_ok=True)
        return said.decode()

    @contextlib.contextmanager
    def _inherited(self) -> Iterator[None]:
        """What a process must have before anything is imported: libraries look then how many threads to start."""
        processors, environment = os.sched_getaffinity(0), dict(os.environ)
        os.sched_setaffinity(0, self._processors)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._folder)
        try:
            yield
        finally:
            os.environ.pop("PROMETHEUS_MULTIPROC_DIR")
            os.environ.update(environment)
            os.sched_setaffinity(0, processors)


class _Front:
    """Accepts connections for workers, and begins one anew where it ends."""

    def __init__(
        self, workers: list[_Worker], listening: socket.socket, settings: Settings, tell: Callable[[str], None]
    ) -> None:
        self._workers, self._listening, self._settings, self._tell = workers, listening, settings, tell
        self._turn = 0
        self._told_at = -_PAUSE
        self._selector = selectors.DefaultSelector()
        self._listens = False

    def run(self) -> None:
        """Until KeyboardInterrupt. Raises ServeError where a worker ends before all were ready."""
        with self._selector:
            for worker in self._workers:
                self._watch(worker)
            while True:
                for key, _ in self._selector.select(_LOOK):
                    key.data()
                for worker in self._workers:
                    if worker.channel.fileno() < 0 and time.monotonic() - worker.begun > _PAUSE:
                        self._begin_anew(worker)

    def _begin_anew(self, worker: _Worker) -> None:
        try:
            worker.start()
        except ServeError as error:  # the others go on
            _LOG.error("%s", error)
        else:
            self._watch(worker)

    def _watch(self, worker: _Worker) -> None:
        self._selector.register(worker.channel, selectors.EVENT_READ, partial(self._hear, worker))

    def _hear(self, worker: _Worker) -> None:
        channel = worker.channel
        said = worker.heard()
        if said is None:
            if not self._listens and all(one.is_ready for one in self._workers):
                self._listen()
            return
        self._selector.unregister(channel)
        ended = f"a server process ended ({worker.process.exitcode})"
        if not self._listens:
            raise ServeError(said or f"{ended} before it was ready")
        _LOG.error("%s and is begun anew%s", ended, f": {said}" if said else "")

    def _listen(self) -> None:
        try:
            self._listening.listen(BACKLOG)
        except OSError as error:
            raise not_had(self._settings, error) from error
        self._listening.setblocking(False)
        self._listens = True
        self._selector.register(self._listening, selectors.EVENT_READ, self._accept)
        self._tell(address_of(self._listening, self._settings))

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if not any(worker.is_ready for worker in self._workers):
                time.sleep(_LOOK / 10)  # whoever calls waits until one is
                return
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, ConnectionError):  # none is left, or one has gone again
                return
            except OSError as error:
                self._tell_of(error)
                return
            with connection:
                if not self._give(connection):
                    return  # to hear whether a worker has ended

    def _tell_of(self, error: OSError) -> None:
        """Once a while, and a little later it is tried again: whoever calls is still there."""
        if time.monotonic() - self._told_at > _PAUSE:
            self._told_at = time.monotonic()
            _LOG.error("no connection can be accepted: %s", error.strerror)
        time.sleep(_LOOK / 10)

    def _give(self, connection: socket.socket) -> bool:
        """To the next worker that takes it; where none does for a second, it is closed."""
        until = time.monotonic() + _TAKING
        while time.monotonic() < until:
            for _ in self._workers:
                self._turn = (self._turn + 1) % len(self._workers)
                worker = self._workers[self._turn]
                if worker.is_ready and worker.give(connection):
                    return True
            time.sleep(_TAKING / 200)
        _LOG.error("no server process takes another connection; one was closed")
        return False


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Where workers count together, for as long as they do: in memory, if the system lets one. What was left by those
    that were killed goes."""
    with contextlib.ExitStack() as held:
        try:
            place = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
            folder = held.enter_context(claimed(place / _COUNTING, f"{_COUNTING}.*"))
        except OSError as error:
            raise ServeError(f"processes that serve together need a temporary folder ({error}); set TMPDIR") from error
        yield folder


def _end(workers: list[_Worker], seconds: float) -> None:
    """Workers finish what they accepted, and are killed after so many seconds, or at a second signal."""
    until = time.monotonic() + seconds
    with contextlib.suppress(KeyboardInterrupt):
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(max(0.0, until - time.monotonic()))
    for worker in workers:
        worker.process.kill()
        worker.process.join()
