"""Files on their way: what stops them, what does not, and what is told meanwhile."""

import pytest
from pages import card, give, lines, state
from serving import served

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

SOME = lines(*({"id": f"n{number}", "text": f"newcomer {number}"} for number in range(70)))


def dropped(page, *paths):
    """Drops what lies at these paths, as a file manager does; folders, too."""
    page.click("#tab-documents")
    place = page.locator(".drop").bounding_box()
    told = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": place["x"] + 9, "y": place["y"] + 9, "data": told})


def test_a_folder_is_told_on_its_card_and_the_file_beside_it_is_sent(opened, writing, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "good.jsonl").write_bytes(SOME)
    page = opened(writing[1].base_url)
    dropped(page, tmp_path / "folder", tmp_path / "good.jsonl")
    expect(state(page, "good.jsonl")).to_have_text("70 documents written")
    expect(state(page, "folder")).to_have_text("stopped after 0 documents")
    expect(card(page, "folder").get_by_role("alert")).to_contain_text("It cannot be read: a folder, or a file that has")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_a_transfer_is_seen_and_stopped_whichever_index_is_looked_at(opened, library, built):
    with served(built, library) as (_, client):
        page, held = opened(client.base_url), []
        page.route("**/v1/documents", lambda route: held.append(route))
        give(page, "some.jsonl", SOME)
        give(page, "more.jsonl", SOME)
        expect(state(page, "some.jsonl")).to_contain_text("0 documents")
        page.select_option("#indexes", "animals")
        expect(card(page, "some.jsonl")).to_contain_text("into index")
        expect(state(page, "more.jsonl")).to_have_text("waits for those before it")
        held.pop().continue_()
        expect(state(page, "some.jsonl")).to_contain_text("32 documents, 1.1 KiB of 2.5 KiB")
        card(page, "some.jsonl").get_by_role("button", name="Stop").click()
        expect(state(page, "some.jsonl")).to_have_text("stopped after 32 documents")
        page.unroute("**/v1/documents")
        held.clear()
        card(page, "more.jsonl").get_by_role("button", name="Stop").click()
        expect(state(page, "more.jsonl")).to_contain_text("stopped after ")
        assert client.get("/v1/indexes").json()["indexes"][1]["documents"] == 40


def test_while_the_server_is_away_its_card_says_that_it_is_tried_again(opened, writing):
    page = opened(writing[1].base_url)
    page.route("**/v1/documents", lambda route: route.abort("connectionrefused"))
    give(page, "some.jsonl", SOME)
    again = card(page, "some.jsonl").locator(".note").last
    expect(again).to_have_text("It is tried again. The server does not answer. Is it still running?")
    page.unroute("**/v1/documents")
    expect(state(page, "some.jsonl")).to_have_text("70 documents written", timeout=15_000)
    expect(again).to_be_hidden()


def test_stop_ends_the_wait_for_a_server_that_is_away(opened, writing):
    page = opened(writing[1].base_url)
    page.route("**/v1/documents", lambda route: route.abort("connectionrefused"))
    give(page, "some.jsonl", SOME)
    expect(card(page, "some.jsonl")).to_contain_text("It is tried again.")
    page.get_by_role("button", name="Stop").click()
    expect(state(page, "some.jsonl")).to_have_text("stopped after 0 documents", timeout=500)


@pytest.mark.parametrize("content", [b"no document of mine\n" * 400_000, b"\n" * 8_000_000], ids=["faults", "blank"])
def test_stop_ends_the_reading_of_a_file_that_makes_no_documents(opened, writing, content):
    page = opened(writing[1].base_url)
    give(page, "bad.jsonl", content)
    page.get_by_role("button", name="Stop").click()
    expect(state(page, "bad.jsonl")).to_have_text("stopped after 0 documents")
