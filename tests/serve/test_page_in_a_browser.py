"""The page in a real browser: Debian's Chromium, driven by Playwright. Skipped where either is missing."""

import json
import re

import pytest
from pages import PHONE, answers
from serving import served

import mrl_search

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

STRANGE = [
    {"_id": "script", "title": "<img src=x onerror=alert(1)>", "text": "<script>alert(1)</script> <b>bold</b>"},
    {"_id": "rtl", "title": "خيار البحث", "text": "هذا نص مكتوب من اليمين إلى اليسار"},
    {"_id": "long" * 100, "title": "w" * 900, "text": "very " * 5000 + "long"},
]


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


def test_words_join_in_when_they_are_asked_to(opened, client):
    page = opened(client.base_url)
    page.fill("#query", "red fox number 8")
    expect(answers(page)).to_have_count(10)
    page.select_option("#words", "rrf")
    expect(page.locator("#badge")).to_contain_text("Words joined in")
    expect(page.locator("#flow")).to_contain_text("with words")
    assert page.locator(".answer .meter i").first.evaluate("one => one.style.width") == "100%"  # of 0.03
