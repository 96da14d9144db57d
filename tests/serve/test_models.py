"""What is said of a body that is not as described is short, whatever is in it; vectors come as numbers or as base64."""

import base64
import json

import numpy as np
import pytest
from pydantic import ValidationError

from mrl_search.serve.models import (
    EmbeddingsRequest,
    RemoveRequest,
    SearchRequest,
    UpsertRequest,
    as_base64,
    vectors_of,
)
from mrl_search.serve.refusals import RefusalError

MANY = 20_000


@pytest.mark.parametrize(
    "model, body",
    [
        (SearchRequest, {"vectors": [["a"] * MANY]}),
        (SearchRequest, {"vectors": [None] * MANY}),
        (SearchRequest, {"queries": [1] * MANY}),
        (SearchRequest, {"query": "a"} | {f"field {number}": 1 for number in range(MANY)}),
        (UpsertRequest, {"documents": [{}] * MANY}),
        (UpsertRequest, {"documents": [{"id": "a", "text": "b"} | {f"field {n}": 1 for n in range(MANY)}]}),
        (RemoveRequest, {"ids": [1] * MANY}),
        (EmbeddingsRequest, {"model": "a", "input": [1] * MANY}),
    ],
)
def test_of_many_faults_few_are_told(model, body):
    """Each fault told takes half a kilobyte: those of one body of 16 MiB took gigabytes, and a minute."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(body))
    assert caught.value.error_count() <= 3


def test_a_field_that_there_is_not_is_named(model=SearchRequest):
    with pytest.raises(ValidationError, match="there is no field 'kk'"):
        model.model_validate_json('{"query": "a", "kk": 3}')
    assert model.model_json_schema()["additionalProperties"] is False


def test_a_share_of_words_is_no_truth_value():
    """`true` was read as 1.0: words alone."""
    assert SearchRequest.model_validate_json('{"query": "a", "hybrid": 0}').hybrid == 0.0
    with pytest.raises(ValidationError, match="hybrid"):
        SearchRequest.model_validate_json('{"query": "a", "hybrid": true}')


def test_vectors_come_as_numbers_or_as_base64():
    rows = np.array([[1.5, -2.0], [0.25, 3.0]], np.float32)
    coded = as_base64(rows[1])
    assert coded == base64.b64encode(rows[1].astype("<f4").tobytes()).decode()
    found = vectors_of([[1.5, -2.0], coded])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize(
    "given, message",
    [
        (["?"], "no base64"),
        (["é"], "no base64"),
        (["AAAA"], "no base64"),  # three bytes
        ([[]], "0 dims"),
        ([""], "0 dims"),
        ([[1.0], [1.0, 2.0]], "1, 2 dims; send one width"),
        ([[1e300]], "too large for float32"),
        ([base64.b64encode(np.array([np.nan], "<f4").tobytes()).decode()], "NaN"),
    ],
)
def test_vectors_that_are_none_are_refused(given, message):
    with pytest.raises(RefusalError, match=message) as caught:
        vectors_of(given)
    assert caught.value.status == 422
