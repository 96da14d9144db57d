"""Recipes: TOML tables read into frozen dataclasses, strictly."""

import dataclasses
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from mrl_search.errors import RecipeError

T = TypeVar("T")


def read_recipe(path: Path, kind: type[T]) -> T:
    """The recipe at `path` as a `kind`, a frozen dataclass.

    Raises RecipeError for a file that is not there or not TOML, an unknown key,
    a missing key, or a value of the wrong type; it names the file and the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both ValueErrors
        raise RecipeError(f"{path} is not a TOML file: {error}") from error
    return from_table(table, kind, str(path))


def from_table(table: dict[str, Any], kind: type[T], where: str) -> T:
    """A table as a `kind`; `where` begins every error message. A dataclass field may hold further tables."""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise RecipeError(f"{where}: unknown key {key!r}; known are {', '.join(fields)}")
    types_of = typing.get_type_hints(kind)
    values = {}
    for name, field in fields.items():
        if name in table:
            values[name] = _checked(table[name], types_of[name], f"{where}: {name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecipeError(f"{where}: the key {name!r} is missing")
    try:
        return kind(**values)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from error


def _checked(value: Any, wanted: Any, where: str) -> Any:
    """`value`, with lists made tuples and tables made dataclasses, if it is of the type `wanted`."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        wanted = next(choice for choice in arguments if choice is not type(None))  # X | None
        return _checked(value, wanted, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise RecipeError(f"{where} must be a list, found {value!r}")
        if all(type(item) is arguments[0] for item in value):  # a manifest holds thousands of numbers
            return tuple(value)
        return tuple(_checked(item, arguments[0], f"{where}[{place}]") for place, item in enumerate(value))
    if dataclasses.is_dataclass(wanted):
        if not isinstance(value, dict):
            raise RecipeError(f"{where} must be a table, found {value!r}")
        return from_table(value, wanted, where)  # type: ignore[arg-type]
    if origin is dict:
        wanted = dict  # free-form, as provenance is
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise RecipeError(f"{where} must be {wanted.__name__}, found {value!r}")
    return value
