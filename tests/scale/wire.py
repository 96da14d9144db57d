"""A wire between two network namespaces, in place of a pair of veth: packets pass through this process, which may let
them wait. (`tc netem` does that in the kernel, where the kernel has it.)"""

import fcntl
import os
import select
import struct
import threading
import time
from collections import deque
from contextlib import suppress

_TUNSETIFF, _TUN, _WITHOUT_HEADER = 0x400454CA, 0x0001, 0x1000
_PACKET = 65_536  # bytes at most; a device's is 1,500 unless it is told otherwise


class Wire:
    """Two devices of these names, which may be moved to namespaces; what enters one leaves the other, in order, after
    `delay` seconds. Carries packets until it is closed; then the devices are gone."""

    def __init__(self, *names):
        self.delay, self._closed = 0.0, threading.Event()
        self._ends = [_device(name) for name in names]
        threading.Thread(target=self._carry, daemon=True).start()

    def close(self):
        self._closed.set()

    def _carry(self):
        other, waiting = dict(zip(self._ends, self._ends[::-1], strict=True)), deque()
        while not self._closed.is_set():
            pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 0.1
            for end in select.select(self._ends, [], [], pause)[0]:
                with suppress(OSError):  # a device that is down
                    waiting.append((time.monotonic() + self.delay, other[end], os.read(end, _PACKET)))
            while waiting and waiting[0][0] <= time.monotonic():
                _, end, packet = waiting.popleft()
                with suppress(OSError):  # lost, as on any wire
                    os.write(end, packet)
        for end in self._ends:
            os.close(end)


def _device(name):
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN | _WITHOUT_HEADER))
    return end
