"""Changes of documents: those that wait for the writer go into one commit."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from mrl_search.data import Corpus
from mrl_search.document import Document
from mrl_search.encoders import Encoder
from mrl_search.errors import IndexStoreError, MRLSearchError
from mrl_search.living import Changed
from mrl_search.serve.store import Folders, Store


class Upsert(NamedTuple):
    """Documents that are to be there, each in the place of one with its id."""

    documents: tuple[Document, ...]
    encoder: Encoder


class Removal(NamedTuple):
    """Ids that are to be there no more, and a filter whose documents are to go."""

    ids: tuple[str, ...]
    where: str | None


Change = Upsert | Removal


class Writer:
    """The work of a batch of changes of one index, in the order they came; called on its own thread only."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        self._folder, self._store = folder, store or Folders()

    def __call__(self, tasks: list[Change]) -> Sequence[Changed | Exception]:
        """What each was told to do is on disk when this returns; of upserts that went together all are told alike."""
        results: list[Changed | Exception] = []
        for is_upsert, some in groupby(tasks, lambda task: isinstance(task, Upsert)):
            changes = list(some)
            if is_upsert:
                results += self._upserted([one for one in changes if isinstance(one, Upsert)])
            else:
                results += [self._removed(one) for one in changes if isinstance(one, Removal)]
        return results

    def _upserted(self, changes: list[Upsert]) -> list[Changed | Exception]:
        try:
            return [self._added(changes)] * len(changes)
        except MRLSearchError as error:
            if len(changes) == 1:
                return [error]
        return [self._upserted([one])[0] for one in changes]  # one of them is to blame, and alone refused

    def _added(self, changes: list[Upsert]) -> Changed:
        last = {document.id: document for change in changes for document in change.documents}
        sent = Corpus("sent", "what was sent", lambda tolerance: iter(last.values()))
        try:
            return self._store.add(self._folder, sent, changes[-1].encoder)
        except OSError as error:
            raise IndexStoreError(f"what came for {self._folder} cannot be put down: {error}") from error

    def _removed(self, change: Removal) -> Changed | Exception:
        try:
            return self._store.delete(self._folder, change.ids, change.where)
        except MRLSearchError as error:
            return error
