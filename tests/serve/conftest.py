"""One server for tests that only read, and one for each that writes."""

import shutil
import subprocess

import pytest
from serving import served


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """40 documents, indexed by a hashing encoder; read only."""
    import json

    import mrl_search

    folder = tmp_path_factory.mktemp("library")
    animals = ["red fox", "grey wolf", "brown bear", "white whale"]
    documents = [
        {
            "_id": f"d{number}",
            "title": f"title {number}",
            "text": f"the {animals[number % 4]} number {number}",
            "year": 2000 + number,
        }
        for number in range(40)
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    return mrl_search.build(folder / "corpus.jsonl", folder / "animals", dims=(16, 64), encoder="hashing:64")


@pytest.fixture(scope="session")
def reading(library):
    """(server, client) over the library."""
    with served(library, read_only=True) as both:
        yield both


@pytest.fixture
def client(reading):
    return reading[1]


@pytest.fixture
def writing(built):
    """(server, client) over an index that a test may change."""
    with served(built) as both:
        yield both


@pytest.fixture
def certified(tmp_path):
    """A certificate and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(words, check=True, capture_output=True)
    return {"tls_certificate": certificate, "tls_key": key}


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, driven by Playwright; a test is skipped where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on the PATH")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser):
    """Opens a page of a server; ends with an error where the browser reported one."""
    contexts, faults = [], []

    def open_page(url, **told):
        context = browser.new_context(**told)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Policy" in message.text else None)
        page.on(
            "request",
            lambda request: (
                faults.append(request.url) if not request.url.startswith(str(url).partition("#")[0]) else None
            ),
        )
        page.goto(str(url))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
