import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from mrl_search.data.metadata import read_metadata
from mrl_search.data.record import BadRecordError


def test_beirs_metadata_object_is_spread_among_the_fields():
    assert read_metadata({"year": 1, "metadata": {"url": "u", "tags": ["a"]}}) == {"year": 1, "url": "u", "tags": ["a"]}


@pytest.mark.parametrize("empty", [{}, None])
def test_an_empty_metadata_object_vanishes(empty):
    assert read_metadata({"metadata": empty}) == {}


def test_metadata_that_is_no_object_stays_a_field():
    assert read_metadata({"metadata": "free text"}) == {"metadata": "free text"}


def test_the_same_value_in_both_places_is_one_value():
    assert read_metadata({"url": "u", "metadata": {"url": "u"}}) == {"url": "u"}


def test_two_values_for_one_name_are_bad():
    with pytest.raises(BadRecordError, match="its 'url' has one value in the record and another in its metadata"):
        read_metadata({"url": "u", "metadata": {"url": "v"}})


def test_dates_and_decimals_become_strings_that_json_can_hold():
    fields = {
        "a": datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
        "b": date(2024, 2, 29),
        "c": [Decimal("1.50"), time(12, 30)],
        "d": {"e": timedelta(hours=1)},
        "f": (1, None, True),
    }
    assert json.loads(json.dumps(read_metadata(fields))) == {
        "a": "2024-02-29T12:00:00+00:00",
        "b": "2024-02-29",
        "c": ["1.50", "12:30:00"],
        "d": {"e": "1:00:00"},
        "f": [1, None, True],
    }


def test_bytes_are_bad():
    with pytest.raises(BadRecordError, match="its 'image' is of type bytes, which JSON cannot hold"):
        read_metadata({"image": b"\x89PNG"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e999])
def test_numbers_that_are_not_finite_are_bad(value):
    with pytest.raises(BadRecordError, match=r"its 'price' is (nan|inf), which JSON cannot hold"):
        read_metadata({"price": value})


@pytest.mark.parametrize("fields", [{"a": "\ud800"}, {"a\ud800": 1}, {"a": {"b": ["\ud800"]}}])
def test_half_a_surrogate_pair_is_bad_in_metadata_too(fields):
    with pytest.raises(BadRecordError, match="half a surrogate pair"):
        read_metadata(fields)


def test_a_nul_is_bad_in_metadata_as_it_is_in_an_id():
    with pytest.raises(BadRecordError, match="its 'b' holds a NUL character"):
        read_metadata({"a": {"b": "x\0y"}})


def test_metadata_nested_too_deeply_to_be_written_again_is_bad():
    value: object = 1
    for _ in range(101):
        value = [value]
    with pytest.raises(BadRecordError, match="its 'a' is nested more than 100 deep"):
        read_metadata({"a": value})
