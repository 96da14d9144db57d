"""Results: frozen dataclasses that are JSON on disk, and the same again when read."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Self, cast

from mrl_search.atomic import replacing
from mrl_search.errors import RecipeError
from mrl_search.recipe import from_table


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no number")


class Result:
    """What a frozen dataclass inherits to be published. Its fields are numbers, texts, tuples, dicts, dataclasses."""

    def to_json(self) -> str:
        """The whole result as one JSON object; floats to the last bit. Raises ValueError for NaN and infinity."""
        table = dataclasses.asdict(cast(Any, self))
        return json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Self:
        """The inverse of `to_json`; raises RecipeError, beginning with `where`, for anything else."""
        try:
            table: Any = json.loads(text, parse_constant=_refused)
        except ValueError as error:  # JSONDecodeError is one
            raise RecipeError(f"{where}: not JSON: {error}") from error
        if not isinstance(table, dict):
            raise RecipeError(f"{where}: found {type(table).__name__}, wanted a JSON object")
        return from_table(table, cls, where)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` left. Raises RecipeError for a file that cannot be read or holds anything else."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise RecipeError(f"cannot read the result {path}: {error}") from error
        return cls.from_json(text, str(path))

    def write(self, path: Path) -> None:
        """Writes the JSON, all or nothing, and the folder it stands in."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")
