from dataclasses import dataclass

import pytest

from mrl_search.errors import RecipeError
from mrl_search.results import Result


@dataclass(frozen=True)
class Row(Result):
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Table(Result):
    rows: tuple[Row, ...]
    provenance: dict[str, object]


FOUND = Table((Row("á", (0.1 + 0.2, 1e-300)), Row("b", ())), {"commit": "abc", "threads": 2})


def test_what_is_written_is_read_again_to_the_last_bit(tmp_path):
    FOUND.write(tmp_path / "deep" / "found.json")
    assert Table.read(tmp_path / "deep" / "found.json") == FOUND
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["found.json"]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    for name in ("none.json", "bytes.json"):
        with pytest.raises(RecipeError, match=f"cannot read the result .*{name}"):
            Table.read(tmp_path / name)


def test_a_number_that_json_does_not_know_leaves_what_was_there(tmp_path):
    FOUND.write(tmp_path / "found.json")
    with pytest.raises(ValueError, match="Out of range"):
        Row("nan", (float("nan"),)).write(tmp_path / "found.json")
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]
    assert Table.from_json((tmp_path / "found.json").read_text(encoding="utf-8"), "here") == FOUND


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "here: not JSON"),
        ('{"name": "a"}', "here: the key 'values' is missing"),
        ('{"name": "a", "values": [], "x": 1}', "here: unknown key 'x'; known are name, values"),
    ],
)
def test_what_is_not_such_a_result_is_refused(text, said):
    with pytest.raises(RecipeError, match=said):
        Row.from_json(text, "here")
