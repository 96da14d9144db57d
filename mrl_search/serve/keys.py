"""API keys: a JSON file of their SHA-256, scopes and names; the keys themselves are shown once and kept nowhere.

A key is 256 random bits, which nobody guesses from a hash, however fast that is to compute: a slow hash, as passwords
need, would only slow every request.
"""

import contextlib
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mrl_search.atomic import replacing
from mrl_search.errors import RecipeError, ServeError
from mrl_search.recipe import from_table
from mrl_search.serve.refusals import RefusalError

READ, WRITE = "read", "write"
SCOPES = (READ, WRITE)
_PREFIX = "mrl_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LOOK_SECONDS = 1.0  # from one look at the file's time to the next
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """What is kept of a key. scopes: `read`, `write`; write alone does not read."""

    name: str
    scopes: tuple[str, ...]
    sha256: str
    created: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ServeError(f"a key cannot be called {self.name!r}; wanted letters, digits, . _ - and at most 64")
        if not self.scopes or set(self.scopes) - set(SCOPES):
            raise ServeError(f"the key {self.name} has the scopes {list(self.scopes)}, wanted some of {list(SCOPES)}")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ServeError(f"the key {self.name} has no SHA-256 in hexadecimal digits")


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file. Raises ServeError unless it is one that `create_key` wrote."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        keys = tuple(from_table(row, Key, f"{path}, keys") for row in table["keys"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError, RecipeError) as error:
        raise ServeError(f"the keys in {path} cannot be read: {error}") from error
    if len({key.name for key in keys}) < len(keys):
        raise ServeError(f"two keys in {path} have one name")
    return keys


def create_key(path: Path, name: str, scopes: Sequence[str]) -> str:
    """Adds a key to the file, which is made if need be, and returns it: nobody can tell it again.

    Raises ServeError for a name that there is, or that is none.
    """
    keys = read_keys(path) if path.exists() else ()
    if any(key.name == name for key in keys):
        raise ServeError(f"{path} has a key {name} already; revoke it, or choose another name")
    secret = _PREFIX + secrets.token_urlsafe(32)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    _store(path, (*keys, Key(name, tuple(sorted(set(scopes))), _digest(secret), made)))
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Takes a key from the file. Raises ServeError where there is none of that name."""
    keys = read_keys(path)
    left = tuple(key for key in keys if key.name != name)
    if len(left) == len(keys):
        raise ServeError(f"{path} has no key {name}; it has: {', '.join(key.name for key in keys) or 'none'}")
    _store(path, left)


class Keyring:
    """The keys of a file, read again when it changed: a rotation needs no restart.

    A file that cannot be read lets nobody in; who revoked a key by a slip of the pen meant to revoke it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: tuple[Key, ...] | None = read_keys(path)
        self._stamp = self._found()
        self._looked = time.monotonic()

    def holder(self, secret: str) -> Key | None:
        """Whose key this is. Each is compared in constant time. Raises RefusalError for an unreadable file."""
        self._look()
        if self._keys is None:
            raise RefusalError(503, "keys_unreadable", "no key can be checked now; the server's log says why")
        digest, holder = _digest(secret), None
        for key in self._keys:
            if hmac.compare_digest(digest, key.sha256):
                holder = key
        return holder

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked, stamp = now, self._found()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = read_keys(self._path)
            _LOG.info("keys were read anew", extra={"told": {"keys": len(self._keys)}})
        except ServeError as error:
            self._keys = None
            _LOG.error("%s; nobody is let in until they can be", error)

    def _found(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _store(path: Path, keys: tuple[Key, ...]) -> None:
    path = path.resolve()  # not a link to it
    with replacing(path) as temporary:
        temporary.touch(mode=0o600)
        if path.exists():  # the server's user goes on reading what root has changed
            with contextlib.suppress(PermissionError):
                os.chown(temporary, path.stat().st_uid, path.stat().st_gid)
        temporary.write_text(json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n", encoding="utf-8")
