"""mrl-search info, as a user meets it."""

import json

from calls import call


def test_info_shows_the_manifest_and_bytes_per_document(built):
    shown = call("info").stdout
    for part in ("3 (0 without text, 0 skipped)", "hashing:64", "16, 64", "16:200,64:10", "bytes per document"):
        assert part in shown
    facts = json.loads(call("info", "corpus", "--json").stdout)
    assert facts["bytes_per_document"]["vectors"] > 64 * 4
    assert facts["dims"] == [16, 64]


def test_info_says_what_would_search(built):
    assert "searched on     cpu\n" in call("info", "--device", "cpu").stdout
    assert json.loads(call("info", "--device", "cpu", "--json").stdout)["searched_on"] == "cpu"
