"""Lines and rows as files give them, before anyone has judged them."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_SHOWN = 200  # characters of a list of field names


class Record(NamedTuple):
    """One line or row; `where` is "FILE, line N" or "FILE, row N", counted from 1."""

    where: str
    fields: Mapping[str, object]


class BadRecordError(ValueError):
    """A record that makes no document; the message is a reason to follow "FILE, line N: "."""


def has_control(text: str) -> bool:
    """Whether the text holds a tab, a line end, a NUL or their like, which no id of ours may."""
    return any(unicodedata.category(character) == "Cc" for character in text)


def field_names(names: Iterable[str]) -> str:
    """The names for a message, on one line and not too many."""
    listed = ", ".join(name if name.isprintable() else repr(name) for name in names) or "nothing"
    return listed if len(listed) <= _SHOWN else f"{listed[:_SHOWN]}…"
