"""Logs are JSON lines without keys or users' texts."""

import json
import logging

from serving import served

from mrl_search.serve import create_key
from mrl_search.serve.logs import JSONLines


def test_a_request_is_one_line_of_json_without_key_or_text(library, tmp_path, caplog):
    path = tmp_path / "keys.json"
    key = create_key(path, "reader", ["read"])
    with caplog.at_level(logging.INFO), served(library, keys=path) as (_, client):
        headers = {"authorization": f"Bearer {key}", "x-request-id": "one"}
        client.post("/v1/search?secret=1", json={"query": "a private question"}, headers=headers)
        client.post("/v1/search", json={"query": ""}, headers={"authorization": "Bearer mrl_guess"})
    lines = [JSONLines().format(record) for record in caplog.records if record.name != "httpx2"]
    told = [json.loads(line) for line in lines]
    (found,) = [one for one in told if one.get("request") == "one"]
    assert (found["route"], found["status"], found["caller"]) == ("/v1/search", 200, "key reader")
    for secret in (key, "mrl_guess", "private", "secret"):
        assert not [line for line in lines if secret in line]


def test_who_was_refused_is_named_by_his_key_s_name_or_his_address(library, tmp_path, caplog):
    path = tmp_path / "keys.json"
    key = create_key(path, "loader", ["write"])
    with caplog.at_level(logging.INFO), served(library, keys=path) as (_, client):
        for said in (key, "mrl_guess"):
            client.post("/v1/search", json={"query": "fox"}, headers={"authorization": f"Bearer {said}"})
        client.get("/v1/indexes", headers={"origin": "https://evil.example"})
    told = [record.told for record in caplog.records if hasattr(record, "told")]
    assert [(one["status"], one["caller"]) for one in told] == [
        (403, "key loader"),
        (401, "127.0.0.1"),
        (403, "127.0.0.1"),
    ]
    assert key not in caplog.text


def test_an_error_is_one_line_with_its_trace():
    try:
        raise ValueError("line\nbreak")
    except ValueError as error:
        record = logging.LogRecord("a", logging.ERROR, "", 0, "failed", None, (type(error), error, error.__traceback__))
    line = JSONLines().format(record)
    assert "\n" not in line
    assert "ValueError: line\nbreak" in json.loads(line)["trace"]
