"""What a server opens: indexes and clusters alike."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mrl_search.encoders import Encoder, EncoderSpec
from mrl_search.encoding import spec_of
from mrl_search.living import AddOptions, Changed
from mrl_search.retriever import Retriever
from mrl_search.scale.cluster import is_cluster, read_cluster
from mrl_search.scale.copies import renewed
from mrl_search.scale.local import LocalShards
from mrl_search.scale.opened import Transport, open_cluster
from mrl_search.scale.updating import add_to_cluster, delete_from_cluster
from mrl_search.serve.store import Folders, Store


class AnyStore:
    """A Store of whatever a folder holds. transport: how the shards of clusters are asked."""

    def __init__(self, transport: Transport = LocalShards) -> None:
        self._transport, self._folders = transport, Folders()

    def state(self, folder: Path) -> object:
        """See Store."""
        if not is_cluster(folder):
            return self._folders.state(folder)
        renewed(folder)
        return read_cluster(folder)

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
        return open_cluster(folder, encoder_for(spec_of(read_cluster(folder).manifest)), self._transport)

    def add(self, folder: Path, source: Path, encoder: Encoder) -> Changed:
        """See Store."""
        if not is_cluster(folder):
            return self._folders.add(folder, source, encoder)
        return add_to_cluster(folder, source, encoder=encoder, options=AddOptions(cache=False))

    def delete(self, folder: Path, ids: Sequence[str], where: str | None) -> Changed:
        """See Store."""
        return (delete_from_cluster if is_cluster(folder) else self._folders.delete)(folder, ids, where=where)


_: type[Store] = AnyStore
