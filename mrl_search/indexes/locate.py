"""Which index a command means when none is named."""

from pathlib import Path

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.catalog import has_commit
from mrl_search.indexes.layout import Layout

ROOT = Path("indexes")
"""Where indexes are built by default: a folder of the working directory."""


def find_index(named: Path | None = None, root: Path = ROOT) -> Path:
    """The folder of an index: the one named (as a folder, or as a name under `root`), else the one built last.

    Raises IndexStoreError when there is none.
    """
    if named is not None:
        elsewhere = root / named
        return elsewhere if not Layout(named).catalog.exists() and Layout(elsewhere).catalog.exists() else named
    catalogs = [Layout(folder).catalog for folder in root.iterdir()] if root.is_dir() else []
    built = sorted((path for path in catalogs if path.is_file()), key=lambda path: (-path.stat().st_mtime_ns, path))
    for path in built:
        if has_commit(path):
            return path.parent
    raise IndexStoreError(f"there is no index under {root.resolve()}; build one: mrl-search build corpus.jsonl")
