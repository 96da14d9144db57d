import json
import re

import pytest

from mrl_search.errors import DatasetError
from mrl_search.eval import Prices
from mrl_search.eval.page import page


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_the_page_needs_nothing_else_and_no_text_in_it_can_end_its_data(whole, tmp_path):
    html = page([whole], Prices(), tmp_path)
    assert not re.search(r"(src|href)\s*=|@import|https?://(?!www\.w3\.org/)", html)
    assert html.count("</script>") == 2
    assert "default-src 'none'" in html
    (found,) = data_of(html)
    assert found["queries"][3] == {"id": "3", "text": "number 3 & co", "relevant": ["</script> 3"]}


def test_rows_have_all_that_is_drawn(whole):
    (found,) = data_of(page([whole], Prices()))
    assert len(found["rows"]) == len(whole.reports)
    for row, report in zip(found["rows"], whole.reports, strict=True):
        assert row["mean"] == report.mean
        low, high = row["interval"]["nDCG@10"]
        assert low <= report.mean["nDCG@10"] <= high
        assert row["exact"] == ("," not in report.funnel)
    assert found["rows"][-1]["dim"] is None
    assert found["rows"][-1]["ms_per_document"] is None  # of BM25


def test_pairs_are_tested_both_ways(whole):
    (found,) = data_of(page([whole], Prices()))
    pairs, rows = found["significance"]["pairs"], found["significance"]["rows"]
    assert len(pairs) == len(rows) == len(whole.reports)
    assert pairs[0][0] is None
    assert pairs[0][1] == [-pairs[1][0][0], *pairs[1][0][1:]]


def test_a_collection_that_is_not_where_it_was_said_to_be_is_told(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "mrl_search.data.dataset._download", lambda name, folders: (_ for _ in ()).throw(DatasetError(name))
    )
    with pytest.raises(DatasetError, match="tiny"):
        page([whole], Prices(), tmp_path / "elsewhere")


def test_without_the_collection_ids_stand_for_texts(whole):
    (found,) = data_of(page([whole], Prices()))
    assert found["queries"][3] == {"id": "3", "text": "", "relevant": []}


def test_several_collections_are_one_page(whole):
    assert len(data_of(page([whole, whole], Prices()))) == 2


def test_every_table_scrolls_in_a_box_of_its_own_that_keys_can_reach(whole):
    html = page([whole], Prices())
    boxes = re.findall(r'<div class="wide" role="region" aria-label="[^"]+" tabindex="0"><table', html)
    assert len(boxes) == html.count("<table") == 3
