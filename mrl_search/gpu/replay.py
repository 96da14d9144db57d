"""Work of fixed shapes, recorded once as a CUDA graph and replayed: one launch in place of some sixty.

Nothing that the host decides by numbers of the device may be in such work: it would be decided once, when it is
recorded. Who calls asks the results whether they are whole (see `Scan.try_once`).
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

import torch
from torch import Tensor

from mrl_search.device import Device

Results = tuple[Tensor, ...]
Work = Callable[[Tensor], Results]
Record = Callable[[Callable[[], Results]], tuple[Callable[[], object], Results]]
"""Runs work and records it: what replays it, and where each replay leaves its results."""

_ONE_RECORDING = threading.Lock()  # of the process: CUDA takes no two
_LOG = logging.getLogger(__name__)
_MOST = 16  # graphs; each keeps its work's memory, in one pool with the others


class Recorded(NamedTuple):
    """A graph: what is to be asked is written into `given`, then `replay` writes `results`."""

    given: Tensor
    replay: Callable[[], object]
    results: Results


class Replays:
    """Calls work, from the second time of a name and shape on by its graph; the `most` last used are kept.

    record: how; None calls the work itself each time, as where there is no card. A graph's own buffers are written by
    every replay, so one runs at a time, and results are copied to the host before the next may.
    """

    def __init__(self, record: Record | None, most: int = _MOST) -> None:
        self._record = record
        self._most = most
        self._known: OrderedDict[Hashable, Recorded | None] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def __call__(self, name: Hashable, work: Work, given: Tensor) -> Results:
        """work(given), on the host. name: of all that decides the work but the shape of what is given."""
        with self._one_at_a_time:
            return tuple(result.to("cpu", copy=True) for result in self._results((name, *given.shape), work, given))

    def __len__(self) -> int:
        """Graphs that are kept."""
        return sum(known is not None for known in self._known.values())

    def _results(self, key: Hashable, work: Work, given: Tensor) -> Results:
        if self._record is None:
            return work(given)
        if key not in self._known:  # a batch that comes once is not worth a graph; and the kernels are loaded by this
            self._keep(key, None)
            return work(given)
        known = self._known[key]
        if known is None:
            known = self._recorded(self._record, work, given)
            if known is None:
                return work(given)
        self._keep(key, known)
        known.given.copy_(given)
        known.replay()
        return known.results

    def _recorded(self, record: Record, work: Work, given: Tensor) -> Recorded | None:
        """None, and nothing is recorded ever after, where CUDA does not take the work or its memory."""
        buffer = given.clone()
        try:
            return Recorded(buffer, *record(lambda: work(buffer)))
        except RuntimeError as error:
            _LOG.warning("no CUDA graph of a small batch's search: %s", " ".join(str(error).split())[:200])
            self._record = None
            self._known.clear()
            return None

    def _keep(self, key: Hashable, known: Recorded | None) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def recording_on(device: Device) -> Record | None:
    """How work is recorded on a card; None elsewhere. All graphs share one pool of memory: they run in turn."""
    if not device.is_cuda or not torch.cuda.is_available():
        return None
    pool = torch.cuda.graph_pool_handle()

    def record(work: Callable[[], Results]) -> tuple[Callable[[], object], Results]:
        with _ONE_RECORDING, torch.cuda.device(device.number):
            # its own: torch's for graphs is of the card that recorded first, and another's work is not on it
            aside = torch.cuda.Stream(device.number)  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):  # loads what is loaded at a first call, on a stream such as is recorded
                work()
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            # other threads may go on calling CUDA while this one records
            with torch.cuda.graph(graph, pool=pool, stream=aside, capture_error_mode="thread_local"):
                results = work()
            return graph.replay, results

    return record
