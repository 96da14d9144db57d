"""Fields of metadata: whether there are those that a filter asks about."""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from mrl_search.errors import FilterError
from mrl_search.indexes.filters import Condition

_SHOWN = 20
_PLAIN = re.compile(r"[^\W\d][\w-]*")
Read = Callable[..., Iterator[tuple[Any, ...]]]


def demand_fields(read: Read, condition: Condition) -> None:
    """Raises FilterError, which names the fields there are, for a field that no document has, not even as null.

    read: of a catalog, (statement, *values) to rows. A field that is misspelled would pass no document, or with
    IS NULL every one. An index without documents has no fields to compare with. Stops at the first document that has
    the field, so that only an error reads all metadata.
    """
    for path in condition.fields:
        has = "SELECT 1 FROM documents WHERE json_type(nullif(metadata, ''), ?) IS NOT NULL LIMIT 1"
        if next(read(has, path), None) is None and next(read("SELECT 1 FROM documents LIMIT 1"), None) is not None:
            raise FilterError(_told(_written(path), _known(read)))


def _known(read: Read) -> list[str]:
    """All fields, those inside objects too, as a filter writes them."""
    paths = read(
        "SELECT DISTINCT tree.fullkey FROM documents, json_tree(nullif(metadata, '')) AS tree "
        "WHERE tree.type != 'object' AND tree.path NOT LIKE '%[%'"
    )
    return sorted(_written(path) for (path,) in paths if path != "$" and not path.endswith("]"))


def _written(path: str) -> str:
    """`$."open access".x` as `"open access".x`."""
    names = re.findall(r'\."([^"]*)"|\.([^."]+)', path)
    return ".".join(plain if _PLAIN.fullmatch(plain := one or other) else f'"{plain}"' for one, other in names)


def _told(name: str, known: list[str]) -> str:
    if not known:
        return f"no document has a field {name}; none has any metadata"
    near = get_close_matches(name, known, 1)
    shown = ", ".join(known[:_SHOWN]) + f" and {len(known) - _SHOWN:,} more" * (len(known) > _SHOWN)
    return f"no document has a field {name}; {f'did you mean {near[0]}? There' if near else 'there'} are: {shown}"
