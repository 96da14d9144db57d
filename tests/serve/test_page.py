"""The page's files, without a browser: what they may load, and what they never do."""

import re
from importlib.resources import files

import pytest

ASSETS = sorted((files("mrl_search.serve") / "assets").iterdir(), key=lambda file: file.name)


def test_the_page_comes_with_a_policy_that_allows_its_own_files_only(client):
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"


@pytest.mark.parametrize("asset", ASSETS, ids=lambda file: file.name)
def test_every_file_of_the_page_is_served_as_what_it_is(client, asset):
    kinds = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
    answer = client.get(f"/assets/{asset.name}")
    assert answer.content == asset.read_bytes()
    assert answer.headers["content-type"].partition(";")[0] == kinds[asset.name.rpartition(".")[2]]


@pytest.mark.parametrize("asset", ASSETS, ids=lambda file: file.name)
def test_no_file_of_the_page_asks_elsewhere_or_makes_html_of_text(asset):
    text = asset.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"https?://|//[a-z]+\.", text)
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert not re.findall(r"<script(?! type=\"module\" src=)|<style|\son[a-z]+=|\sstyle=", text)


@pytest.mark.parametrize("name", ["../page.py", "%2e%2e/page.py", "page.py", "nothing.js", ""])
def test_what_is_not_of_the_page_is_not_served(client, name):
    assert client.get(f"/assets/{name}").status_code == 404
