"""A filter that asks about a field that no document has is told so, with the fields there are."""

import json
import sqlite3

import pytest

from mrl_search.errors import FilterError
from mrl_search.indexes.fields import demand_fields
from mrl_search.indexes.filters import compiled

METADATA = [
    {},
    {"year": 2020, "gone": None, "journal": {"name": "J", "open access": True}},
    {"tags": ["a", {"deep": 1}], "v.1": 1},
]


def reading(metadata):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE documents (id TEXT, title TEXT, metadata TEXT)")
    for one in metadata:
        connection.execute("INSERT INTO documents VALUES ('d', '', ?)", (json.dumps(one) if one else "",))
    return lambda statement, *values: iter(connection.execute(statement, values))


@pytest.mark.parametrize(
    "text",
    [
        "year > 1 OR gone = 2",
        "journal.name = 'J'",
        'journal."open access" = TRUE',
        '"v.1" = 1',
        "tags IS NULL",
        "id = 'x'",
        "title = ''",
    ],
)
def test_a_field_that_one_document_has_is_one(text):
    demand_fields(reading(METADATA), compiled(text))


@pytest.mark.parametrize("text", ["yaer > 2000", "NOT yaer > 2000", "year > 1 OR yaer IS NULL", "yaer IN (1, 2)"])
def test_a_misspelled_field_is_told_with_those_there_are(text):
    there = 'There are: "v.1", gone, journal."open access", journal.name, tags, year$'
    with pytest.raises(FilterError, match=rf"^no document has a field yaer; did you mean year\? {there}"):
        demand_fields(reading(METADATA), compiled(text))


def test_only_some_of_many_fields_are_named():
    many = reading([{f"f{number:02}": 1 for number in range(25)}])
    with pytest.raises(FilterError, match="no document has a field x; there are: f00, f01, .*, f19 and 5 more$"):
        demand_fields(many, compiled("x = 1"))


def test_where_no_document_has_metadata_that_is_told():
    with pytest.raises(FilterError, match="no document has a field year; none has any metadata"):
        demand_fields(reading([{}]), compiled("year = 1"))


def test_an_index_without_documents_refuses_no_field():
    demand_fields(reading([]), compiled("year = 1"))
