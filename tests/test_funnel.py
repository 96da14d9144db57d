import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrl_search.errors import FunnelError
from mrl_search.funnel import Funnel, Stage


def test_the_text_form_says_widths_and_counts():
    assert Funnel.parse("64:200,768:10").stages == (Stage(64, 200), Stage(768, 10))


@given(st.sets(st.integers(1, 4096), min_size=1, max_size=6), st.data())
def test_parse_inverts_str(dims, data):
    counts = sorted(data.draw(st.lists(st.integers(1, 10**6), min_size=len(dims), max_size=len(dims))), reverse=True)
    funnel = Funnel(tuple(Stage(dim, k) for dim, k in zip(sorted(dims), counts, strict=True)))
    assert Funnel.parse(str(funnel)) == funnel


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot read the stage ''"),
        ("64", "cannot read the stage '64'"),
        ("64:200,", "cannot read the stage ''"),
        ("64:200;768:10", "cannot read the stage"),
        ("64:-1", "cannot read the stage"),
        ("٦٤:10", "cannot read the stage"),
        ("0:10", "at least 1"),
        ("64:0", "at least 1"),
        ("64:200,64:10", "the widths must grow"),
        ("768:200,64:10", "the widths must grow"),
        ("64:10,768:20", "no stage can keep more"),
        ("99999999999:1", "cannot read the stage"),
    ],
)
def test_a_funnel_that_cannot_be_walked_is_refused_with_the_reason(text, reason):
    with pytest.raises(FunnelError, match=reason):
        Funnel.parse(text)


def test_the_default_shortlists_twenty_candidates_an_answer_and_at_least_200():
    assert str(Funnel.default((64, 768))) == "64:200,768:10"
    assert str(Funnel.default((64, 768), 100)) == "64:2000,768:100"


def test_the_default_narrows_geometrically_and_one_width_needs_no_shortlist():
    assert str(Funnel.default((64, 256, 768))) == "64:200,256:45,768:10"  # sqrt(200 · 10) = 44.7
    assert str(Funnel.default((768,))) == "768:10"


def test_macs_are_the_scan_and_every_rerank():
    assert Funnel.parse("64:200,256:50,768:10").macs(1000) == 1000 * 64 + 200 * 256 + 50 * 768


def test_no_more_candidates_are_paid_for_than_there_are_documents():
    assert Funnel.parse("2:200,4:10").macs(5) == 5 * 2 + 5 * 4


def test_fewer_answers_take_as_many_candidates_and_more_take_more_in_proportion():
    funnel = Funnel.parse("64:75,128:30,768:10")
    assert str(funnel.keeping(3)) == "64:75,128:30,768:3"
    assert str(funnel.keeping(15)) == "64:113,128:45,768:15"
