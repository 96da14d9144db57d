"""The address, the tabs, and a page whose scripts did not come."""

import pytest
from pages import answers
from serving import served

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect


def test_a_query_is_kept_in_the_address(opened, client):
    page = opened(f"{client.base_url}#q=white%20whale")
    expect(answers(page).first).to_contain_text("white whale")


def test_an_address_that_cannot_be_read_is_a_query_all_the_same(opened, client):
    page = opened(f"{client.base_url}#q=100%")
    expect(page.locator("#query")).to_have_value("100%")
    expect(answers(page)).to_have_count(10)


def test_the_index_is_kept_in_the_address_with_the_query(opened, library, built):
    with served(library, built) as (_, client):
        page = opened(client.base_url)
        page.select_option("#indexes", "index")
        page.fill("#query", "salt & pepper")
        expect(page.locator("#summary")).to_contain_text("of 30 documents")
        assert page.url.endswith("#index=index&q=salt%20%26%20pepper")
        page.reload()
        expect(page.locator("#summary")).to_contain_text("of 30 documents")
        expect(page.locator("#indexes")).to_have_value("index")
        expect(page.locator("#query")).to_have_value("salt & pepper")
        page.fill("#query", "")
        expect(page.locator("#welcome")).to_be_visible()
        assert page.url.endswith("#index=index")


def test_an_index_that_is_served_no_longer_falls_back_to_the_first(opened, library, built):
    with served(library, built) as (_, client):
        page = opened(f"{client.base_url}#index=gone&q=red%20fox")
        expect(page.locator("#summary")).to_contain_text("of 40 documents")
        expect(page.locator("#indexes")).to_have_value("animals")
        assert page.url.endswith("#index=animals&q=red%20fox")


def test_one_index_alone_is_not_named_in_the_address(opened, client):
    page = opened(f"{client.base_url}#index=animals&q=red%20fox")
    expect(answers(page)).to_have_count(10)
    assert page.url.endswith("/#q=red%20fox")


def test_home_and_end_go_to_the_first_and_the_last_tab(opened, client):
    page = opened(client.base_url)
    expect(page.locator("#welcome")).to_contain_text("40 documents")
    page.locator("#tab-search").focus()
    page.keyboard.press("End")
    expect(page.locator("#tab-documents")).to_be_focused()
    expect(page.locator("#view-documents")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("#tab-search")).to_be_focused()
    expect(page.locator("#view-search")).to_be_visible()


def test_a_page_whose_scripts_do_not_come_says_so(opened, client):
    page = opened(client.base_url)
    expect(page.locator("#welcome")).to_contain_text("40 documents")
    expect(page.get_by_text("scripts could not be loaded")).to_have_count(0)
    page.route("**/assets/funnel.js", lambda route: route.fulfill(status=429))
    page.reload()
    expect(page.get_by_text("scripts could not be loaded")).to_be_visible()
