"""A cluster's files in object storage, by a URL that fsspec knows (s3://, gs://, memory://), and their copies here.

There an object is whole or is not, but two are not there at once, and nothing is renamed or locked. So whoever writes
sends what is named before what names it. Here a copy takes its name once it is whole: a half of one is never read.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from mrl_search.cache import cache_root
from mrl_search.errors import ClusterError, MissingPackageError, MRLSearchError

_NOTE = "origin.json"
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
_FILE = "file://"


def place(named: str) -> Path | str:
    """What a user means by the name of a place: a folder, or the URL of one in object storage.

    Raises ClusterError for a scheme alone.
    """
    if named.lower().startswith(_FILE):  # all that folders can do, a file system's URL can
        return Path(named[len(_FILE) :])
    if not _URL.match(named):
        return Path(named)
    if not _URL.match(url := named.rstrip("/")):
        raise ClusterError(f"{named} names no place; wanted SCHEME://BUCKET/FOLDER")
    return url


@dataclass(frozen=True)
class Storage:
    """A URL and the folder here, by the same path on every machine, in which lie copies of what is there."""

    url: str
    folder: Path

    @classmethod
    def of(cls, url: str) -> "Storage":
        """The storage of that URL, with its copies in the cache; nothing is asked for yet."""
        last = re.sub(r"[^A-Za-z0-9_-]", "-", url.rpartition("/")[2])
        return cls(url, cache_root().resolve() / "clusters" / sha256(url.encode()).hexdigest()[:16] / last)

    @classmethod
    def behind(cls, folder: Path) -> "Storage | None":
        """The storage that a folder holds copies of; None if it holds none."""
        note = folder / _NOTE
        if not note.is_file():
            return None
        return cls(json.loads(note.read_text(encoding="utf-8"))["url"], folder)

    def settle(self) -> None:
        """Makes the folder here, and says in it whose copies it holds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.room() as room:
            note = room / _NOTE
            note.write_text(json.dumps({"url": self.url}), encoding="utf-8")
            note.replace(self.folder / _NOTE)

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A folder beside the copies for what is not whole yet; nobody else's, and gone at the end."""
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=self.folder) as made:
            yield Path(made)

    def has(self, path: Path) -> bool:
        """Whether there is a file there."""
        with reaching(self.url) as (files, root):
            return _kind(files, self._there(root, path)) == "file"

    def under(self, path: Path) -> list[Path]:
        """All files there below a folder, by their paths here. Raises ClusterError for a name that would lead out of
        the folder here: object stores take any name, and whoever writes there chooses it."""
        with reaching(self.url) as (files, root):
            start = self._there(root, self.folder) + "/"
            found = [self.folder / name.removeprefix(start) for name in files.find(self._there(root, path))]
        for one in found:
            if ".." in one.parts or not one.is_relative_to(path):
                raise ClusterError(f"{self.url} holds {str(one)!r}, which no cluster does; remove it there")
        return found

    def top(self) -> set[str]:
        """The names right below the URL."""
        return {path.relative_to(self.folder).parts[0] for path in self.under(self.folder)}

    def fetch(self, path: Path, *, anew: bool = False) -> None:
        """Copies a file to here, unless it is here. Raises ClusterError where it is not there."""
        if path.is_file() and not anew:
            return
        self.settle()
        with self.room() as room:
            self.copy(path, room / "file")
            path.parent.mkdir(parents=True, exist_ok=True)
            (room / "file").replace(path)

    def copy(self, path: Path, to: Path) -> None:
        """Copies a file to somewhere else here."""
        with reaching(self.url) as (files, root):
            files.get_file(self._there(root, path), str(to))

    def send(self, path: Path) -> None:
        """Copies a file to there; in the place of what was there, whole or not at all."""
        with reaching(self.url) as (files, root):
            there = self._there(root, path)
            if "local" not in _protocols(files):
                files.put_file(str(path), there)
                return
            files.makedirs(there.rpartition("/")[0], exist_ok=True)  # a file system shows what is half written
            files.put_file(str(path), f"{there}.partial")
            files.mv(f"{there}.partial", there)

    def remove(self, path: Path) -> None:
        """A file or a folder goes, there and here; what is not there is no harm."""
        self.remove_there(path)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def remove_there(self, path: Path) -> None:
        """The same, there only."""
        with reaching(self.url) as (files, root):
            there = self._there(root, path)
            if _kind(files, there):
                files.rm(there, recursive=True)

    def _there(self, root: str, path: Path) -> str:
        name = path.relative_to(self.folder).as_posix()
        return root if name == "." else f"{root}/{name}"


def _kind(files: Any, name: str) -> str:
    """file, directory, or nothing; `isfile` and `exists` take a server that is not there for nothing."""
    try:
        return str(files.info(name)["type"])
    except FileNotFoundError:
        return ""


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


@contextmanager
def reaching(url: str) -> Iterator[tuple[Any, str]]:
    """fsspec's file system and the path in it. Whatever fails within the block is a ClusterError of one line."""
    import fsspec

    try:
        files, root = fsspec.url_to_fs(url)
        files.invalidate_cache()  # of listings: others write there, too
        yield files, root.rstrip("/")
    except MRLSearchError:
        raise
    except ImportError as error:
        scheme = url.partition(":")[0].lower()
        package, extra = _PACKAGES.get(scheme, (f"that fsspec wants for {scheme}://", "s3"))
        raise MissingPackageError(package, url, extra) from error
    except FileNotFoundError as error:
        raise ClusterError(f"{url}: {str(error).strip() or 'a file'} is not there") from error
    except Exception as error:  # each file system has errors of its own, which are no OSErrors
        told = str(error).strip().partition("\n")[0]
        raise ClusterError(f"{url} cannot be reached: {type(error).__name__}: {told}") from error
