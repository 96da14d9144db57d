"""What a request is told of an error: its own faults in full, ours without details, paths never."""

import pytest

from mrl_search.errors import EncoderError, FilterError, IndexBusyError, IndexStoreError, ShardsMissingError
from mrl_search.serve.refusals import RefusalError, not_as_described, refusal_of, without_paths


@pytest.mark.parametrize(
    "error, status, code, told",
    [
        (FilterError("found 'x' at 3"), 422, "filter_error", "found 'x' at 3"),
        (IndexBusyError("another process is writing to /srv/index"), 503, "index_busy", "another process is writing"),
        (IndexStoreError("/srv/index/a.npy is damaged"), 503, "index_store_error", "the server's log says why"),
        (EncoderError("no answer from http://10.0.0.1"), 503, "encoder_error", "the server's log says why"),
        (ShardsMissingError("/srv", ["s1", "s3"]), 503, "shards_missing", "no answer from s1, s3"),
        (KeyError("secret"), 500, "internal_error", "something went wrong"),
        (RefusalError(429, "overloaded", "wait"), 429, "overloaded", "wait"),
    ],
)
def test_an_error_becomes_an_answer_that_names_no_place(error, status, code, told):
    found = refusal_of(error)
    assert (found.status, found.code) == (status, code)
    assert told in found.message
    assert "/srv" not in found.message and "10.0" not in found.message and "secret" not in found.message


def test_a_fault_is_told_with_its_place_and_in_no_words_of_a_library():
    faults = [{"type": "value_error", "loc": ("documents", 0), "msg": "Value error, title or text must say something"}]
    assert not_as_described(faults).message == "documents.0: title or text must say something"


@pytest.mark.parametrize(
    "message, told",
    [
        ("the index in /srv/a b is old", "the index in … b is old"),
        ("'/etc/passwd': no such file", "'…': no such file"),
        ("a funnel 64:200,768:10 and 1/2 or and/or", "a funnel 64:200,768:10 and 1/2 or and/or"),
        ("run: mrl-search words /data/x", "run: mrl-search words …"),
    ],
)
def test_paths_are_taken_out_of_messages(message, told):
    assert without_paths(message) == told


@pytest.mark.parametrize("seconds, whole, ms", [(0.2, "1", "200"), (1.0, "1", "1000"), (1.2, "2", "1200")])
def test_the_time_to_wait_is_told_in_whole_seconds_and_in_milliseconds(seconds, whole, ms):
    headers = RefusalError(429, "a", "b", retry_seconds=seconds).headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == (whole, ms)
