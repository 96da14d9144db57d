import pytest

from mrl_search.document import Document, has_surrogate


@pytest.mark.parametrize(
    ("title", "text", "content"),
    [("T", "x", "T x"), ("", "x", "x"), ("T", "", "T"), ("", "", ""), (" T ", "x ", "T  x")],
)
def test_content_is_title_and_text_as_beir_joins_them(title, text, content):
    assert Document("id", text, title).content == content


def test_where_it_came_from_is_no_part_of_a_document():
    assert Document("a", "x", where="line 1") == Document("a", "x", where="line 2")


def test_half_a_surrogate_pair_is_told_from_text():
    assert [has_surrogate(text) for text in ("plain", "漢字 😀", "\ud800")] == [False, False, True]
