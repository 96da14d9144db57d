"""Loading FAISS and the compiled kernels while files are read and models are loaded: most of a first query's time."""

import gc
import threading
from contextlib import suppress
from functools import cache


@cache
def load_kernels_ahead() -> None:
    """Starts to load the kernels in a thread, once a process; who needs them sooner waits for the import as usual."""
    threading.Thread(target=_load, name="mrl-search kernels").start()


def _load() -> None:
    with suppress(Exception):  # whoever needs the kernels meets the same error, where it can be told
        collecting = gc.isenabled()
        gc.disable()  # a model in memory is millions of objects, and numba's import has all of them looked through
        try:
            from mrl_search.indexes.codecs import load_faiss
            from mrl_search.indexes.kernels import load_compiler

            load_faiss()
            load_compiler()
        finally:
            if collecting:
                gc.enable()
