"""The shortcut answers what FastAPI's route answers, to the byte, and leaves all else to it."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from mrl_search.document import Document
from mrl_search.errors import FunnelError
from mrl_search.funnel import Funnel
from mrl_search.plan import Plan
from mrl_search.retriever import Answer
from mrl_search.serve import Settings
from mrl_search.serve.app import described_app
from mrl_search.serve.engine import Outcome
from mrl_search.serve.refusals import RefusalError, refusal_of
from mrl_search.serve.searching import Found
from mrl_search.serve.shortcut import Shortcut

SETTINGS = Settings((Path("nowhere"),))


class Engine:
    """Finds one document, or what it is told to raise."""

    settings = SETTINGS

    def __init__(self, raised=None):
        self.raised, self.asked = raised, []

    async def search(self, name, asked):
        self.asked.append((name, asked))
        if self.raised is not None:
            raise self.raised
        found = Document("d1", "the text é", title="a title", metadata={"year": 2020})
        answer = Answer(0.5, found.id, found.title, found.text, found.metadata)
        plan = Plan(Funnel.parse("2:3,4:1"))
        return Outcome("animals", plan, 9, [Found([answer], certified=True, gap=0.25)], 1.0, 2.0)


def told(app, body, path="/v1/search", method="POST"):
    """(status, the body) of an answer; of a refusal that was raised, what the guard would make of it."""
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [(b"content-type", b"application/json")]}  # fmt: skip
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    try:
        asyncio.run(app(scope, receive, send))
    except RefusalError as refusal:
        return refusal.status, json.dumps(refusal.content, ensure_ascii=False).encode()
    except Exception as error:
        refusal = refusal_of(error)
        return refusal.status, json.dumps(refusal.content, ensure_ascii=False).encode()
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


@pytest.mark.parametrize(
    "body",
    [
        {"query": "a", "k": 3, "explain": True},
        {"vectors": [[1.0, 2.0]], "texts": False},
        {"query": "a", "k": 0},
        {"query": " "},
        {"queries": ["a"] * 200},
        {"query": "a", "kk": 1},
        {},
    ],
)
def test_both_answer_alike(body):
    ours, theirs = Engine(), Engine()
    app = described_app(SETTINGS, theirs)
    content = json.dumps(body).encode()
    assert told(Shortcut(app, ours), content) == told(app, content)
    assert str(ours.asked) == str(theirs.asked)


def test_both_refuse_alike_what_an_index_refuses():
    error = FunnelError("the funnel starts at 12 dims")
    app = described_app(SETTINGS, Engine(error))
    assert told(Shortcut(app, Engine(error)), b'{"query": "a"}') == told(app, b'{"query": "a"}')


def test_what_is_not_json_is_said_to_be_none():
    status, body = told(Shortcut(None, Engine()), b"{")
    assert (status, json.loads(body)["error"]["code"]) == (400, "json_invalid")


@pytest.mark.parametrize("path, method", [("/v1/search", "GET"), ("/v1/indexes", "POST"), ("/healthz", "GET")])
def test_everything_else_goes_to_the_app(path, method):
    heard = []

    async def app(scope, receive, send):
        heard.append((scope["path"], scope["method"]))
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"theirs"})

    assert told(Shortcut(app, SimpleNamespace()), b"", path, method) == (299, b"theirs")
    assert heard == [(path, method)]
