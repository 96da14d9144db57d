"""What recall costs: the tuning that is shown, and the ones that are opened."""

import copy
import json

import pytest
from serving import served

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

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
    expect(page.locator("#view-tradeoffs aside")).to_contain_text("an index built with --dims 16,64 --prefix SQ8.")
    expect(page.get_by_role("button", name="Search with it")).to_have_count(0)


def opened_tuning(page, content):
    page.set_input_files(
        "#tuning-file", {"name": "tuning.json", "mimeType": "application/json", "buffer": content.encode()}
    )


def test_full_width_is_searched_on_any_index(opened, library):
    full = {**POINTS[3], "prefix": "none", "funnel": "64:10"}
    other = {**POINTS[0], "funnel": "32:10,64:10"}  # of a prefix index of the same kind and another width
    with served(library, read_only=True, tunings={"animals": TUNING | {"points": [other, full]}}) as (_, client):
        page = opened(client.base_url)
        page.click("#tab-tradeoffs")
        page.locator(".point").first.click()
        expect(page.locator("#view-tradeoffs aside")).to_contain_text("--dims 32,64 --prefix Flat")
        page.locator(".point").last.click()
        page.get_by_role("button", name="Search with it").click()
        page.fill("#query", "red fox")
        expect(page.locator("#latency-told")).to_have_text("64:10")


def malformed():
    yield "not JSON"
    yield "null"
    yield json.dumps(TUNING | {"points": []})
    for name in ("k", "asked", "documents"):
        yield json.dumps(TUNING | {name: "x"})
    for name in POINTS[0]:
        tuning = copy.deepcopy(TUNING)
        tuning["points"][1][name] = {}
        yield json.dumps(tuning)
    yield json.dumps(TUNING | {"points": [None]})


def test_a_malformed_tuning_is_refused_in_one_line_and_the_former_is_kept(opened, tuned):
    page = opened(tuned)
    page.click("#tab-tradeoffs")
    expect(page.locator(".point")).to_have_count(4)
    for content in malformed():
        opened_tuning(page, content)
        expect(page.locator("#view-tradeoffs .problem")).to_have_count(1)
        page.click("#tab-search")
        page.click("#tab-tradeoffs")
        expect(page.locator("#view-tradeoffs .problem")).to_have_count(0)
        expect(page.locator(".point")).to_have_count(4)
    opened_tuning(page, json.dumps(TUNING | {"points": POINTS[:2]}))
    expect(page.locator(".point")).to_have_count(2)
