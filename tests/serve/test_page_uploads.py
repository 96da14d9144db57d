"""Files that become documents: what is read, what is left out, and that nothing is altered on the way."""

import json

import pytest
from pages import answers, card, give, lines, state

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect


def test_dropped_files_become_documents_and_faults_are_listed(opened, writing):
    _, client = writing
    page = opened(client.base_url)
    page.click("#tab-documents")
    lines = [json.dumps({"id": f"new{number}", "text": f"newcomer {number}", "year": number}) for number in range(70)]
    lines[3] = "not JSON"
    lines[5] = json.dumps({"id": "bad\u0007", "text": "its id holds a bell"})
    content = "\n".join(lines).encode()
    page.set_input_files("#files", {"name": "new.jsonl", "mimeType": "application/jsonl", "buffer": content})
    told = page.locator(".transfer .row span")
    expect(told).to_have_text(
        "68 documents written, 2 left out", timeout=60_000
    )  # of requests that grow from small ones
    page.click(".transfer summary")
    expect(page.locator(".transfer li")).to_contain_text(["line 4: is not JSON", "holds a control character"])
    page.click("#tab-search")
    page.fill("#query", "newcomer 42")
    expect(answers(page).first).to_have_attribute("data-id", "new42")
    assert client.get("/v1/indexes").json()["indexes"][0]["documents"] == 98


def given(page, name, content, told):
    """Until the card says so; then what was left out."""
    give(page, name, content)
    expect(state(page, name)).to_have_text(told)
    return card(page, name).locator("li").all_text_contents()


def written(client, **told):
    """The document that is the nearest to a text, as the server answers it."""
    answer = client.post("/v1/search", json={"k": 1, **told})
    return json.loads(answer.text)["results"][0]["answers"][0]  # Python's JSON keeps every digit


def test_a_file_is_read_as_a_stream_for_the_text_of_a_large_one_is_empty(opened, writing):
    page = opened(writing[1].base_url)
    page.evaluate("Blob.prototype.text = () => Promise.resolve('')")  # as Chromium's is from 512 MiB
    some = [{"id": f"n{number}", "text": "much to read " * 1000} for number in range(70)]
    assert given(page, "large.jsonl", lines(*some), "70 documents written") == []
    assert writing[1].get("/v1/indexes").json()["indexes"][0]["documents"] == 100


def test_numbers_come_as_they_were_written(opened, writing):
    page = opened(writing[1].base_url)
    content = b"""{"id": 12345678901234567890, "text": "zero", "n": 12345678901234567891, "x": 1.0, "y": [1e2, -0.0]}
{"id": 12345678901234567891, "text": "one"}
"""
    assert given(page, "numbers.jsonl", content, "2 documents written") == []
    found = written(writing[1], query="zero")
    assert found["id"] == "12345678901234567890"
    assert str(found["metadata"]) == "{'n': 12345678901234567891, 'x': 1.0, 'y': [100.0, -0.0]}"
    assert written(writing[1], query="one")["id"] == "12345678901234567891"


def test_a_browser_that_would_alter_a_number_refuses_the_line(opened, writing):
    page = opened(writing[1].base_url)
    page.evaluate("delete JSON.rawJSON")
    some = [
        '{"id": 12345678901234567890, "text": "t"}',
        '{"id": "x", "text": "t", "x": 1.0}',
        '{"id": 7, "text": "1.0"}',
    ]
    assert given(page, "numbers.jsonl", lines(*some), "1 document written, 2 left out") == [
        "line 1: holds 12345678901234567890, which this browser would alter; a newer one does not",
        "line 2: holds 1.0, which this browser would alter; a newer one does not",
    ]
    assert written(writing[1], query="1.0")["id"] == "7"


