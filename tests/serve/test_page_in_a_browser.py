"""The page in a real browser: Debian's Chromium, driven by Playwright. Skipped where either is missing."""

import json
import re

import pytest
from serving import served

import mrl_search
from mrl_search.serve import create_key

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

STRANGE = [
    {"_id": "script", "title": "<img src=x onerror=alert(1)>", "text": "<script>alert(1)</script> <b>bold</b>"},
    {"_id": "rtl", "title": "خيار البحث", "text": "هذا نص مكتوب من اليمين إلى اليسار"},
    {"_id": "long" * 100, "title": "w" * 900, "text": "very " * 5000 + "long"},
]
POINTS = [
    {
        "prefix": prefix,
        "probes": None,
        "funnel": f"16:{count},64:10",
        "latency_ms_p50": time,
        "latency_ms_p95": 2 * time,
    }
    | {"recall": {"value": recall, "low": recall - 0.01, "high": recall}, "ram_bytes_per_document": ram}
    for prefix, count, time, recall, ram in [
        ("Flat", 10, 0.1, 0.8, 64.0),
        ("Flat", 20, 0.2, 0.96, 64.0),
        ("SQ8", 30, 0.3, 0.99, 16.0),
        ("Flat", 40, 0.4, 1.0, 64.0),
    ]
]
TUNING = {"k": 10, "target": 0.95, "asked": 100, "source": "documents", "documents": 40, "points": POINTS}


@pytest.fixture(scope="module")
def tuned(library):
    with served(library, read_only=True, tunings={"animals": TUNING}) as (_, client):
        yield client.base_url


def answers(page):
    return page.locator(".answer")


def test_answers_come_as_one_types_with_the_funnel_that_found_them(opened, client):
    page = opened(client.base_url)
    expect(page.locator("#welcome")).to_contain_text("40 documents")
    page.locator("#query").press_sequentially("red fox number 8")
    expect(answers(page)).to_have_count(10)
    expect(answers(page).first).to_contain_text("title 8")
    expect(page.locator("#summary")).to_contain_text("10 answers of 40 documents")
    expect(page.locator("#funnel svg")).to_have_attribute("aria-label", re.compile("^Funnel: 40 documents; 16 dims: "))
    expect(page.locator(".answer mark").first).to_have_text(re.compile("red|fox|number", re.I))
    expect(page.locator("#overlap")).to_have_text(re.compile(r"^\d+ of 10$"))
    page.fill("#query", "")
    expect(answers(page)).to_have_count(0)
    expect(page.locator("#welcome")).to_be_visible()


def test_a_query_is_kept_in_the_address(opened, client):
    page = opened(f"{client.base_url}#q=white%20whale")
    expect(answers(page).first).to_contain_text("white whale")


def test_an_address_that_cannot_be_read_is_a_query_all_the_same(opened, client):
    page = opened(f"{client.base_url}#q=100%")
    expect(page.locator("#query")).to_have_value("100%")
    expect(answers(page)).to_have_count(10)


def test_sliders_change_the_funnel_and_what_it_keeps(opened, client):
    page = opened(client.base_url)
    page.fill("#query", "grey wolf")
    expect(answers(page)).to_have_count(10)
    page.fill("#k", "3")
    expect(answers(page)).to_have_count(3)
    page.fill("#width", page.locator("#width").get_attribute("min"))
    expect(page.locator("#latency-told")).to_have_text("16:3")
    expect(page.locator("#overlap")).to_have_text(re.compile(r"^\d of 3$"))
    page.click("#own")
    expect(answers(page)).to_have_count(10)


def test_answers_are_proven_on_demand(opened, client):
    page = opened(client.base_url)
    page.fill("#query", "brown bear")
    page.fill("#candidates", "0")  # ten of forty: nothing is proven by that
    page.get_by_role("button", name="Prove it").click()
    expect(page.locator(".badge.sure")).to_contain_text("Certified")


def test_the_keyboard_alone_searches_reads_and_changes_tabs(opened, client):
    page = opened(client.base_url)
    page.locator("#theme").focus()
    page.keyboard.press("/")
    page.keyboard.type("white whale")
    expect(answers(page)).to_have_count(10)
    page.keyboard.press("ArrowDown")
    expect(answers(page).first).to_be_focused()
    page.keyboard.press("Enter")
    expect(answers(page).first).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#query")).to_be_focused()
    page.locator("#tab-search").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#tab-documents")).to_be_focused()
    expect(page.locator("#view-documents")).to_be_visible()
    expect(page.locator("#view-search")).to_be_hidden()


