"""Committing a tuned funnel: a new manifest over the same files."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.layout import Layout
from mrl_search.indexes.manifest import Manifest, TunedRecord
from mrl_search.indexes.reader import committed
from mrl_search.indexes.refused import refused


def store_tuned(folder: Path, seen: Manifest, funnel: str, record: TunedRecord) -> Manifest:
    """Commits the funnel and its record in one transaction; readers have the old manifest or the new.

    seen: the manifest that was tuned. Raises IndexStoreError if the index is another by now, or cannot be written.
    """
    path = Layout(folder).catalog
    Catalog.read(path).close()  # says so where there is no index; opening for writing would make one
    catalog = Catalog.write(path)
    try:
        if committed(catalog, Layout(folder))[0] != seen:
            raise IndexStoreError(f"the index in {folder} was replaced while it was tuned; tune it again")
        tuned = replace(seen, funnel=funnel, tuned=record)
        catalog.commit(tuned)
    except sqlite3.Error as error:
        raise IndexStoreError(
            f"the index in {folder} could not be written: {refused(error, folder)}; nothing was committed"
        ) from error
    finally:
        catalog.close()
    return tuned