REFUSED = {
    '{"id": "q", "title": {"a": 1}, "text": "t"}': "its title is an object, wanted a string",
    '{"id": "q", "text": ["x", "y"]}': "its text is an array, wanted a string",
    '{"id": "q", "text": 5}': "its text is 5, wanted a string",
    '{"id": 1.0, "text": "t"}': "its id is 1.0, wanted a string or an integer",
    '{"id": true, "text": "t"}': "its id is true, wanted a string or an integer",
    '{"_id": " ", "text": "t"}': "its _id is empty",
    '{"id": "a\\u0007", "text": "t"}': "its id holds a control character",
    '{"id": "q", "text": "\\ud800"}': "its text holds half a surrogate pair, which is not text",
    '{"id": "q", "text": "t", "a": {"b": ["\\udc00"]}}': "its 'b' holds half a surrogate pair, which is not text",
    '{"id": "q", "text": "t", "a": "\\u0000"}': "its 'a' holds a NUL character",
    '{"id": "q", "text": "t", "a": 1e999}': "its 'a' is a number too large to be kept",
    '{"id": "q", "text": "t", "a": 1, "metadata": {"a": 2}}': "its 'a' has one value in the record and another in its metadata",
    '{"id": "q", "text": "t", "a": ' + "[" * 101 + "]" * 101 + "}": "its 'a' is nested more than 100 deep",
    '{"text": "t"}': "has no _id or id",
    '{"id": "q", "title": "\\t"}': "has neither title nor text",
    '["x"]': "is an array, wanted a JSON object",
    '{"id": "q", "text": NaN}': "is not JSON",
}  # fmt: skip


def test_what_the_command_line_refuses_is_left_out_with_its_line_and_reason(opened, writing, tmp_path):
    from mrl_search.data import Tolerance, open_corpus

    (tmp_path / "lines.jsonl").write_bytes(lines(*REFUSED))
    tolerance = Tolerance(99)
    empty = [
        document for document in open_corpus(str(tmp_path / "lines.jsonl")).read(tolerance) if document.text.strip()
    ]
    assert empty == []  # the page refuses what says nothing, as the API does
    page = opened(writing[1].base_url)
    told = given(page, "lines.jsonl", lines(*REFUSED), f"0 documents written, {len(REFUSED)} left out")
    assert told == [f"line {number}: {reason}" for number, reason in enumerate(REFUSED.values(), 1)]


def test_what_the_command_line_takes_is_taken(opened, writing):
    page = opened(writing[1].base_url)
    some = [
        {"_id": "u", "id": "v", "text": "seven"},
        {"id": 8, "title": None, "text": "eight", "metadata": "abc"},
        {"id": "w", "text": "nine", "year": 1, "metadata": {"year": 1, "lang": "en"}},
        '{"id": -0, "text": "ten", "__proto__": {"a": 1}}',
    ]
    assert given(page, "taken.jsonl", b"\xef\xbb\xbf" + lines(*some), "4 documents written") == []
    found = [written(writing[1], query=text) for text in ("seven", "eight", "nine", "ten")]
    assert [(one["id"], one["metadata"]) for one in found] == [
        ("u", {"id": "v"}),
        ("8", {"metadata": "abc"}),
        ("w", {"year": 1, "lang": "en"}),
        ("0", {"__proto__": {"a": 1}}),
    ]


@pytest.mark.parametrize("name", ["latin.txt", "latin.jsonl"])
def test_a_line_that_is_not_utf8_is_told_as_such(opened, writing, name):
    content = lines({"id": "a", "text": "good"}, {"id": "b", "text": "caf"}).replace(b"caf", b"caf\xe9")
    assert given(opened(writing[1].base_url), name, content, "1 document written, 1 left out") == [
        "line 2: is not UTF-8"
    ]


def test_an_array_is_read_item_by_item(opened, writing):
    content = b'[{"id": 12345678901234567890, "text": "zero"}, {"id": 1.5, "text": "t"}]'
    told = given(opened(writing[1].base_url), "array.json", content, "1 document written, 1 left out")
    assert told == ["item 2: its id is 1.5, wanted a string or an integer"]
    assert written(writing[1], query="zero")["id"] == "12345678901234567890"


def test_of_two_with_one_id_the_last_counts(opened, writing):
    content = lines({"id": "same", "text": "former"}, {"id": "same", "text": "latter"})
    assert given(opened(writing[1].base_url), "two.jsonl", content, "2 documents written") == []
    assert written(writing[1], query="latter")["text"] == "latter"
    assert writing[1].get("/v1/indexes").json()["indexes"][0]["documents"] == 31
