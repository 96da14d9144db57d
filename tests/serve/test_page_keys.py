"""Keys that the page is given, and what is told of those that are not enough."""

import pytest
from pages import answers, card, give, lines
from serving import served

from mrl_search.serve import create_key

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect


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


@pytest.fixture
def asking(built, tmp_path):
    """The address of a server with keys, and one key for each scope."""
    keys = {scope: create_key(tmp_path / "keys.json", scope, [scope]) for scope in ("read", "write")}
    with served(built, keys=tmp_path / "keys.json") as (_, client):
        yield client.base_url, keys


def enter(page, key):
    page.fill("#key", key)
    page.get_by_role("button", name="Use it").click()


@pytest.mark.parametrize("key", ["mrl_кл", "mrl_abc…", "mrl_two parts", "   "])
def test_what_cannot_be_a_key_is_told_at_once(opened, asking, key):
    address, keys = asking
    page = opened(address)
    enter(page, key)
    expect(page.locator("#key-wrong")).to_contain_text("This cannot be a key")
    enter(page, f"  {keys['read']} ")
    expect(page.locator("#key-asked")).to_be_hidden()
    expect(page.locator("#welcome")).to_contain_text("30 documents")


def test_a_key_that_was_typed_and_not_confirmed_is_not_used(opened, asking):
    address, keys = asking
    page = opened(address)
    page.fill("#key", keys["read"])
    page.keyboard.press("Escape")
    expect(page.locator("#key-asked")).to_be_hidden()
    page.get_by_role("button", name="Use another key").click()
    expect(page.locator("#key")).to_have_value("")
    expect(page.locator("#key-wrong")).to_be_hidden()


def test_another_key_can_be_given_where_one_may_not_read(opened, asking):
    address, keys = asking
    page = opened(address)
    enter(page, keys["write"])
    expect(page.locator("#problem")).to_contain_text("may not read")
    page.get_by_role("button", name="Use another key").click()
    expect(page.locator("#key-wrong")).to_contain_text("may not read")
    enter(page, keys["read"])
    expect(page.locator("#welcome")).to_contain_text("30 documents")
    expect(page.locator("#problem")).to_be_hidden()


def test_another_key_can_be_given_where_one_may_not_write(opened, asking):
    address, keys = asking
    page = opened(address)
    enter(page, keys["read"])
    expect(page.locator("#welcome")).to_contain_text("30 documents")
    give(page, "new.jsonl", lines({"id": "new", "text": "t"}))
    expect(card(page, "new.jsonl")).to_contain_text("may not write")
    card(page, "new.jsonl").get_by_role("button", name="Use another key").click()
    expect(page.locator("#key-asked")).to_be_visible()
