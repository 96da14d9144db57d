"""The grammar of filters, against what Python thinks of the same metadata."""

import json
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.errors import FilterError
from mrl_search.indexes.filters import compiled

METADATA = [
    {"year": 2020, "lang": "en"},
    {"year": 2019.5, "lang": "it's"},
    {"year": "2020", "lang": None},
    {"lang": "en", "open access": True, "journal": {"name": "J", "volume": 3}},
    {},
    {"year": 1, "tags": ["a"], "select": 5},
]


@pytest.fixture(scope="module")
def table():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE documents (id TEXT, title TEXT, metadata TEXT)")
    for number, one in enumerate(METADATA):
        connection.execute(
            "INSERT INTO documents VALUES (?, ?, ?)", (f"d{number}", f"T{number}", json.dumps(one) if one else "")
        )
    return connection


def passing(table, text):
    condition = compiled(text)
    rows = table.execute(f"SELECT id FROM documents WHERE {condition.sql} ORDER BY id", condition.parameters)
    return "".join(identifier[1:] for (identifier,) in rows)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("year >= 2020", "0"),
        ("year < 2020", "15"),
        ("year = 2020", "0"),
        ("year = '2020'", "2"),
        ("year != 2020", "125"),  # a text is unequal to a number; what is missing passes nothing
        ("year <> '2020'", "015"),
        ("NOT year >= 2020", "125"),
        ("NOT (year >= 2020 OR lang = 'en')", "1"),  # where one is missing, the other does not decide
        ("lang = 'en' AND year > 2000", "0"),
        ("year > 2019 AND year < 2020 OR lang = 'en'", "013"),
        ("year > 2019 AND (year < 2020 OR lang = 'en')", "01"),
        ("lang = 'it''s'", "1"),
        ("lang IS NULL", "245"),
        ("lang is not null", "013"),
        ("year IN (2020, 1, '2020')", "025"),
        ("year NOT IN (2020, 1)", "12"),
        ('"open access" = TRUE', "3"),
        ('"open access" = false', ""),
        ("journal.name = 'J' and journal.volume <= 3", "3"),
        ("id = 'd4'", "4"),
        ("title IN ('T1', 'T2')", "12"),
        ("select = 5", "5"),
        ("year = -1e3 OR year=+1.", "5"),
        ("year >.5 AND year< 2", "5"),
        ("nothing = 1", ""),
        ("nothing IS NULL", "012345"),
    ],
)
def test_a_filter_passes_what_it_says(table, text, wanted):
    assert passing(table, text) == wanted


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "found the end at 0, wanted the name of a field"),
        ("year", "found the end at 4, wanted a comparison, IN or IS"),
        ("year = ", "wanted a number, or a text in single quotes"),
        ("year = abc", "found 'abc' at 7, wanted a number, or a text in single quotes"),
        ("year == 1", "found '=' at 6, wanted a number"),
        ("year = 1 lang = 'en'", "found 'lang' at 9, wanted AND, OR or the end"),
        ("(year = 1", "found the end at 9, wanted \\)"),
        ("year IN ()", r"found '\)' at 9, wanted a number"),
        ("year IS 5", "found '5' at 8, wanted NULL"),
        ("year = 1; DROP TABLE documents", "cannot be read at 8: '; DROP TABLE documen'"),
        ("year = 'open", "cannot be read at 7"),
        ("year = 2020x", "cannot be read at 7"),
        ("and = 1", "found 'and' at 0, wanted the name of a field"),
        ('"a\\" = 1', "cannot be read at 0"),
        ('"a\0b" = 1', "cannot be read at 0"),  # where a name ends for SQLite, which then finds no end of the path
        ("lang = '\ud800'", "not UTF-8"),
        ("(" * 60 + "a = 1" + ")" * 60, "nested more than 12 deep"),
        ("NOT " * 60 + "a = 1", "nested more than 12 deep"),
        (" AND ".join(["a = 1"] * 201), "more than 200 tests"),
        (f"a IN ({','.join(['1'] * 10_001)})", "more than 10,000 values"),
    ],
)
def test_what_the_grammar_does_not_have_is_refused_with_its_place(text, told):
    with pytest.raises(FilterError, match=told):
        compiled(text)


