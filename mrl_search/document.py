"""A document, as it is read, stored and returned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Document:
    """Something to be found.

    metadata: whatever else the corpus said of it, JSON values by name.
    where: the file and line it came from, for messages; no part of its identity.
    """

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    where: str = field(default="", compare=False)

    @property
    def content(self) -> str:
        """What is encoded: title and text joined by a space, as BEIR does; may be empty."""
        return f"{self.title} {self.text}".strip()


def has_surrogate(text: str) -> bool:
    """Whether the text holds half a surrogate pair, which JSON can write and UTF-8 cannot."""
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