def test_texts_are_text_whatever_is_in_them_and_however_long(opened, tmp_path, browser):
    path = tmp_path / "strange.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in STRANGE))
    index = mrl_search.build(path, tmp_path / "strange", dims=(16, 64), encoder="hashing:64")
    with served(index) as (_, client):
        page = opened(client.base_url, **PHONE)
        page.on("dialog", lambda dialog: pytest.fail("a script of a document ran"))
        page.fill("#query", "<script>alert(1)</script>")
        expect(answers(page)).to_have_count(3)
        expect(page.locator(".answer[data-id=script] h3")).to_have_text("<img src=x onerror=alert(1)>")
        assert page.locator(".answer img, .answer script, .answer b").count() == 0
        assert page.locator(".answer[data-id=rtl] h3").evaluate("one => getComputedStyle(one).direction") == "rtl"
        assert page.locator("html").evaluate("html => html.scrollWidth") <= 390


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
    expect(page.locator(".transfer li")).to_contain_text(["line 4: not a JSON object", "holds a control character"])
    page.click("#tab-search")
    page.fill("#query", "newcomer 42")
    expect(answers(page).first).to_have_attribute("data-id", "new42")
    assert client.get("/v1/indexes").json()["indexes"][0]["documents"] == 98


def test_a_server_that_only_reads_offers_no_upload(opened, client):
    page = opened(client.base_url)
    page.click("#tab-documents")
    expect(page.locator("#view-documents")).to_contain_text("This server only reads.")


def test_an_error_is_shown_with_a_way_on(opened, built):
    with served(built) as (server, client):
        page = opened(client.base_url)
        expect(page.locator("#welcome")).to_contain_text("30 documents")
        search = server.engine.search

        async def broken(*_):
            raise RuntimeError

        server.engine.search = broken
        page.fill("#query", "anything")
        expect(page.get_by_role("alert")).to_contain_text("something went wrong")
        server.engine.search = search
        page.get_by_role("button", name="Try again").click()
        expect(answers(page)).to_have_count(10)


def test_a_key_is_asked_for_and_then_used(opened, library, tmp_path):
    key = create_key(tmp_path / "keys.json", "reader", ["read"])
    with served(library, keys=tmp_path / "keys.json") as (_, client):
        page = opened(client.base_url)
        expect(page.locator("#key-asked")).to_be_visible()
        expect(page.locator("#key-wrong")).to_be_hidden()
        page.fill("#key", "mrl_of-another-server")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#key-wrong")).to_be_visible()
        page.fill("#key", key)
        page.get_by_role("button", name="Use it").click()
        page.fill("#query", "red fox")
        expect(answers(page)).to_have_count(10)


def test_the_fastest_funnel_that_keeps_what_is_asked_for_is_lit_and_can_be_used(opened, tuned):
    page = opened(tuned)
    page.click("#tab-tradeoffs")
    expect(page.locator(".point")).to_have_count(4)
    expect(page.locator(".told")).to_contain_text("16:20,64:10")
    page.get_by_label("Recall to keep").fill("0.995")
    expect(page.locator(".told")).to_contain_text("16:40,64:10")
    assert page.locator(".scatter svg").evaluate("svg => svg.lastElementChild.classList.contains('ring')")
    page.locator(".point").nth(0).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_contain_text("16:10,64:10")
    page.get_by_role("button", name="Search with it").click()
    page.fill("#query", "red fox")
    expect(page.locator("#latency-told")).to_have_text("16:10,64:10")


def test_a_funnel_over_another_structure_is_not_offered(opened, tuned):
    page = opened(tuned)
    page.click("#tab-tradeoffs")
    page.get_by_label("RAM a document").fill("20")
    expect(page.locator(".told")).to_contain_text("SQ8")
    expect(page.get_by_role("button", name="Search with it")).to_have_count(0)


def test_words_join_in_when_they_are_asked_to(opened, client):
    page = opened(client.base_url)
    page.fill("#query", "red fox number 8")
    expect(answers(page)).to_have_count(10)
    page.select_option("#words", "rrf")
    expect(page.locator("#badge")).to_contain_text("Words joined in")
    expect(page.locator("#flow")).to_contain_text("with words")
    assert page.locator(".answer .meter i").first.evaluate("one => one.style.width") == "100%"  # of 0.03
