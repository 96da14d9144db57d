"""The page's size and colours in a real browser: nothing is cut off, and words can be read."""

import pytest
from pages import PHONE, answers
from serving import served

import mrl_search

SEEN = """nest => [...nest.querySelectorAll("span")].reverse().map(one => {
  const range = document.createRange();
  range.selectNode(one.lastChild);
  const { left, right, top, height } = range.getBoundingClientRect();
  const seen = [left + 1, right - 1].every(x => document.elementFromPoint(x, top + height / 2) === one);
  return seen ? one.lastChild.textContent : "";
})"""

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect


def test_a_page_fits_on_a_phone(opened, client):
    page = opened(client.base_url, **PHONE)
    page.fill("#query", "red fox")
    expect(answers(page)).to_have_count(10)
    for tab in ("search", "tradeoffs", "index", "documents"):
        page.tap(f"#tab-{tab}")
        assert page.locator("html").evaluate("html => html.scrollWidth") <= 390


@pytest.mark.parametrize("width", [320, 769, 820, 1025])
def test_a_page_with_several_indexes_fits_whatever_its_width(opened, library, built, width):
    with served(library, built) as (_, client):
        page = opened(client.base_url, viewport={"width": width, "height": 700})
        page.fill("#query", "red fox")
        expect(answers(page)).to_have_count(10)
        assert page.locator("html").evaluate("html => html.scrollWidth") <= width


def test_what_heads_the_page_takes_two_lines_on_a_phone_however_many_indexes_there_are(opened, library, built):
    with served(library, built) as (_, client):
        page = opened(client.base_url, **PHONE)
        page.fill("#query", "red fox")
        expect(answers(page)).to_have_count(10)
        page.get_by_role("button", name="How?").click()
        page.wait_for_timeout(1_000)  # it scrolls there
        bar, card = page.locator(".bar").bounding_box(), page.locator("#how").bounding_box()
        assert bar["height"] < 100
        assert card["y"] >= bar["height"]


@pytest.mark.parametrize("dims", [(32, 64, 256), (8, 16, 32, 64, 128, 256, 512, 768)])
def test_no_width_of_an_index_covers_another_s_label(opened, tmp_path, corpus, dims):
    path = corpus({"id": "a", "text": "one"}, {"id": "b", "text": "two"})
    index = mrl_search.build(path, tmp_path / "index", dims=dims, encoder=f"hashing:{dims[-1]}")
    with served(index) as (_, client):
        page = opened(client.base_url, viewport={"width": 360, "height": 740})
        page.click("#tab-index")
        labels = page.locator(".nest").evaluate(SEEN)
        assert labels == [str(dim) for dim in dims[:-1]] + [f"{dims[-1]} dims" if len(dims) < 6 else str(dims[-1])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_told_from_what_is_behind_them(opened, client, scheme):
    """WCAG's contrast, of the colours of texts on the page's and the cards' grounds: 4.5 at least."""
    page = opened(client.base_url, color_scheme=scheme)
    style = page.locator("html").evaluate(
        "html => Object.fromEntries(['ink','soft','accent','fall','paper','card','wash'].map(n => [n, getComputedStyle(html).getPropertyValue('--' + n).trim()]))"
    )

    def luminance(colour):
        digits = colour.lstrip("#")
        digits = "".join(2 * one for one in digits) if len(digits) == 3 else digits
        parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for word in ("ink", "soft", "accent", "fall"):
        for ground in ("paper", "card", "wash"):
            high, low = sorted((luminance(style[word]), luminance(style[ground])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{word} on {ground}"
