"""What every method of the comparison offers."""

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np


class Method:
    """Has a `name`, the `module` to import, the `package` it comes in, and beside what stands here

    build(vectors, folder, threads): ready to search afterwards; may keep files in the empty folder.
    settings(): dicts of search-time settings, from fast to accurate.
    sizes(): bytes (that a search needs in memory, on disk); the class says how it knows.

    Only the search made last may be used: many libraries keep a setting, or a number of threads, in the index.
    """

    def obstacle(self):
        """Why it cannot run here, if it cannot."""
        return None if find_spec(self.module) else f"{self.package} is not installed; pip install '.[peers]'"

    def one(self, k, setting):
        """A function of a (D,) query to at most k rows, in one thread; made beforehand, so as not to be timed."""
        search = self.batch(k, setting, threads=1)
        return lambda query: search(query[None])[0]

    def batch(self, k, setting, threads):
        """A function of (q, D) queries to at most k rows of each, in so many threads, here of Python."""
        search = self.one(k, setting)

        def pooled(queries):
            with ThreadPoolExecutor(threads) as pool:
                return list(pool.map(search, queries))

        return pooled


def grid(**choices):
    """All combinations, the first name changing slowest."""
    settings = [{}]
    for name, values in choices.items():
        settings = [{**setting, name: value} for setting in settings for value in values]
    return settings


def shares(whole, *parts):
    """Those parts of a count, rounded, each once."""
    return sorted({max(1, round(whole * part)) for part in parts})


def size_of(path):
    """Allocated bytes of a file, or of all files below a folder: what is set aside but empty does not count."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_blocks * 512 for file in files)


def lists_for(n):
    """IVF lists for n vectors: 4·√n, as FAISS's guidelines say for less than a million."""
    return max(1, round(4 * np.sqrt(n)))
