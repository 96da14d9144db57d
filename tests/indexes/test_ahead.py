import gc
import subprocess
import sys
import threading

import pytest

from mrl_search.indexes import ahead

OPENED = """
import gc, threading
from mrl_search.indexes.ahead import load_kernels_ahead
load_kernels_ahead()
load_kernels_ahead()
running = [thread for thread in threading.enumerate() if thread.name == "mrl-search kernels"]
assert len(running) == 1, running
"""
WAITED = """
running[0].join()
import sys
assert "mrl_search.indexes.kernels" in sys.modules
assert gc.isenabled()
"""


@pytest.mark.parametrize("script", [OPENED, OPENED + WAITED], ids=["left at once", "waited for"])
def test_kernels_are_loaded_once_by_a_thread_and_a_process_may_end_meanwhile(script):
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_error_is_left_to_whoever_needs_the_kernels(monkeypatch):
    monkeypatch.setitem(sys.modules, "mrl_search.indexes.kernels", None)  # importing it raises ImportError
    told = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    thread = threading.Thread(target=ahead._load)
    thread.start()
    thread.join()
    assert not told
    assert gc.isenabled()
