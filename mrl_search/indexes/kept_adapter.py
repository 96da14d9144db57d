"""The adapter an index keeps a copy of, in its catalog: it goes wherever that goes, and outlives every segment."""

import hashlib

from mrl_search.adapter import Adapter, from_bytes
from mrl_search.errors import AdapterError, IndexStoreError
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.manifest import AdapterRecord, Manifest
from mrl_search.indexes.schema import UNREADABLE

_TABLE = "CREATE TABLE adapter (only INTEGER PRIMARY KEY CHECK (only = 1), content BLOB NOT NULL)"


def keep(catalog: Catalog, adapter: Adapter | None) -> AdapterRecord | None:
    """Keeps the file of the adapter, if there is one, within the writer's transaction; the record is for the manifest.

    The table is made only where it is needed: a version that knows no adapters stumbles over the manifest's key.
    """
    if adapter is None:
        return None
    catalog.connection.execute(_TABLE)
    catalog.connection.execute("INSERT INTO adapter VALUES (1, ?)", (adapter.to_bytes(),))
    return adapter_record(adapter)


def adapter_record(adapter: Adapter) -> AdapterRecord:
    """What a manifest says of an adapter."""
    return AdapterRecord(adapter.fitted.method, adapter.fitted.widths, len(adapter.to_bytes()), adapter.digest)


def drop(catalog: Catalog) -> None:
    """Lets go of what `keep` kept, within the writer's transaction."""
    catalog.connection.execute("DROP TABLE IF EXISTS adapter")


def read_adapter(catalog: Catalog, manifest: Manifest) -> Adapter | None:
    """The verified adapter of all vectors, if there is one. Raises IndexStoreError."""
    record = manifest.adapter
    if record is None:
        return None
    try:
        ((content,),) = catalog.connection.execute("SELECT content FROM adapter").fetchall() or ((b"",),)
    except UNREADABLE as error:
        raise IndexStoreError(f"the adapter that the index keeps cannot be read: {error}; build it again") from error
    if (len(content), hashlib.sha256(content).hexdigest()) != (record.size, record.sha256):
        raise IndexStoreError("the adapter that the index keeps is not the one that was committed; build it again")
    try:
        return from_bytes(content, "what the index keeps")
    except AdapterError as error:
        raise IndexStoreError(str(error)) from error