def test_no_name_and_no_value_is_part_of_the_statement():
    condition = compiled("\"x') OR 1=1 --\" = 'y'') OR 1=1 --' AND z IN ('DROP', 5)")
    assert not any(word in condition.sql for word in ("1=1", "DROP", "--", "x'", "y'"))
    assert "y') OR 1=1 --" in condition.parameters


def test_the_largest_filter_is_one_that_sqlite_takes(table):
    many = " OR ".join(f"(NOT (a != {number}))" for number in range(200))
    assert passing(table, many) == ""
    assert passing(table, f"year IN ({','.join(map(str, range(9_999)))},'2020')") == "025"
    assert passing(table, "NOT " * 10 + "year = 2020") == "0"
    for shape in ("(year = 1 OR lang = 'en' AND {})", "NOT (year = 1 OR lang IN (1, 'en') AND {})"):
        deepest = "year NOT IN (2020, '1')"
        for _ in range(11 // (1 + shape.startswith("NOT"))):
            deepest = shape.format(deepest)
        passing(table, deepest)


FIELDS = st.sampled_from(["year", "lang", "select"])
VALUES = st.sampled_from([1, 5, 2020, 2019.5, "en", "2020", "it's"])
SIGNS = {"=": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}
TESTS = st.tuples(FIELDS, st.sampled_from(sorted(SIGNS)), VALUES)
TREES = st.recursive(
    TESTS,
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner) | st.tuples(st.just("NOT"), inner),
    max_leaves=8,
)


def written(tree):
    if tree[0] == "NOT":
        return f"NOT ({written(tree[1])})"
    if tree[0] in ("AND", "OR"):
        return f"({written(tree[1])}) {tree[0]} ({written(tree[2])})"
    field, sign, value = tree
    return f"{field} {sign} " + ("'{}'".format(value.replace("'", "''")) if isinstance(value, str) else str(value))


def truth(tree, metadata):
    """True, False, or None where a field that is missing leaves it open."""
    if tree[0] == "NOT":
        inner = truth(tree[1], metadata)
        return None if inner is None else not inner
    if tree[0] in ("AND", "OR"):
        sides = [truth(one, metadata) for one in tree[1:]]
        decides = tree[0] == "OR"
        return decides if decides in sides else None if None in sides else not decides
    field, sign, value = tree
    held = metadata.get(field)
    if held is None:
        return None
    if isinstance(held, str) != isinstance(value, str):
        return sign == "!="
    return (
        getattr(held, SIGNS[sign])(value)
        if not isinstance(held, int)
        else getattr(float(held), SIGNS[sign])(float(value))
    )


@settings(max_examples=150, deadline=None)
@given(tree=TREES)
def test_any_filter_passes_what_three_valued_logic_says(table, tree):
    wanted = "".join(str(number) for number, one in enumerate(METADATA) if truth(tree, one))
    assert passing(table, written(tree)) == wanted


@pytest.mark.parametrize("text", ["id = 4983", "id IN ('a', 4983)", "NOT title < 4983", "id != TRUE"])
def test_a_number_for_what_is_always_a_text_is_refused_and_told_how_to_write_it(text):
    with pytest.raises(FilterError, match=r"every (id|title) is a text, found the number \d+; put it in quotes: '\d+'"):
        compiled(text)


def test_a_filter_that_is_no_text_is_refused():
    with pytest.raises(FilterError, match='a filter is a text as "year >= 2020", found 5'):
        compiled(5)


def test_a_filter_without_end_is_refused_before_it_is_taken_apart():
    with pytest.raises(FilterError, match="the filter has 600,007 characters; at most 500,000 are read"):
        compiled(f"lang='{'x' * 600_000}'")
