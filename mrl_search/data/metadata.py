"""What a record says beyond id, title and text, as values that JSON can hold."""

import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from mrl_search.data.record import BadRecordError
from mrl_search.document import has_surrogate

_DEPTH = 100  # levels; json.dumps gives up near 1,000, and metadata is written again


def read_metadata(fields: Mapping[str, object]) -> dict[str, Any]:
    """The fields as JSON values; BEIR's own `metadata` object is spread among them, an empty one vanishes.

    Dates and times become ISO 8601, decimals strings. Raises BadRecordError for
    what JSON has no form for, and for a name that `metadata` gives another value.
    """
    flat = _json_object(fields, _DEPTH)
    inner = flat.get("metadata")
    if inner is None or isinstance(inner, dict):
        flat.pop("metadata", None)
        for name, value in (inner or {}).items():
            if flat.setdefault(name, value) != value:
                raise BadRecordError(f"its {name!r} has one value in the record and another in its metadata")
    return flat


def _json_object(fields: Mapping[str, object], depth: int) -> dict[str, Any]:
    for name in fields:
        if has_surrogate(name):
            raise BadRecordError(f"its field name {name!r} holds half a surrogate pair, which is not text")
    return {name: _json_value(value, name, depth) for name, value in fields.items()}


def _json_value(value: object, name: str, depth: int) -> Any:
    if depth == 0:
        raise BadRecordError(f"its {name!r} is nested more than {_DEPTH} deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRecordError(f"its {name!r} is {value}, which JSON cannot hold")
    if isinstance(value, str) and has_surrogate(value):
        raise BadRecordError(f"its {name!r} holds half a surrogate pair, which is not text")
    if isinstance(value, str) and "\0" in value:  # where SQLite would end it, to compare it with a filter's
        raise BadRecordError(f"its {name!r} holds a NUL character")
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, list | tuple):
        return [_json_value(item, name, depth - 1) for item in value]
    if isinstance(value, Mapping):
        return _json_object(value, depth - 1)
    raise BadRecordError(f"its {name!r} is of type {type(value).__name__}, which JSON cannot hold")
