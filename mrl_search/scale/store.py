"""What a server opens: indexes and clusters alike."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mrl_search.data import Corpus
from mrl_search.encoders import Encoder, EncoderSpec
from mrl_search.encoding import spec_of
from mrl_search.errors import IndexBusyError
from mrl_search.living import AddOptions, Changed
from mrl_search.retriever import Retriever
from mrl_search.scale.cluster import MANIFEST, is_cluster, read_cluster
from mrl_search.scale.copies import renewed
from mrl_search.scale.opened import Transport, open_cluster
from mrl_search.scale.updating import add_to_cluster, delete_from_cluster
from mrl_search.serve.store import Folders, Store

_BUSY_SECONDS = 30.0  # that a change waits for another process's
_LOOKS = 0.05
_T = TypeVar("_T")


class AnyStore:
    """A Store of whatever a folder holds.

    transport: how the shards of clusters are asked, if not in this process. is_shared: other processes serve the same,
    and change it, too.
    """

    def __init__(self, transport: Transport | None = None, *, is_shared: bool = False) -> None:
        self._transport, self._is_shared = transport, is_shared
        self._folders = Folders(is_shared=is_shared)

    def state(self, folder: Path) -> object:
        """See Store."""
        if not is_cluster(folder):
            return self._folders.state(folder)
        renewed(folder)
        return read_cluster(folder)

    def stamp(self, folder: Path) -> object:
        """See Store."""
        if self._is_shared and is_cluster(folder):
            found = (folder / MANIFEST).stat()  # which a commit replaces
            return found.st_ino, found.st_mtime_ns, found.st_size
        return self._folders.stamp(folder)

    def open(
        self,
        folder: Path,
        encoder_for: Callable[[EncoderSpec], Encoder],
        device: str,
        beside: Retriever | None = None,
    ) -> Retriever:
        """See Store."""
        if not is_cluster(folder):
            return self._folders.open(folder, encoder_for, device, beside)
        encoder = encoder_for(spec_of(read_cluster(folder).manifest))
        return open_cluster(folder, encoder, self._transport, device=device)

    def add(self, folder: Path, corpus: Corpus, encoder: Encoder) -> Changed:
        """See Store."""
        if not is_cluster(folder):
            return self._in_turn(lambda: self._folders.add(folder, corpus, encoder))
        options = AddOptions(cache=False)
        return self._in_turn(lambda: add_to_cluster(folder, corpus, encoder=encoder, options=options))

    def delete(self, folder: Path, ids: Sequence[str], where: str | None) -> Changed:
        """See Store."""
        if not is_cluster(folder):
            return self._in_turn(lambda: self._folders.delete(folder, ids, where))
        return self._in_turn(lambda: delete_from_cluster(folder, ids, where=where))

    def close(self) -> None:
        """See Store."""
        self._folders.close()

    def _in_turn(self, change: Callable[[], _T]) -> _T:
        """Waits for whoever else serves, and changes, the same."""
        until = time.monotonic() + _BUSY_SECONDS * self._is_shared
        while True:
            try:
                return change()
            except IndexBusyError:
                if time.monotonic() >= until:
                    raise
                time.sleep(_LOOKS)


_: type[Store] = AnyStore
