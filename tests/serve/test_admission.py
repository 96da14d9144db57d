"""No more are under way than may wait, and a refusal is made once for many."""

import asyncio
import json
import logging
from types import SimpleNamespace

import pytest

from mrl_search.serve import Batching
from mrl_search.serve.admission import Admission
from mrl_search.serve.metrics import Metrics


@pytest.fixture
def engine():
    """All that is asked of one."""
    settings = SimpleNamespace(batching=Batching(queue=2))
    return SimpleNamespace(settings=settings, is_full=False, retry_seconds=1.26, metrics=Metrics())


def test_as_many_are_let_in_as_may_wait(engine):
    admission = Admission(engine, [])
    admission.enter()
    assert not admission.is_full
    admission.enter()
    assert admission.is_full
    admission.leave()
    assert not admission.is_full


def test_a_queue_of_few_heavy_requests_is_full_too(engine):
    engine.is_full = True
    assert Admission(engine, []).is_full


def test_a_refusal_is_a_whole_answer_and_is_counted(engine, caplog, monkeypatch):
    monkeypatch.setattr("mrl_search.serve.admission._TELL_SECONDS", 0.01)
    caplog.set_level(logging.INFO)

    async def refused():
        admission = Admission(engine, [(b"x-frame-options", b"DENY")])
        today = [(b"date", b"today")]
        said = [admission.refusal("/v1/search", today) for _ in range(3)]
        await asyncio.sleep(0.1)
        return said

    first, *others = asyncio.run(refused())
    assert others == [first, first]
    head, _, body = first.partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    assert status == "HTTP/1.1 429 Too Many Requests"
    assert headers == [
        "date: today",
        "x-frame-options: DENY",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "retry-after: 2",
        "retry-after-ms: 1260",
    ]
    assert json.loads(body)["error"]["code"] == "overloaded"
    counted = engine.metrics.text().decode()
    assert 'requests_total{route="/v1/search",status="429"} 3.0' in counted
    assert 'refused_total{code="overloaded"} 3.0' in counted
    assert [record.told["refused"] for record in caplog.records] == [3]


def test_a_refusal_is_made_anew_with_each_date(engine):
    async def refused():
        admission = Admission(engine, [])
        today, tomorrow = [(b"date", b"today")], [(b"date", b"tomorrow")]
        first = admission.refusal("/v1/search", today)
        engine.retry_seconds = 7.5
        return first, admission.refusal("/v1/search", today), admission.refusal("/v1/search", tomorrow)

    first, same, other = asyncio.run(refused())
    assert same is first
    assert b"date: today\r\n" in first and b"retry-after: 2\r\n" in first
    assert b"date: tomorrow\r\n" in other and b"retry-after: 8\r\n" in other
