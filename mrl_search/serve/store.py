"""How what is served is opened and changed: an index's folder, or whatever else can answer as one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from mrl_search.data import Corpus
from mrl_search.encoders import Encoder, EncoderSpec
from mrl_search.encoding import spec_of
from mrl_search.indexes import read_manifest, stamp_of
from mrl_search.indexes.commits import Commits
from mrl_search.living import AddOptions, Changed, add, delete
from mrl_search.retriever import Retriever, open_retriever


class Store(Protocol):
    """What a server does with a folder, on threads of its own."""

    def state(self, folder: Path) -> object:
        """What is committed there; equal only while nothing else is."""

    def stamp(self, folder: Path) -> object:
        """Other once a commit can be read, and cheap enough for each request; None, always, where one process serves
        alone."""

    def open(
        self,
        folder: Path,
        encoder_for: Callable[[EncoderSpec], Encoder],
        device: str,
        beside: Retriever | None = None,
    ) -> Retriever:
        """A snapshot of it. beside: an older one, whose prefixes are shared where they are the same."""

    def add(self, folder: Path, corpus: Corpus, encoder: Encoder) -> Changed:
        """Adds documents."""

    def delete(self, folder: Path, ids: Sequence[str], where: str | None) -> Changed:
        """Removes documents."""

    def close(self) -> None:
        """Leaves what it looked at."""


class Folders:
    """Indexes on disk. is_shared: other processes serve the same, and change it, too."""

    def __init__(self, *, is_shared: bool = False) -> None:
        self._is_shared = is_shared
        self._commits: dict[Path, Commits] = {}

    def state(self, folder: Path) -> object:
        """See Store; asked every second, beside all requests, so nothing is made of it."""
        return stamp_of(folder)

    def stamp(self, folder: Path) -> object:
        """See Store."""
        if not self._is_shared:
            return None
        if folder not in self._commits:
            self._commits[folder] = Commits(folder)
        return self._commits[folder].stamp()

    def open(
        self,
        folder: Path,
        encoder_for: Callable[[EncoderSpec], Encoder],
        device: str,
        beside: Retriever | None = None,
    ) -> Retriever:
        """See Store."""
        manifest, _ = read_manifest(folder)
        stored = beside.stored if beside is not None else None
        return open_retriever(folder, encoder_for(spec_of(manifest)), device=device, beside=stored)

    def add(self, folder: Path, corpus: Corpus, encoder: Encoder) -> Changed:
        """See Store."""
        return add(folder, corpus, encoder=encoder, options=AddOptions(cache=False))

    def delete(self, folder: Path, ids: Sequence[str], where: str | None) -> Changed:
        """See Store."""
        return delete(folder, ids, where=where)

    def close(self) -> None:
        """See Store."""
        for commits in self._commits.values():
            commits.close()
